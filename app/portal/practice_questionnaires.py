"""The pages on which a practice sees which questionnaires a person has, reads the answers, and asks to fill one in.

To ask is to add a Task to the care plan: it needs a grant that lets the practice add there, and a role that writes in it.
"""

import secrets
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.smart_scope import SmartScopes
from app.errors import (
    AccessDeniedError,
    DuplicateError,
    NotFoundError,
    PreconditionFailedError,
    UnprocessableError,
)
from app.fhir.asked_answers import QUESTIONNAIRE, AskedAnswers, AskedNoMore
from app.fhir.release import Release
from app.interactions.own_words import Edit
from app.portal.kept_form import KeptForm, forget_typed, own_mark, typed_by
from app.portal.language import marked
from app.portal.own_goals import day_to_come
from app.portal.page import language_of
from app.portal.practice import PEOPLE
from app.portal.practice_person import looking_at, page_about
from app.portal.questionnaire_list import show_answers, show_questionnaires
from app.portal.questions import said
from app.portal.reading import Reading
from app.portal.session import AtWork, LoginParts, at_work, checked_form
from app.portal.type_measurement import KEY_LENGTH_MAX, typed_in
from app.portal.view import trace_of

PAGE = "/questionnaires"
ASKING = SmartScopes.of("user/*.rs user/Task.c")
ENDING = SmartScopes.of("user/*.rs user/Task.u")
OFFERED_MAX = 100
DONE = {
    "asked": marked("Asked. The person sees it on their first page."),
    "withdrawn": marked("It is not asked any more."),
}
CHANGED = marked("This was changed in the meantime. Look at the list, and try again.")
NOT_LISTED = marked("Choose from the list.")
SENT_BEFORE = marked("This was asked before, in another way. Ask it again if you want to.")
NOT_THIS_PERSON = marked("This questionnaire can't be asked of this person.")


async def offered(reading: Reading, language_code: str) -> list[tuple[str, str]]:
    """Return the questionnaires in use that can be asked, by title: what stands for each in the form, and the title."""
    found = await reading.found(QUESTIONNAIRE, ("status", "active"))
    named = [(f"{one.release.path}/{one.tree()['id']}", said(one.tree(), "title", language_code)) for one in found]
    return sorted((one for one in named if one[1]), key=lambda one: one[1].casefold())[:OFFERED_MAX]


