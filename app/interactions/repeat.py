"""``Idempotency-Key``: a write that comes again with the same key gets the answer of the first time.

The answer is kept with the change, in the same transaction, per record, client and key. For a person and an app the record
is theirs; what practices and operators send is kept with the directory.

Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
from collections.abc import Sequence

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY
from app.access.smart_scope import Action
from app.db.database import Transaction
from app.errors import (
    AccessDeniedError,
    BadRequestError,
    ConflictError,
    DuplicateError,
    InvalidResourceError,
    RegieError,
)
from app.fhir.issues import Issue
from app.interactions.context import Stored
from app.interactions.gate import Decide
from app.interactions.written import Written
from app.store.find import answer_to, by_seq, keep_answer
from app.store.resources import read_current

KEY_LENGTH_MAX = 255


class KeptVersion(msgspec.Struct, tag="version", array_like=True):
    """A write that was done: which change, and what was answered."""

    record_id: int
    seq: int
    status: int
    ground: str


class KeptError(msgspec.Struct, tag="error", array_like=True):
    """An entry of a batch that was refused: the error as it was shown."""

    status: int
    issues: list[tuple[str, str, str, str | None]]


class KeptErrorAgain(RegieError):  # noqa: N818 - it is raised by nothing; an entry holds it
    """An error of an earlier try, shown again."""

    def __init__(self, kept: KeptError) -> None:
        super().__init__(kept.issues[0][2] if kept.issues else "")
        self.status = kept.status  # type: ignore[misc]  # the class of the first time is not known any more
        self.issues = tuple(Issue(*issue) for issue in kept.issues)


Outcome = Written | RegieError
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[KeptVersion | KeptError]).decode


def request_hash(*parts: str | bytes) -> bytes:
    """Return what two requests have to share to be the same one."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode() if isinstance(part, str) else part
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()


def _home(requester: Requester) -> tuple[int, str]:
    record_id = DIRECTORY if requester.record_id is None else requester.record_id
    return record_id, f"{requester.actor} {requester.client_id}"


async def earlier(
    transaction: Transaction, requester: Requester, key: str, digest: bytes, decide: Decide
) -> list[Outcome] | None:
    """Return the outcomes of the request that came with this key before, or None.

    What was answered then is shown only as far as the requester may still see it.
    Raises: DuplicateError, when that was another request; BadRequestError, for a key that is too long;
    AccessDeniedError, when nothing allows the requester to be in that record any more.
    """
    if not 0 < len(key) <= KEY_LENGTH_MAX:
        message = f"Idempotency-Key takes 1 to {KEY_LENGTH_MAX} characters."
        raise BadRequestError(message)
    record_id, client = _home(requester)
    found = await answer_to(transaction, record_id, client, key)
    if found is None:
        return None
    if found[0] != digest:
        message = "This Idempotency-Key came with another request before."
        raise DuplicateError(message)
    outcomes: list[Outcome] = []
    for kept in _decode(found[1]):
        if isinstance(kept, KeptError):
            outcomes.append(KeptErrorAgain(kept))
            continue
        found_version = await by_seq(transaction, kept.record_id, kept.seq)
        if found_version is None:
            message = "The answer to this Idempotency-Key is no longer here."
            raise ConflictError(message)
        version, categories = found_version
        may_look = await _may_look(transaction, version, categories, decide)
        shown = version if may_look else msgspec.structs.replace(version, body=b"")
        outcomes.append(Written(shown, kept.status, kept.ground, ""))
    return outcomes


async def _may_look(transaction: Transaction, version: Stored, categories: int, decide: Decide) -> bool:
    """Return whether the requester may still look at a version; who may still write there is told that it was written.

    What is closed now is closed in all its versions.
    Raises: AccessDeniedError, when the record is closed to the requester.
    """
    for action in (Action.READ, Action.CREATE, Action.UPDATE, Action.DELETE):
        try:
            access = (await decide(Wish(action, version.resource_type))).of(version.record_id)
        except AccessDeniedError:
            continue
        if access is None or not access.reaches(version.resource_type, categories):
            continue
        if action is not Action.READ:
            return False
        if await read_current(transaction, access, version.release, version.resource_type, version.id) is not None:
            return True
    message = "No consent covers this request."
    raise AccessDeniedError(message, about=(version.record_id,))


def issues_of(error: RegieError) -> tuple[Issue, ...]:
    """Return the findings of an error, as an OperationOutcome shows them."""
    if isinstance(error, InvalidResourceError | KeptErrorAgain):
        return tuple(Issue(one.severity, one.code, one.diagnostics, one.expression) for one in error.issues)
    return (Issue("error", error.issue, str(error), error.expression),)


async def keep(
    transaction: Transaction, requester: Requester, key: str, digest: bytes, instant: int, outcomes: Sequence[Outcome]
) -> None:
    """Keep the outcomes of a request, for when it comes again."""
    kept: list[KeptVersion | KeptError] = []
    for outcome in outcomes:
        if isinstance(outcome, Written):
            kept.append(KeptVersion(outcome.version.record_id, outcome.version.seq, outcome.status, outcome.ground))
        else:
            issues = [(one.severity, one.code, one.diagnostics, one.expression) for one in issues_of(outcome)]
            kept.append(KeptError(outcome.status, issues))
    record_id, client = _home(requester)
    await keep_answer(transaction, record_id, client, key, digest, instant, _encode(kept))
