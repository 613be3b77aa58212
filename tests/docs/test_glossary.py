"""docs/glossary.md against the Dutch words in the code."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Dutch words of care, medication and MedMij, and the abbreviations of them. A module that needs one more adds it here,
# and with it a line to the glossary. Invented data (app/demo) and translations are Dutch on purpose.
DUTCH = frozenset(
    """
    aanbieder afspraak agb apotheek apotheker basisgegevensset behandelaar behandeling bgz bsn burgerservicenummer
    delen dva dvp dvza gegevensdienst gegevensdienstnamenlijst gegevensdiensten gnl his huisarts huisartsen
    ketenzorg kis machtiging mantelzorger medicatieafspraak medicatiegebruik medicatieoverzicht medicatieverstrekking
    medmij meetwaarde nictiz ocl pgo patientgegevens praktijk regie streefwaarde toedieningsafspraak toestemming ura
    uzi verstrekkingsverzoek verwijzing verzamelen whl wisselend zal zib zibs zorg zorgaanbieder zorgaanbieders
    zorgaanbiederslijst zorggroep zorgplan zorgverlener
    """.split()
)
DUTCH_ON_PURPOSE = ("app/demo/", "app/portal/translations/")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def dutch_words_in_code() -> Iterator[tuple[str, str]]:
    """Each Dutch word with the module it is in; identifiers are taken apart at capitals and underscores."""
    for path in sorted((ROOT / "app").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(DUTCH_ON_PURPOSE):
            continue
        # What is inside a URL or a code system's name is the standard's, not ours.
        text = re.sub(r"(https?://|urn:)\S+", "", path.read_text(encoding="utf-8"))
        for word in {found.lower() for found in WORD.findall(text)} & DUTCH:
            yield word, name


def terms() -> set[str]:
    """Every word in the first column of the glossary's tables, lower case."""
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {word.lower() for row in rows for word in re.findall(r"\w+", row)}


def test_every_dutch_word_in_the_code_is_in_the_glossary() -> None:
    known = terms()
    missing = {word: module for word, module in dutch_words_in_code() if word not in known}
    assert not missing, f"Give each a line in docs/glossary.md: {missing}"


def test_the_search_finds_dutch_words() -> None:
    assert dict(dutch_words_in_code()), "The name of the program alone is one."


def test_the_glossary_explains_a_word_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    terms_only = [row for row in rows if row not in {"word", "---"}]
    assert len(terms_only) == len(set(terms_only))
