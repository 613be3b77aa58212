"""The form of any Questionnaire.

The form works in steps without a program in the browser: when an answer leads to more questions, it comes back with these.
It may be kept for later, as a QuestionnaireResponse that is in progress. A form has a key of its own: sent twice, it is kept once.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import Category
from app.errors import AccessDeniedError, DuplicateError, NotFoundError, PreconditionFailedError, UnprocessableError
from app.fhir.elements import Tree, listed, words
from app.fhir.release import Release
from app.interactions.answers import Answers
from app.portal.answering import answers_of, field_of, in_words, is_picked, items_of, missing, typed_of, values_given
from app.portal.conditions import rules_of
from app.portal.interactions import Found
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.language import marked
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.questionnaire_list import may_answer, named_in, names_of, tasks_of, wanted_by
from app.portal.questions import (
    AGAIN,
    ANSWERS_MAX,
    DEPTH_MAX,
    OPTIONS_MAX,
    TIMES_MAX,
    Question,
    asked,
    questions_of,
    said,
    with_options,
)
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.type_measurement import KEY_LENGTH_MAX
from app.portal.view import reading_for, trace_of

SENT_BEFORE = marked("This form was kept before, with other answers. Look at them, and send it again.")
CHANGED = marked(
    "These answers were changed in the meantime, perhaps in another window. Look at them, and send it again."
)
NO_ANSWERS = marked("There are no answers in it yet. Answer a question first.")
FULL = marked("There is no room for another one in this questionnaire.")
VALUE_SETS_MAX = 20
LONG, PART_LEAST, PART_MOST = 20, 5, 10
"""From how many questions on a page is in parts, and how many a part has before the next one begins: at a group, elsewhere."""

TIMES = "times-"
"""Before the name of a group, in the field that says how often it is there."""

CHANGES = ("more ", "fewer ")
"""What the buttons of a group or a question do, before its name."""
PROFILE = "https://regie.example/fhir/StructureDefinition/questionnaire-response"


@dataclass(frozen=True, slots=True)
class Form:
    """A questionnaire with what stands in the record about it: the draft and the task, None where there is none."""

    questionnaire: Found
    tree: Tree
    questions: list[Question]
    draft: Found | None
    task: Found | None


async def _form(
    reading: Reading,
    person: SignedIn,
    place: tuple[str, str],
    language_code: str,
    times: Mapping[str, int],
) -> Form:
    """Return the form with its groups as often as ``times`` says, or else as often as the draft has them."""
    release_path, resource_id = place
    found = await reading.known(release_path, ["Questionnaire"], resource_id)
    if not found:
        raise NotFoundError("This questionnaire is not known.")
    questionnaire = found[0]
    responses = await reading.found("QuestionnaireResponse", ("status", "in-progress"))
    tasks = await tasks_of(reading, sees_plan=person.sees(Category.CARE_PLAN))
    names, release = names_of(questionnaire), questionnaire.release
    drafts = [one for one in responses if one.release is release and named_in(one.tree().get("questionnaire")) & names]
    asking = [one for one in tasks if one.release is release and wanted_by(one.tree()) & names]
    tree, draft = questionnaire.tree(), next(iter(drafts), None)
    values, again = values_given(draft.tree()) if draft else ({}, {})
    questions = [
        replace(one, stands=tuple(values.get(one.name, ())))
        for one in questions_of(tree, language_code, times or again)
    ]
    return Form(questionnaire, tree, questions, draft, next(iter(asking), None))


async def _with_options(parts: Parts, form: Form) -> Form:
    """Return the form with the options that value sets give."""
    contained = {f"#{one.get('id')}": one for one in listed(form.tree.get("contained"))}
    wanted = list(dict.fromkeys(one.value_set for one in form.questions if one.value_set))[:VALUE_SETS_MAX]
    known: dict[str, tuple[Tree, ...]] = {}
    for name in wanted:
        own = contained.get(name)
        if own is None and name.startswith("#"):
            continue
        most = OPTIONS_MAX + 1
        codings = await parts.interactions.options_of(form.questionnaire.release, "" if own else name, own, most)
        known[name] = tuple({"valueCoding": coding} for coding in codings) if len(codings) < most else ()
    return replace(form, questions=with_options(form.questions, known))


async def _opened(
    parts: Parts,
    reading: Reading,
    person: SignedIn,
    place: tuple[str, str],
    language_code: str,
    typed: Mapping[str, list[str]],
) -> tuple[Form, str]:
    """Return the form with all that it offers, its groups as often as its fields say; and ``FULL``, if there is no room for one more.

    Raises: UnprocessableError (too long as it is).
    """
    try:
        return await _with_options(parts, await _form(reading, person, place, language_code, _times(typed))), ""
    except UnprocessableError:
        if not "".join(typed.get("do", [])).startswith(CHANGES):
            raise
    stood = _times({name: texts for name, texts in typed.items() if name != "do"})
    return await _with_options(parts, await _form(reading, person, place, language_code, stood)), FULL


def ends_of(questions: Sequence[Question]) -> dict[int, list[tuple[str, int]]]:
    """Return which groups that repeat are over after each place of the page, inner ones first: name, and how often they are there."""
    found: dict[int, list[tuple[str, int]]] = {}
    for at, one in enumerate(questions):
        if not one.place:
            continue
        end = at
        while end + 1 < len(questions) and questions[end + 1].depth > one.depth:
            end += 1
        following = questions[end + 1] if end + 1 < len(questions) else None
        if following is None or (following.inside, following.link_id) != (one.inside, one.link_id):
            name = one.name if one.place == 1 else one.name.rpartition(AGAIN)[0]
            found.setdefault(end, []).insert(0, (name, one.place))
    return found


def parts_of(questions: Sequence[Question]) -> list[int]:
    """Return the places where a part of a long page begins, the first at 0; one part for a page that is not long.

    A part begins at an item beside the others: a group, when some questions were before it, and else when there were many.
    """
    begins, count = [0], 0
    if sum(1 for one in questions if one.settled is None) < LONG:
        return begins
    beside = next(depth for depth in range(DEPTH_MAX + 1) if sum(1 for one in questions if one.depth == depth) > 1)
    for at, one in enumerate(questions):
        is_enough = count >= (PART_LEAST if one.kind == "group" else PART_MOST)
        if one.depth == beside and one.place <= 1 and is_enough:
            begins, count = [*begins, at], 0
        count += one.settled is None
    return begins


def form_page(
    request: Request,
    parts: Parts,
    person: SignedIn,
    form: Form,
    typed: Mapping[str, list[str]],
    open_now: set[str],
    errors: Mapping[str, str] | None = None,
    *,
    problem: str = "",
    is_back: bool = False,
    is_longer: bool = False,
) -> HTMLResponse:
    """Return the form with what was typed in it, and what is wrong with that.

    ``is_back``: it was typed before the login ended. ``is_longer``: there are more questions because of the answers.
    """
    code = language_of(request).code
    shown = [one for one in form.questions if one.name in open_now and not one.is_hidden]
    possible = [one for one in form.questions if not one.is_hidden]
    to_answer = [one for one in shown if one.settled is None]
    return page(
        request,
        "questionnaire.html",
        status=422 if errors or problem else 200,
        form=form,
        address=f"/questionnaires/{form.questionnaire.release.path}/{form.tree['id']}",
        title=said(form.tree, "title", code) or words(form.tree.get("code")),
        about=said(form.tree, "description", code) if not form.task else "",
        questions=shown,
        possible=possible,
        open_now=open_now,
        rules=rules_of(form.questions) if any("enableWhen" in one.item for one in form.questions) else {},
        may_be_more=len(open_now) < len(form.questions),
        field_of=field_of,
        is_day=is_picked,
        in_words=lambda value: in_words(value, ZoneInfo(parts.settings.time_zone), language_of(request)),
        loop_index=form.questions.index,
        ends=ends_of(possible),
        begins=parts_of(possible),
        to_answer=len(to_answer),
        answered=sum(1 for one in to_answer if any(text.strip() for text in typed.get(field_of(one), []))),
        times_max=TIMES_MAX,
        answers_max=ANSWERS_MAX,
        typed=typed,
        errors=errors or {},
        whose=mark_of(parts.settings, person),
        draft=f"{form.draft.tree()['id']}/{form.draft.version}" if form.draft else "",
        problem=problem,
        is_back=is_back,
        is_longer=is_longer,
    )


def _response(form: Form, items: list[Tree], now: str, *, is_sent: bool) -> Tree:
    tree = form.tree
    own = f"Questionnaire/{tree['id']}"
    version = f"|{tree['version']}" if tree.get("version") else ""
    is_r4 = form.questionnaire.release is Release.R4
    reference: Any = f"{tree['url']}{version}" if tree.get("url") else own
    if not is_r4:
        reference = {"reference": own, **({"display": tree["title"]} if tree.get("title") else {})}
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [PROFILE]},
        "questionnaire": reference,
        "status": "completed" if is_sent else "in-progress",
        "authored": now,
        **({"item": items} if items else {}),
    }


def router(parts: Parts) -> APIRouter:
    """Return the route ``/questionnaires/{release}/{resource_id}``: an id may be in both releases.

    An address of before has no release; a form that was opened there is kept too.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/questionnaires/{resource_id}")
    @routes.get("/questionnaires/{release}/{resource_id}")
    async def form_of(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], resource_id: str, release: str = ""
    ) -> HTMLResponse:
        reading, language = reading_for(parts, request, person), language_of(request)
        if not may_answer(person):
            raise AccessDeniedError("Questionnaires can't be answered by this login.")
        typed = _texts(typed_before(request, person))
        form, _ = await _opened(parts, reading, person, (release, resource_id), language.code, typed)
        is_back = bool(typed)
        if is_back:
            values, _ = answers_of(form.questions, typed, reading.now, language)
        else:
            begun = {one.name: one.initial for one in form.questions if one.initial}
            values = values_given(form.draft.tree())[0] if form.draft else begun
            typed = typed_of(form.questions, values, reading.zone)
        typed = {"key": [secrets.token_urlsafe(16)], **typed}
        answer = form_page(request, parts, person, form, typed, asked(form.questions, values), is_back=is_back)
        forget_typed(request, answer)
        return answer

    @routes.post("/questionnaires/{resource_id}")
    @routes.post("/questionnaires/{release}/{resource_id}")
    async def send(
        request: Request,
        sent: KeptForm,
        person: Annotated[SignedIn, Depends(in_record)],
        resource_id: str,
        release: str = "",
    ) -> Response:
        reading, language = reading_for(parts, request, person), language_of(request)
        typed = _texts(sent)
        form, problem = await _opened(parts, reading, person, (release, resource_id), language.code, typed)
        questions = form.questions
        if "shown" in typed:
            typed = _begun(questions, typed["shown"], reading.zone) | typed
        typed |= _rows(questions, typed)
        own_key = text_of(sent, "key")[:KEY_LENGTH_MAX] or secrets.token_urlsafe(16)
        is_sent = text_of(sent, "do") != "later"
        values, errors = answers_of(questions, typed, reading.now, language)
        open_now = asked(questions, values)
        errors = {
            field_of(one): errors[field_of(one)]
            for one in questions
            if one.name in open_now and field_of(one) in errors
        }
        new = {one.name for one in questions if one.name in open_now and not one.is_hidden} - set(
            typed.get("shown", [])
        )
        if text_of(sent, "do").startswith(CHANGES):
            return form_page(request, parts, person, form, typed, open_now, problem=problem)
        if is_sent and not errors and new:
            return form_page(request, parts, person, form, typed, open_now, is_longer=True)
        if is_sent:
            errors = missing(questions, values, open_now, language) | errors
        if errors:
            return form_page(request, parts, person, form, typed, open_now, errors)
        items = items_of(questions, values)
        if is_sent and not items:
            return form_page(request, parts, person, form, typed, open_now, problem=NO_ANSWERS)
        answers = Answers(
            form.questionnaire.release,
            _response(form, items, reading.now.isoformat(timespec="seconds"), is_sent=is_sent),
            draft=_draft(form, text_of(sent, "draft")),
            task=(form.task.tree(), form.task.version) if form.task and is_sent else None,
            is_own=person.acting is None,
        )
        try:
            await parts.interactions.keep_answers(person.requester(), trace_of(request), answers, f"answered {own_key}")
        except (DuplicateError, PreconditionFailedError) as error:
            typed["key"] = [secrets.token_urlsafe(16)]
            problem = SENT_BEFORE if isinstance(error, DuplicateError) else CHANGED
            return form_page(request, parts, person, form, typed, open_now, problem=problem)
        return RedirectResponse(f"/questionnaires?saved={'sent' if is_sent else 'later'}", 303)

    return routes


