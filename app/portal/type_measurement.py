"""The form in which a person types a measurement.

A form has a key of its own: sent twice, it is kept once (``add_measurements``). What is unusual is asked about before it is
kept: the form comes back, and its button says that the value is right.
"""

import secrets
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import Category
from app.access.smart_scope import Action
from app.errors import AccessDeniedError, DuplicateError, NotFoundError
from app.fhir.self_measured import MOMENTS
from app.portal import kinds
from app.portal.kept_form import KeptForm, forget_typed, mark_of, typed_before
from app.portal.kinds import BY_KEY, KINDS, Kind
from app.portal.language import marked
from app.portal.measuring import FORMS, NOTE_LENGTH_MAX, Checked, checked
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, in_record
from app.portal.view import reading_for, trace_of

ADD = "/measurements/add"
KEY_LENGTH_MAX = 64
SENT_BEFORE = marked("This form was kept before, with other values. Keep it again to add these too.")


def may_add(person: SignedIn) -> bool:
    """Return whether to offer forms for new measurements in the record in view; whether it is allowed is decided at the gate."""
    return person.acting is None or Action.CREATE in person.acting.actions


def may_change(person: SignedIn) -> bool:
    """Return whether to offer to correct measurements in the record in view."""
    return person.acting is None or Action.UPDATE in person.acting.actions


def may_mark(person: SignedIn) -> bool:
    """Return whether to offer to say that something is sensitive: who does not see such things would lose sight of it."""
    return person.acting is None or Category.SENSITIVE in person.acting.categories


def kind_with_form(key: str) -> Kind:
    """Return the kind of a page. Raises: NotFoundError."""
    if key not in FORMS:
        raise NotFoundError("There is no such kind of measurement.")
    return BY_KEY[key]


def form_page(
    request: Request,
    parts: Parts,
    person: SignedIn,
    kind: Kind,
    typed: Mapping[str, str],
    found: Checked | None = None,
    *,
    problem: str = "",
    changes: str = "",
    is_back: bool = False,
) -> HTMLResponse:
    """Return the form with what was typed in it, and what is wrong with that or asked about it.

    ``changes`` is the release and id of the measurement that it corrects. ``is_back``: it was typed before the login ended.
    """
    doubts = found.doubts if found and not found.errors else []
    return page(
        request,
        "type_measurement.html",
        status=422 if problem or (found and (found.errors or found.doubts)) else 200,
        kind=kind,
        fields=FORMS[kind.key],
        typed=typed,
        errors=found.errors if found else {},
        doubts=doubts,
        mark=found.mark if found and doubts else "",
        problem=problem,
        moments=[(code, kinds.MOMENTS[code]) for code in MOMENTS] if kind.key == "glucose" else [],
        note_length_max=NOTE_LENGTH_MAX,
        may_mark=may_mark(person),
        whose=mark_of(parts.settings, person),
        changes=changes,
        is_back=is_back,
    )


def key_of(form: FormData | None = None) -> str:
    """Return the key of a form that was sent, by which it is known when it comes again; a new one for a new form."""
    return (text_of(form, "key")[:KEY_LENGTH_MAX] if form else "") or secrets.token_urlsafe(16)


def typed_in(form: FormData) -> dict[str, str]:
    """Return the texts of a form by their names."""
    return {name: text_of(form, name) for name in form}


def is_sure(found: Checked, form: FormData) -> bool:
    """Return whether there is nothing to ask about, or it was asked about these very values and they are right."""
    return not found.doubts or text_of(form, "sure") == found.mark


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/measurements/add`` and ``/measurements/add/{key}``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(ADD)
    async def choose(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        reading_for(parts, request, person)
        if not may_add(person):
            raise AccessDeniedError("New measurements are not open to this login.")
        return page(request, "add_measurement.html", kinds=[kind for kind in KINDS if kind.key in FORMS])

    @routes.get(f"{ADD}/{{key}}")
    async def form_of(request: Request, person: Annotated[SignedIn, Depends(in_record)], key: str) -> HTMLResponse:
        kind, reading = kind_with_form(key), reading_for(parts, request, person)
        if not may_add(person):
            raise AccessDeniedError("New measurements are not open to this login.")
        empty = {
            "key": secrets.token_urlsafe(16),
            "day": str(reading.today),
            "clock": f"{reading.now:%H:%M}",
        }
        before = typed_in(typed_before(request, person))
        answer = form_page(request, parts, person, kind, before or empty, is_back=bool(before))
        forget_typed(request, answer)
        return answer

    @routes.post(f"{ADD}/{{key}}")
    async def add(
        request: Request, form: KeptForm, person: Annotated[SignedIn, Depends(in_record)], key: str
    ) -> Response:
        kind, reading = kind_with_form(key), reading_for(parts, request, person)
        typed = typed_in(form)
        found = checked(key, typed, reading.now, language_of(request))
        own_key = typed.get("key", "")[:KEY_LENGTH_MAX] or secrets.token_urlsafe(16)
        typed["key"] = own_key
        if found.errors or not is_sure(found, form):
            return form_page(request, parts, person, kind, typed, found)
        try:
            await parts.interactions.add_measurements(
                person.requester(), trace_of(request), found.measured, f"typed {own_key}"
            )
        except DuplicateError:
            typed["key"] = secrets.token_urlsafe(16)
            return form_page(request, parts, person, kind, typed, problem=SENT_BEFORE)
        return RedirectResponse(f"/measurements/{key}?saved=added", 303)

    return routes
