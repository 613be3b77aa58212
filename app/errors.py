"""The error family: a class knows its HTTP status and its FHIR issue code.

Raise the most exact class with one sentence that is safe to show: no personal data, no SQL, and nothing that tells
whether something outside the caller's reach exists. ``rest/outcome.py``, ``portal/errors.py`` and ``oauth/errors.py``
translate; nothing else does.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol

NO_NUL = "A text holds U+0000, a character that nothing here has."
"""Told of a text that cannot be kept or looked for: PostgreSQL takes none that has it."""


class IssueLike(Protocol):
    """What an error needs of an issue; ``app.fhir.issues.Issue`` is one."""

    @property
    def severity(self) -> str: ...  # noqa: D102 - named by FHIR
    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def diagnostics(self) -> str: ...  # noqa: D102
    @property
    def expression(self) -> str | None: ...  # noqa: D102


class RegieError(Exception):
    """Something that is answered with ``status`` and an issue of code ``issue``."""

    status: ClassVar[int] = 500
    issue: ClassVar[str] = "exception"

    def __init__(self, message: str, *, expression: str | None = None, about: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.expression = expression
        self.about = about
        """The records whose log has to tell of it; for the log only, never shown."""
        self.is_recorded = False
        """Whether the log has its entry about it."""


class BadRequestError(RegieError):
    """The request itself can't be understood: a parameter, a header, a cursor."""

    status, issue = 400, "invalid"


class UnknownParameterError(BadRequestError):
    """A search parameter or modifier that is not supported here."""

    issue = "not-supported"


class UnknownOperationError(BadRequestError):
    """An operation (``$name``) that is not supported here."""

    issue = "not-supported"


class AuthenticationError(RegieError):
    """No token, or one that is unknown, expired or revoked: all look alike."""

    status, issue = 401, "login"


class NonceNeededError(AuthenticationError):
    """The proof that comes with a token needs a value of this server (RFC 9449 section 9)."""


class AccessDeniedError(RegieError):
    """No rule and no grant allows this."""

    status, issue = 403, "forbidden"


class InsufficientScopeError(AccessDeniedError):
    """The scope of the token does not reach so far, whoever it is for (RFC 6750 section 3.1)."""


class NotFoundError(RegieError):
    """No such resource, or none that this caller may know of."""

    status, issue = 404, "not-found"


class NotSupportedError(RegieError):
    """A resource type or operation that this server does not have."""

    status, issue = 404, "not-supported"


class MethodNotAllowedError(RegieError):
    """The URL exists, the method does not."""

    status, issue = 405, "not-supported"


class NotAcceptableError(RegieError):
    """No representation that the caller accepts."""

    status, issue = 406, "not-supported"


class TooSlowError(RegieError):
    """The body took longer to come than it may."""

    status, issue = 408, "timeout"


class ConflictError(RegieError):
    """The state of the record does not allow this, for example one id in two records of the scope."""

    status, issue = 409, "conflict"


class DuplicateError(ConflictError):
    """The same idempotency key came with another request."""

    issue = "duplicate"


class GoneError(RegieError):
    """The newest version of the resource is a delete."""

    status, issue = 410, "deleted"


class PreconditionFailedError(RegieError):
    """If-Match names another version, or a condition matches more than one resource."""

    status, issue = 412, "conflict"


class MultipleMatchesError(PreconditionFailedError):
    """A conditional interaction matched more than one resource."""

    issue = "multiple-matches"


class TooLargeError(RegieError):
    """The body is larger than the settings allow."""

    status, issue = 413, "too-long"


class MediaTypeError(RegieError):
    """The Content-Type is not one that this server reads."""

    status, issue = 415, "not-supported"


class UnprocessableError(RegieError):
    """Understood, but against a rule of the record: a reference outside it, an id that may not be chosen."""

    status, issue = 422, "business-rule"


class TooCostlyError(UnprocessableError):
    """Understood, but it would take more work than one request may cost."""

    issue = "too-costly"


class CodesNotKnownError(UnprocessableError):
    """Which codes belong to a value set depends on a code system that is not at hand."""

    issue = "not-supported"


class InvalidResourceError(RegieError):
    """The resource is not valid FHIR; ``issues`` has every finding with its place. ``issue`` codes are theirs."""

    status, issue = 422, "invalid"

    def __init__(self, issues: Sequence[IssueLike]) -> None:
        super().__init__("The resource is not valid.")
        self.issues = tuple(issues)


class MalformedError(InvalidResourceError):
    """Not JSON, or not a FHIR resource at all."""

    status, issue = 400, "structure"


class TooManyRequestsError(RegieError):
    """Too many tries in a short time."""

    status, issue = 429, "throttled"


class UnavailableError(RegieError):
    """The server can't do this now; trying again later may work."""

    status, issue = 503, "transient"
    retry_after_s: ClassVar[int] = 5
    """What callers are told to wait (RFC 9110 section 10.2.3)."""
