"""The appointments to come, as the first page tells them; what is over or did not go on is with the other data.

Spec: https://hl7.org/fhir/R4/appointment.html, https://hl7.org/fhir/STU3/appointment.html
"""

from dataclasses import dataclass
from datetime import datetime

from app.fhir.elements import Tree, listed, moment_of, named, referred, words
from app.fhir.release import Release
from app.portal.reading import Reading

SHOWN = 3
"""Appointments that are shown, the next ones."""

TEXT_LENGTH_MAX, PARTICIPANTS_MAX = 200, 5
"""Characters of what one is for, and of a name, and names; the whole of it is with the other data."""

_STANDING = "booked,pending,arrived"
_BY_START = dict.fromkeys(Release, "date")


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment to come: when it starts, local; what it is for and with whom or where, empty if it does not say."""

    at: datetime
    what: str
    participants: tuple[str, ...]
    is_agreed: bool


async def coming(reading: Reading) -> list[Appointment]:
    """Return the next appointments of the record, the first first; one that came in both releases is there once."""
    by_day = ("date", f"ge{reading.now.isoformat(timespec='seconds')}")
    found = await reading.latest("Appointment", SHOWN, _BY_START, ("status", _STANDING), by_day)
    told = dict.fromkeys(one for one in (_told(each.tree(), reading) for each in found) if one)
    return sorted(told, key=lambda one: one.at)[:SHOWN]


def _told(tree: Tree, reading: Reading) -> Appointment | None:
    at = moment_of(tree.get("start"), reading.zone)
    if at is None:
        return None
    actors = [each.get("actor") or {} for each in listed(tree.get("participant"))]
    others = (named(one) for one in actors if not any(name.startswith("Patient/") for name in referred(one)))
    reasons = (tree.get(name) for name in ("serviceType", "appointmentType", "reasonCode", "reason"))
    what = str(tree.get("description") or "") or next((said for one in reasons if (said := words(one))), "")
    names = tuple(dict.fromkeys(one[:TEXT_LENGTH_MAX] for one in others if one))[:PARTICIPANTS_MAX]
    return Appointment(at, what[:TEXT_LENGTH_MAX], names, tree.get("status") != "pending")
