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
    folded = text.casefold()
    if not folded.isascii():
        # Twice, as taking a character apart may bring a capital back.
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
        folded = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(folded.split())[:MAXIMUM_LENGTH].rstrip()
