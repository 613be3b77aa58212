"""The page on which the administrator of a practice invites its people, gives them another role, and ends their logins.

Nobody changes what they may do themselves. Each change is in the log, and holds at the next request of whom it is about.
"""

import base64
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.scope import DIRECTORY
from app.access.staff import StaffRole
from app.audit.events import Event
from app.db.database import Transaction
from app.errors import ConflictError, UnprocessableError
from app.identity import staff
from app.identity.staff import Described
from app.interactions.gate import Deed, Touched, event
from app.portal.language import marked
from app.portal.open_session import text_of
from app.portal.page import near, page
from app.portal.session import WORK, AtWork, LoginParts, administers, checked_form
from app.portal.type_measurement import key_of
from app.portal.view import trace_of
from app.portal.wording import ROLE_TEXTS, ROLES
from app.settings import Settings

STAFF = f"{WORK}/staff"
NO_SUCH_ROLE = marked("Choose a role, or administrator.")
NOT_RIGHT = marked("Something is not right. Look at the name, the number and the role.")
LAST = marked("Somebody has to administer the practice. First make a colleague administrator.")
SPENT = marked("This invitation was used or withdrawn already. You can make a new one.")
OWN = marked("You can't change what you may do yourself. Ask a colleague who is administrator.")
DONE = {
    "changed": marked("The role was changed. It works at once."),
    "ended": marked("The login was ended. It works at once."),
    "withdrawn": marked("The invitation was withdrawn."),
}


def entry_of(request: Request, who: AtWork, action: str, detail: str) -> Event:
    """Return the entry of the log for what an administrator did; it is about no record of a person."""
    made = event(who.requester(), trace_of(request), Deed(action), Touched(DIRECTORY, "administrator of the practice"))
    return msgspec.structs.replace(made, detail=detail)


def described_of(form: FormData) -> Described:
    """Return what the form says of somebody. Raises: UnprocessableError."""
    name, number = (" ".join(text_of(form, field).split()) for field in ("name", "registration"))
    return Described(name, role_of(form), "administrator" in form, number)


def role_of(form: FormData) -> StaffRole:
    """Return the role that was chosen. Raises: UnprocessableError."""
    for role in StaffRole:
        if role.value == text_of(form, "role"):
            return role
    raise UnprocessableError("There is no such role.")


def secret_of(settings: Settings, who: AtWork, key: str, described: Described) -> str:
    """Return the secret of an invitation: the same for a form, by its ``key``, that is sent twice."""
    asked = "\n".join((who.account_id, who.practice.practice_id, key or secrets.token_urlsafe(16), described.words))
    made = hmac.digest(settings.key("staff invitations"), asked.encode(), "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/practice/staff``."""
    routes = APIRouter(include_in_schema=False)

    async def shown(
        request: Request,
        who: AtWork,
        status: int = 200,
        problem: str = "",
        link: str = "",
        form: FormData | None = None,
    ) -> Response:
        reader, now, practice_id = parts.database.reader, parts.clock(), who.practice.practice_id
        return page(
            request,
            "practice_staff.html",
            status=status,
            who=who,
            roles=ROLES,
            role_texts=ROLE_TEXTS,
            key=key_of(form),
            typed={name: text_of(form, name) if form else "" for name in ("name", "registration")},
            chosen=text_of(form, "role") if form else None,
            is_administrator=form is not None and "administrator" in form,
            members=await staff.of_practice(reader, practice_id),
            invitations=await staff.invitations(reader, practice_id, now),
            problem=problem,
            link=link,
            done=DONE.get(request.query_params.get("done", ""), ""),
            **near(request, now),
        )

    @routes.get(STAFF)
    async def overview(request: Request, who: Annotated[AtWork, Depends(administers)]) -> Response:
        return await shown(request, who)

    @routes.post(f"{STAFF}/invite")
    async def invite(
        request: Request,
        who: Annotated[AtWork, Depends(administers)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        try:
            described = described_of(form)
        except UnprocessableError as error:
            return await shown(request, who, error.status, NOT_RIGHT, form=form)

        token = secret_of(parts.settings, who, text_of(form, "key"), described)

        async def job(transaction: Transaction) -> None:
            name, practice_id = who.member.described.name, who.practice.practice_id
            if await staff.invite_with(token, transaction, practice_id, described, name, parts.clock()):
                await parts.audit.record(transaction, entry_of(request, who, "staff-invited", described.words))

        try:
            await parts.database.write(job)
        except ConflictError as error:
            return await shown(request, who, error.status, SPENT)
        return await shown(request, who, link=f"{parts.settings.base_url}{WORK}/join?token={token}")

    @routes.post(f"{STAFF}/invitation/{{key}}/withdraw")
    async def withdraw(
        request: Request,
        who: Annotated[AtWork, Depends(administers)],
        _: Annotated[FormData, Depends(checked_form)],
        key: str,
    ) -> Response:
        async def job(transaction: Transaction) -> None:
            await staff.withdraw(transaction, who.practice.practice_id, key)
            await parts.audit.record(transaction, entry_of(request, who, "staff-invitation-withdrawn", ""))

        await parts.database.write(job)
        return RedirectResponse(f"{STAFF}?done=withdrawn", 303)

    _add_member(routes, parts, shown)
    return routes


def _add_member(routes: APIRouter, parts: LoginParts, shown: Callable[..., Awaitable[Response]]) -> None:
    """Add the routes about one colleague."""

    @routes.get(f"{STAFF}/{{account_id}}")
    async def ask(request: Request, who: Annotated[AtWork, Depends(administers)], account_id: str) -> Response:
        member = await staff.one_of(parts.database.reader, who.practice.practice_id, account_id)
        return page(
            request,
            "practice_member.html",
            member=member,
            roles=ROLES,
            role_texts=ROLE_TEXTS,
            chosen=member.described.role,
            is_administrator=member.described.is_administrator,
            is_own=account_id == who.account_id,
        )

    @routes.post(f"{STAFF}/{{account_id}}/change")
    async def change(
        request: Request,
        who: Annotated[AtWork, Depends(administers)],
        form: Annotated[FormData, Depends(checked_form)],
        account_id: str,
    ) -> Response:
        if account_id == who.account_id:
            return await shown(request, who, 409, OWN)

        async def job(transaction: Transaction) -> None:
            practice_id, role = who.practice.practice_id, role_of(form)
            member = await staff.change(transaction, practice_id, account_id, role, administers="administrator" in form)
            await parts.audit.record(transaction, entry_of(request, who, "staff-changed", member.described.words))

        try:
            await parts.database.write(job)
        except UnprocessableError as error:
            return await shown(request, who, error.status, NO_SUCH_ROLE)
        except ConflictError as error:
            return await shown(request, who, error.status, LAST)
        return RedirectResponse(f"{STAFF}?done=changed", 303)

    @routes.post(f"{STAFF}/{{account_id}}/end")
    async def end(
        request: Request,
        who: Annotated[AtWork, Depends(administers)],
        _: Annotated[FormData, Depends(checked_form)],
        account_id: str,
    ) -> Response:
        if account_id == who.account_id:
            return await shown(request, who, 409, OWN)

        async def job(transaction: Transaction) -> None:
            member = await staff.end(transaction, who.practice.practice_id, account_id, parts.clock())
            await parts.audit.record(transaction, entry_of(request, who, "staff-ended", member.described.words))

        await parts.database.write(job)
        return RedirectResponse(f"{STAFF}?done=ended", 303)
