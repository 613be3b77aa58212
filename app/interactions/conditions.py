"""The conditions of a write: which version has to stand, and the search that has to find something or nothing.

Spec: RFC 9110 section 13.1, https://hl7.org/fhir/R4/http.html#concurrency, https://hl7.org/fhir/STU3/http.html#concurrency
"""

import re

import msgspec

from app.errors import BadRequestError, PreconditionFailedError


class Conditions(msgspec.Struct, frozen=True):
    """The conditions of one write, as the headers or the Bundle entry say them; None where absent."""

    if_none_exist: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Return the conditions as they came, empty where absent: two requests differ if these do."""
        return (self.if_none_exist or "", self.if_match or "", self.if_none_match or "")

    def check(self, version: int | None, reference: str) -> None:
        """Refuse the write unless the version that stands is what the caller expects; ``version`` None is that none stands.

        Raises: PreconditionFailedError, BadRequestError.
        """
        standing = None if version is None else str(version)
        if self.if_match is not None and not _names(self.if_match, standing, "If-Match"):
            message = f"If-Match names another version than the one that stands; read {reference} again."
            if version is None:
                message = f"{reference} is not there, so it has no version to match."
            raise PreconditionFailedError(message)
        if self.if_none_match is not None and _names(self.if_none_match, standing, "If-None-Match"):
            message = f"If-None-Match says not to change {reference} as it stands."
            raise PreconditionFailedError(message)


NO_CONDITIONS = Conditions()
_ETAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*')


def _names(text: str, version: str | None, header: str) -> bool:
    """Return whether a list of ETags, strong or weak, or ``*`` names the version; nothing names None.

    Raises: BadRequestError.
    """
    if text.strip() == "*":
        return version is not None
    names = [_ETAG.fullmatch(one) for one in text.split(",")]
    if None in names:
        message = f'{header} takes * or ETags, such as W/"3".'
        raise BadRequestError(message)
    return version in {name[1] for name in names if name is not None}


def without_url(query: str, resource_type: str) -> str:
    """Return a condition without what may stand before it: ``?``, ``Type?`` or, as HAPI sends it, the whole URL."""
    url, mark, rest = query.partition("?")
    return rest if mark and "=" not in url and url.rpartition("/")[2] in ("", resource_type) else query
