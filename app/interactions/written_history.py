"""Who wrote what in one person's record, now and in its history: for the person, who acts for them, and who looks at a practice."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import AccessDeniedError
from app.fhir.release import Release
from app.interactions.context import Context, Stored
from app.interactions.gate import Deed, Touched
from app.store.history import HistoryWindow, read_actors, read_versions


@dataclass(frozen=True, slots=True)
class Authored:
    """A version and who wrote it: ``person``, or a word for what they are, a colon, and their number."""

    version: Stored
    actor: str


async def written_history(
    context: Context, requester: Requester, trace: Trace, release: Release, resource_type: str, count: int
) -> list[Authored]:
    """Return the newest ``count`` versions of a type in the record that the requester is about, or looks at as one of a practice.

    Raises: AccessDeniedError, for who is about no record in particular too.
    """

    async def action(scope: AccessScope) -> tuple[list[Authored], Sequence[Touched]]:
        access = _one_record(requester, scope)
        reader, window = context.database.reader, HistoryWindow()
        versions, _ = await read_versions(reader, access, release, resource_type, None, window=window, size=count)
        actors = await read_actors(reader, access, [one.seq for one in versions])
        found = [Authored(one, actors[one.seq]) for one in versions if one.seq in actors]
        return found, (Touched(access.record_id, access.reason, len(found)),)

    deed = Deed("history-type", release, resource_type)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)


async def writers(
    context: Context, requester: Requester, trace: Trace, release: Release, resource_type: str, seqs: Sequence[int]
) -> dict[int, str]:
    """Return who made changes of a type in that record, by their numbers; what the requester may not see is left out.

    Raises: as ``written_history``.
    """

    async def action(scope: AccessScope) -> tuple[dict[int, str], Sequence[Touched]]:
        access = _one_record(requester, scope)
        found = await read_actors(context.database.reader, access, seqs)
        return found, (Touched(access.record_id, access.reason, len(found)),)

    deed = Deed("history-type", release, resource_type)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)


def _one_record(requester: Requester, scope: AccessScope) -> RecordAccess:
    record_id = requester.record_id if requester.has_one_record else requester.only_record
    access = None if record_id is None else scope.of(record_id)
    if access is None:
        message = "Who wrote what is told of one record at a time."
        raise AccessDeniedError(message)
    return access
