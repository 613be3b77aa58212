"""The page to which an invitation leads: somebody of a practice makes their login for work, with two factors as everybody.

The link says who it is for, and is good once. What is filled in travels sealed, as when a person signs up.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import BadRequestError, ConflictError, NotFoundError, TooManyRequestsError
from app.identity import practices, staff, tries
from app.identity.accounts import Account, folded, new_account_id
from app.identity.enrolment import Enrolment, begun
from app.identity.mail_addresses import is_address
from app.identity.seal import Seal
from app.identity.staff import Invitation
from app.portal.language import marked
from app.portal.login import TOO_LATE, TOO_MANY, WRONG_CODE
from app.portal.mail_address import send_code
from app.portal.open_session import Way, address_of, event, open_session, text_of
from app.portal.page import page
from app.portal.session import WORK, LoginParts, checked_form, maybe_logged_in, set_session, with_form_cookie
from app.portal.sign_up import LOGIN_TAKEN, Filled, code_page, filled_of
from app.portal.wording import ROLES

JOIN = f"{WORK}/join"
BEGIN = marked("Make my login")
OLD_LINK = marked("This link is too old, or it was used before. Ask your practice for a new one.")


class Joining:
    """What happens behind the forms."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts

    async def refused(self, request: Request, filled: Filled) -> tuple[list[str], int]:
        """Return why this can't become a login, with the HTTP status."""
        parts = self._parts
        problems = filled.problems()
        if problems:
            return problems, 422

        async def count(transaction: Transaction) -> None:
            await tries.begin(transaction, tries.of_sign_up(address_of(request)), parts.clock())

        try:
            await parts.database.write(count)
        except TooManyRequestsError as error:
            return [TOO_MANY], error.status
        is_taken = await parts.accounts.by_login(parts.database.reader, filled.login) is not None
        return ([LOGIN_TAKEN], 422) if is_taken else ([], 200)

    async def finish(self, request: Request, token: str, enrolment: Enrolment, code: str) -> str:
        """Return the cookie value of a session of who joined; login and place at the practice are made together.

        Raises: NotFoundError, when the invitation is none any more; ConflictError, when the login name was taken meanwhile.
        """
        parts, now = self._parts, self._parts.clock()

        async def job(transaction: Transaction) -> str:
            member = await staff.join(transaction, token, new_account_id(), now)
            account_id = await parts.accounts.create(
                transaction,
                account_id=member.account_id,
                login=enrolment.login,
                password_hash=enrolment.password_hash,
                name=member.described.name,
                record_id=None,
                totp_secret=enrolment.totp_secret,
                now=now,
                is_confirmed=False,
            )
            await parts.accounts.verify_totp(
                transaction, account_id, code, now
            )  # the code that was just typed is used up
            account = Account(account_id, folded(enrolment.login), None, member.described.name)
            joined = event(request, account, "staff-joined", detail=f"{member.practice_id}: {member.described.words}")
            await parts.audit.record(transaction, msgspec.structs.replace(joined, role=member.described.role.value))
            if is_address(account.login):
                await send_code(request, parts, transaction, account, account.login)
            return await open_session(request, parts, transaction, account, Way.CODE, "joined", is_new=True)

        return await parts.database.write(job)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes ``/practice/join`` and ``/practice/join/code``."""
    routes = APIRouter(include_in_schema=False, dependencies=[Depends(maybe_logged_in)])
    seal = Seal(parts.settings.key("staff enrolments"), Enrolment)
    steps = Joining(parts)

    async def shown(
        request: Request, token: str, invited: Invitation | None, filled: Filled, problems: list[str], status: int
    ) -> Response:
        if invited is None:
            problems, status = [OLD_LINK], 400
        practice = await practices.get(parts.database.reader, invited.practice_id) if invited else None
        answer = page(
            request,
            "practice_join.html",
            status=status,
            person=None,
            invited=invited,
            practice=practice,
            role=ROLES[invited.described.role] if invited else "",
            action=f"{JOIN}?token={quote(token)}",
            login=filled.login,
            problems=problems,
        )
        return with_form_cookie(request, answer)

    async def invitation(token: str) -> Invitation | None:
        return await staff.invitation(parts.database.reader, token, parts.clock())

    @routes.get(JOIN)
    async def ask(request: Request, token: str = "") -> Response:
        return await shown(request, token, await invitation(token), Filled("", "", "", ""), [], 200)

    @routes.post(JOIN)
    async def first(request: Request, form: Annotated[FormData, Depends(checked_form)], token: str = "") -> Response:
        invited = await invitation(token)
        if invited is None:
            return await shown(request, token, None, filled_of(form), [], 400)
        typed = filled_of(form)
        filled = Filled(invited.described.name, typed.login, typed.password, typed.again)
        problems, status = await steps.refused(request, filled)
        if problems:
            return await shown(request, token, invited, filled, problems, status)
        password_hash = await parts.accounts.hash_password(filled.password)
        enrolment = begun(filled.login, password_hash, filled.name, parts.clock())
        return _code_page(request, token, enrolment, seal.sealed(enrolment))

    _add_code(routes, parts, seal, steps, shown, invitation)
    return routes


def _add_code(
    routes: APIRouter,
    parts: LoginParts,
    seal: Seal[Enrolment],
    steps: Joining,
    shown: Callable[..., Awaitable[Response]],
    invitation: Callable[[str], Awaitable[Invitation | None]],
) -> None:
    """Add the second step, which connects a phone."""

    @routes.post(f"{JOIN}/code")
    async def second(request: Request, form: Annotated[FormData, Depends(checked_form)], token: str = "") -> Response:
        sealed, code = text_of(form, "sealed"), text_of(form, "code")
        invited = await invitation(token)
        try:
            enrolment = seal.opened(sealed, parts.clock())
        except BadRequestError as error:
            return await shown(request, token, invited, Filled("", "", "", ""), [TOO_LATE], error.status)
        if not enrolment.has_code(code, parts.clock()):
            return _code_page(request, token, enrolment, sealed, WRONG_CODE, 422)
        try:
            cookie = await steps.finish(request, token, enrolment, code)
        except NotFoundError:
            return await shown(request, token, None, Filled("", "", "", ""), [], 400)
        except ConflictError as error:
            return await shown(request, token, invited, Filled("", "", "", ""), [LOGIN_TAKEN], error.status)
        answer = RedirectResponse(WORK, 303)
        set_session(request, answer, cookie)
        return answer


def _code_page(
    request: Request, token: str, enrolment: Enrolment, sealed: str, problem: str = "", status: int = 200
) -> Response:
    action = f"{JOIN}/code?token={quote(token)}"
    return code_page(request, enrolment, sealed, problem, status, action=action, done=BEGIN)
