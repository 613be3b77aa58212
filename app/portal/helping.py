"""People whom I help: taking on an invitation, and going into the record of another and back.

In whose record a session is, is kept here and looked at with each request; see ``session.py``. Going in is in the log of that
record, with both names; the own log says nothing of it.
"""

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.grant import Grant, Grantee
from app.access.policy import representative, represents
from app.access.representation import Capacity, Mandate
from app.access.requester import RequesterKind
from app.audit.events import Event
from app.consent import grants, invitations
from app.consent.invitations import Invitation
from app.db.database import Transaction
from app.errors import NotFoundError
from app.identity import sessions
from app.identity.instants import to_us
from app.identity.sessions import Acting
from app.jobs.notices import notify
from app.jobs.reminders import remind
from app.jobs.texts import NoticeKind
from app.portal.language import marked
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import (
    LoggedIn,
    SignedIn,
    checked_form,
    freshly_proven,
    logged_in,
    session_cookie,
    signed_in,
)
from app.portal.view import trace_of
from app.portal.wording import CAPACITIES, action_words, category_names, power_words

HERE = "/helping"
NO_CODE = marked("There is no such code, or it is over. Ask for a new one.")
OWN_CODE = marked("This code is for your own record. Give it to who helps you.")


def entry(request: Request, person: LoggedIn | SignedIn, grant: Grant, *, action: str) -> Event:
    """Return what the log of the record of ``grant`` says of its representative."""
    mandate = grant.mandate
    return Event(
        **msgspec.structs.asdict(trace_of(request)),
        action=action,
        record_id=grant.record_id,
        kind=RequesterKind.REPRESENTATIVE.value,
        actor=representative(person.account_id),
        display=person.name,
        role="" if mandate is None else mandate.capacity.value,
        on_behalf_of="" if mandate is None else mandate.represented,
        ground=f"representation {grant.grant_id}",
    )


async def accept(parts: Parts, request: Request, person: LoggedIn, offered: Invitation) -> None:
    """Make of an invitation what it offers, for this person. Raises: NotFoundError, when it was taken on or back meanwhile."""
    now, language = parts.clock(), language_of(request).code

    async def job(transaction: Transaction) -> None:
        if not await invitations.end(transaction, offered.record_id, offered.invitation_id):
            raise NotFoundError("There is no such invitation.")
        grant = await grants.give(
            transaction,
            record_id=offered.record_id,
            grantee=Grantee.PERSON,
            grantee_id=person.account_id,
            categories=offered.categories,
            actions=offered.actions,
            until=offered.until,
            purpose="representation",
            now=now,
            mandate=Mandate(Capacity.CARER, offered.represented, offered.powers, zone=parts.settings.time_zone),
        )
        await parts.audit.record(transaction, entry(request, person, grant, action="grant"))
        record_id, now_us = grant.record_id, to_us(now)
        await notify(transaction, record_id=record_id, kind=NoticeKind.ACCESS_GIVEN, now_us=now_us, language=language)
        await remind(
            transaction, record_id=record_id, grant_id=grant.grant_id, version=grant.version,
            ends_us=to_us(grant.ends_at), now_us=now_us, language=language,
        )  # fmt: skip

    await parts.database.write(job)


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/helping``."""
    routes = APIRouter(include_in_schema=False)
    zone = ZoneInfo(parts.settings.time_zone)

    async def list_page(request: Request, person: SignedIn | LoggedIn, problem: str = "") -> HTMLResponse:
        language = language_of(request)
        found = await grants.of_person(parts.database.reader, person.account_id, parts.clock())
        people = [
            (
                grant.grant_id,
                grant.mandate.represented,
                language.gettext(CAPACITIES[grant.mandate.capacity]) if grant.mandate.capacity.is_by_law else "",
                category_names(grant.categories, language),
                grant.ends_at.astimezone(zone),
            )
            for grant in found
            if grant.mandate is not None
        ]
        return page(request, "helping.html", status=422 if problem else 200, people=people, problem=problem)

    async def offered(person: LoggedIn, form: FormData) -> tuple[Invitation | None, str]:
        found = await invitations.find(parts.database.reader, text_of(form, "code"), parts.clock())
        if found is None:
            return None, NO_CODE
        return (found, "") if found.record_id != person.account.record_id else (None, OWN_CODE)

    @routes.get(HERE)
    async def overview(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        return await list_page(request, person)

    @routes.post(f"{HERE}/code")
    async def show(
        request: Request,
        _: Annotated[SignedIn, Depends(signed_in)],
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        found, problem = await offered(person, form)
        if found is None:
            return await list_page(request, person, problem)
        language = language_of(request)
        return page(
            request,
            "helping_offer.html",
            code=text_of(form, "code"),
            who=found.represented,
            parts=category_names(found.categories, language),
            actions=action_words(found.actions, language),
            powers=power_words(found.powers, language),
            until=found.until.astimezone(zone),
        )

    @routes.post(f"{HERE}/accept")
    async def take_on(
        request: Request,
        _: Annotated[SignedIn, Depends(signed_in)],
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        found, problem = await offered(person, form)
        if found is None:
            return await list_page(request, person, problem)
        try:
            await accept(parts, request, person, found)
        except (
            NotFoundError
        ):  # taken on or back meanwhile; by this person, as the list says, if the form was sent twice at once
            return await list_page(request, person, NO_CODE)
        return RedirectResponse(HERE, status_code=303)

    _add_switch(routes, parts)
    return routes


def _add_switch(routes: APIRouter, parts: Parts) -> None:
    @routes.post(f"{HERE}/{{grant_id}}/start")
    async def start(
        request: Request,
        person: Annotated[SignedIn, Depends(signed_in)],
        _: Annotated[FormData, Depends(checked_form)],
        grant_id: str,
    ) -> Response:
        now = parts.clock()

        async def job(transaction: Transaction) -> None:
            held = await grants.of_person(transaction, person.account_id, now)
            grant = next((one for one in held if one.grant_id == grant_id), None)
            if grant is None or not represents(person.account_id, grant, now):
                raise NotFoundError("This grant is not known.")
            await sessions.act(transaction, session_cookie(request), Acting(grant.record_id, grant.grant_id))
            await parts.audit.record(transaction, entry(request, person, grant, action="represent"))

        await parts.database.write(job)
        return RedirectResponse("/", status_code=303)

    @routes.post(f"{HERE}/stop")
    async def stop(
        request: Request,
        _: Annotated[LoggedIn, Depends(logged_in)],
        __: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        await parts.database.write(lambda transaction: sessions.act(transaction, session_cookie(request), None))
        return RedirectResponse("/", status_code=303)
