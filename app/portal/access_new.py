"""Giving a practice access: the form, and a grant for what it says."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.representation import Power
from app.access.smart_scope import Action
from app.audit.events import Event
from app.consent import grants
from app.db.database import Transaction
from app.errors import AccessDeniedError, DuplicateError
from app.identity import practices
from app.jobs.texts import NoticeKind
from app.portal.connections import PERIODS, Wish, event_of, fields, most_of, notify_of, wish_of
from app.portal.interactions import Leave
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.language import marked
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, in_record
from app.portal.type_measurement import key_of
from app.portal.view import trace_of

HERE = "/access/new"
LISTED_MAX = 12
"""Practices that are shown without a field to find one."""

SHOWN_MAX = 20
"""Practices that are shown at once: who does not see theirs finds it by its name or place."""

GIVEN_BEFORE = marked("This form was sent before. Is it what you want now? Then press the button again.")


async def give_access(parts: Parts, request: Request, person: SignedIn, wish: Wish, key: str) -> None:
    """Give the practice what was filled in, with its log entry and its mail, in one transaction; for a ``key`` once.

    Raises: DuplicateError, when this key gave something else, or what was changed or stopped since; AccessDeniedError.
    """
    now = parts.clock()
    until = wish.until(now)
    if person.acting is not None:
        until = min(until, person.acting.ends_at)

    async def job(transaction: Transaction, leave: Leave) -> list[Event]:
        await leave.to(Action.CREATE)
        await leave.to_give(Grantee.PRACTICE, wish.categories, wish.actions, until)
        if not await leave.is_first(f"grant {key}", wish.words):
            standing = await grants.of_practice(transaction, wish.practice_id, now, person.record_id)
            if any((one.categories, one.actions) == (wish.categories, wish.actions) for one in standing):
                return []
            raise DuplicateError("What this form gave is over.")
        grant = await grants.give(
            transaction,
            record_id=person.record_id,
            grantee=Grantee.PRACTICE,
            grantee_id=wish.practice_id,
            categories=wish.categories,
            actions=wish.actions,
            until=until,
            purpose=wish.purpose,
            now=now,
            rests_on=leave.rests_on,
        )
        await notify_of(transaction, request, person, NoticeKind.ACCESS_GIVEN, now, grant)
        return [event_of(request, person, "grant", grant)]

    await parts.interactions.change_access(person.requester(), trace_of(request), "grant", job)


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/access/new``."""
    routes = APIRouter(include_in_schema=False)

    async def form_page(
        request: Request,
        person: SignedIn,
        wish: Wish,
        key: str,
        *,
        sought: str = "",
        problem: str = "",
        is_back: bool = False,
    ) -> HTMLResponse:
        found = await practices.sought(parts.database.reader, sought, SHOWN_MAX + 1)
        shown = {one.practice_id: one for one in found[:SHOWN_MAX]}
        if wish.practice_id and wish.practice_id not in shown:
            shown = await practices.of(parts.database.reader, [wish.practice_id]) | shown
        if len(found) == 1 and not (sought or wish.practice_id or wish.errors):
            wish = replace(wish, practice_id=found[0].practice_id)
        return page(
            request,
            "access_new.html",
            status=409 if problem else 422 if wish.errors else 200,
            practices=shown.values(),
            sought=sought,
            is_long=len(found) > LISTED_MAX,
            is_part=len(found) > SHOWN_MAX,
            key=key,
            problem=problem,
            whose=mark_of(parts.settings, person),
            is_back=is_back,
            **fields(wish, PERIODS, most=most_of(person.acting)),
        )

    @routes.get(HERE)
    async def ask(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], q: Annotated[str, Query(max_length=80)] = ""
    ) -> HTMLResponse:
        if not person.may(Power.GIVE):
            raise AccessDeniedError("Giving access is not part of this mandate.")
        wish = Wish("", Category(0), "1-year", Action(0), "treatment", errors={})
        before = typed_before(request, person)
        if before:
            wish = replace(wish_of(before, (), language_of(request)), errors={})
        answer = await form_page(request, person, wish, key_of(before), sought=q, is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(HERE)
    async def give(request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(in_record)]) -> Response:
        known, key = await practices.of(parts.database.reader, [str(form.get("practice", ""))]), key_of(form)
        wish = wish_of(form, known, language_of(request))
        if wish.errors:
            return await form_page(request, person, wish, key)
        try:
            await give_access(parts, request, person, wish, key)
        except DuplicateError:
            return await form_page(request, person, wish, key_of(), problem=GIVEN_BEFORE)
        return RedirectResponse("/access?done=given", status_code=303)

    return routes
