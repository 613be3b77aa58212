"""Signing up: a login name, a password, and a code from the person's phone before anything is made."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import BadRequestError, ConflictError, TooManyRequestsError
from app.identity import sessions, tries
from app.identity.accounts import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, folded
from app.identity.enrolment import Enrolment, Seal, begun
from app.portal.language import marked
from app.portal.login import TOO_LATE, TOO_MANY, WRONG_CODE, address_of, event, text_of
from app.portal.page import page
from app.portal.session import (
    LoginParts,
    SignedIn,
    checked_form,
    maybe_signed_in,
    set_session,
    with_form_cookie,
)

NAME_LENGTH_MAX = 100
NO_NAME = marked("Fill in your name.")
NO_LOGIN = marked("Choose a login name of 3 letters or more, without spaces.")
LOGIN_TAKEN = marked("This login name can't be used. Choose another one.")
PASSWORD_TOO_SHORT = marked("Choose a password of at least 12 characters.")
PASSWORD_TOO_EASY = marked("Your password may not contain your name or login name.")
PASSWORDS_DIFFER = marked("The two passwords are not the same.")

NewRecord = Callable[[Transaction, str], Awaitable[int]]
"""Makes a record for a person of this name in the transaction, and returns its number."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody filled in."""

    name: str
    login: str
    password: str
    again: str

    def problems(self) -> list[str]:
        """Return what is wrong with it, as texts of the catalog."""
        login = folded(self.login)
        lowered = self.password.casefold()
        parts = [part for part in (login, *self.name.casefold().split()) if len(part) > 2]
        found = (
            (NO_NAME, not 0 < len(self.name) <= NAME_LENGTH_MAX or not self.name.isprintable()),
            (NO_LOGIN, len(login) < 3 or len(login) > NAME_LENGTH_MAX or not login.isprintable() or " " in login),
            (PASSWORD_TOO_SHORT, not PASSWORD_LENGTH_MIN <= len(self.password) <= PASSWORD_LENGTH_MAX),
            (PASSWORD_TOO_EASY, any(part in lowered for part in parts)),
            (PASSWORDS_DIFFER, self.password != self.again),
        )
        return [problem for problem, is_there in found if is_there]


EMPTY = Filled("", "", "", "")


def filled_of(form: FormData) -> Filled:
    """Return what a form says."""
    name = " ".join(text_of(form, "name").split())
    return Filled(name, text_of(form, "login").strip(), text_of(form, "password"), text_of(form, "again"))


class SignUp:
    """What happens behind the forms."""

    def __init__(self, parts: LoginParts, new_record: NewRecord) -> None:
        self._parts = parts
        self._new_record = new_record

    async def may_try(self, request: Request) -> bool:
        """Return whether another account may be begun from this address now, and count it."""

        async def job(transaction: Transaction) -> None:
            await tries.begin(transaction, tries.of_sign_up(address_of(request)), self._parts.clock())

        try:
            await self._parts.database.write(job)
        except TooManyRequestsError:
            return False
        return True

    async def finish(self, request: Request, enrolment: Enrolment, code: str) -> str:
        """Return the cookie value of a session of the new person, whose record and account are made together.

        Raises: ConflictError, when somebody took the login name meanwhile, or the form was sent twice.
        """
        accounts, now = self._parts.accounts, self._parts.clock()

        async def job(transaction: Transaction) -> str:
            record_id = await self._new_record(transaction, enrolment.name)
            account_id = await accounts.create(
                transaction,
                login=enrolment.login,
                password_hash=enrolment.password_hash,
                name=enrolment.name,
                record_id=record_id,
                totp_secret=enrolment.totp_secret,
                now=now,
            )
            await accounts.verify_totp(transaction, account_id, code, now)  # the code that was just typed is used up
            account = await accounts.get(transaction, account_id)
            await self._parts.audit.record(transaction, event(request, account, "login", detail="signed up"))
            half = await sessions.begin_half(transaction, account_id, now)
            idle = self._parts.settings.session_lifetime
            return await sessions.make_whole(transaction, half, account_id, now, idle)

        return await self._parts.database.write(job)


def router(parts: LoginParts, new_record: NewRecord) -> APIRouter:
    """Return the routes ``/sign-up`` and ``/sign-up/code``."""
    routes = APIRouter(include_in_schema=False)
    seal = Seal(parts.settings.key("enrolments"))
    steps = SignUp(parts, new_record)

    @routes.get("/sign-up")
    async def ask(request: Request, person: Annotated[SignedIn | None, Depends(maybe_signed_in)]) -> Response:
        return RedirectResponse("/", 303) if person else _first_page(request, EMPTY, [], 200)

    @routes.post("/sign-up")
    async def first(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        filled = filled_of(form)
        problems = filled.problems()
        if problems:
            return _first_page(request, filled, problems, 422)
        if not await steps.may_try(request):
            return _first_page(request, filled, [TOO_MANY], 429)
        if await parts.accounts.by_login(parts.database.reader, filled.login) is not None:
            return _first_page(request, filled, [LOGIN_TAKEN], 422)
        password_hash = await parts.accounts.hash_password(filled.password)
        enrolment = begun(filled.login, password_hash, filled.name, parts.clock())
        return _code_page(request, enrolment, seal.sealed(enrolment))

    @routes.post("/sign-up/code")
    async def second(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        sealed, code = text_of(form, "sealed"), text_of(form, "code")
        try:
            enrolment = seal.opened(sealed, parts.clock())
        except BadRequestError as error:
            return _first_page(request, EMPTY, [TOO_LATE], error.status)
        if not enrolment.has_code(code, parts.clock()):
            return _code_page(request, enrolment, sealed, WRONG_CODE, 422)
        try:
            cookie = await steps.finish(request, enrolment, code)
        except ConflictError:
            return _first_page(request, EMPTY, [LOGIN_TAKEN], 422)
        answer = RedirectResponse("/", 303)
        set_session(answer, cookie, parts.settings)
        return answer

    return routes


def _first_page(request: Request, filled: Filled, problems: list[str], status: int) -> Response:
    answer = page(request, "sign_up.html", status=status, filled=filled, problems=problems)
    return with_form_cookie(request, answer)


def _code_page(request: Request, enrolment: Enrolment, sealed: str, problem: str = "", status: int = 200) -> Response:
    return page(
        request,
        "sign_up_code.html",
        status=status,
        sealed=sealed,
        picture=segno.make(enrolment.uri, micro=False).svg_inline(scale=5, border=3, light="#fff"),
        secret=" ".join(enrolment.totp_secret[at : at + 4] for at in range(0, len(enrolment.totp_secret), 4)),
        problem=problem,
    )
