"""What travels through a browser under a seal: it comes back as it was, or not at all."""

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import BadRequestError
from app.identity.instants import to_us
from app.identity.seal import Passing, Seal

NOW = datetime(2026, 11, 26, tzinfo=UTC)
KEY = bytes(32)


class Note(Passing, frozen=True):
    """Something to seal."""

    text: str


NOTE = Note(to_us(NOW + timedelta(minutes=1)), "geheim")


def test_what_is_sealed_comes_back_and_says_nothing_on_its_way() -> None:
    sealed = Seal(KEY, Note).sealed(NOTE)
    assert "geheim" not in sealed
    assert sealed != Seal(KEY, Note).sealed(NOTE)
    assert Seal(KEY, Note).opened(sealed, NOW) == NOTE


def test_what_is_too_old_is_refused() -> None:
    sealed = Seal(KEY, Note).sealed(NOTE)
    with pytest.raises(BadRequestError, match="too old"):
        Seal(KEY, Note).opened(sealed, NOW + timedelta(minutes=1))


def test_what_was_changed_or_sealed_elsewhere_is_refused() -> None:
    sealed = Seal(KEY, Note).sealed(NOTE)
    other = "B" if sealed[0] == "A" else "A"
    changed = [(KEY, text) for text in (sealed[:-4], other + sealed[1:], "", "é")]
    for key, text in [*changed, (bytes(31) + b"1", sealed)]:
        with pytest.raises(BadRequestError, match="of this server"):
            Seal(key, Note).opened(text, NOW)


def test_what_a_release_with_other_fields_sealed_is_refused() -> None:
    class Before(Passing, frozen=True):
        words: list[str]

    sealed = Seal(KEY, Before).sealed(Before(NOTE.ends_at, ["geheim"]))
    with pytest.raises(BadRequestError, match="of this server"):
        Seal(KEY, Note).opened(sealed, NOW)
