"""The Dutch catalog against the texts in the code and the templates, and the choice of a language."""

import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from app.portal.language import CATALOG, chosen

PORTAL = Path(__file__).parents[3] / "app" / "portal"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "marked": None}
OPTIONS = {"templates/**.html": {"newstyle_gettext": "true"}}
PLACE = re.compile(r"%\(\w+\)s")
SENTENCE_WORDS_MAX = 15


def texts() -> set[str | tuple[str, ...]]:
    """Every text that the pages can show, as the extraction of Babel finds it."""
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    found = extract_from_dir(PORTAL, method_map=methods, options_map=OPTIONS, keywords=KEYWORDS)
    return {message if isinstance(message, str) else tuple(message or ()) for _, _, message, _, _ in found}


def dutch() -> dict[str | tuple[str, ...], tuple[str, ...]]:
    """The catalog: text to its translations, one or (for numbers) two."""
    with CATALOG.open("rb") as file:
        catalog = read_po(file, locale="nl")
    found: dict[str | tuple[str, ...], tuple[str, ...]] = {}
    for message in catalog:
        if message.id and message.string:
            key = message.id if isinstance(message.id, str) else tuple(message.id)
            found[key] = (message.string,) if isinstance(message.string, str) else tuple(message.string)
    return found


def test_every_text_has_a_dutch_one() -> None:
    catalog = dutch()
    assert texts() - catalog.keys() == set()
    assert [key for key, translated in catalog.items() if not all(translated)] == []


def test_no_dutch_text_is_unused() -> None:
    assert dutch().keys() - texts() == set()


def test_no_dutch_text_is_a_guess_or_left_behind() -> None:
    with CATALOG.open("rb") as file:
        catalog = read_po(file, locale="nl")
    assert [message.id for message in catalog if message.id and message.fuzzy] == []
    assert list(catalog.obsolete) == []


def test_a_dutch_text_has_the_same_places_to_fill_in() -> None:
    for key, translated in dutch().items():
        originals = (key,) if isinstance(key, str) else key
        for text in translated:
            assert set(PLACE.findall(text)) <= {place for one in originals for place in PLACE.findall(one)}, text
            assert "%(" not in PLACE.sub("", text), text


def test_dutch_sentences_are_short() -> None:
    sentences = [
        sentence
        for translated in dutch().values()
        for text in translated
        for sentence in re.split(r"[.!?:](?:\s|$)", text)
    ]
    assert [sentence for sentence in sentences if len(sentence.split()) > SENTENCE_WORDS_MAX] == []


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [
        (None, None, "nl"),
        (None, "en-GB,en;q=0.9,nl;q=0.8", "en"),
        (None, "nl-NL,en;q=0.5", "nl"),
        (None, "fr-FR,de;q=0.5", "nl"),
        ("en", "nl", "en"),
        ("nl", "en", "nl"),
        ("../../etc", "nl", "nl"),
        (None, ";;,,", "nl"),
        (None, "*", "nl"),
    ],
)
def test_the_cookie_counts_then_the_browser_then_dutch(cookie: str | None, accepted: str | None, expected: str) -> None:
    assert chosen(cookie, accepted).code == expected
