"""The forms in which somebody of a practice writes in a person's care plan: the plan, goals, what is done and measured at home.

What the person wrote for themselves is not changed here. Whether it may be done is decided at the gate, by the grant and the
role; the pages offer what that allows.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.access.smart_scope import SmartScopes
from app.errors import AccessDeniedError, DuplicateError, NotFoundError, PreconditionFailedError
from app.fhir.agreed_care_plan import AgreedPlan
from app.fhir.agreed_plan import AGREED, AgreedAction, AgreedEnd, AgreedGoal, AskedMeasuring
from app.fhir.own_plan import REACHED, STOPPED, OwnAction, OwnGoal
from app.interactions.own_words import Edit
from app.portal.asked_measuring import measuring_fields, measuring_typed
from app.portal.care_plan_form import (
    AGREEMENTS_LENGTH_MAX,
    BELONGING,
    NO_CHOICES,
    Choices,
    begun_with,
    choices_of,
    parts_proposed,
    plan_fields,
    plan_typed,
    ticked_since,
)
from app.portal.careplan import OVER
from app.portal.interactions import Found
from app.portal.kept_form import KeptForm, forget_typed, own_mark, typed_by
from app.portal.kinds import BY_KEY, KINDS, is_open_goal
from app.portal.language import Language, marked
from app.portal.own_goals import (
    MEASURES,
    OFTEN_WORDS,
    TEXT_LENGTH_MAX,
    WHY_LENGTH_MAX,
    action_fields,
    action_typed,
    goal_fields,
    goal_typed,
)
from app.portal.page import language_of, page
from app.portal.plan_proposals import ILLNESSES, proposals_for, proposed
from app.portal.practice import PEOPLE
from app.portal.practice_person import looking_at, page_about
from app.portal.reading import Reading
from app.portal.session import AtWork, LoginParts, at_work
from app.portal.type_measurement import KEY_LENGTH_MAX, typed_in
from app.portal.view import trace_of

PLAN = "/care-plan"
PLANNING = SmartScopes.of(
    "user/*.rs user/CarePlan.cu user/Goal.cu user/Task.cu user/ServiceRequest.cu user/ProcedureRequest.cu"
)
SENT_BEFORE = marked("This form was kept before, with other words. Keep it again to add these too.")
CHANGED = marked("This was changed in the meantime. Your words are still here. Keep them if they are right.")

Words = AgreedPlan | AgreedGoal | AgreedAction | AskedMeasuring


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in the plan, the fields of its form, whether all of it fits in there, and what can belong to a whole plan."""

    found: Found
    fields: dict[str, str]
    fits: bool
    choices: Choices = NO_CHOICES


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the plan, as it came or is to be shown: of which kind, by whom, what was typed, and about what of which release."""

    who: AtWork
    grant_id: str
    what: str
    typed: dict[str, str]
    release: str = ""
    resource_id: str = ""

    @property
    def by(self) -> str:
        """Return who writes, as it stands in the plan."""
        return f"{self.who.member.described.name}, {self.who.practice.name}"

    @property
    def place(self) -> str:
        """Return the path of the form below the care plan."""
        return f"{self.what}/{self.release}/{self.resource_id}" if self.resource_id else f"{self.what}/add"


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/practice/people/{grant_id}/care-plan``."""
    routes = APIRouter(include_in_schema=False)
    forms = Forms(parts)
    one = f"{PEOPLE}/{{grant_id}}{PLAN}"

    @routes.get(f"{one}/proposals")
    async def proposals(request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str) -> Response:
        return await page_about(parts, request, who, grant_id, _show_proposals, PLAN)

    @routes.get(f"{one}/{{what}}/add")
    async def form_to_add(
        request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str, what: str
    ) -> Response:
        return await page_about(parts, request, who, grant_id, forms.to_add, PLAN, Form(who, grant_id, what, {}))

    @routes.post(f"{one}/{{what}}/add")
    async def add(
        request: Request, form: KeptForm, who: Annotated[AtWork, Depends(at_work)], grant_id: str, what: str
    ) -> Response:
        filled = Form(who, grant_id, what, typed_in(form))
        return await page_about(parts, request, who, grant_id, forms.add, PLAN, filled)

    @routes.get(f"{one}/{{what}}/{{release}}/{{resource_id}}")
    async def form_to_change(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        grant_id: str,
        what: str,
        release: str,
        resource_id: str,
    ) -> Response:
        form = Form(who, grant_id, what, {}, release, resource_id)
        return await page_about(parts, request, who, grant_id, forms.to_change, PLAN, form)

    @routes.post(f"{one}/{{what}}/{{release}}/{{resource_id}}")
    async def change(
        request: Request,
        form: KeptForm,
        who: Annotated[AtWork, Depends(at_work)],
        grant_id: str,
        what: str,
        release: str,
        resource_id: str,
    ) -> Response:
        filled = Form(who, grant_id, what, typed_in(form), release, resource_id)
        return await page_about(parts, request, who, grant_id, forms.change, PLAN, filled)

    return routes


