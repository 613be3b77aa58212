"""The form of what somebody wants to discuss at a practice: made, changed as it stood, withdrawn.

Only what the practice may see is offered: nothing tells it that there is more. Choosing a practice shows who may look, so that
a helper needs the power to give access for it.
"""

import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.representation import Power
from app.access.smart_scope import LOOK
from app.errors import AccessDeniedError, DuplicateError, NotFoundError, PreconditionFailedError
from app.fhir.visit import COMMUNICATION, Prepared, ToPractice, Withdrawn, prepared_of
from app.identity import practices
from app.interactions.own_words import Edit
from app.portal.interactions import Found
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.language import marked
from app.portal.open_session import text_of
from app.portal.own_plan import CHANGED, SENT_BEFORE
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.type_measurement import KEY_LENGTH_MAX, may_add, may_change, may_mark
from app.portal.view import reading_for, trace_of
from app.portal.visit_form import QUESTIONS_LENGTH_MAX, Chosen, Offer, chosen, offered, to_practice, values_of
from app.portal.visits import GROUPS, looked_up
from app.portal.wording import category_names

VISIT = "/visit"
NO_PRACTICE = marked("Choose a practice that may see your messages.")
OFFERED = Category.OWN_MEASUREMENTS | Category.GP_SUMMARY | Category.MEDICATION | Category.CARE_PLAN
"""The parts of a record of which something can be chosen."""


@dataclass(frozen=True, slots=True)
class Open:
    """A practice that may see messages now, with all parts that it may see."""

    practice: ToPractice
    city: str
    categories: Category


