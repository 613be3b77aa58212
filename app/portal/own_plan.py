"""The forms in which a person adds goals and actions of their own to the care plan, changes them and ends them.

What a practice wrote is not changed here: a form opens for the person's own only.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.errors import AccessDeniedError, DuplicateError, NotFoundError, PreconditionFailedError
from app.fhir.own_plan import GOAL, REACHED, STOPPED, TASK, Ended, is_own
from app.interactions.own_words import Edit
from app.portal.careplan import OVER
from app.portal.interactions import Found
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.kinds import is_open_goal
from app.portal.language import Language, marked
from app.portal.own_goals import (
    MEASURES,
    OFTEN_WORDS,
    TEXT_LENGTH_MAX,
    WHY_LENGTH_MAX,
    Typed,
    action_fields,
    action_typed,
    goal_fields,
    goal_typed,
)
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.type_measurement import KEY_LENGTH_MAX, may_add, may_change, may_mark, typed_in
from app.portal.view import reading_for, trace_of

PLAN = "/care-plan"
KINDS_OF_WORDS = {"goals": GOAL, "actions": TASK}
SENT_BEFORE = marked("This form was kept before, with other words. Keep it again to add these too.")
CHANGED = marked("This was changed in the meantime. Your words are still here. Keep them if they are right.")
SAVED = {
    "goals-added": marked("Your goal is in your care plan."),
    "goals-changed": marked("Your goal is changed."),
    f"goals-{REACHED}": marked("Well done. Your goal is reached."),
    f"goals-{STOPPED}": marked("Your goal is stopped. It stays in the history of your plan."),
    "actions-added": marked("Your action is in your care plan."),
    "actions-changed": marked("Your action is changed."),
    f"actions-{REACHED}": marked("Well done. Your action is finished."),
    f"actions-{STOPPED}": marked("Your action is stopped. It stays in the history of your plan."),
}
"""What the care plan says after a form was kept, by ``saved`` in its URL."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One of the person's own goals or actions, the fields of its form, and whether all of it fits in there."""

    found: Found
    fields: dict[str, str]
    fits: bool


def is_open(tree: dict[str, object]) -> bool:
    """Return whether a goal or an action still goes on."""
    return is_open_goal(tree) if tree["resourceType"] == GOAL else tree.get("status") not in OVER


async def _standing(reading: Reading, what: str, release: str, resource_id: str, language: Language) -> Standing:
    """Return one of the person's own that goes on. Raises: NotFoundError."""
    for one in await reading.known(release, [KINDS_OF_WORDS[what]], resource_id):
        tree = one.tree()
        if is_own(tree) and is_open(tree):
            fields, fits = goal_fields(tree, language) if what == "goals" else action_fields(tree)
            return Standing(one, fields, fits)
    raise NotFoundError("There is no such goal or action of your own.")


def _read(what: str, typed: Mapping[str, str], today: date, language: Language, *, fits: bool) -> Typed:
    if what == "goals":
        return goal_typed(typed, today, language, keeps_target=not fits)
    return action_typed(typed, today, language, keeps_timing=not fits)


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _form_page(
    request: Request,
    parts: Parts,
    person: SignedIn,
    what: str,
    typed: Mapping[str, str],
    *,
    found: Typed | None = None,
    problem: str = "",
    standing: Standing | None = None,
    is_back: bool = False,
) -> HTMLResponse:
    language = language_of(request)
    errors = found.errors if found else {}
    place = f"{standing.found.release.path}/{standing.found.tree()['id']}" if standing else ""
    return page(
        request,
        "own_plan.html",
        status=409 if problem else 422 if errors else 200,
        what=what,
        typed=typed,
        errors=errors,
        problem=problem,
        fits=standing is None or standing.fits,
        stands=standing.fields["text"] if standing and problem else "",
        changes=place,
        action=f"{PLAN}/{what}/{place or 'add'}",
        measures=[(code, one.name(language)) for code, one in MEASURES.items()],
        often=OFTEN_WORDS,
        text_length_max=TEXT_LENGTH_MAX,
        why_length_max=WHY_LENGTH_MAX,
        may_mark=may_mark(person),
        whose=mark_of(parts.settings, person),
        is_back=is_back,
    )


