"""The answers to a questionnaire that a person types: kept once, with the task that they end in the same transaction."""

from dataclasses import dataclass

from app.access.requester import Requester
from app.audit.events import Trace
from app.db.database import Transaction
from app.errors import CodesNotKnownError, NotFoundError, UnprocessableError
from app.fhir.elements import Tree
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse
from app.interactions.conditions import NO_CONDITIONS, Conditions
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed
from app.interactions.operations.terminology import Asked, Expansion
from app.interactions.operations.terminology_elsewhere import expand
from app.interactions.repeat import request_hash
from app.interactions.single import write_once
from app.interactions.write import Changes
from app.interactions.written import Written
from app.store.changes import patients_of

RESPONSE = "QuestionnaireResponse"


@dataclass(frozen=True, slots=True)
class Answers:
    """A QuestionnaireResponse without its subject. ``draft`` is the version that it takes the place of.

    ``task`` is the Task that it ends and its version. ``is_own`` says that the person gave the answers, and nobody for them.
    """

    release: Release
    tree: Tree
    draft: tuple[str, int] | None = None
    task: tuple[Tree, int] | None = None
    is_own: bool = True


async def keep_answers(
    context: Context, requester: Requester, trace: Trace, answers: Answers, key: str
) -> list[Written]:
    """Return what was written; with a ``key`` that came before, what was written the first time.

    Raises: DuplicateError (that key came with other answers), PreconditionFailedError (the draft or task was changed in the
    meantime), AccessDeniedError, UnprocessableError (the record has no Patient in the release of the questionnaire).
    """

    async def act(transaction: Transaction, decide: Decide) -> list[Written]:
        tree = await _about_the_person(transaction, requester, answers)
        changes = Changes(context, transaction, requester, trace, answers.release, decide)
        if answers.draft is None:
            resource = changes.sound(parse(answers.release, encode_tree(tree)))
            first = await changes.create(resource, NO_CONDITIONS, location=RESPONSE)
        else:
            first = await _update(changes, tree | {"id": answers.draft[0]}, answers.draft[1])
        written = [first]
        if answers.task is not None:
            output = {
                "type": {"text": RESPONSE},
                "valueReference": {"reference": f"{RESPONSE}/{first.version.id}"},
            }
            task, version = answers.task
            done = {**task, "status": "completed", "output": [*task.get("output", []), output]}
            written.append(await _update(changes, done, version))
        await changes.finish()
        return written

    deed = Deed("update" if answers.draft else "create", answers.release, RESPONSE)
    told = {name: value for name, value in answers.tree.items() if name != "authored"}
    digest = request_hash("keep answers", encode_tree(told))
    return await write_once(context, requester, trace, deed, act, key, digest)


async def options_of(context: Context, release: Release, url: str, contained: Tree | None, most: int) -> list[Tree]:
    """Return the codes of a value set as Codings, at most ``most``; none when they aren't known here."""
    try:
        expanded = await expand(context, release, Asked(url or None, contained), Expansion(count=most))
    except (NotFoundError, CodesNotKnownError, UnprocessableError):
        return []
    found = expanded["expansion"].get("contains", [])
    return [{name: one[name] for name in ("system", "code", "display") if name in one} for one in found]


async def _update(changes: Changes, tree: Tree, version: int) -> Written:
    conditions = Conditions(if_match=f'W/"{version}"')
    resource = changes.sound(parse(changes.release, encode_tree(tree)))
    return await changes.update(resource, str(tree["id"]), conditions, location=resource.resource_type)


async def _about_the_person(transaction: Transaction, requester: Requester, answers: Answers) -> Tree:
    patients = {} if requester.record_id is None else await patients_of(transaction, requester.record_id)
    if answers.release not in patients:
        raise UnprocessableError("The record has no Patient in the release of this questionnaire.")
    patient = {"reference": f"Patient/{patients[answers.release]}"}
    by = {"author": patient, "source": patient} if answers.is_own else {}
    return {**answers.tree, "subject": patient, **by}
