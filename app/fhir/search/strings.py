"""Strings as searches compare them: without case, accents and extra space.

Spec: https://hl7.org/fhir/R4/search.html#string
"""

import unicodedata
from functools import lru_cache

MAXIMUM_LENGTH = 500
"""Characters of a string that are searched; a longer one is cut, for an index row has a limit."""


@lru_cache(maxsize=16_384)
def fold(text: str) -> str:
    """Return ``text`` for comparing: case folded, without combining marks, each run of white space as one space."""
    if text.isascii():
        folded = text.casefold()
    else:
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        folded = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(folded.split())[:MAXIMUM_LENGTH]
