"""``Observation/$lastn`` over both releases: of each kind the newest, whichever release it is held in.

Spec: https://hl7.org/fhir/R4/observation-operation-lastn.html, https://hl7.org/fhir/STU3/observation-operations.html#lastn
"""

from collections.abc import Sequence

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.fhir.release import Release
from app.interactions import search as searches
from app.interactions.beside import beside
from app.interactions.both import Asking, looked_at
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.operations import lastn as lastns
from app.interactions.search import Page
from app.interactions.translated import RELEASES, Telling, wants_both, without_releases
from app.store.search.run import Found, Match, Run, merged


async def lastn(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
) -> Page:
    """Return the newest observations of each kind, of one release or of both, as ``pairs`` or the client say.

    Raises: as ``$lastn`` of one release.
    """
    plain = without_releases(pairs)
    named = [pair for pair in pairs if pair[0] == RELEASES]
    if not wants_both(requester, release, (value for _, value in named)):
        return await lastns.lastn(context, requester, trace, release, plain, lenient=lenient)
    asking = Asking(context, requester, release, "Observation", None)

    async def action(scope: AccessScope) -> tuple[Page, Sequence[Touched]]:
        own = lastns.asked_newest(context, release, plain, lenient=lenient)
        questions, problems = await asking.questions(scope, own, own.used)
        looked = looked_at(questions)
        found: list[Found] = []
        for access in looked.personal:
            matches: list[Match] = []
            for question in questions:
                # Gathered, not walked: the keys of both have to be of one form.
                run = Run(context.index_key, question.release, question.parsed, repeats=True)
                one_record = question.scope.only({access.record_id, DIRECTORY})
                matches += await lastns.matches_in(context, run, one_record)
            found += await lastns.newest_of(context.database.reader, merged(matches, own.sort), lastns.most_of(plain))
        telling = Telling(release)
        extra = [version for question in questions for version in await question.included(context, found)]
        page = Page(
            "Observation/$lastn",
            await beside(lambda: telling.all_shown([one.version for one in found], own.shown)),
            await beside(lambda: telling.all_shown(extra)),
            None,
            tuple(pair for pair in pairs if pair[0] in ("max", RELEASES) or pair in own.used),
            (*own.ignored, *problems, *telling.issues),
        )
        return page, searches.looked_into(looked, {"Observation"}, [one.version for one in found] + extra)

    deed = Deed("operation-lastn", release, "Observation")
    return await context.gate.look(requester, trace, Wish(Action.SEARCH, "Observation"), deed, action)
