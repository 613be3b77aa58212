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
from app.identity import challenges, tries
from app.identity.accounts import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, folded, new_account_id
from app.identity.challenges import Purpose
from app.identity.devices import device_of
from app.identity.enrolment import Enrolment, begun
from app.identity.mail_addresses import is_address
from app.identity.passkeys import Passkeys
from app.identity.passwords import is_easy_to_guess
from app.identity.seal import Seal
from app.portal.language import marked
from app.portal.login import TOO_LATE, TOO_MANY, WRONG_CODE
from app.portal.login_settings import HERE
from app.portal.mail_address import send_code
from app.portal.open_session import Way, address_of, open_session, text_of
from app.portal.page import language_of, page
from app.portal.passkeys import as_json, begin_challenge, problem
from app.portal.session import (
    LoggedIn,
    LoginParts,
    bound_cookie,
    checked_form,
    maybe_logged_in,
    set_session,
    with_form_cookie,
)

NAME_LENGTH_MAX = 100
NO_NAME = marked("Fill in your name.")
NO_LOGIN = marked("Choose a login name of 3 letters or more, without spaces.")
LOGIN_TAKEN = marked("This login name can't be used. Choose another one.")
PASSWORD_TOO_SHORT = marked("Choose a password of at least 12 characters.")
PASSWORD_TOO_EASY = marked("Your password may not contain your name or login name.")
PASSWORD_KNOWN = marked("Many people use this password, or one like it. Choose another one, such as four words.")
PASSWORDS_DIFFER = marked("The two passwords are not the same.")

START = marked("Start your record")
NO_PASSKEY = marked("The passkey could not be made. Try again, or choose a password.")

NewRecord = Callable[[Transaction, str], Awaitable[int]]
"""Makes a record for a person of this name in the transaction, and returns its number."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What somebody filled in."""

    name: str
    login: str
    password: str
    again: str

    def problems_of_who(self) -> list[str]:
        """Return what is wrong with the name and the login name, as texts of the catalog."""
        login = folded(self.login)
        found = (
            (NO_NAME, not 0 < len(self.name) <= NAME_LENGTH_MAX or not self.name.isprintable()),
            (NO_LOGIN, len(login) < 3 or len(login) > NAME_LENGTH_MAX or not login.isprintable() or " " in login),
        )
        return [problem for problem, is_there in found if is_there]

    def problems(self) -> list[str]:
        """Return what is wrong with any of it, as texts of the catalog."""
        return self.problems_of_who() + self.problems_of_password()

    def problems_of_password(self) -> list[str]:
        """Return what is wrong with the password, as texts of the catalog."""
        lowered = self.password.casefold()
        parts = [part for part in (folded(self.login), *self.name.casefold().split()) if len(part) > 2]
        found = (
            (PASSWORD_TOO_SHORT, not PASSWORD_LENGTH_MIN <= len(self.password) <= PASSWORD_LENGTH_MAX),
            (PASSWORD_TOO_EASY, any(part in lowered for part in parts)),
            (PASSWORD_KNOWN, len(self.password) <= PASSWORD_LENGTH_MAX and is_easy_to_guess(self.password)),
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
        self.keys = Passkeys(parts.settings.base_url)

    async def may_try(self, request: Request) -> bool:
        """Return whether another account may be begun from this address now, and count it."""

        async def job(transaction: Transaction) -> None:
            await tries.begin(transaction, tries.of_sign_up(address_of(request)), self._parts.clock())

        try:
            await self._parts.database.write(job)
        except TooManyRequestsError:
            return False
        return True

    async def refused(self, request: Request, filled: Filled, problems: list[str]) -> tuple[list[str], int]:
        """Return why this can't become an account, with the HTTP status; ``problems`` are those known already."""
        if problems:
            return problems, 422
        if not await self.may_try(request):
            return [TOO_MANY], 429
        if await self._parts.accounts.by_login(self._parts.database.reader, filled.login) is not None:
            return [LOGIN_TAKEN], 422
        return [], 200

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
                is_confirmed=False,
            )
            await accounts.verify_totp(transaction, account_id, code, now)  # the code that was just typed is used up
            return await self._opened(request, transaction, account_id, Way.CODE)

        return await self._parts.database.write(job)

    async def finish_with_passkey(self, request: Request, filled: Filled, credential: str) -> str:
        """Return the same for who made a passkey and has no password; empty when it was not asked for here.

        Raises: BadRequestError, when the passkey is none; ConflictError, as above.
        """
        parts, now = self._parts, self._parts.clock()

        async def job(transaction: Transaction) -> str:
            asked = await challenges.take(transaction, Purpose.SIGN_UP, bound_cookie(request), now)
            if asked is None:
                return ""
            await parts.accounts.create(
                transaction,
                account_id=asked.subject,
                login=filled.login,
                password_hash="",
                name=filled.name,
                record_id=await self._new_record(transaction, filled.name),
                totp_secret="",
                now=now,
                is_confirmed=False,
            )
            device = device_of(request.headers.get("user-agent", "")) or language_of(request).gettext("Passkey")
            await self.keys.add(transaction, credential, asked.value, asked.subject, device, now)
            return await self._opened(request, transaction, asked.subject, Way.PASSKEY)

        return await parts.database.write(job)

    async def _opened(self, request: Request, transaction: Transaction, account_id: str, way: Way) -> str:
        account = await self._parts.accounts.get(transaction, account_id)
        if account is None:
            raise ConflictError("The account was not made.")
        if is_address(account.login):
            await send_code(request, self._parts, transaction, account, account.login)
        return await open_session(request, self._parts, transaction, account, way, "signed up", is_new=True)