def _texts(sent: FormData) -> dict[str, list[str]]:
    """Return all texts of a form by the names of the fields."""
    return {name: [text for text in sent.getlist(name) if isinstance(text, str)] for name in sent}


def _times(typed: Mapping[str, list[str]]) -> dict[str, int]:
    """Return how often each group is wanted: as often as it was there, and after its button once more or less."""
    counted = {name[len(TIMES) :]: texts[0] for name, texts in typed.items() if name.startswith(TIMES) and texts}
    found = {name: int(text) for name, text in counted.items() if text.isascii() and text.isdigit() and len(text) < 4}
    deed, _, name = "".join(typed.get("do", [])).partition(" ")
    if f"{deed} " in CHANGES and name in found:
        found[name] = max(min(found[name] + (1 if deed == "more" else -1), TIMES_MAX), 1)
    return found


def _begun(questions: Sequence[Question], shown: Sequence[str], zone: ZoneInfo) -> dict[str, list[str]]:
    """Return the fields of what was not shown yet, with the answers that it begins with."""
    new = [one for one in questions if one.name not in shown]
    return typed_of(new, {one.name: one.initial for one in new if one.initial}, zone)


def _rows(questions: Sequence[Question], typed: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the fields of the question whose button was pressed, with one more for an answer or without the last."""
    deed, _, name = "".join(typed.get("do", [])).partition(" ")
    one = next((one for one in questions if one.name == name and one.is_in_rows), None)
    if one is None or f"{deed} " not in CHANGES:
        return {}
    field = field_of(one)
    count = max(len(typed.get(field, [])), 1) + (1 if deed == "more" else -1)
    count = max(min(count, ANSWERS_MAX), 1)
    every = (field, f"{field}-clock", f"{field}-unit")
    return {each: [*typed.get(each, []), *[""] * count][:count] for each in every}


def _draft(form: Form, shown: str) -> tuple[str, int] | None:
    """Return the draft that the form went on with and its version; version 0, which is never the one that stands, for another."""
    if form.draft is None and not shown:
        return None
    shown_id, _, version = shown.partition("/")
    standing = shown_id if form.draft is None else str(form.draft.tree()["id"])
    is_known = form.draft is not None and shown == f"{standing}/{form.draft.version}"
    return standing, int(version) if is_known else 0