class Steps:
    """What happens behind the forms; each is a page about one person."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts

    async def begun(self, request: Request, reading: Reading, who: AtWork, grant_id: str, **frame: Any) -> Response:
        """Return the list, with the form for who may ask, as it was when their login ended."""
        before = typed_in(typed_by(request, self._whose(who, grant_id)))
        old = {"typed": before, "key": before["key"], "is_back": True} if "key" in before else {}
        answer = await self.shown(request, reading, who, grant_id, **{**old, **frame})
        forget_typed(request, answer)
        return answer

    def _whose(self, who: AtWork, grant_id: str) -> str:
        return own_mark(self._parts.settings, who.account_id, grant_id)

    async def shown(self, request: Request, reading: Reading, who: AtWork, grant_id: str, **frame: Any) -> Response:
        """Return the list, with the form for who may ask."""
        choices = await offered(reading, language_of(request).code) if frame["shared"].may_add_to_plan else []
        usual = {"key": secrets.token_urlsafe(16), "typed": {}, "errors": {}, "problem": "", "is_back": False}
        usual["whose"] = self._whose(who, grant_id)
        done = DONE.get(request.query_params.get("done", ""), "")
        answer = await show_questionnaires(
            request,
            reading,
            sees_plan="care-plan" not in frame["closed"],
            **{**usual, "done": done, "choices": choices, **frame},
        )
        answer.status_code = 409 if frame.get("problem") else 422 if frame.get("errors") else 200
        return answer

    async def asked(
        self, request: Request, reading: Reading, who: AtWork, grant_id: str, typed: dict[str, str], **frame: Any
    ) -> Response:
        """Ask what was chosen, once; or return the list with what is wrong."""
        if not frame["shared"].may_add_to_plan:
            raise AccessDeniedError("Nothing may be asked of this person.")
        errors: dict[str, str] = {}
        until = day_to_come(typed, reading.today, errors, language_of(request))
        title = dict(await offered(reading, language_of(request).code)).get(typed.get("questionnaire", ""), "")
        if not title:
            errors["questionnaire"] = NOT_LISTED
        key = typed.get("key", "")[:KEY_LENGTH_MAX] or secrets.token_urlsafe(16)
        if errors:
            return await self.shown(request, reading, who, grant_id, typed=typed, errors=errors, key=key, **frame)
        path, _, questionnaire_id = typed["questionnaire"].partition("/")
        words = AskedAnswers(questionnaire_id, title, f"{who.member.described.name}, {who.practice.name}", until)
        requester = replace(await looking_at(self._parts, who, grant_id), scopes=ASKING)
        releases = [one for one in Release if one.path == path]
        try:
            await self._parts.interactions.add_own(
                requester, trace_of(request), words, f"ask {grant_id} {key}", releases
            )
        except (DuplicateError, UnprocessableError) as error:
            problem = SENT_BEFORE if isinstance(error, DuplicateError) else NOT_THIS_PERSON
            return await self.shown(request, reading, who, grant_id, typed=typed, problem=problem, **frame)
        return RedirectResponse(f"{PEOPLE}/{grant_id}{PAGE}?done=asked", 303)

    async def ended(
        self,
        request: Request,
        reading: Reading,
        who: AtWork,
        grant_id: str,
        release: str,
        resource_id: str,
        **frame: Any,
    ) -> Response:
        """Ask something no more, if it waits still. Raises: NotFoundError, for what is not asked."""
        if not frame["shared"].may_change_plan:
            raise AccessDeniedError("What is asked of this person may not be changed.")
        found = await reading.known(release, ["Task"], resource_id)
        if not found:
            raise NotFoundError("Nothing is asked so.")
        words, (one, *_) = AskedNoMore(), found
        if words.fits(one.tree()):
            requester = replace(await looking_at(self._parts, who, grant_id), scopes=ENDING)
            edit, key = Edit(one.release, one.tree(), one.version, words), secrets.token_urlsafe(16)
            try:
                await self._parts.interactions.change_own(
                    requester, trace_of(request), edit, f"ask no more {grant_id} {key}"
                )
            except PreconditionFailedError:
                return await self.shown(request, reading, who, grant_id, problem=CHANGED, **frame)
        return RedirectResponse(f"{PEOPLE}/{grant_id}{PAGE}?done=withdrawn", 303)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/practice/people/{grant_id}/questionnaires``."""
    routes = APIRouter(include_in_schema=False)
    steps = Steps(parts)

    @routes.get(f"{PEOPLE}/{{grant_id}}{PAGE}")
    async def overview(request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str) -> Response:
        return await page_about(parts, request, who, grant_id, steps.begun, PAGE, who, grant_id)

    @routes.post(f"{PEOPLE}/{{grant_id}}{PAGE}")
    async def ask(
        request: Request, form: KeptForm, who: Annotated[AtWork, Depends(at_work)], grant_id: str
    ) -> Response:
        return await page_about(parts, request, who, grant_id, steps.asked, PAGE, who, grant_id, typed_in(form))

    @routes.post(f"{PEOPLE}/{{grant_id}}{PAGE}/{{resource_id}}/withdraw")
    @routes.post(f"{PEOPLE}/{{grant_id}}{PAGE}/{{release}}/{{resource_id}}/withdraw")
    async def end(
        request: Request,
        who: Annotated[AtWork, Depends(at_work)],
        _: Annotated[FormData, Depends(checked_form)],
        grant_id: str,
        resource_id: str,
        release: str = "",
    ) -> Response:
        return await page_about(parts, request, who, grant_id, steps.ended, PAGE, who, grant_id, release, resource_id)

    @routes.get(f"{PEOPLE}/{{grant_id}}{PAGE}/answers/{{resource_id}}")
    @routes.get(f"{PEOPLE}/{{grant_id}}{PAGE}/answers/{{release}}/{{resource_id}}")
    async def answers(
        request: Request, who: Annotated[AtWork, Depends(at_work)], grant_id: str, resource_id: str, release: str = ""
    ) -> Response:
        return await page_about(parts, request, who, grant_id, show_answers, PAGE, release, resource_id)

    return routes
