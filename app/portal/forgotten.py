"""A forgotten password: a link by mail, and with it a second factor; nobody is told who has an account."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import TooManyRequestsError
from app.identity import resets, sessions, tries
from app.identity.accounts import Account, folded
from app.identity.instants import to_us
from app.identity.recovery import RecoveryCodes
from app.jobs.login_mail import PasswordReset, mail_reset
from app.jobs.texts import NoticeKind
from app.portal.language import marked
from app.portal.login import TOO_MANY, WRONG_CODE
from app.portal.open_session import INPUT_LENGTH_MAX, address_of, event, tell, text_of
from app.portal.page import language_of, page
from app.portal.session import LoginParts, checked_form, maybe_logged_in, with_form_cookie
from app.portal.sign_up import Filled

SENT = marked("If this login name has a mail address here, a mail is on its way. Look in your mailbox.")
DONE = marked("Your password was changed. You can log in with it now.")
OLD_LINK = marked("This link is too old, or it was used before. Ask for a new one.")


class Forgotten:
    """What happens behind the forms."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts
        self._recovery = RecoveryCodes(parts.settings.key("recovery codes"))

    async def ask(self, request: Request, login: str) -> None:
        """Have a link mailed to whoever has this login. Raises: TooManyRequestsError, for the caller's address only."""
        parts, now = self._parts, self._parts.clock()
        language = language_of(request).code

        async def count(transaction: Transaction) -> None:
            await tries.begin(transaction, tries.of_reset(address_of(request)), now)

        async def job(transaction: Transaction) -> None:
            await tries.begin(transaction, tries.of_mail(folded(login)), now)
            await mail_reset(transaction, PasswordReset(folded(login), to_us(now), language))

        await parts.database.write(count)
        try:
            await parts.database.write(job)
        except TooManyRequestsError:
            return  # this login was sent enough mails; to say so would tell what others asked for

    async def account(self, token: str) -> Account | None:
        """Return the account that a link is for, None when it is none any more."""
        reader, now = self._parts.database.reader, self._parts.clock()
        account_id = await resets.account_of(reader, token, now)
        return await self._parts.accounts.get(reader, account_id) if account_id else None

    async def set_password(self, request: Request, account: Account, token: str, password: str, code: str) -> bool:
        """Return whether the link and the code together changed the password; then nobody is logged in any more.

        Raises: TooManyRequestsError.
        """
        parts, now, buckets = self._parts, self._parts.clock(), tries.of_code(account.account_id)
        password_hash = await parts.accounts.hash_password(password)

        async def count(transaction: Transaction) -> None:
            await tries.begin(transaction, buckets, now)

        async def job(transaction: Transaction) -> bool:
            if await resets.account_of(transaction, token, now) != account.account_id:
                return False
            is_shown = await parts.accounts.verify_totp(transaction, account.account_id, code, now)
            if not is_shown and not await self._recovery.use(transaction, account.account_id, code):
                refused = event(request, account, "login-changed", status=401, detail="forgotten password")
                await parts.audit.record(transaction, refused)
                return False
            await tries.succeeded(transaction, buckets)
            await parts.accounts.set_password(transaction, account.account_id, password_hash)
            await resets.end(transaction, account.account_id)
            await sessions.end_others(transaction, account.account_id)
            done = event(request, account, "login-changed", detail="forgotten password")
            await parts.audit.record(transaction, done)
            await tell(request, parts, transaction, account, NoticeKind.LOGIN_CHANGED)
            return True

        await parts.database.write(count)
        return await parts.database.write(job)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes ``/login/forgotten`` and ``/login/reset``."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(maybe_logged_in)])
    steps = Forgotten(parts)

    @routes.get("/login/forgotten")
    async def ask(request: Request) -> Response:
        return _shown(request, "forgotten.html")

    @routes.post("/login/forgotten")
    async def send(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        login = text_of(form, "login")
        if len(login) > INPUT_LENGTH_MAX:
            return _shown(request, "forgotten.html", done=SENT)
        try:
            await steps.ask(request, login)
        except TooManyRequestsError as error:
            return _shown(request, "forgotten.html", error.status, [TOO_MANY])
        return _shown(request, "forgotten.html", done=SENT)

    @routes.get("/login/reset")
    async def ask_password(request: Request, token: str = "") -> Response:
        account = await steps.account(token)
        if account is None:
            return _shown(request, "forgotten.html", 400, [OLD_LINK])
        return _shown(request, "reset.html", token=token)

    @routes.post("/login/reset")
    async def change(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        token = text_of(form, "token")
        account = await steps.account(token)
        if account is None:
            return _shown(request, "forgotten.html", 400, [OLD_LINK])
        wanted = Filled(account.name, account.login, text_of(form, "password"), text_of(form, "again"))
        problems = wanted.problems_of_password()
        if problems:
            return _shown(request, "reset.html", 422, problems, token=token)
        try:
            is_done = await steps.set_password(request, account, token, wanted.password, text_of(form, "code"))
        except TooManyRequestsError as error:
            return _shown(request, "reset.html", error.status, [TOO_MANY], token=token)
        if not is_done:
            return _shown(request, "reset.html", 401, [WRONG_CODE], token=token)
        return _shown(request, "forgotten.html", done=DONE)

    return routes


def _shown(
    request: Request,
    template: str,
    status: int = 200,
    problems: list[str] | None = None,
    *,
    token: str = "",
    done: str = "",
) -> Response:
    answer = page(request, template, status=status, problems=problems or [], token=token, done=done)
    return with_form_cookie(request, answer)
