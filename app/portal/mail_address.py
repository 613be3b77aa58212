"""The person's mail address: a code is mailed there, and counts only when it comes back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import TooManyRequestsError
from app.identity import mail_addresses, resets, tries
from app.identity.accounts import Account
from app.identity.instants import to_us
from app.identity.mail_addresses import MailAddresses, is_address
from app.jobs.login_mail import MailCode, mail_code
from app.portal.language import marked
from app.portal.login import TOO_MANY
from app.portal.login_settings import HERE
from app.portal.open_session import log_change, text_of
from app.portal.page import language_of, page
from app.portal.session import LoggedIn, LoginParts, checked_form, freshly_proven

NO_ADDRESS = marked("This is not a mail address that we can write to.")
WRONG_MAILED_CODE = marked("This code is not right, or it is too old. Have a new one mailed.")


async def send_code(request: Request, parts: LoginParts, transaction: Transaction, account: Account, mail: str) -> None:
    """Mail a code to ``mail``, if the transaction commits. Raises: TooManyRequestsError."""
    now = parts.clock()
    await tries.begin(transaction, tries.of_mail(account.account_id), now)
    addresses = MailAddresses(parts.settings.key("mail codes"))
    code = await addresses.begin(transaction, account.account_id, mail, now)
    body = MailCode(to=mail, code=code, at_us=to_us(now), language=language_of(request).code)
    await mail_code(transaction, account.logged_at, body)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/login-and-devices/mail``."""
    routes = APIRouter(include_in_schema=False)
    addresses = MailAddresses(parts.settings.key("mail codes"))

    @routes.get(f"{HERE}/mail")
    async def ask(request: Request, person: Annotated[LoggedIn, Depends(freshly_proven)]) -> Response:
        known = await mail_addresses.of_account(parts.database.reader, person.account_id)
        return page(request, "mail.html", mail=known, problem="")

    @routes.post(f"{HERE}/mail")
    async def send(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        mail = text_of(form, "mail").strip()
        if not is_address(mail):
            return page(request, "mail.html", status=422, mail=mail, problem=NO_ADDRESS)

        async def job(transaction: Transaction) -> None:
            await send_code(request, parts, transaction, person.account, mail)

        try:
            await parts.database.write(job)
        except TooManyRequestsError as error:
            return page(request, "mail.html", status=error.status, mail=mail, problem=TOO_MANY)
        return RedirectResponse(f"{HERE}/mail/code", 303)

    @routes.get(f"{HERE}/mail/code")
    async def ask_code(request: Request, _: Annotated[LoggedIn, Depends(freshly_proven)]) -> Response:
        return page(request, "mail_code.html", problem="")

    @routes.post(f"{HERE}/mail/code")
    async def confirm(
        request: Request,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        async def job(transaction: Transaction) -> bool:
            if not await addresses.confirm(transaction, person.account_id, text_of(form, "code"), parts.clock()):
                return False
            # Links that lie in the mailbox from before: it may be in the hands of somebody else.
            await resets.end(transaction, person.account_id)
            await log_change(request, parts, transaction, person, "mail address")
            return True

        if not await parts.database.write(job):
            return page(request, "mail_code.html", status=422, problem=WRONG_MAILED_CODE)
        return RedirectResponse(f"{HERE}?done=mail", 303)

    return routes
