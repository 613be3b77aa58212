"""Which mails a person gets: those about what is for them or stands out can be chosen, those about access and login always come.

No mail says anything about health, or has a link that logs in; see ``app/jobs/texts.py``.
"""

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData

from app.audit import alerts
from app.audit.doings import Doing
from app.audit.events import Event
from app.audit.unusual import Unusual
from app.db.database import Transaction
from app.identity import mail_addresses
from app.portal.language import marked
from app.portal.page import near, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, signed_in
from app.portal.view import trace_of

HERE = "/settings/mails"
NEW = (
    (Doing.TASK, marked("Something is ready for you, such as a questionnaire")),
    (Doing.PLAN, marked("A practice changes your care plan")),
    (Doing.MESSAGE, marked("A practice sends you a message")),
    (Doing.ASKED, marked("A practice asks if they may look in your record")),
)
"""What is for a person, and waits on the pages too: nothing opens by not hearing of it."""

STANDS_OUT = (
    (Unusual.FIRST, marked("A practice looks for the first time")),
    (Unusual.MANY, marked("A practice looks at much at once")),
    (Unusual.NIGHT, marked("A practice looks at night")),
    (Unusual.REFUSED, marked("Someone tries and is refused")),
)
"""What a person should perhaps look at twice."""

ALWAYS = (
    marked("Access to your record begins, changes or ends."),
    marked("A child turns 12 or 16, so that a parent may do less."),
    marked("Someone logs in on a new device, or changes how you log in."),
)
"""What a person is told of in any case: nobody else may switch that off for them."""


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/settings/mails``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(HERE)
    async def show(request: Request, person: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        reader, zone = parts.database.reader, ZoneInfo(parts.settings.time_zone)
        told = await alerts.told(reader, person.record_id)
        return page(
            request,
            "mail_settings.html",
            new=NEW,
            stands_out=STANDS_OUT,
            always=ALWAYS,
            has_address=bool(await mail_addresses.of_account(reader, person.account_id)),
            off=await alerts.switched_off(reader, person.record_id),
            told={sign: at.astimezone(zone) for sign, at in told.items()},
            is_kept=request.query_params.get("done") == "kept",
            **near(request, parts.clock().astimezone(zone)),
        )

    @routes.post(HERE)
    async def choose(
        request: Request,
        person: Annotated[SignedIn, Depends(signed_in)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> RedirectResponse:
        off = frozenset(sign for name, sign in alerts.SIGNS.items() if name not in form)

        async def job(transaction: Transaction) -> None:
            await alerts.switch(transaction, person.record_id, off)
            requester = person.requester()
            told = Event(
                "alerts", record_id=person.record_id, kind=requester.kind.value, actor=requester.actor,
                display=requester.display, ground="own log", **msgspec.structs.asdict(trace_of(request)),
            )  # fmt: skip
            await parts.audit.record(transaction, told)

        await parts.database.write(job)
        return RedirectResponse(f"{HERE}?done=kept", 303)

    return routes
