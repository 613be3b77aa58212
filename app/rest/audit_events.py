"""The log of a record as AuditEvents: searched by who and when, read, and one of them as a receipt.

Spec: https://hl7.org/fhir/R4/auditevent.html#search, https://hl7.org/fhir/STU3/auditevent.html#search
"""

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import msgspec

from app.audit.audit_event import audit_event_tree, identifiers_of, names_of
from app.audit.log import LogEntry
from app.errors import BadRequestError, NotFoundError
from app.fhir.instants import instant_text
from app.fhir.release import Release
from app.fhir.search.definitions import core_definitions
from app.fhir.search.expression import DateValue
from app.fhir.search.intervals import meets
from app.fhir.search.strings import fold
from app.fhir.search.values import Surroundings, read_value, split, unescape
from app.interactions import log, log_export
from app.rest.call import Call
from app.rest.response import FhirResponse, query_text

URI = "urn:ietf:rfc:3986"
IDENTIFIED = {Release.STU3: "user", Release.R4: "agent:identifier"}
"""The parameter that finds an agent by its identifier."""

PARAMETERS = {
    Release.STU3: (
        ("agent", "reference"),
        ("agent-name", "string"),
        ("altid", "token"),
        ("date", "date"),
        ("user", "token"),
    ),
    Release.R4: (("agent", "reference"), ("agent-name", "string"), ("altid", "token"), ("date", "date")),
}
"""What the log can be searched by, and of which kind that is."""

_VALUES_MAX = 50
_PAGE_MAX = 200
_encode = msgspec.json.Encoder().encode
Check = Callable[[LogEntry], bool]


async def audit_events(call: Call) -> FhirResponse:
    """Who looked at the record, newest first, as AuditEvents."""
    names = (
        "agent",
        "agent-name",
        "agent-name:exact",
        "agent-name:contains",
        "altid",
        "date",
        IDENTIFIED[call.release],
    )
    call.only("_count", "_cursor", *names)
    asked = [pair for pair in call.request.pairs if pair[0] in names and pair[1]]
    if len(asked) > _VALUES_MAX:
        message = f"The log is searched by {_VALUES_MAX} parameters at most."
        raise BadRequestError(message)
    checks = [_check(call, name, value) for name, value in asked]
    count = call.number("_count", 50, _PAGE_MAX)
    if count == 0:
        message = "The log is not counted: _count is 1 or more here."
        raise BadRequestError(message, expression="http._count")

    def wanted(entry: LogEntry, *, is_first: bool) -> bool:
        del is_first
        return all(check(entry) for check in checks)

    page = await log.log_of(
        call.context, call.who, call.request.trace, call.one("_cursor"), count, wanted if checks else None
    )
    url = f"{call.base}/AuditEvent"
    links = [{"relation": "self", "url": f"{url}?{query_text(call.request.pairs)}".rstrip("?")}]
    if page.next is not None:
        kept = "".join(f"&{query_text([pair])}" for pair in asked)
        links.append({"relation": "next", "url": f"{url}?_count={count}&_cursor={page.next}{kept}{call.kept}"})
    tree: dict[str, object] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    if page.entries:
        tree["entry"] = [
            {"fullUrl": f"{url}/{entry.n}", "resource": _tree(call, entry), "search": {"mode": "match"}}
            for entry in page.entries
        ]
    return FhirResponse(200, _encode(tree))


async def audit_events_by_post(call: Call) -> FhirResponse:
    """The same by POST, so that who is looked for is in no log of an address."""
    await call.request.take_form()
    return await audit_events(call)


async def audit_event(call: Call) -> FhirResponse:
    """One AuditEvent."""
    call.only()
    entry = await log.log_entry(call.context, call.who, call.request.trace, _number(call))
    return FhirResponse(200, _encode(_tree(call, entry)))


async def receipt(call: Call) -> FhirResponse:
    """AuditEvent/[id]/$receipt: a Binary with the entry and its seal, as a file for the script that checks them."""
    call.only()
    lines = await log_export.receipt(call.context, call.who, call.request.trace, _number(call))
    data = "content" if call.release is Release.STU3 else "data"
    binary = {"resourceType": "Binary", "contentType": "application/x-ndjson", data: b64encode(lines).decode()}
    return FhirResponse(200, _encode(binary))


def _tree(call: Call, entry: LogEntry) -> dict[str, Any]:
    return audit_event_tree(call.release, entry, instant_text(entry.event.instant))


def _number(call: Call) -> int:
    if re.fullmatch(r"[0-9]{1,18}", call.named["id"]) is None:
        message = "This AuditEvent is not known."
        raise NotFoundError(message)
    return int(call.named["id"])


def _check(call: Call, name: str, text: str) -> Check:
    """Return what one parameter asks of an entry; values with commas between them are alternatives. Raises: BadRequestError."""
    parts = [part.strip() for part in split(text, ",")]
    if not all(parts):
        message = f"The parameter {name} has an empty value."
        raise BadRequestError(message, expression=f"http.{name}")
    if name == "date":
        return _any([_date(call, part) for part in parts])
    values = [unescape(part) for part in parts]
    if name == "agent":
        return lambda _: False  # agents are named by identifiers, and refer to no resource
    if name == "altid":
        known = {value.casefold() for value in values}
        return lambda entry: (entry.event.client or entry.event.actor or "unknown").casefold() in known
    if name in IDENTIFIED.values():
        whole = {value if "|" in value else f"{URI}|{value}" for value in values}
        return lambda entry: any(f"{URI}|{one}" in whole for one in identifiers_of(entry.event))
    if name.endswith(":exact"):
        return lambda entry: any(one in values for one in names_of(entry.event))
    sought = [fold(value) for value in values]
    if name.endswith(":contains"):
        return lambda entry: any(one in fold(found) for found in names_of(entry.event) for one in sought)
    return lambda entry: any(fold(found).startswith(one) for found in names_of(entry.event) for one in sought)


def _any(checks: list[Check]) -> Check:
    return lambda entry: any(check(entry) for check in checks)


def _date(call: Call, text: str) -> Check:
    around = Surroundings(call.context.time_zone, (), call.context.clock())
    asked = read_value(core_definitions(call.release).of("AuditEvent")["date"], None, text, around)
    if not isinstance(asked, DateValue):
        raise TypeError(asked)
    prefix, ends = asked.prefix, (asked.low, asked.high)
    return lambda entry: meets(prefix, ends, (entry.event.instant, entry.event.instant))
