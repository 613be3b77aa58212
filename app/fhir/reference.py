"""Literal references, taken apart: relative, absolute, urn, fragment.

Spec: https://hl7.org/fhir/R4/references.html#literal, https://hl7.org/fhir/STU3/references.html#literal
"""

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

_LITERAL = re.compile(
    r"(?:(?P<base>[Hh][Tt][Tt][Pp][Ss]?://[^\s?#]+)/)?"
    r"(?P<type>[A-Z][A-Za-z]{1,63})/(?P<id>[A-Za-z0-9\-.]{1,64})"
    r"(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?"
)


class LiteralReference(msgspec.Struct, frozen=True):
    """A reference to ``resource_type``/``id``; ``base`` is None for a relative one, ``version`` unless it has ``_history``."""

    resource_type: str
    id: str
    base: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        """Return the text that ``parse_reference`` reads back to an equal value."""
        base = "" if self.base is None else f"{self.base}/"
        version = "" if self.version is None else f"/_history/{self.version}"
        return f"{base}{self.resource_type}/{self.id}{version}"

    @property
    def relative(self) -> str:
        """Return ``Type/id``, without base and version."""
        return f"{self.resource_type}/{self.id}"


class FragmentReference(msgspec.Struct, frozen=True):
    """A reference to a contained resource; ``id`` is empty for ``#``, the container itself."""

    id: str

    def __str__(self) -> str:
        """Return ``#id``."""
        return f"#{self.id}"


class UriReference(msgspec.Struct, frozen=True):
    """A ``urn:`` or any other text that doesn't end with ``Type/id``, such as the URL of a definition."""

    uri: str

    def __str__(self) -> str:
        """Return the text as it was."""
        return self.uri


Reference = LiteralReference | FragmentReference | UriReference


def parse_reference(text: str) -> Reference:
    """Return ``text``, a Reference.reference or a search value, taken apart; any text has an answer."""
    if text.startswith("#"):
        return FragmentReference(text[1:])
    if found := _LITERAL.fullmatch(text):
        return LiteralReference(found["type"], found["id"], found["base"], found["version"])
    return UriReference(text)


KEPT_LENGTH_MAX = 256
"""Characters of a text whose answer is remembered: no caller may fill the memory with what is in one request."""


def localize(text: str, base_urls: tuple[str, ...]) -> Reference:
    """Return ``text`` taken apart, relative if it is below one of ``base_urls`` (which have no final slash).

    The version is dropped: a search looks for the resource, whichever version was meant.
    """
    return _kept(text, base_urls) if len(text) <= KEPT_LENGTH_MAX else _localized(text, base_urls)


def _localized(text: str, base_urls: tuple[str, ...]) -> Reference:
    parsed = parse_reference(text)
    if not isinstance(parsed, LiteralReference):
        return parsed
    base = None if parsed.base is None or parsed.base in base_urls else parsed.base
    return LiteralReference(parsed.resource_type, parsed.id, base)


_kept = lru_cache(maxsize=16_384)(_localized)


def is_to_any(text: str, resource_types: Iterable[str]) -> bool:
    """Return whether ``text`` names a resource of one of ``resource_types``; False where the text tells no type."""
    parsed = localize(text, ())
    return isinstance(parsed, LiteralReference) and parsed.resource_type in resource_types