def router(parts: LoginParts, new_record: NewRecord) -> APIRouter:
    """Return the routes ``/sign-up`` and ``/sign-up/code``."""
    routes = APIRouter(include_in_schema=False)
    seal = Seal(parts.settings.key("enrolments"), Enrolment)
    steps = SignUp(parts, new_record)

    @routes.get("/sign-up")
    async def ask(request: Request, person: Annotated[LoggedIn | None, Depends(maybe_logged_in)]) -> Response:
        return RedirectResponse("/", 303) if person else _first_page(request, EMPTY, [], 200)

    @routes.post("/sign-up")
    async def first(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        filled = filled_of(form)
        problems, status = await steps.refused(request, filled, filled.problems())
        if problems:
            return _first_page(request, filled, problems, status)
        password_hash = await parts.accounts.hash_password(filled.password)
        enrolment = begun(filled.login, password_hash, filled.name, parts.clock())
        return code_page(request, enrolment, seal.sealed(enrolment))

    @routes.post("/sign-up/code")
    async def second(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        sealed, code = text_of(form, "sealed"), text_of(form, "code")
        try:
            enrolment = seal.opened(sealed, parts.clock())
        except BadRequestError as error:
            return _first_page(request, EMPTY, [TOO_LATE], error.status)
        if not enrolment.has_code(code, parts.clock()):
            return code_page(request, enrolment, sealed, WRONG_CODE, 422)
        try:
            cookie = await steps.finish(request, enrolment, code)
        except ConflictError:
            return _first_page(request, EMPTY, [LOGIN_TAKEN], 422)
        answer = RedirectResponse(_next(enrolment.login), 303)
        set_session(request, answer, cookie)
        return answer

    if steps.keys.is_possible:
        _add_passkeys(routes, parts, steps)
    return routes


def _add_passkeys(routes: APIRouter, parts: LoginParts, steps: SignUp) -> None:
    """Add the routes of who signs up with a passkey and no password."""

    @routes.post("/sign-up/passkey/options")
    async def options(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        filled = filled_of(form)
        problems, status = await steps.refused(request, filled, filled.problems_of_who())
        if problems:
            return problem(request, problems[0], status)
        account_id = new_account_id()
        challenge = await begin_challenge(request, parts, Purpose.SIGN_UP, account_id)
        reader = parts.database.reader
        return as_json(await steps.keys.registration(reader, challenge, account_id, filled.login, filled.name))

    @routes.post("/sign-up/passkey")
    async def finish(request: Request, form: Annotated[FormData, Depends(checked_form)]) -> Response:
        filled = filled_of(form)
        problems = filled.problems_of_who()
        if problems:
            return _first_page(request, filled, problems, 422)
        try:
            cookie = await steps.finish_with_passkey(request, filled, text_of(form, "credential"))
        except BadRequestError as error:
            return _first_page(request, filled, [NO_PASSKEY], error.status)
        except ConflictError:
            return _first_page(request, filled, [LOGIN_TAKEN], 422)
        if not cookie:
            return _first_page(request, filled, [TOO_LATE], 400)
        answer = RedirectResponse(_next(filled.login), 303)
        set_session(request, answer, cookie)
        return answer


def _next(login: str) -> str:
    """Return the page after signing up: the code that was mailed, if the login is an address; else recovery codes."""
    return f"{HERE}/mail/code" if is_address(login) else f"{HERE}/recovery"


def _first_page(request: Request, filled: Filled, problems: list[str], status: int) -> Response:
    has_passkeys = Passkeys(request.app.state.parts.settings.base_url).is_possible
    answer = page(request, "sign_up.html", status=status, filled=filled, problems=problems, passkeys=has_passkeys)
    return with_form_cookie(request, answer)


def code_page(
    request: Request,
    enrolment: Enrolment,
    sealed: str,
    problem: str = "",
    status: int = 200,
    *,
    action: str = "/sign-up/code",
    done: str = START,
) -> Response:
    """Return the page that connects a phone; its form goes to ``action``, ``done`` is the word on its button."""
    return page(
        request,
        "sign_up_code.html",
        status=status,
        sealed=sealed,
        picture=segno.make(enrolment.uri, micro=False).svg_inline(scale=5, border=3, light="#fff"),
        secret=" ".join(enrolment.totp_secret[at : at + 4] for at in range(0, len(enrolment.totp_secret), 4)),
        problem=problem,
        action=action,
        done=done,
    )