@dataclass(frozen=True, slots=True)
class Standing:
    """What is prepared already, as it is stored."""

    found: Found
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form for one practice: what can be chosen in it, and what was prepared before, if it changes that."""

    request: Request
    parts: Parts
    person: SignedIn
    to: Open
    offers: list[Offer]
    standing: Standing | None = None

    def filled(
        self, form: FormData, *, found: Chosen | None = None, problem: str = "", is_back: bool = False
    ) -> HTMLResponse:
        """Return the page with what was typed and chosen in it."""
        errors = found.errors if found else {}
        closed = [one for one in OFFERED if one not in self.to.categories and self.person.sees(one)]
        return page(
            self.request,
            "visit_form.html",
            status=409 if problem else 422 if errors else 200,
            to=self.to,
            is_open=bool(self.to.categories),
            groups=[(name, [one for one in self.offers if one.shown.group == key]) for key, name in GROUPS.items()],
            hidden=category_names(Category(sum(closed)), language_of(self.request)),
            ticked=values_of(form),
            typed={name: text_of(form, name) for name in ("questions", "day", "key", "version", "sensitive")},
            may_mark=may_mark(self.person) and (Category.SENSITIVE in self.to.categories or "sensitive" in form),
            errors=errors,
            problem=problem,
            changes=self.standing.prepared.place if self.standing else "",
            questions_length_max=QUESTIONS_LENGTH_MAX,
            whose=mark_of(self.parts.settings, self.person),
            is_back=is_back,
        )

    def read(self, form: FormData, reading: Reading) -> Chosen:
        """Return what was typed and chosen; what was chosen before and the reader does not see stays."""
        base = str(self.parts.settings.base_url).rstrip("/")
        subjects = [one.shown for one in self.offers]
        seen = {one.subject for one in subjects}
        unseen = [one for one in self.standing.prepared.about if one not in seen] if self.standing else []
        by = "" if self.person.acting is None else self.person.name
        return chosen(form, self.to.practice, subjects, reading.today, base, language_of(self.request), unseen, by)


def may_prepare(person: SignedIn) -> bool:
    """Return whether to offer to prepare a visit; whether it is allowed is decided at the gate."""
    return may_add(person) and person.may(Power.GIVE)


def may_edit(person: SignedIn) -> bool:
    """Return whether to offer to change what is prepared."""
    return may_change(person) and person.may(Power.GIVE)


async def open_practices(parts: Parts, request: Request, person: SignedIn) -> dict[str, Open]:
    """Return the practices that see messages of the record in view now, by their number. Raises: AccessDeniedError."""
    parts_of: dict[str, Category] = {}
    for grant in await parts.interactions.grants_of(person.requester(), trace_of(request)):
        if grant.grantee is Grantee.PRACTICE and grant.is_in_force(parts.clock()) and grant.actions & LOOK == LOOK:
            parts_of[grant.grantee_id] = parts_of.get(grant.grantee_id, Category(0)) | grant.categories
    opened = [practice_id for practice_id, categories in parts_of.items() if Category.MESSAGES in categories]
    return {
        practice_id: Open(
            to_practice(practice_id, one.name, one.organization_stu3, one.organization_r4),
            one.city,
            parts_of[practice_id],
        )
        for practice_id, one in (await practices.of(parts.database.reader, opened)).items()
    }


async def _standing(reading: Reading, where: tuple[str, str], *, also_withdrawn: bool = False) -> Standing:
    """Return what is prepared and, without ``also_withdrawn``, not withdrawn. Raises: NotFoundError."""
    release, resource_id = where
    for one in await reading.known(release, [COMMUNICATION], resource_id):
        prepared = prepared_of(one.tree(), one.release)
        if prepared is not None and (also_withdrawn or not prepared.is_withdrawn):
            return Standing(one, prepared)
    raise NotFoundError("There is no such visit.")


async def _sheet(
    request: Request, parts: Parts, person: SignedIn, reading: Reading, to: Open, standing: Standing | None = None
) -> Sheet:
    """Return the form for a practice; what was chosen before can stay, as far as the reader sees it."""
    language = language_of(request)
    offers = await offered(reading, to.categories, language) if to.categories & OFFERED else []
    if standing is not None:
        before = await looked_up(reading, standing.prepared.about, language)
        there = {one.shown.subject for one in offers}
        offers += [Offer(one) for subject, one in before.items() if subject not in there]
    return Sheet(request, parts, person, to, offers, standing)


async def _sheet_of(
    request: Request, parts: Parts, person: SignedIn, reading: Reading, where: tuple[str, str]
) -> tuple[Sheet, Standing]:
    """Return the form for what is prepared already. Raises: NotFoundError, AccessDeniedError."""
    standing = await _standing(reading, where)
    if not may_edit(person):
        raise AccessDeniedError("Visits can't be changed by this login.")
    prepared = standing.prepared
    known = await open_practices(parts, request, person)
    closed = Open(ToPractice(prepared.practice_id, prepared.practice), "", Category(0))
    to = known.get(prepared.practice_id, closed)
    return await _sheet(request, parts, person, reading, to, standing), standing


async def _keep_new(sheet: Sheet, reading: Reading, form: FormData) -> Response:
    found = sheet.read(form, reading)
    if found.visit is None:
        return sheet.filled(form, found=found)
    key = text_of(form, "key")[:KEY_LENGTH_MAX] or _new_key()
    requester, trace = sheet.person.requester(), trace_of(sheet.request)
    try:
        await sheet.parts.interactions.add_own(requester, trace, found.visit, f"visit {key}")
    except DuplicateError:
        return sheet.filled(_with(form, key=_new_key()), problem=SENT_BEFORE)
    return RedirectResponse(f"{VISIT}?saved=prepared", 303)


async def _keep_change(sheet: Sheet, standing: Standing, reading: Reading, form: FormData) -> Response:
    found = Chosen() if text_of(form, "do") == "withdraw" else sheet.read(form, reading)
    if found.errors:
        return sheet.filled(form, found=found)
    version = text_of(form, "version")
    number = int(version) if version.isdecimal() and len(version) < 10 else 0
    edit = Edit(standing.found.release, standing.found.tree(), number, found.visit or Withdrawn())
    key = text_of(form, "key")[:KEY_LENGTH_MAX] or _new_key()
    requester, trace = sheet.person.requester(), trace_of(sheet.request)
    try:
        await sheet.parts.interactions.change_own(requester, trace, edit, f"visit {key}")
    except (PreconditionFailedError, DuplicateError):
        typed = form if found.visit else _as_it_stands(standing)
        again = _with(typed, key=_new_key(), version=str(standing.found.version))
        return sheet.filled(again, problem=CHANGED)
    return RedirectResponse(f"{VISIT}?saved={'changed' if found.visit else 'withdrawn'}", 303)


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/visit/new`` and ``/visit/{release}/{resource_id}/change``: an id may be in both releases.

    An address of before has no release; a form that was opened there is kept too.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get(f"{VISIT}/new")
    async def form_to_prepare(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], practice: Annotated[str, Query()] = ""
    ) -> HTMLResponse:
        reading = reading_for(parts, request, person)
        if not may_prepare(person):
            raise AccessDeniedError("Visits can't be prepared by this login.")
        known = await open_practices(parts, request, person)
        before = typed_before(request, person)
        wanted = text_of(before, "practice") or practice
        to = known.get(wanted) or (next(iter(known.values())) if len(known) == 1 and not wanted else None)
        if to is None:
            return page(request, "visit_practice.html", practices=known.values(), problem="")
        sheet = await _sheet(request, parts, person, reading, to)
        answer = sheet.filled(before or FormData([("key", _new_key())]), is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(f"{VISIT}/new")
    async def prepare(request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(in_record)]) -> Response:
        reading = reading_for(parts, request, person)
        if not may_prepare(person):
            raise AccessDeniedError("Visits can't be prepared by this login.")
        known = await open_practices(parts, request, person)
        to = known.get(text_of(form, "practice"))
        if to is None:
            return page(request, "visit_practice.html", status=422, practices=known.values(), problem=NO_PRACTICE)
        return await _keep_new(await _sheet(request, parts, person, reading, to), reading, form)

    @routes.get(f"{VISIT}/{{resource_id}}/change")
    @routes.get(f"{VISIT}/{{release}}/{{resource_id}}/change")
    async def form_to_change(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], resource_id: str, release: str = ""
    ) -> HTMLResponse:
        reading = reading_for(parts, request, person)
        sheet, standing = await _sheet_of(request, parts, person, reading, (release, resource_id))
        before = typed_before(request, person)
        is_back = bool(before) and not text_of(before, "do")
        answer = sheet.filled(before if is_back else _as_it_stands(standing), is_back=is_back)
        forget_typed(request, answer)
        return answer

    @routes.post(f"{VISIT}/{{resource_id}}/change")
    @routes.post(f"{VISIT}/{{release}}/{{resource_id}}/change")
    async def change(
        request: Request,
        form: KeptForm,
        person: Annotated[SignedIn, Depends(in_record)],
        resource_id: str,
        release: str = "",
    ) -> Response:
        reading = reading_for(parts, request, person)
        if text_of(form, "do") == "withdraw":
            stands = await _standing(reading, (release, resource_id), also_withdrawn=True)
            if stands.prepared.is_withdrawn:
                return RedirectResponse(f"{VISIT}?saved=withdrawn", 303)  # sent twice, the first time withdrew it
        sheet, standing = await _sheet_of(request, parts, person, reading, (release, resource_id))
        return await _keep_change(sheet, standing, reading, form)

    return routes


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _as_it_stands(standing: Standing) -> FormData:
    """Return the fields of the form for what is prepared."""
    prepared = standing.prepared
    return FormData(
        [
            ("questions", "\n".join(prepared.questions)),
            ("day", str(prepared.day or "")),
            ("key", _new_key()),
            ("version", str(standing.found.version)),
            *([("sensitive", "on")] if prepared.is_sensitive else []),
            *(("about", f"{release.path}/{name}") for release, name in prepared.about),
        ]
    )


def _with(form: FormData, **fields: str) -> FormData:
    """Return a form with other values in some of its fields."""
    kept = [(name, value) for name, value in form.multi_items() if name not in fields]
    return FormData([*kept, *fields.items()])
