"""The history of some types in one person's record, with who wrote each version, for the person and who acts for them."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
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
    """Return the newest ``count`` versions of a type in the requester's record. Raises: AccessDeniedError."""

    async def action(scope: AccessScope) -> tuple[list[Authored], Sequence[Touched]]:
        access = None if requester.record_id is None else scope.of(requester.record_id)
        if access is None or not requester.has_one_record:
            message = "Who wrote what is told to the person it is about, and who acts for them."
            raise AccessDeniedError(message)
        reader, window = context.database.reader, HistoryWindow()
        versions, _ = await read_versions(reader, access, release, resource_type, None, window=window, size=count)
        actors = await read_actors(reader, access, versions)
        found = [Authored(one, actors[one.seq]) for one in versions if one.seq in actors]
        return found, (Touched(access.record_id, access.reason, len(found)),)

    deed = Deed("history-type", release, resource_type)
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)
