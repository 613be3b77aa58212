"""Settings: how the pages look and in which language; and the way to login, devices and mail."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.identity.display import CHOICES, Display, keep
from app.portal.display import display_of, remember
from app.portal.frame import local_path
from app.portal.language import CODES, marked
from app.portal.open_session import text_of
from app.portal.page import page
from app.portal.session import LoggedIn, LoginParts, checked_form, logged_in, maybe_logged_in

HERE = "/settings"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose: the ``name`` of its field, and the answers with their words; an empty answer is the device's."""

    name: str
    title: str
    answers: tuple[tuple[str, str], ...]


LOOKS = (
    Choice("size", marked("Size of the text"), (("", marked("Usual")), ("large", marked("Large")))),
    Choice("contrast", marked("Contrast"), (("", marked("As my device has it")), ("more", marked("More contrast")))),
    Choice(
        "scheme",
        marked("Light or dark"),
        (("", marked("As my device has it")), ("light", marked("Light")), ("dark", marked("Dark"))),
    ),
)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes ``/settings`` and ``/language``."""
    routes = APIRouter(include_in_schema=False)

    async def kept(person: LoggedIn | None, display: Display, back: str) -> Response:
        """Return the way back, with the choice kept in the browser and, of somebody who is logged in, with the account."""
        if person is not None:

            async def job(transaction: Transaction) -> None:
                await keep(transaction, person.account_id, display)

            await parts.database.write(job)
        response = RedirectResponse(back, 303)
        remember(response, display, is_https=parts.settings.is_https)
        return response

    @routes.get(HERE)
    async def show(request: Request, person: Annotated[LoggedIn, Depends(logged_in)]) -> HTMLResponse:
        return page(
            request,
            "settings.html",
            looks=LOOKS,
            chosen=display_of(request),
            is_kept=request.query_params.get("done") == "kept",
            has_alerts=not person.is_at_work and person.acting is None,
        )

    @routes.post(HERE)
    async def change(
        request: Request,
        person: Annotated[LoggedIn, Depends(logged_in)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        chosen = {name: text_of(form, name) for name in CHOICES if name in form}
        return await kept(person, display_of(request).with_choices(chosen), f"{HERE}?done=kept")

    @routes.post("/language")
    async def choose(
        request: Request,
        person: Annotated[LoggedIn | None, Depends(maybe_logged_in)],
        language: Annotated[str, Form()],
        back: Annotated[str, Form(alias="next")] = "/",
    ) -> Response:
        """Keep the chosen language.

        It takes a form without a token: error pages and pages of people who are not signed in have it too, and all that
        somebody else's page could do with it is to change the language.
        """
        if language not in CODES:
            return RedirectResponse(local_path(back), 303)
        display = display_of(request).with_choices({"language": language})
        return await kept(person, display, local_path(back))

    return routes
