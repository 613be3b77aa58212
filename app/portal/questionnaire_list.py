"""The list of questionnaires: what waits, what was begun, what was filled in; and the answers of one."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from app.access.categories import Category
from app.access.smart_scope import Action
from app.errors import NotFoundError, UnprocessableError
from app.fhir.elements import Tree, day_of, listed, moment_of, named, referred
from app.portal.answering import given, in_words
from app.portal.careplan import OVER
from app.portal.interactions import Found
from app.portal.language import marked
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.questions import questions_of, said, value_of
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.view import reading_for

SOUGHT_MAX = 100
"""Questionnaires that one list looks up."""

OWN_WORDS_OF_STATUS = {
    "completed": marked("Sent"),
    "amended": marked("Sent"),
    "in-progress": marked("Not sent yet"),
    "stopped": marked("Not finished"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list: where it leads (empty: nowhere), what it is called, and what is said about it.

    ``task`` is where the Task is that asks for it, such as ``r4/1``.
    """

    path: str
    title: str
    by: str = ""
    day: date | None = None
    status: str = ""
    task: str = ""


def may_answer(person: SignedIn) -> bool:
    """Return whether to offer forms in the record in view; whether it is allowed is decided at the gate."""
    return person.acting is None or (Action.CREATE | Action.UPDATE) in person.acting.actions


def names_of(questionnaire: Found) -> set[str]:
    """Return what a Task or an answer calls a questionnaire: by its id, or by its URL, with and without the version."""
    tree = questionnaire.tree()
    found = {f"Questionnaire/{tree['id']}"}
    if url := tree.get("url"):
        found |= {str(url), f"{url}|{tree.get('version', '')}"}
    return found


def named_in(value: Any) -> set[str]:
    """Return what a reference or canonical URL calls a questionnaire."""
    if isinstance(value, str):
        return {value, *([value.split("|")[0]] if "|" in value else [])}
    return {name for one in listed(value) for name in (*referred(one), *named_in(str(one.get("reference", ""))))}


def wanted_by(task: Tree) -> set[str]:
    """Return what a Task calls the questionnaire that it asks for; empty if it asks for none."""
    found = named_in(task.get("focus"))
    for part in listed(task.get("input")):
        for value in value_of(part).values():
            if isinstance(value, str | dict):
                found |= named_in(value)
    return {name for name in found if "Questionnaire/" in name or name.startswith(("http:", "https:", "urn:"))}


async def questionnaires_of(reading: Reading, names: set[str]) -> list[Found]:
    """Return the questionnaires that go by these names, as far as they can be seen."""
    ids = sorted(name.rpartition("/")[2] for name in names if name.startswith("Questionnaire/"))[:SOUGHT_MAX]
    urls = sorted({name.split("|")[0] for name in names if ":" in name and "," not in name})[:SOUGHT_MAX]
    queries = [("_id", ",".join(ids))] if ids else []
    queries += [("url", ",".join(urls))] if urls else []
    several = await asyncio.gather(*(reading.found("Questionnaire", query) for query in queries))
    return list({(one.release, one.tree()["id"]): one for found in several for one in found}.values())


async def tasks_of(reading: Reading, *, sees_plan: bool) -> list[Found]:
    """Return the tasks that still ask for a questionnaire; ``sees_plan``: the reader sees the care plan, where they are."""
    if not sees_plan:
        return []
    found = await reading.found("Task")
    return [one for one in found if one.tree().get("status") not in OVER and wanted_by(one.tree())]


@dataclass(slots=True)
class Lists:
    """The lines of the page."""

    waiting: list[Line]
    begun: list[Line]
    filled_in: list[Line]


def _called(one: Found, names: set[str], known: list[Found]) -> Found | None:
    """Return the questionnaire that goes by one of these names, before others that of the release of who names it."""
    found = [form for form in known if names_of(form) & names]
    return min(found, key=lambda form: form.release is not one.release, default=None)


