"""Passkeys on the pages: logging in with one, adding one, removing one."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import BadRequestError, ConflictError, NotFoundError, TooManyRequestsError
from app.identity import challenges, passkeys, tries
from app.identity.accounts import Account
from app.identity.challenges import Purpose
from app.identity.passkeys import Passkeys
from app.portal.frame import local_path
from app.portal.language import marked
from app.portal.login import TOO_MANY, Outcome, shown
from app.portal.login_settings import HERE, can_log_in
from app.portal.open_session import Way, address_of, event, log_change, open_session, renew_session, text_of
from app.portal.page import language_of
from app.portal.session import (
    LoggedIn,
    LoginParts,
    bound_cookie,
    checked_form,
    freshly_proven,
    session_of,
    set_session,
)

NAME_LENGTH_MAX = 60
NO_PASSKEY = marked("This passkey does not open a record here. Try again, or use your password.")


class PasskeySteps:
    """Logging in with a passkey and keeping a new one; each leaves its entry in the log."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts
        self.keys = Passkeys(parts.settings.base_url)

    async def log_in(self, request: Request, credential: str) -> Outcome:
        """Return the session of whoever has the passkey and proved to it that they own it."""
        parts, buckets = self._parts, tries.of_passkey(address_of(request))

        async def count(transaction: Transaction) -> None:
            await tries.begin(transaction, buckets, parts.clock())

        async def job(transaction: Transaction) -> str:
            now = parts.clock()
            asked = await challenges.take(transaction, Purpose.LOGIN, bound_cookie(request), now)
            account_id = await self.keys.verify(transaction, credential, asked.value, now) if asked else ""
            account = await parts.accounts.get(transaction, account_id)
            if account is None:
                about = await self._claimed(transaction, credential)
                await parts.audit.record(transaction, event(request, about, "login", status=401, detail="passkey"))
                return ""
            await tries.succeeded(transaction, buckets)
            session = await session_of(request)
            if session is not None and session.is_whole and session.account == account:
                return await renew_session(request, parts, transaction, account, Way.PASSKEY)
            return await open_session(request, parts, transaction, account, Way.PASSKEY)

        try:
            await parts.database.write(count)
        except TooManyRequestsError as error:
            return Outcome(problem=TOO_MANY, status=error.status)
        cookie = await parts.database.write(job)
        return Outcome(cookie) if cookie else Outcome(problem=NO_PASSKEY, status=401)

    async def add(self, request: Request, person: LoggedIn, credential: str, name: str) -> None:
        """Keep a passkey of somebody who is signed in. Raises: BadRequestError, ConflictError."""
        parts = self._parts

        async def job(transaction: Transaction) -> bool:
            now = parts.clock()
            asked = await challenges.take(transaction, Purpose.REGISTRATION, bound_cookie(request), now)
            if asked is None or asked.subject != person.account_id:
                return False
            await self.keys.add(transaction, credential, asked.value, person.account_id, name, now)
            await log_change(request, self._parts, transaction, person, "passkey added")
            return True

        if not await parts.database.write(job):
            raise BadRequestError("The passkey was not asked for here.")

    async def remove(self, request: Request, person: LoggedIn, credential_id: str) -> None:
        """Take away a passkey. Raises: NotFoundError; ConflictError, when nothing else opens the account."""

        async def job(transaction: Transaction) -> None:
            if not await passkeys.remove(transaction, person.account_id, credential_id):
                raise NotFoundError("There is no such passkey.")
            if not await can_log_in(self._parts, transaction, person.account_id):
                raise ConflictError("This is the only way to log in.")
            await log_change(request, self._parts, transaction, person, "passkey removed")

        await self._parts.database.write(job)

    async def _claimed(self, transaction: Transaction, credential: str) -> Account | None:
        return await self._parts.accounts.get(transaction, await self.keys.owner(transaction, credential))


def router(parts: LoginParts) -> APIRouter:
    """Return the routes of passkeys; none where browsers can't have any for this server."""
    routes = APIRouter(include_in_schema=False)
    steps = PasskeySteps(parts)
    if not steps.keys.is_possible:
        return routes

    @routes.post("/login/passkey/options")
    async def login_options(request: Request, _: Annotated[FormData, Depends(checked_form)]) -> Response:
        return as_json(steps.keys.login(await begin_challenge(request, parts, Purpose.LOGIN)))

    @routes.post("/login/passkey")
    async def log_in(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        back = local_path(text_of(form, "next"))
        outcome = await steps.log_in(request, text_of(form, "credential"))
        if outcome.problem:
            return shown(request, "login.html", back, outcome)
        answer = RedirectResponse(back, 303)
        set_session(request, answer, outcome.cookie)
        return answer

    @routes.post(f"{HERE}/passkey/options")
    async def options(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        account = await parts.accounts.get(parts.database.reader, person.account_id)
        login = account.login if account else person.name
        challenge = await begin_challenge(request, parts, Purpose.REGISTRATION, person.account_id)
        reader = parts.database.reader
        return as_json(await steps.keys.registration(reader, challenge, person.account_id, login, person.name))

    @routes.post(f"{HERE}/passkey")
    async def add(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        name = " ".join(text_of(form, "name").split())[:NAME_LENGTH_MAX]
        if not name.isprintable():
            raise BadRequestError("The name has signs in it that can't be shown.")
        name = name or language_of(request).gettext("Passkey")
        await steps.add(request, person, text_of(form, "credential"), name)
        return RedirectResponse(f"{HERE}?done=passkey-added", 303)

    @routes.post(f"{HERE}/passkey/{{credential_id}}/remove")
    async def remove(
        request: Request,
        credential_id: str,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        try:
            await steps.remove(request, person, credential_id)
        except ConflictError:
            return RedirectResponse(f"{HERE}?done=only-way", 303)
        return RedirectResponse(f"{HERE}?done=passkey-removed", 303)

    return routes


async def begin_challenge(request: Request, parts: LoginParts, purpose: Purpose, subject: str = "") -> bytes:
    """Return a new challenge for the browser that asks; ``subject`` is the account it is about."""

    async def job(transaction: Transaction) -> bytes:
        return await challenges.begin(transaction, purpose, bound_cookie(request), parts.clock(), subject)

    return await parts.database.write(job)


def as_json(text: str) -> Response:
    """Return options for a browser, which nothing on the way keeps."""
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


def problem(request: Request, text: str, status: int) -> Response:
    """Return a text of the catalog for the page's script to show."""
    return JSONResponse({"problem": language_of(request).gettext(text)}, status, {"Cache-Control": "no-store"})
