"""Something is wrong: ask a practice to correct it, see what became of what was asked, or print a letter.

What somebody measured or filled in themselves they correct themselves, where they entered it.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.consent.categorize import CORRECTION
from app.errors import DuplicateError
from app.fhir.elements import Tree, day_of, extension, named, own_name, referred, words
from app.fhir.release import Release
from app.interactions.corrections import Correction
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.language import marked
from app.portal.my_data import HERE
from app.portal.open_session import text_of
from app.portal.page import page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, decides
from app.portal.type_measurement import key_of
from app.portal.view import reading_for, trace_of

CORRECTIONS = f"{HERE}/corrections"
ABOUT = frozenset(
    "Condition EpisodeOfCare AllergyIntolerance MedicationRequest MedicationStatement MedicationDispense Observation".split()
)
"""What a request can be about."""

PARTS_OF_PAGES = {
    "problems": ("Condition", "EpisodeOfCare"),
    "allergies": ("AllergyIntolerance",),
    "medicines": ("MedicationRequest", "MedicationStatement", "MedicationDispense"),
}
"""The parts of pages that have a link to here, and the types of what stands there."""

CHOICES_MAX = 100

RESOURCE_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
TOPIC_LENGTH_MAX, TEXT_LENGTH_MAX = 120, 2000
MISSING = marked("Fill in what it is about, what is wrong, and what it should be.")
TOO_LONG = marked("This is too long. Say it in fewer words.")
SENT_BEFORE = marked("This was sent before, with other words. Send it again to ask for this too.")
NO_PRACTICE = marked("Choose a practice that may see your messages.")
STATES = {
    "requested": marked("Asked"),
    "received": marked("Seen by the practice"),
    "accepted": marked("Being worked on"),
    "in-progress": marked("Being worked on"),
    "on-hold": marked("Being worked on"),
    "completed": marked("Done"),
    "rejected": marked("Refused"),
    "failed": marked("Refused"),
    "cancelled": marked("Stopped"),
}
"""What each status of a Task is called; another is shown as asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it stands: ``reason`` is why it was refused, ``answers`` what the practice wrote."""

    topic: str
    practice: str
    on: date | None
    state: str
    reason: str
    answers: tuple[str, ...]


def asked_of(tasks: list[Tree], messages: list[Tree]) -> list[Asked]:
    """Return the requests, the newest first, each with the messages that answer it."""
    found = [
        Asked(
            topic=str(task.get("description", "")),
            practice=named(task.get("owner")),
            on=day_of(task.get("authoredOn")),
            state=STATES.get(str(task.get("status")), STATES["requested"]),
            reason=words(task.get("statusReason")),
            answers=tuple(
                part["contentString"]
                for message in messages
                if set(referred(task.get("focus"))) & set(referred(message.get("inResponseTo")))
                for part in message.get("payload", [])
                if part.get("contentString")
            ),
        )
        for task in tasks
    ]
    return sorted(found, key=lambda one: one.on or date.min, reverse=True)


def _name_of(tree: Tree) -> str:
    """Return what a problem, an allergy or a medicine is called."""
    name = words(tree.get("code")) or words(tree.get("medicationCodeableConcept"))
    title = extension(tree, "EpisodeOfCare-Title") or {}
    return name or named(tree.get("medicationReference")) or str(title.get("valueString", ""))


def _checked(form: FormData, offered: set[str], source: tuple[Release, str, str] | None) -> tuple[Correction, str]:
    """Return what was asked, and what is wrong with it, empty if nothing is; without own words it is about what was chosen."""
    topic, wrong, right = (text_of(form, name).strip() for name in ("topic", "wrong", "right"))
    topic = topic or (source[2] if source else "")
    about = source[:2] if source else None
    wanted = Correction(text_of(form, "practice"), topic, f"{wrong}\n\n{right}", about)
    if not (topic and wrong and right):
        return wanted, MISSING
    if len(topic) > TOPIC_LENGTH_MAX or max(len(wrong), len(right)) > TEXT_LENGTH_MAX:
        return wanted, TOO_LONG
    return wanted, "" if wanted.practice_id in offered else NO_PRACTICE


async def _choices(reading: Reading, part: str, about: str) -> list[tuple[str, str]]:
    """Return what of a part of a page can be wrong, each name once: ``r4/Type/id`` and the name; ``about`` comes first."""
    found = [one for resource_type in PARTS_OF_PAGES.get(part, ()) for one in await reading.found(resource_type)]
    named_ones = sorted((_name_of(one.tree()), f"{one.release.path}/{own_name(one.tree())}") for one in found)
    by_name = {name: source for name, source in reversed(named_ones) if name}
    by_name |= {name: source for name, source in named_ones if name and source == about}
    return [(source, name) for name, source in sorted(by_name.items())][:CHOICES_MAX]


async def _sought(parts: Parts, request: Request, person: SignedIn, about: str) -> tuple[Release, str, str] | None:
    """Return release, ``Type/id`` and name of a resource of the record that can be wrong, None if there is none.

    ``about`` is ``r4/Type/id``. One of before has no release, and an id may be in both: where these are called differently it
    names neither, and the person's own words tell which it is.
    """
    *paths, resource_type, resource_id = about.split("/") if about.count("/") in (1, 2) else ("", "")
    if resource_type not in ABOUT or not RESOURCE_ID.fullmatch(resource_id):
        return None
    name, sources = f"{resource_type}/{resource_id}", []
    for release in Release:
        if release.path not in (paths or [release.path]):
            continue
        found = await parts.interactions.search(
            person.requester(), trace_of(request), release, resource_type, [("_id", resource_id)]
        )
        sources += [(release, name, _name_of(one.tree())[:TOPIC_LENGTH_MAX]) for one in found.matches]
    return sources[0] if len({name for _, _, name in sources}) == 1 else None


def router(parts: Parts) -> APIRouter:
    """Return the routes below ``/my-data/corrections``."""
    routes = APIRouter(include_in_schema=False)

    async def shown(
        request: Request, person: SignedIn, problem: str = "", form: FormData | None = None
    ) -> HTMLResponse:
        reading = reading_for(parts, request, person)
        tasks = await reading.all("Task", ("code", "|".join(CORRECTION)))
        messages = await reading.all("Communication") if tasks else []
        offered = await parts.interactions.practices_to_ask(person.requester(), trace_of(request))
        filled = {
            name: text_of(form, name) if form else ""
            for name in ("topic", "wrong", "right", "practice", "about", "part")
        }
        if form is None and (source := await _sought(parts, request, person, request.query_params.get("about", ""))):
            filled["about"], filled["topic"] = f"{source[0].path}/{source[1]}", source[2]
        if form is None and (part := request.query_params.get("part", "")) in PARTS_OF_PAGES:
            filled["part"] = part
        requests = asked_of(tasks, messages)
        status = 422 if problem else 200
        return page(
            request,
            "corrections.html",
            status=status,
            asked=requests,
            practices=offered,
            problem=problem,
            filled=filled,
            choices=await _choices(reading, filled["part"], filled["about"]),
            key=key_of(None if problem == SENT_BEFORE else form),
            whose=mark_of(parts.settings, person),
            is_back=form is not None and not problem,
            is_sent=request.query_params.get("done") == "sent",
        )

    @routes.get(CORRECTIONS)
    async def overview(request: Request, person: Annotated[SignedIn, Depends(decides)]) -> HTMLResponse:
        before = typed_before(request, person)
        answer = await shown(request, person, form=before or None)
        forget_typed(request, answer)
        return answer

    @routes.post(CORRECTIONS)
    async def ask(request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(decides)]) -> Response:
        offered = {
            one.practice_id for one in await parts.interactions.practices_to_ask(person.requester(), trace_of(request))
        }
        source = await _sought(parts, request, person, text_of(form, "about"))
        wanted, problem = _checked(form, offered, source)
        if problem:
            return await shown(request, person, problem, form)
        try:
            await parts.interactions.ask_for_correction(
                person.requester(), trace_of(request), wanted, f"correction {key_of(form)}"
            )
        except DuplicateError:
            return await shown(request, person, SENT_BEFORE, form)
        return RedirectResponse(f"{CORRECTIONS}?done=sent", 303)

    @routes.get(f"{CORRECTIONS}/letter")
    async def letter(request: Request, person: Annotated[SignedIn, Depends(decides)]) -> HTMLResponse:
        return page(
            request,
            "correction_letter.html",
            name=person.acting.mandate.represented if person.acting and person.acting.mandate else person.name,
        )

    return routes
