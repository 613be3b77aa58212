"""The page on which somebody of a practice asks a person for access, by the code that the person told them."""

from dataclasses import replace
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import EVERYTHING, Category
from app.access.requester import Requester
from app.access.smart_scope import Action, SmartScopes
from app.access.staff import StaffRole
from app.consent.requests import State, Wanted
from app.errors import UnprocessableError
from app.interactions.access_requests import WORDS_MAX
from app.portal.connections import GIVEN, PERIODS, PURPOSES, Wish, fields, ticked
from app.portal.kept_form import KeptForm, forget_typed, own_mark, typed_by
from app.portal.language import Language, marked
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.session import WORK, AtWork, LoginParts, at_work
from app.portal.view import trace_of

REQUESTS = f"{WORK}/requests"
ASKING = SmartScopes.of("user/Consent.cr")
"""To ask and to see what was asked; nothing of anybody's record."""

OFFERED = tuple(one for one in PERIODS if one[0] != "open")
PURPOSES_HERE = (("treatment", marked("To treat this person")), PURPOSES[1])
SHOWN = 50
STATES = {
    State.WAITING: marked("No answer yet"),
    State.ACCEPTED: marked("Access was given"),
    State.ENDED: marked("Ended without an answer"),
}
UNTOUCHED = Wish("", Category(0), "1-year", Action(0), "treatment", errors={})


def _asking(who: AtWork) -> Requester:
    return replace(who.requester(), scopes=ASKING)


def asked_in(form: FormData, language: Language) -> tuple[str, str, Wish]:
    """Return the code, the line for the person and the rest of a form; what is missing is among the errors of the wish."""
    code, words = text_of(form, "code").strip()[:32], " ".join(text_of(form, "words").split())
    purpose, errors = text_of(form, "purpose"), dict[str, str]()
    if not code:
        errors["code"] = language.gettext("Fill in the code.")
    if purpose not in dict(PURPOSES):
        errors["purpose"] = language.gettext("Choose what it is for.")
    wish = ticked(form, "", purpose, (EVERYTHING, GIVEN), {key for key, _, _ in OFFERED}, language, errors)
    return code, words, wish


def router(parts: LoginParts) -> APIRouter:
    """Return the routes under ``/practice/requests``."""
    routes = APIRouter(include_in_schema=False)
    zone = ZoneInfo(parts.settings.time_zone)

    async def shown(
        request: Request, who: AtWork, wish: Wish, code: str = "", words: str = "", *, is_back: bool = False
    ) -> HTMLResponse:
        has_role = who.member.described.role is not StaffRole.NONE
        found = await parts.interactions.access_requests(_asking(who), trace_of(request)) if has_role else []
        return page(
            request,
            "practice_requests.html",
            status=422 if wish.errors else 200,
            has_role=has_role,
            doing=marked("What do you need to do?"),
            problem="",
            whose=own_mark(parts.settings, who.account_id),
            is_back=is_back,
            is_sent=request.query_params.get("done") == "asked",
            code=code,
            words=words,
            words_max=WORDS_MAX,
            found=[(one.request, one.request.asked_at.astimezone(zone), STATES[one.state]) for one in found[:SHOWN]],
            **fields(wish, OFFERED, most=(EVERYTHING, GIVEN), purposes=PURPOSES_HERE),
        )

    @routes.get(REQUESTS)
    async def overview(request: Request, who: Annotated[AtWork, Depends(at_work)]) -> HTMLResponse:
        before = typed_by(request, own_mark(parts.settings, who.account_id))
        code, words, wish = asked_in(before, language_of(request)) if before else ("", "", UNTOUCHED)
        answer = await shown(request, who, replace(wish, errors={}), code, words, is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(REQUESTS)
    async def ask(request: Request, form: KeptForm, who: Annotated[AtWork, Depends(at_work)]) -> Response:
        language = language_of(request)
        code, words, wish = asked_in(form, language)
        if not wish.errors:
            wanted = Wanted(wish.categories, wish.actions, wish.purpose, wish.until(parts.clock()), words)
            try:
                await parts.interactions.request_access(_asking(who), trace_of(request), code, wanted)
            except UnprocessableError:
                wish.errors["words"] = language.gettext("Make the line shorter, without special signs.")
        if wish.errors:
            return await shown(request, who, wish, code, words)
        return RedirectResponse(f"{REQUESTS}?done=asked", 303)

    return routes
