"""What every way to log in ends with: the entry in the log, and a new session in place of the one the browser had."""

import secrets
from enum import StrEnum

import msgspec
from fastapi import Request
from starlette.datastructures import FormData

from app.audit.events import Event
from app.db.database import Transaction
from app.identity import known_devices, sessions
from app.identity.accounts import Account
from app.identity.devices import device_of
from app.identity.instants import to_us
from app.jobs.notices import notify
from app.jobs.texts import NoticeKind
from app.portal.page import language_of
from app.portal.session import LoggedIn, LoginParts, device_cookie, session_cookie
from app.portal.view import trace_of

INPUT_LENGTH_MAX = 256


class Way(StrEnum):
    """The two factors that were shown, as the log and the list of sessions say it."""

    PASSKEY = "passkey"
    CODE = "password and one-time code"
    RECOVERY = "password and recovery code"
    PROVIDER = "provider"


async def open_session(
    request: Request,
    parts: LoginParts,
    transaction: Transaction,
    account: Account,
    way: Way,
    note: str = "",
    *,
    is_new: bool = False,
    assurance: str = "",
) -> str:
    """Return the cookie value of the session of somebody who has just shown both factors.

    ``assurance`` is the level that another party proved. ``note`` goes into the log and the session with the way; of an account that ``is_new`` no device is news.
    """
    detail = f"{way}, {note}" if note else way
    await _remember_device(request, parts, transaction, account, is_told=not is_new)
    await parts.audit.record(transaction, event(request, account, "login", detail=detail, assurance=assurance))
    return await sessions.make_whole(
        transaction,
        session_cookie(request),
        account.account_id,
        parts.clock(),
        parts.settings.session_lifetime,
        way=detail,
        device=device_of(request.headers.get("user-agent", "")),
    )


async def _remember_device(
    request: Request, parts: LoginParts, transaction: Transaction, account: Account, *, is_told: bool
) -> None:
    """Know this browser from now on; if it was not known, the person is told, except about the one they signed up with."""
    now, cookie = parts.clock(), device_cookie(request)
    if is_told and not await known_devices.is_known(transaction, account.account_id, cookie, now):
        await tell(request, parts, transaction, account, NoticeKind.NEW_DEVICE)
    request.state.device_cookie = cookie or secrets.token_urlsafe(32)
    await known_devices.remember(transaction, account.account_id, request.state.device_cookie, now)


async def tell(
    request: Request, parts: LoginParts, transaction: Transaction, account: Account, kind: NoticeKind
) -> None:
    """Have whoever has the account told by mail, in the language of the page, if the transaction commits."""
    language, now_us = language_of(request).code, to_us(parts.clock())
    at_work = account.account_id if account.record_id is None else ""
    await notify(
        transaction, record_id=account.logged_at, kind=kind, now_us=now_us, language=language, account_id=at_work
    )


async def log_change(
    request: Request,
    parts: LoginParts,
    transaction: Transaction,
    person: LoggedIn,
    what: str,
    *,
    is_told: bool = True,
) -> None:
    """Write a change of how ``person`` logs in into their log, ``what`` in words, and tell them by mail."""
    await parts.audit.record(transaction, event(request, person.account, "login-changed", detail=what))
    if is_told:
        await tell(request, parts, transaction, person.account, NoticeKind.LOGIN_CHANGED)


async def renew_session(
    request: Request, parts: LoginParts, transaction: Transaction, account: Account, way: Way
) -> str:
    """Return the new cookie value of a session whose person showed a second factor once more."""
    await parts.audit.record(transaction, event(request, account, "login", detail=f"{way}, again"))
    return await sessions.renew(transaction, session_cookie(request), parts.clock())


def event(
    request: Request, account: Account | None, action: str, *, status: int = 0, detail: str = "", assurance: str = ""
) -> Event:
    """Return the entry in the log for a login or logout; with a ``status`` it is a refusal."""
    entry = Event(
        **msgspec.structs.asdict(trace_of(request)),
        action=action,
        outcome="refused" if status else "success",
        status=status,
        record_id=-1 if account is None else account.logged_at,
        detail=detail,
        assurance=assurance,
    )
    if account is None or status:  # whoever fails to log in is not known to be the one whose login it is
        return entry
    if account.record_id is None:
        actor = f"staff:{account.account_id}"
        return msgspec.structs.replace(entry, kind="practice", actor=actor, display=account.name)
    return msgspec.structs.replace(entry, kind="person", actor="person", display=account.name, ground="own record")


def text_of(form: FormData, name: str) -> str:
    """Return a field of a form, empty when it is missing, a file or longer than anything that belongs in a form."""
    value = form.get(name)
    return value if isinstance(value, str) and len(value) <= INPUT_LENGTH_MAX * 64 else ""


def address_of(request: Request) -> str:
    """Return where a request comes from."""
    return trace_of(request).address or (request.client.host if request.client else "")
