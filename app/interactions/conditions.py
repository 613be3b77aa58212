"""The conditions of a write: which version has to stand, and the search that has to find something or nothing.

Spec: https://hl7.org/fhir/R4/http.html#concurrency, https://hl7.org/fhir/STU3/http.html#concurrency
"""

from dataclasses import dataclass

from app.errors import BadRequestError


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one write, as the headers or the Bundle entry say them; None where absent."""

    if_none_exist: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Return the conditions as they came, empty where absent: two requests differ if these do."""
        return (self.if_none_exist or "", self.if_match or "", self.if_none_match or "")


NO_CONDITIONS = Conditions()


def etag_version(text: str) -> str:
    """Return the version in an ETag such as ``W/"3"``. Raises: BadRequestError."""
    stripped = text.strip().removeprefix("W/")
    if len(stripped) < 3 or stripped[0] != '"' or stripped[-1] != '"' or "," in stripped:
        message = 'If-Match takes one weak ETag, such as W/"3".'
        raise BadRequestError(message)
    return stripped[1:-1]


def without_url(query: str, resource_type: str) -> str:
    """Return a condition without what may stand before it: ``?``, ``Type?`` or, as HAPI sends it, the whole URL."""
    url, mark, rest = query.partition("?")
    return rest if mark and "=" not in url and url.rpartition("/")[2] in ("", resource_type) else query