async def _add(request: Request, parts: Parts, person: SignedIn, what: str, typed: dict[str, str]) -> Response:
    reading = reading_for(parts, request, person)
    found = _read(what, typed, reading.today, language_of(request), fits=True)
    typed["key"] = typed.get("key", "")[:KEY_LENGTH_MAX] or _new_key()
    if found.words is None:
        return _form_page(request, parts, person, what, typed, found=found)
    try:
        await parts.interactions.add_own(
            person.requester(), trace_of(request), found.words, f"own {what} {typed['key']}"
        )
    except DuplicateError:
        typed["key"] = _new_key()
        return _form_page(request, parts, person, what, typed, problem=SENT_BEFORE)
    return RedirectResponse(f"{PLAN}?saved={what}-added", 303)


async def _change(
    request: Request, parts: Parts, person: SignedIn, what: str, typed: dict[str, str], standing: Standing
) -> Response:
    reading, language, how = reading_for(parts, request, person), language_of(request), typed.get("do", "")
    found = Typed() if how else _read(what, typed, reading.today, language, fits=standing.fits)
    if found.errors:
        return _form_page(request, parts, person, what, typed, found=found, standing=standing)
    version = typed.get("version", "")
    edit = Edit(
        standing.found.release,
        standing.found.tree(),
        int(version) if version.isdecimal() and len(version) < 10 else 0,
        found.words or Ended(how),
    )
    key = typed.get("key", "")[:KEY_LENGTH_MAX] or _new_key()
    try:
        await parts.interactions.change_own(person.requester(), trace_of(request), edit, f"own {what} {key}")
    except (PreconditionFailedError, DuplicateError):
        fresh = {"key": _new_key(), "version": str(standing.found.version)}
        shown = {**(standing.fields if how else typed), **fresh}
        return _form_page(request, parts, person, what, shown, problem=CHANGED, standing=standing)
    return RedirectResponse(f"{PLAN}?saved={what}-{how or 'changed'}", 303)


def router(parts: Parts) -> APIRouter:
    """Return the routes below ``/care-plan/goals`` and ``/care-plan/actions``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(f"{PLAN}/{{what}}/add")
    async def form_to_add(request: Request, person: Annotated[SignedIn, Depends(in_record)], what: str) -> HTMLResponse:
        reading_for(parts, request, person)
        if not may_add(person):
            raise AccessDeniedError("The care plan can't be added to by this login.")
        before = typed_in(typed_before(request, person))
        typed = before or {"key": _new_key()}
        answer = _form_page(request, parts, person, _known(what), typed, is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(f"{PLAN}/{{what}}/add")
    async def add(
        request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(in_record)], what: str
    ) -> Response:
        return await _add(request, parts, person, _known(what), typed_in(form))

    @routes.get(f"{PLAN}/{{what}}/{{release}}/{{resource_id}}")
    async def form_to_change(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], what: str, release: str, resource_id: str
    ) -> HTMLResponse:
        reading = reading_for(parts, request, person)
        standing = await _standing(reading, _known(what), release, resource_id, language_of(request))
        if not may_change(person):
            raise AccessDeniedError("The care plan can't be changed by this login.")
        before = typed_in(typed_before(request, person))
        is_back = bool(before) and not before.get("do")
        fresh = {"key": _new_key(), "version": str(standing.found.version)}
        typed = before if is_back else {**standing.fields, **fresh}
        answer = _form_page(request, parts, person, what, typed, standing=standing, is_back=is_back)
        forget_typed(request, answer)
        return answer

    @routes.post(f"{PLAN}/{{what}}/{{release}}/{{resource_id}}")
    async def change(
        request: Request,
        form: KeptForm,
        person: Annotated[SignedIn, Depends(in_record)],
        what: str,
        release: str,
        resource_id: str,
    ) -> Response:
        reading, typed = reading_for(parts, request, person), typed_in(form)
        how, known = typed.get("do", ""), _known(what)
        if how not in ("", REACHED, STOPPED):
            raise NotFoundError("There is no such end of a goal.")
        try:
            standing = await _standing(reading, known, release, resource_id, language_of(request))
        except NotFoundError:
            # Sent twice, the first time ended it: the second time has nothing more to do.
            ended = await reading.known(release, [KINDS_OF_WORDS[what]], resource_id)
            if how and any(is_own(one.tree()) for one in ended):
                return RedirectResponse(f"{PLAN}?saved={what}-{how}", 303)
            raise
        return await _change(request, parts, person, what, typed, standing)

    return routes


def _known(what: str) -> str:
    """Return which of the two it is about. Raises: NotFoundError."""
    if what not in KINDS_OF_WORDS:
        raise NotFoundError("There is no such part of the care plan.")
    return what