async def _show_proposals(request: Request, _: Reading, **frame: Any) -> Response:
    if not frame["shared"].may_add_to_plan:
        raise AccessDeniedError("Nothing may be added to this care plan.")
    return page(request, "practice_proposals.html", illnesses=ILLNESSES, kinds=BY_KEY, often=OFTEN_WORDS, **frame)


class Forms:
    """What happens behind the forms; each is a page about one person."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts

    async def to_add(self, request: Request, reading: Reading, form: Form, **frame: Any) -> Response:
        """Return an empty form, or one with a proposal in it, or with what was typed when the login ended."""
        self._check(form, may=frame["shared"].may_add_to_plan)
        before = typed_in(typed_by(request, self._whose(form)))
        proposal, language = proposed(request.query_params.get("proposal", "")), language_of(request)
        begun = proposal.fields(language) if proposal and proposal.what == form.what else {}
        if form.what == "plans":
            begun = begun_with(request.query_params.get("illness", ""), reading.today, language)
        shown = replace(form, typed=before or {"key": _new_key(), **begun})
        answer = self._page(request, shown, frame, is_back=bool(before))
        forget_typed(request, answer)
        return answer

    async def add(self, request: Request, reading: Reading, form: Form, **frame: Any) -> Response:
        """Keep what was typed, once; or return the form with what is wrong."""
        self._check(form, may=frame["shared"].may_add_to_plan)
        key, language = form.typed.get("key", "")[:KEY_LENGTH_MAX] or _new_key(), language_of(request)
        form = replace(form, typed={**form.typed, "key": key})
        words, errors = _read(form, reading, language, None)
        if words is None:
            return self._page(request, form, frame, errors=errors)
        requester = replace(await looking_at(self._parts, form.who, form.grant_id), scopes=PLANNING)
        interactions, once = self._parts.interactions, f"plan {form.grant_id} {form.what} {key}"
        try:
            if isinstance(words, AgreedPlan):
                parts = parts_proposed(form.typed, language, form.by)
                await interactions.add_plan(requester, trace_of(request), words, parts, once)
            else:
                await interactions.add_own(requester, trace_of(request), words, once)
        except DuplicateError:
            shown = replace(form, typed={**form.typed, "key": _new_key()})
            return self._page(request, shown, frame, problem=SENT_BEFORE)
        return RedirectResponse(f"{PEOPLE}/{form.grant_id}{PLAN}?saved={form.what}-added", 303)

    async def to_change(self, request: Request, reading: Reading, form: Form, **frame: Any) -> Response:
        """Return a form with what stands in the plan, or with what was typed when the login ended."""
        self._check(form, may=frame["shared"].may_change_plan)
        standing = await _standing(reading, form, language_of(request))
        before = typed_in(typed_by(request, self._whose(form)))
        is_back = bool(before) and not before.get("do")
        fresh = {**standing.fields, "key": _new_key(), "version": str(standing.found.version)}
        answer = self._page(
            request, replace(form, typed=before if is_back else fresh), frame, standing=standing, is_back=is_back
        )
        forget_typed(request, answer)
        return answer

    async def change(self, request: Request, reading: Reading, form: Form, **frame: Any) -> Response:
        """Keep what something becomes, if it still stands as it did when the form was opened; or return the form."""
        self._check(form, may=frame["shared"].may_change_plan)
        how, language = form.typed.get("do", ""), language_of(request)
        if how not in ("", REACHED, STOPPED):
            raise NotFoundError("There is no such end of a goal.")
        done = f"{PEOPLE}/{form.grant_id}{PLAN}?saved={form.what}-{how or 'changed'}"
        standing = await _standing(reading, form, language, also_over=bool(how))
        if not _is_open(standing.found.tree()):
            return RedirectResponse(done, 303)  # sent twice, the first time ended it
        words, errors = (None, {}) if how else _read(form, reading, language, standing)
        if errors:
            return self._page(request, form, frame, errors=errors, standing=standing)
        version, key = form.typed.get("version", ""), form.typed.get("key", "")[:KEY_LENGTH_MAX] or _new_key()
        number = int(version) if version.isdecimal() and len(version) < 10 else 0
        edit = Edit(standing.found.release, standing.found.tree(), number, words or AgreedEnd(how))
        requester = replace(await looking_at(self._parts, form.who, form.grant_id), scopes=PLANNING)
        try:
            await self._parts.interactions.change_own(
                requester, trace_of(request), edit, f"plan {form.grant_id} {form.what} {key}"
            )
        except (PreconditionFailedError, DuplicateError):
            fresh = {"key": _new_key(), "version": str(standing.found.version)}
            shown = replace(form, typed={**(standing.fields if how else form.typed), **fresh})
            return self._page(request, shown, frame, problem=CHANGED, standing=standing)
        return RedirectResponse(done, 303)

    @staticmethod
    def _check(form: Form, *, may: bool) -> None:
        """Raise NotFoundError for a kind that there is not, AccessDeniedError for what is not offered."""
        if form.what not in AGREED:
            raise NotFoundError("There is no such part of the care plan.")
        if not may:
            raise AccessDeniedError("This care plan is not to be changed so.")

    def _whose(self, form: Form) -> str:
        return own_mark(self._parts.settings, form.who.account_id, form.grant_id)

    def _page(
        self,
        request: Request,
        form: Form,
        frame: Mapping[str, Any],
        *,
        errors: Mapping[str, str] | None = None,
        problem: str = "",
        standing: Standing | None = None,
        is_back: bool = False,
    ) -> HTMLResponse:
        language = language_of(request)
        return page(
            request,
            "practice_care_plan.html" if form.what == "plans" else "practice_plan.html",
            status=409 if problem else 422 if errors else 200,
            what=form.what,
            typed={**(ticked_since(form.typed, standing.fields, standing.choices) if standing else {}), **form.typed},
            errors=errors or {},
            problem=problem,
            fits=standing is None or standing.fits,
            stands=standing.fields["text"] if standing and problem else "",
            measured=standing.fields["text"] if standing else "",
            changes=form.resource_id,
            action=f"{PEOPLE}/{form.grant_id}{PLAN}/{form.place}",
            choices=standing.choices if standing else NO_CHOICES,
            proposals=proposals_for(form.typed.get("illness", "")) if standing is None else (),
            measures=[(code, one.name(language)) for code, one in MEASURES.items()],
            kinds=KINDS,
            kinds_by_key=BY_KEY,
            agreements_length_max=AGREEMENTS_LENGTH_MAX,
            often=OFTEN_WORDS,
            text_length_max=TEXT_LENGTH_MAX,
            why_length_max=WHY_LENGTH_MAX,
            whose=self._whose(form),
            is_back=is_back,
            **frame,
        )


def _is_open(tree: Mapping[str, object]) -> bool:
    return is_open_goal(dict(tree)) if tree["resourceType"] == "Goal" else tree.get("status") not in OVER


async def _standing(reading: Reading, form: Form, language: Language, *, also_over: bool = False) -> Standing:
    """Return what a practice wrote and goes on, or, with ``also_over``, went on once. Raises: NotFoundError."""
    kind = AGREED[form.what]
    for one in await reading.known(form.release, kind.types, form.resource_id):
        tree = one.tree()
        if kind.is_one(tree) and (also_over or _is_open(tree)):
            if form.what == "plans":
                several = await asyncio.gather(*(reading.found(one) for one in BELONGING))
                choices = choices_of(one.release, several, language)
                return Standing(one, plan_fields(tree, choices), fits=True, choices=choices)
            if form.what == "goals":
                return Standing(one, *goal_fields(tree, language))
            return Standing(one, *(action_fields(tree) if form.what == "actions" else measuring_fields(tree)))
    raise NotFoundError("There is no such goal or action of a practice.")


def _read(
    form: Form, reading: Reading, language: Language, standing: Standing | None
) -> tuple[Words | None, Mapping[str, str]]:
    """Return what was typed, None if something is wrong; and what that is, by field. ``standing`` is None for a new one."""
    keeps = standing is not None and not standing.fits
    if form.what == "plans":
        stands, choices = (standing.found.tree(), standing.choices) if standing else ({}, NO_CHOICES)
        return plan_typed(form.typed, stands, choices, reading.today, language, form.by)
    if form.what == "measuring":
        return measuring_typed(
            form.typed, reading.today, language, form.by, is_new=standing is None, keeps_timing=keeps
        )
    if form.what == "goals":
        found = goal_typed(form.typed, reading.today, language, keeps_target=keeps)
    else:
        found = action_typed(form.typed, reading.today, language, keeps_timing=keeps)
    if isinstance(found.words, OwnGoal):
        return AgreedGoal(found.words, form.by), {}
    return AgreedAction(found.words, form.by) if isinstance(found.words, OwnAction) else None, found.errors


def _new_key() -> str:
    return secrets.token_urlsafe(16)
