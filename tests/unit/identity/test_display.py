"""How somebody wants to see the pages, as it is kept."""

import pytest

from app.identity.display import AS_DEVICE, Display


@pytest.mark.parametrize(
    "display", [AS_DEVICE, Display("nl"), Display("en", "large", "more", "dark"), Display(size="large")]
)
def test_what_is_kept_is_what_was_chosen(display: Display) -> None:
    assert Display.of(display.text) == display


@pytest.mark.parametrize("text", ["", "...", "fr.huge", "<script>", "nl en"])
def test_a_word_that_is_not_known_says_nothing(text: str) -> None:
    assert Display.of(text) == AS_DEVICE


def test_an_answer_that_is_not_known_is_as_the_device_has_it() -> None:
    before = Display("en", "large", "more", "dark")
    assert before.with_choices({"size": "", "scheme": "purple"}) == Display("en", "", "more", "")
    assert before.with_choices({"language": "nl", "name": "x"}) == Display("nl", "large", "more", "dark")
