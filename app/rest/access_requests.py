"""``Consent/$request-access`` and ``Consent/$access-requests``: a practice's system asks people for access."""

from datetime import datetime
from typing import Any

import msgspec

from app.access.categories import Category
from app.access.smart_scope import LOOK, Action
from app.consent.fhir_consent import ACTION_CODES, PURPOSE_CODES
from app.consent.requests import Wanted
from app.errors import BadRequestError
from app.fhir.dates import microseconds, moment_of
from app.fhir.instants import instant_text
from app.interactions import access_requests as asking
from app.interactions.access_requests import Asked
from app.rest.call import Call
from app.rest.response import FhirResponse

CODE_MAX = 32
_CATEGORIES = {category.code: category for category in Category}
_ACTIONS = {code: action for action, code in ACTION_CODES.items()}
_PURPOSES = {code: purpose for purpose, code in PURPOSE_CODES.items() if purpose != "app"}
_encode = msgspec.json.Encoder().encode


async def request_access(call: Call) -> FhirResponse:
    """Consent/$request-access; 202, since it is the person who answers."""
    call.only("code", "category", "action", "purpose", "until", "text")
    code = call.one("code") or ""
    if not 0 < len(code) <= CODE_MAX:
        message = "code takes the code that the person told you."
        raise BadRequestError(message, expression="http.code")
    actions = Action(0)
    for name in _named(call, "action", _ACTIONS):
        actions |= _ACTIONS[name]
    categories = Category(0)
    for name in _named(call, "category", _CATEGORIES):
        categories |= _CATEGORIES[name]
    purposes = _named(call, "purpose", _PURPOSES) or ["TREAT"]
    if len(purposes) > 1:
        message = "purpose may be given once."
        raise BadRequestError(message, expression="http.purpose")
    wanted = Wanted(categories, actions or LOOK, _PURPOSES[purposes[0]], _until(call), call.one("text") or "")
    made = await asking.request_access(call.context, call.who, call.request.trace, code, wanted)
    return FhirResponse(202, _encode({"resourceType": "Parameters", "parameter": _parts(call, made)}))


async def access_requests(call: Call) -> FhirResponse:
    """Consent/$access-requests."""
    call.only("request")
    only = call.one("request")
    found = await asking.access_requests(call.context, call.who, call.request.trace)
    shown = [one for one in found if only in (None, _urn(one))]
    parameters = [{"name": "request", "part": _parts(call, one)} for one in shown]
    return FhirResponse(
        200, _encode({"resourceType": "Parameters", **({"parameter": parameters} if parameters else {})})
    )


def _named(call: Call, name: str, known: dict[str, Any]) -> list[str]:
    """Return the values of a parameter that may be repeated. Raises: BadRequestError, for one that is none."""
    given = [value for key, value in call.request.pairs if key == name]
    if not all(value in known for value in given):
        message = f"{name} takes one of {', '.join(known)}."
        raise BadRequestError(message, expression=f"http.{name}")
    return given


def _until(call: Call) -> datetime:
    """Return the end that is asked for; a day is included, as in a Consent. Raises: BadRequestError."""
    found = call.moment("until")
    if found is None:
        message = "until takes the day or moment at which the access is to end."
        raise BadRequestError(message, expression="http.until")
    text = call.one("until") or ""
    try:
        return moment_of(found[0] if "T" in text else found[1] + 1)
    except OverflowError as error:
        message = "until takes a day or moment of this time."
        raise BadRequestError(message, expression="http.until") from error


def _urn(asked: Asked) -> str:
    return f"urn:uuid:{asked.request.request_id}"


def _parts(call: Call, asked: Asked) -> list[dict[str, Any]]:
    """Return how a request stands, as parameters; what was granted only while it is in force."""
    shown: list[dict[str, Any]] = [
        {"name": "id", "valueUri": _urn(asked)},
        {"name": "state", "valueCode": asked.state.value},
        {"name": "asked", "valueDate": _day(call, asked.request.asked_at)},
        {"name": "waits-until", "valueDate": _day(call, asked.request.waits_until)},
    ]
    if asked.grant is None:
        return shown
    shown += [
        {"name": "patient", "valueReference": {"reference": f"Patient/{patient_id}"}}
        for release, patient_id in asked.patients
        if release is call.release
    ]
    shown += [{"name": "category", "valueCode": one.code} for one in Category if one in asked.grant.categories]
    shown += [{"name": "action", "valueCode": code} for one, code in ACTION_CODES.items() if one in asked.grant.actions]
    return [*shown, {"name": "until", "valueInstant": instant_text(microseconds(asked.grant.until))}]


def _day(call: Call, moment: datetime) -> str:
    return moment.astimezone(call.context.time_zone).date().isoformat()