def lists_of(tasks: list[Found], responses: list[Found], known: list[Found], language_code: str) -> Lists:
    """Return what waits, what was begun and what was filled in, newest first; what was begun does not wait as well."""

    def line(one: Found, names: set[str], title: str, **other: Any) -> Line:
        form = _called(one, names, known)
        found = said(form.tree(), "title", language_code) if form else ""
        path = f"/questionnaires/{form.release.path}/{form.tree()['id']}" if form else ""
        return Line(**{"path": path, "title": found or title, **other})

    made = Lists([], [], [])
    for one in sorted(responses, key=_written_at, reverse=True):
        tree = one.tree()
        if tree.get("status") == "entered-in-error":
            continue
        names, day = named_in(tree.get("questionnaire")), day_of(tree.get("authored"))
        title = "" if isinstance(tree.get("questionnaire"), str) else named(tree.get("questionnaire"))
        if tree.get("status") == "in-progress":
            made.begun.append(line(one, names, title, day=day))
        else:
            path = f"/questionnaires/answers/{one.release.path}/{tree['id']}"
            made.filled_in.append(line(one, names, title, day=day, path=path))
    drafts = {one.path for one in made.begun if one.path}
    for one in tasks:
        task = one.tree()
        requester = task.get("requester") or {}
        title, by = str(task.get("description") or ""), named(requester.get("agent", requester))
        one_line = line(one, wanted_by(task), title, by=by, day=_until(task), task=f"{one.release.path}/{task['id']}")
        if one_line.path not in drafts:
            made.waiting.append(one_line)
    return made


def _texts(form: Found | None, language_code: str) -> dict[str, str]:
    """Return the questions by linkId in a language; none of a questionnaire that is too long, as answers have their own."""
    try:
        return {one.link_id: one.text for one in questions_of(form.tree(), language_code)} if form else {}
    except UnprocessableError:
        return {}


def _written_at(response: Found) -> datetime:
    return moment_of(response.tree().get("authored"), ZoneInfo("UTC")) or datetime.min.replace(tzinfo=UTC)


def _until(task: Tree) -> date | None:
    """Return by when a task is to be done."""
    period = (task.get("restriction") or {}).get("period") or {}
    return day_of(period.get("end"))


async def show_questionnaires(request: Request, reading: Reading, *, sees_plan: bool, **frame: Any) -> HTMLResponse:
    """Return the page with the list; ``frame`` has what is around it."""
    tasks = await tasks_of(reading, sees_plan=sees_plan)
    responses = await reading.found("QuestionnaireResponse")
    wanted = [wanted_by(one.tree()) for one in tasks]
    wanted += [named_in(one.tree().get("questionnaire")) for one in responses]
    lists = lists_of(
        tasks, responses, await questionnaires_of(reading, set().union(*wanted)), language_of(request).code
    )
    return page(
        request,
        "questionnaires.html",
        **{"may_answer": False, "saved": request.query_params.get("saved", ""), **frame},
        lists=lists,
        **near(request, reading.now),
    )


async def show_answers(
    request: Request, reading: Reading, release: str, resource_id: str, **frame: Any
) -> HTMLResponse:
    """Return the page with the answers to one questionnaire. Raises: NotFoundError."""
    language = language_of(request)
    found = await reading.known(release, ["QuestionnaireResponse"], resource_id)
    if not found:
        raise NotFoundError("These answers are not known.")
    one, names = found[0].tree(), named_in(found[0].tree().get("questionnaire"))
    form = _called(found[0], names, await questionnaires_of(reading, names))
    texts = _texts(form, language.code)
    lines = [
        (
            texts.get(str(item.get("linkId"))) or str(item.get("text") or ""),
            [in_words(value_of(answer), reading.zone, language) for answer in listed(item.get("answer"))],
            min(depth, 3),
        )
        for item, depth in given(one)
    ]
    title = said(form.tree(), "title", language.code) if form else ""
    return page(
        request,
        "questionnaire_answers.html",
        title=title,
        lines=lines,
        day=day_of(one.get("authored")),
        state=OWN_WORDS_OF_STATUS.get(str(one.get("status")), ""),
        **near(request, reading.now),
        **frame,
    )


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/questionnaires`` and ``/questionnaires/answers/{release}/{resource_id}``, of before without release."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/questionnaires")
    async def overview(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        reading, sees_plan = reading_for(parts, request, person), person.sees(Category.CARE_PLAN)
        return await show_questionnaires(request, reading, sees_plan=sees_plan, may_answer=may_answer(person))

    @routes.get("/questionnaires/answers/{resource_id}")
    @routes.get("/questionnaires/answers/{release}/{resource_id}")
    async def answers(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], resource_id: str, release: str = ""
    ) -> HTMLResponse:
        return await show_answers(request, reading_for(parts, request, person), release, resource_id)

    return routes
