"""Logging in with a password and a one-time code, and logging out."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import TooManyRequestsError
from app.identity import known_devices, sessions, tries
from app.identity.accounts import Account, folded
from app.identity.openid import providers_of
from app.identity.passkeys import Passkeys
from app.identity.recovery import RecoveryCodes
from app.identity.tries import Bucket
from app.portal.frame import local_path
from app.portal.kept_form import has_typed
from app.portal.language import marked
from app.portal.open_session import Way, address_of, event, open_session, renew_session, text_of
from app.portal.page import page
from app.portal.session import (
    LoggedIn,
    LoginParts,
    checked_form,
    device_cookie,
    end_session,
    logged_in,
    maybe_logged_in,
    session_cookie,
    session_of,
    set_session,
    with_form_cookie,
)

WRONG_PASSWORD = marked("This login name and password do not belong together.")
WRONG_CODE = marked("This code is not right, or it was used before. Wait for the next one.")
TOO_MANY = marked("That were too many tries. Wait a few minutes, then try again.")
TOO_LATE = marked("It took too long. Please start again.")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step of the login: the cookie value of a session, or a text of the catalog that says the problem."""

    cookie: str = ""
    problem: str = ""
    status: int = 303


OPENED = Outcome(status=200)
Opening = Callable[[Request, LoginParts, Transaction, Account, Way], Awaitable[str]]
"""Makes a session of a proof, in its transaction, and returns its cookie value."""


