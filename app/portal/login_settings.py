"""Login and devices: the page where people see and change how they log in, and where they are logged in.

All of it asks for a second factor that was shown a short time ago.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import NotFoundError
from app.identity import identities, mail_addresses, passkeys, recovery, sessions
from app.identity.devices import device_of
from app.identity.openid import providers_of
from app.identity.passkeys import Passkeys
from app.portal.language import marked
from app.portal.open_session import log_change
from app.portal.page import near, page
from app.portal.session import LoggedIn, LoginParts, checked_form, freshly_proven, session_cookie

HERE = "/login-and-devices"
ONLY_WAY = marked("This is the only way to log in that you have. Make another one first.")
DONE = {
    "passkey-added": marked("The passkey was made. You can log in with it from now on."),
    "passkey-removed": marked("The passkey was removed. It opens nothing here any more."),
    "only-way": ONLY_WAY,
    "password": marked("Your password was changed. Everywhere else you are logged out."),
    "phone": marked("Your phone is connected. From now on its codes count."),
    "linked": marked("You can log in with it from now on."),
    "unlinked": marked("It opens nothing here any more."),
    "not-linked": marked("That did not work. Nothing was changed."),
    "mail": marked("Your mail address is confirmed."),
    "ended": marked("You are logged out there."),
}


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A passkey on the page; instants are local, ``used`` None before the first login with it."""

    credential_id: str
    name: str
    made: datetime
    used: datetime | None


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session on the page; instants are local."""

    session_id: str
    device: str
    made: datetime
    used: datetime
    is_this: bool


async def can_log_in(parts: LoginParts, transaction: Transaction, account_id: str) -> bool:
    """Return whether anything is left that opens the account."""
    return (
        await parts.accounts.has_password(transaction, account_id)
        or bool(await passkeys.of_account(transaction, account_id))
        or bool(await identities.of_account(transaction, account_id))
    )


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/login-and-devices`` about the page itself and about sessions."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(HERE)
    async def show(request: Request, person: Annotated[LoggedIn, Depends(freshly_proven)]) -> HTMLResponse:
        return await _shown(request, parts, person, DONE.get(request.query_params.get("done", ""), ""))

    @routes.post(f"{HERE}/session/{{session_id}}/end")
    async def end(
        request: Request,
        session_id: str,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        async def job(transaction: Transaction) -> None:
            if not await sessions.end_one(transaction, person.account_id, session_id):
                raise NotFoundError("There is no such session.")
            await log_change(request, parts, transaction, person, "session ended", is_told=False)

        await parts.database.write(job)
        return RedirectResponse(f"{HERE}?done=ended", 303)

    @routes.post(f"{HERE}/others/end")
    async def end_others(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        async def job(transaction: Transaction) -> None:
            await sessions.end_others(transaction, person.account_id, session_cookie(request))
            await log_change(request, parts, transaction, person, "other sessions ended", is_told=False)

        await parts.database.write(job)
        return RedirectResponse(f"{HERE}?done=ended", 303)

    return routes


async def _shown(request: Request, parts: LoginParts, person: LoggedIn, done: str) -> HTMLResponse:
    reader, now, zone = parts.database.reader, parts.clock(), ZoneInfo(parts.settings.time_zone)
    keys = [
        KeyLine(
            one.credential_id,
            one.name,
            one.created_at.astimezone(zone),
            one.last_used_at.astimezone(zone) if one.last_used_at else None,
        )
        for one in await passkeys.of_account(reader, person.account_id)
    ]
    opened = [
        SessionLine(
            one.session_id,
            one.device,
            one.created_at.astimezone(zone),
            one.last_seen_at.astimezone(zone),
            one.session_id == person.session_id,
        )
        for one in await sessions.of_account(reader, person.account_id, now)
    ]
    linked = await identities.of_account(reader, person.account_id)
    return page(
        request,
        "login_and_devices.html",
        keys=keys,
        sessions=opened,
        has_password=await parts.accounts.has_password(reader, person.account_id),
        has_totp=await parts.accounts.has_totp(reader, person.account_id),
        left=await recovery.left(reader, person.account_id),
        mail=await mail_addresses.of_account(reader, person.account_id),
        providers=[
            (provider, next((one.level for one in linked if one.issuer == provider.issuer), ""))
            for provider in providers_of(parts.settings.openid_providers.get_secret_value()).values()
        ],
        done=done,
        only_way=ONLY_WAY,
        device=device_of(request.headers.get("user-agent", "")),
        passkeys=Passkeys(parts.settings.base_url).is_possible,
        **near(request, now.astimezone(zone)),
    )
