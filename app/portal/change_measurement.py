"""The form in which a person corrects a measurement, or takes it back.

A corrected one says so in its status and keeps its history; one that was taken back stays in the record as a mistake, and
does not count. What somebody else measured is asked to be corrected (``corrections.py``).
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.errors import AccessDeniedError, NotFoundError, PreconditionFailedError
from app.fhir.elements import Tree
from app.fhir.labels import is_restricted
from app.fhir.self_measured import MOMENTS, is_own
from app.interactions.self_measured import Change
from app.portal import kinds
from app.portal.interactions import Found
from app.portal.kept_form import KeptForm, forget_typed, typed_before
from app.portal.kinds import WRONG, Kind, measurements_of
from app.portal.language import Language, marked
from app.portal.measuring import FORMS, Checked, checked
from app.portal.open_session import text_of
from app.portal.page import language_of
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.type_measurement import form_page, is_sure, kind_with_form, may_change, typed_in
from app.portal.view import reading_for, trace_of

CHANGED = marked("This measurement was changed in the meantime. Look at it again.")


def _fields_of(kind: Kind, tree: Tree, reading: Reading, language: Language) -> dict[str, str] | None:
    """Return what stands in the form of a measurement that is corrected, None if it is none of this kind that they may correct."""
    measured = [one for one in measurements_of(kind, [tree], reading.zone) if one.is_own]
    if not measured:
        return None
    (one,) = measured
    values = one.values if kind.is_pair else [value for value in one.values if value is not None]
    typed = {
        asked.name: "" if value is None else str(value).replace(".", "," if language.code == "nl" else ".")
        for asked, value in zip(FORMS[kind.key], values, strict=False)  # a pulse is a measurement of its own
    }
    moment = next((code for code in MOMENTS if kinds.MOMENTS[code] == one.moment), "")
    fields = {"day": str(one.at.date()), "clock": f"{one.at:%H:%M}", "moment": moment, "note": one.note}
    return {**typed, **fields, **({"sensitive": "on"} if is_restricted(tree) else {})}


async def _own(
    reading: Reading, kind: Kind, release: str, resource_id: str, language: Language
) -> tuple[Found, dict[str, str]]:
    """Return a measurement that the person may correct, and its fields. Raises: NotFoundError, when there is none."""
    for one in await reading.known(release, ["Observation"], resource_id):
        fields = _fields_of(kind, one.tree(), reading, language)
        if fields is not None:
            return one, fields
    raise NotFoundError("There is no such measurement.")


async def is_taken_back(reading: Reading, release: str, resource_id: str) -> bool:
    """Return whether this, of the release with this path, is what the person typed, and took back."""
    found = [one.tree() for one in await reading.known(release, ["Observation"], resource_id)]
    return any(is_own(tree) and tree.get("status") in WRONG for tree in found)


def router(parts: Parts) -> APIRouter:
    """Return the route ``/measurements/{key}/{release}/{resource_id}``: an id may be in both releases.

    An address of before has no release; a form that was opened there is kept too.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/measurements/{key}/{resource_id}")
    @routes.get("/measurements/{key}/{release}/{resource_id}")
    async def correct_form(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], key: str, resource_id: str, release: str = ""
    ) -> HTMLResponse:
        kind, reading, language = kind_with_form(key), reading_for(parts, request, person), language_of(request)
        one, fields = await _own(reading, kind, release, resource_id, language)
        if not may_change(person):
            raise AccessDeniedError("Measurements can't be changed by this login.")
        before = typed_in(typed_before(request, person))
        is_back = bool(before) and before.get("do") != "take-back"
        typed = before if is_back else {**fields, "version": str(one.version)}
        place = f"{one.release.path}/{resource_id}"
        answer = form_page(request, parts, person, kind, typed, changes=place, is_back=is_back)
        forget_typed(request, answer)
        return answer

    @routes.post("/measurements/{key}/{resource_id}")
    @routes.post("/measurements/{key}/{release}/{resource_id}")
    async def correct(
        request: Request,
        form: KeptForm,
        person: Annotated[SignedIn, Depends(in_record)],
        key: str,
        resource_id: str,
        release: str = "",
    ) -> Response:
        kind, reading, typed = kind_with_form(key), reading_for(parts, request, person), typed_in(form)
        takes_back = typed.get("do") == "take-back"
        done = RedirectResponse(f"/measurements/{key}?saved={'taken-back' if takes_back else 'corrected'}", 303)
        if takes_back and await is_taken_back(reading, release, resource_id):
            return done  # sent twice
        one, fields = await _own(reading, kind, release, resource_id, language_of(request))
        place = f"{one.release.path}/{resource_id}"
        found = Checked() if takes_back else checked(key, typed, reading.now, language_of(request))
        if found.errors or not is_sure(found, form):
            return form_page(request, parts, person, kind, typed, found, changes=place)
        standing = text_of(form, "version")
        try:
            if standing != str(one.version):
                raise PreconditionFailedError("This measurement was changed in the meantime.")
            change = Change(one.release, resource_id, one.version, None if takes_back else found.measured[0])
            await parts.interactions.change_measurement(person.requester(), trace_of(request), change)
        except PreconditionFailedError:
            if takes_back and await is_taken_back(reading, release, resource_id):
                return done  # sent twice at once
            one, fields = await _own(reading, kind, release, resource_id, language_of(request))
            stands = checked(key, fields, reading.now, language_of(request)).measured
            if takes_back or found.measured[:1] != stands[:1]:  # else it was sent twice
                fields["version"] = str(one.version)
                return form_page(request, parts, person, kind, fields, problem=CHANGED, changes=place)
        return done

    return routes