class Login:
    """The two steps of logging in, and logging out; each leaves its entry in the log."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts
        self._recovery = RecoveryCodes(parts.settings.key("recovery codes"))

    async def with_password(self, request: Request, login: str, password: str) -> Outcome:
        """Return the half session of whoever knows the password."""
        parts = self._parts
        buckets = tries.of_password(folded(login), address_of(request), await self._known_device(request, login))
        if not await self._may_try(request, buckets):
            return Outcome(problem=TOO_MANY, status=429)
        account = await parts.accounts.verify_password(login, password)
        if account is None:
            await self._refused(request, await parts.accounts.by_login(parts.database.reader, login), 401, "password")
            return Outcome(problem=WRONG_PASSWORD, status=401)

        async def job(transaction: Transaction) -> str:
            await tries.succeeded(transaction, buckets)
            return await sessions.begin_half(transaction, account.account_id, parts.clock())

        return Outcome(await parts.database.write(job))

    async def with_code(self, request: Request, account: Account, code: str, opened: Opening) -> Outcome:
        """Return what ``opened`` makes of the session of whoever has one and knows the code of the moment.

        A recovery code takes the place of a code of the phone.
        """
        parts = self._parts
        buckets = tries.of_code(account.account_id, await self._known_device(request, account.login))
        if not await self._may_try(request, buckets):
            return Outcome(problem=TOO_MANY, status=429)

        async def job(transaction: Transaction) -> str:
            way = await self._shown(transaction, account.account_id, code)
            if way is None:
                return ""
            await tries.succeeded(transaction, buckets)
            return await opened(request, parts, transaction, account, way)

        cookie = await parts.database.write(job)
        if not cookie:
            await self._refused(request, account, 401, "one-time code")
            return Outcome(problem=WRONG_CODE, status=401)
        return Outcome(cookie)

    async def _shown(self, transaction: Transaction, account_id: str, code: str) -> Way | None:
        """Return what a code proves, None when it proves nothing; it is used up."""
        if await self._parts.accounts.verify_totp(transaction, account_id, code, self._parts.clock()):
            return Way.CODE
        return Way.RECOVERY if await self._recovery.use(transaction, account_id, code) else None

    async def out(self, request: Request) -> None:
        """End the session of a request, if it has one."""
        session, cookie = await session_of(request), session_cookie(request)
        if session is None:
            return

        async def job(transaction: Transaction) -> None:
            await sessions.end(transaction, cookie)
            await self._parts.audit.record(transaction, event(request, session.account, "logout"))

        await self._parts.database.write(job)

    async def _known_device(self, request: Request, login: str) -> str:
        """Return the cookie of this browser if it is known from an earlier login to the account, else nothing."""
        reader, cookie = self._parts.database.reader, device_cookie(request)
        account = await self._parts.accounts.by_login(reader, login)
        if account is None or not await known_devices.is_known(reader, account.account_id, cookie, self._parts.clock()):
            return ""
        return cookie

    async def _may_try(self, request: Request, buckets: tuple[Bucket, ...]) -> bool:
        """Return whether another try may be made now, and count it."""

        async def job(transaction: Transaction) -> None:
            await tries.begin(transaction, buckets, self._parts.clock())

        try:
            await self._parts.database.write(job)
        except TooManyRequestsError as error:
            await self._refused(request, None, error.status, "too many tries")
            return False
        return True

    async def _refused(self, request: Request, account: Account | None, status: int, detail: str) -> None:
        async def job(transaction: Transaction) -> None:
            entry = event(request, account, "login", status=status, detail=detail)
            await self._parts.audit.record(transaction, entry)

        await self._parts.database.write(job)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes ``/login``, ``/login/code``, ``/login/again`` and ``/logout``."""
    routes = APIRouter(include_in_schema=False)
    steps = Login(parts)

    @routes.get("/login")
    async def ask(
        request: Request,
        person: Annotated[LoggedIn | None, Depends(maybe_logged_in)],
        back: Annotated[str, Depends(_back_of_query)],
    ) -> Response:
        return RedirectResponse(back, 303) if person else shown(request, "login.html", back)

    @routes.post("/login")
    async def password(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        back, login = local_path(text_of(form, "next")), text_of(form, "login")
        outcome = await steps.with_password(request, login, text_of(form, "password"))
        if outcome.problem:
            return shown(request, "login.html", back, outcome, login)
        answer = RedirectResponse(f"/login/code?next={quote(back, safe='/')}", 303)
        set_session(request, answer, outcome.cookie)
        return answer

    @routes.get("/login/code")
    async def ask_code(
        request: Request,
        _: Annotated[LoggedIn | None, Depends(maybe_logged_in)],
        back: Annotated[str, Depends(_back_of_query)],
    ) -> Response:
        session = await session_of(request)
        if session is None:
            return RedirectResponse(f"/login?next={quote(back, safe='/')}", 303)
        return RedirectResponse(back, 303) if session.is_whole else shown(request, "one_time_code.html", back)

    @routes.post("/login/code")
    async def code(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        back, half = local_path(text_of(form, "next")), await session_of(request)
        if half is None or half.is_whole:
            return shown(request, "login.html", back, Outcome(problem=TOO_LATE, status=401))
        outcome = await steps.with_code(request, half.account, text_of(form, "code"), open_session)
        if outcome.problem:
            return shown(request, "one_time_code.html", back, outcome)
        answer = RedirectResponse(back, 303)
        set_session(request, answer, outcome.cookie)
        return answer

    @routes.post("/logout")
    async def logout(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        await steps.out(request)
        # What the browser keeps of the pages goes too; its cookies stay, since one says that this device is known. So do
        # measurements that wait in it to be sent, of which waiting.js tells here.
        kept = '"cache"' if text_of(form, "waiting") else '"cache", "storage"'
        answer = RedirectResponse("/", 303, {"Clear-Site-Data": kept})
        end_session(answer, parts.settings)
        return answer

    _add_again(routes, steps)
    return routes


def _add_again(routes: APIRouter, steps: Login) -> None:
    """Add the page that asks somebody who is signed in for the second factor once more."""

    @routes.get("/login/again")
    async def ask_again(
        request: Request,
        _: Annotated[LoggedIn, Depends(logged_in)],
        back: Annotated[str, Depends(_back_of_query)],
    ) -> Response:
        return shown(request, "login_again.html", back)

    @routes.post("/login/again")
    async def again(
        request: Request,
        _: Annotated[LoggedIn, Depends(logged_in)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        back, session = local_path(text_of(form, "next")), await session_of(request)
        if session is None:
            return RedirectResponse("/login", 303)
        outcome = await steps.with_code(request, session.account, text_of(form, "code"), renew_session)
        if outcome.problem:
            return shown(request, "login_again.html", back, outcome)
        answer = RedirectResponse(back, 303)
        set_session(request, answer, outcome.cookie)
        return answer


def shown(request: Request, template: str, back: str, outcome: Outcome = OPENED, login: str = "") -> Response:
    """Return a page of the login; ``back`` is where it leads, ``outcome`` the problem it tells, if any."""
    settings = request.app.state.parts.settings
    answer = page(
        request,
        template,
        status=outcome.status,
        back=back,
        problem=outcome.problem,
        login=login,
        is_typed=has_typed(request),
        passkeys=Passkeys(settings.base_url).is_possible,
        providers=list(providers_of(settings.openid_providers.get_secret_value()).values()),
    )
    return with_form_cookie(request, answer)


def _back_of_query(request: Request) -> str:
    return local_path(request.query_params.get("next", "/"))
