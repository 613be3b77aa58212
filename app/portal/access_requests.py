"""What practices ask for: a person looks at a request and answers it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.smart_scope import Action
from app.consent import grants, requests
from app.consent.requests import AccessRequest, Answer
from app.db.database import Transaction
from app.errors import ConflictError
from app.jobs.texts import NoticeKind
from app.portal.access_codes import told_of
from app.portal.connections import (
    AS_ASKED,
    PERIODS,
    PURPOSES,
    Wish,
    event_of,
    fields,
    notify_of,
    ticked,
)
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.language import Language
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, signed_in
from app.portal.waiting import Waiting, waiting_of
from app.portal.wording import action_words, category_names

ANSWERED = "/access?done=answered"
"""Where somebody goes who answers what waits no more: answered in another window, or too late."""


def _periods(asked: AccessRequest, now: datetime) -> list[tuple[str, str, timedelta]]:
    """Return the periods that end before what is asked, and that itself."""
    return [(*AS_ASKED, timedelta()), *(one for one in PERIODS if now + one[2] < asked.wanted.until)]


async def accept(parts: Parts, request: Request, person: SignedIn, asked: AccessRequest, wish: Wish) -> None:
    """Give what was ticked, as the answer to a request. Raises: ConflictError, when it waits no more."""
    now = parts.clock()

    async def job(transaction: Transaction) -> None:
        grant = await grants.give(
            transaction,
            record_id=person.record_id,
            grantee=Grantee.PRACTICE,
            grantee_id=asked.practice_id,
            categories=wish.categories,
            actions=wish.actions,
            until=min(wish.until(now, asked.wanted.until), asked.wanted.until),
            purpose=wish.purpose,
            now=now,
        )
        await requests.answer(transaction, asked, Answer.ACCEPTED, now, grant_id=grant.grant_id)
        await parts.audit.record(transaction, event_of(request, person, "grant", grant))
        await notify_of(transaction, request, person, NoticeKind.ACCESS_GIVEN, now, grant)

    await parts.database.write(job)


async def decline(parts: Parts, request: Request, person: SignedIn, asked: AccessRequest, *, closes: bool) -> None:
    """Give nothing; ``closes`` keeps the practice from asking for a year. Raises: ConflictError, when it waits no more."""
    now = parts.clock()

    async def job(transaction: Transaction) -> None:
        await requests.answer(transaction, asked, Answer.DECLINED, now, closes=closes)
        told = told_of(request, person, "decline-request", f"practice:{asked.practice_id}")
        await parts.audit.record(transaction, told)

    await parts.database.write(job)


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/access/requests``."""
    routes = APIRouter(include_in_schema=False)
    zone = ZoneInfo(parts.settings.time_zone)

    def request_page(
        request: Request,
        person: SignedIn,
        asked: AccessRequest,
        shown: Waiting,
        wish: Wish,
        *,
        is_back: bool = False,
    ) -> HTMLResponse:
        wanted, language = asked.wanted, language_of(request)
        form = fields(
            wish, _periods(asked, parts.clock()), most=(wanted.categories, wanted.actions), purposes=(),
            ends=(wanted.until - timedelta(microseconds=1)).astimezone(zone),
        )  # fmt: skip
        return page(
            request,
            "access_request.html",
            status=422 if wish.errors else 200,
            asked=shown,
            problem="",
            whose=mark_of(parts.settings, person),
            is_back=is_back,
            parts=category_names(wanted.categories, language),
            asks_sensitive=Category.SENSITIVE in wanted.categories,
            asked_actions=action_words(wanted.actions, language),
            purpose=language.gettext(dict(PURPOSES)[wanted.purpose]),
            **form,
        )

    async def waiting(person: SignedIn, request_id: str, language: Language) -> tuple[AccessRequest, Waiting]:
        """Return a request that waits. Raises: NotFoundError, for none of this person; ConflictError."""
        found = await requests.one(parts.database.reader, person.record_id, request_id)
        if not found.is_waiting(parts.clock()):
            message = "This request waits for no answer any more."
            raise ConflictError(message)
        (shown,) = await waiting_of(parts, [found], language)
        return found, shown

    def wish_in(form: FormData, asked: AccessRequest, language: Language) -> Wish:
        periods = {period for period, _, _ in _periods(asked, parts.clock())}
        most = (asked.wanted.categories, asked.wanted.actions)
        return ticked(form, asked.practice_id, asked.wanted.purpose, most, periods, language, {})

    @routes.get("/access/requests/{request_id}")
    async def show(request: Request, person: Annotated[SignedIn, Depends(signed_in)], request_id: str) -> Response:
        try:
            asked, shown = await waiting(person, request_id, language_of(request))
        except ConflictError:
            return RedirectResponse(ANSWERED, 303)
        wish = Wish(asked.practice_id, Category(0), "", Action(0), asked.wanted.purpose, errors={})
        before = typed_before(request, person)
        if before:
            wish = replace(wish_in(before, asked, language_of(request)), errors={})
        page_of_it = request_page(request, person, asked, shown, wish, is_back=bool(before))
        forget_typed(request, page_of_it)
        return page_of_it

    @routes.post("/access/requests/{request_id}")
    async def answer(
        request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(signed_in)], request_id: str
    ) -> Response:
        language = language_of(request)
        try:
            asked, shown = await waiting(person, request_id, language)
            if form.get("decision") == "decline":
                await decline(parts, request, person, asked, closes="never" in form)
                return RedirectResponse("/access?done=declined", 303)
            wish = wish_in(form, asked, language)
            if wish.errors:
                return request_page(request, person, asked, shown, wish)
            await accept(parts, request, person, asked, wish)
        except ConflictError:
            return RedirectResponse(ANSWERED, 303)
        return RedirectResponse("/access?done=given", 303)

    return routes
