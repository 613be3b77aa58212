"""Strings as searches compare them: without case, accents and extra space.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

import re
import unicodedata
from functools import lru_cache

MAXIMUM_LENGTH = 500
"""Characters of a string that are searched; a longer one is cut, for an index row has a limit."""

_WORD = re.compile(r"\w+")


def fold(text: str) -> str:
    """Return ``text`` for comparing: case folded, without combining marks, each run of white space as one space."""
    return _kept(text) if len(text) <= MAXIMUM_LENGTH else _folded(text)


def words(text: str) -> list[str]:
    """Return the words of ``text``, folded as by ``fold`` and none of them cut."""
    return _WORD.findall(_without_marks(text))


def _folded(text: str) -> str:
    return " ".join(_without_marks(text).split())[:MAXIMUM_LENGTH].rstrip()


def _without_marks(text: str) -> str:
    folded = text.casefold()
    if not folded.isascii():
        # Twice, as taking a character apart may bring a capital back.
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
        folded = "".join(character for character in decomposed if not unicodedata.combining(character))
    return folded


_kept = lru_cache(maxsize=16_384)(_folded)
"""Names repeat; a long text is not remembered, so that no caller can fill the memory."""
