"""Erase my record: what goes and what stays, the record to take along first, and then at once, with a typed word and a second factor.

There is no time to think it over: it is a consent withdrawn, which works at once (docs/audit.md). The answer is the last
page that the person gets, and has the proof in it.
"""

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from app.errors import AccessDeniedError
from app.identity import mail_addresses
from app.portal.language import marked
from app.portal.my_data import HERE
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, end_session, freshly_signed_in, signed_in
from app.portal.view import trace_of

ERASE = f"{HERE}/erase"
WORD = marked("ERASE")
WRONG_WORD = marked("This is not the word. Nothing was erased.")


def router(parts: Parts) -> APIRouter:
    """Return the routes below ``/my-data/erase``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(ERASE)
    async def explain(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> Response:
        if person.acting is not None:
            raise AccessDeniedError("A record is erased by its own person.")
        return page(request, "erase.html")

    @routes.get(f"{ERASE}/now")
    async def ask(request: Request, person: Annotated[SignedIn, Depends(freshly_signed_in)]) -> Response:
        if person.acting is not None:
            raise AccessDeniedError("A record is erased by its own person.")
        return page(request, "erase_now.html", word=WORD, problem="")

    @routes.post(f"{ERASE}/now")
    async def erase(
        request: Request,
        person: Annotated[SignedIn, Depends(freshly_signed_in)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        language = language_of(request)
        if text_of(form, "word").strip().casefold() != language.gettext(WORD).casefold():
            return page(request, "erase_now.html", status=422, word=WORD, problem=WRONG_WORD)
        is_mailed = bool(await mail_addresses.of_account(parts.database.reader, person.account_id))
        proof = await parts.interactions.erase(person.requester(), trace_of(request), person.record_id, language.code)
        request.state.person = None
        answer = page(
            request, "erased.html", proof=proof.decode(), encoded=b64encode(proof).decode(), is_mailed=is_mailed
        )
        end_session(answer, parts.settings)
        return answer

    return routes
