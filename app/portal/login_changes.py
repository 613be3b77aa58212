"""Another password, another phone, new recovery codes: each with a fresh second factor, and each in the person's log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import BadRequestError, TooManyRequestsError
from app.identity import recovery, resets, sessions, tries
from app.identity.accounts import Account
from app.identity.enrolment import Enrolment, begun
from app.identity.recovery import RecoveryCodes
from app.identity.seal import Seal
from app.portal.language import marked
from app.portal.login import TOO_LATE, TOO_MANY, WRONG_CODE
from app.portal.login_settings import HERE
from app.portal.open_session import address_of, log_change, text_of
from app.portal.page import page
from app.portal.session import LoggedIn, LoginParts, checked_form, freshly_proven, session_cookie, set_session
from app.portal.sign_up import Filled, code_page

WRONG_CURRENT = marked("This is not the password that you have now.")
CONNECT = marked("Connect this phone")
NO_PHONE = marked("First connect your phone. A password works with a code only.")


class Changes:
    """What happens behind the forms."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts
        self._recovery = RecoveryCodes(parts.settings.key("recovery codes"))

    async def account_of(self, person: LoggedIn) -> Account:
        """Return the account of somebody who is signed in. Raises: BadRequestError, when it was just erased."""
        account = await self._parts.accounts.get(self._parts.database.reader, person.account_id)
        if account is None:
            raise BadRequestError("The account is not there any more.")
        return account

    async def is_current(self, request: Request, account: Account, password: str) -> bool:
        """Return whether this is the account's password now, if it has one. Raises: TooManyRequestsError."""
        parts = self._parts
        if not await parts.accounts.has_password(parts.database.reader, account.account_id):
            return True
        buckets = tries.of_password(account.login, address_of(request))

        async def count(transaction: Transaction) -> None:
            await tries.begin(transaction, buckets, parts.clock())

        async def strike(transaction: Transaction) -> None:
            await tries.succeeded(transaction, buckets)

        await parts.database.write(count)
        if await parts.accounts.verify_password(account.login, password) is None:
            return False
        await parts.database.write(strike)
        return True

    async def set_password(self, request: Request, person: LoggedIn, password: str) -> str:
        """Return the new cookie value of the one session that is left."""
        parts = self._parts
        password_hash = await parts.accounts.hash_password(password)

        async def job(transaction: Transaction) -> str:
            await parts.accounts.set_password(transaction, person.account_id, password_hash)
            await resets.end(transaction, person.account_id)
            await sessions.end_others(transaction, person.account_id, session_cookie(request))
            await log_change(request, parts, transaction, person, "password")
            return await sessions.renew(transaction, session_cookie(request), parts.clock())

        return await parts.database.write(job)

    async def set_phone(self, request: Request, person: LoggedIn, totp_secret: str, code: str) -> None:
        """Take codes from another phone from now on; the one that was just typed is used up."""
        parts = self._parts

        async def job(transaction: Transaction) -> None:
            await parts.accounts.set_totp(transaction, person.account_id, totp_secret)
            await parts.accounts.verify_totp(transaction, person.account_id, code, parts.clock())
            await log_change(request, parts, transaction, person, "phone with codes")

        await parts.database.write(job)

    async def new_codes(self, request: Request, person: LoggedIn) -> list[str]:
        """Return new recovery codes."""

        async def job(transaction: Transaction) -> list[str]:
            await log_change(request, self._parts, transaction, person, "recovery codes")
            return await self._recovery.renew(transaction, person.account_id)

        return await self._parts.database.write(job)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/login-and-devices`` that change how to log in."""
    routes = APIRouter(include_in_schema=False)
    changes = Changes(parts)
    _add_password(routes, parts, changes)
    _add_phone(routes, parts, changes)

    @routes.get(f"{HERE}/recovery")
    async def ask_for_codes(request: Request, person: Annotated[LoggedIn, Depends(freshly_proven)]) -> Response:
        left = await recovery.left(parts.database.reader, person.account_id)
        return page(request, "recovery_codes.html", codes=[], left=left)

    @routes.post(f"{HERE}/recovery")
    async def codes(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        return page(request, "recovery_codes.html", codes=await changes.new_codes(request, person), left=0)

    return routes


def _add_password(routes: APIRouter, parts: LoginParts, changes: Changes) -> None:
    async def shown(request: Request, person: LoggedIn, problems: list[str], status: int) -> Response:
        has_password = await parts.accounts.has_password(parts.database.reader, person.account_id)
        return page(request, "password.html", status=status, problems=problems, has_password=has_password)

    @routes.get(f"{HERE}/password")
    async def ask(request: Request, person: Annotated[LoggedIn, Depends(freshly_proven)]) -> Response:
        return await shown(request, person, [], 200)

    @routes.post(f"{HERE}/password")
    async def change(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        account = await changes.account_of(person)
        wanted = Filled(account.name, account.login, text_of(form, "password"), text_of(form, "again"))
        problems = wanted.problems_of_password()
        if not await parts.accounts.has_totp(parts.database.reader, person.account_id):
            problems.append(NO_PHONE)
        if problems:
            return await shown(request, person, problems, 422)
        try:
            if not await changes.is_current(request, account, text_of(form, "current")):
                return await shown(request, person, [WRONG_CURRENT], 422)
        except TooManyRequestsError as error:
            return await shown(request, person, [TOO_MANY], error.status)
        answer = RedirectResponse(f"{HERE}?done=password", 303)
        set_session(request, answer, await changes.set_password(request, person, wanted.password))
        return answer


def _add_phone(routes: APIRouter, parts: LoginParts, changes: Changes) -> None:
    seal = Seal(parts.settings.key("another phone"), Enrolment)

    async def shown(request: Request, person: LoggedIn, problem: str = "", status: int = 200) -> Response:
        account = await changes.account_of(person)
        enrolment = begun(account.login, "", account.name, parts.clock())
        return code_page(
            request, enrolment, seal.sealed(enrolment), problem, status, action=f"{HERE}/phone", done=CONNECT
        )

    @routes.get(f"{HERE}/phone")
    async def ask(request: Request, person: Annotated[LoggedIn, Depends(freshly_proven)]) -> Response:
        return await shown(request, person)

    @routes.post(f"{HERE}/phone")
    async def connect(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        sealed, code = text_of(form, "sealed"), text_of(form, "code")
        account = await changes.account_of(person)
        try:
            enrolment = seal.opened(sealed, parts.clock())
        except BadRequestError as error:
            return await shown(request, person, TOO_LATE, error.status)
        if enrolment.login != account.login:
            return await shown(request, person, TOO_LATE, 400)
        if not enrolment.has_code(code, parts.clock()):
            return code_page(request, enrolment, sealed, WRONG_CODE, 422, action=f"{HERE}/phone", done=CONNECT)
        await changes.set_phone(request, person, enrolment.totp_secret, code)
        return RedirectResponse(f"{HERE}?done=phone", 303)
