"""Whether an export is about the person who brings it in, as far as the two Patients tell.

What both say has to agree: the citizen service number (BSN), the day of birth, and a word of the name. It keeps people from
taking somebody else's file for their own; it proves nothing, since people write their own Patient.
"""

import re
from collections.abc import Iterator
from typing import Any

from app.access.categories import ALL_PARTS
from app.access.scope import RecordAccess
from app.db.database import Reader
from app.errors import UnprocessableError
from app.fhir.elements import listed
from app.store.changes import patients_of
from app.store.resources import read_current

BSN = "http://fhir.nl/fhir/NamingSystem/bsn"
_SHORTEST_WORD = 3


async def refuse_another(reader: Reader, record_id: int, person: dict[str, Any] | None) -> None:
    """Raise UnprocessableError, if ``person`` (the Patient of an export) is clearly not whose record this is."""
    for release, patient in (await patients_of(reader, record_id)).items():
        whole = RecordAccess(record_id, ALL_PARTS, ALL_PARTS, None, "own record")
        own = await read_current(reader, whole, release, "Patient", patient)
        if own is None or own.deleted or person is None:
            continue
        for told in (_numbers, _birth_dates, _names):
            mine, theirs = set(told(own.tree())), set(told(person))
            if mine and theirs and not mine & theirs:
                raise UnprocessableError("This export is about another person than you.")


def _numbers(patient: dict[str, Any]) -> Iterator[str]:
    for identifier in listed(patient.get("identifier")):
        if identifier.get("system") == BSN and identifier.get("value"):
            yield identifier["value"]


def _birth_dates(patient: dict[str, Any]) -> Iterator[str]:
    if len(patient.get("birthDate", "")) == len("2000-01-01"):
        yield patient["birthDate"]


def _names(patient: dict[str, Any]) -> Iterator[str]:
    for name in listed(patient.get("name")):
        for text in (name.get("text", ""), name.get("family", ""), *listed(name.get("given"))):
            yield from (word for word in re.findall(r"\w+", (text or "").casefold()) if len(word) >= _SHORTEST_WORD)
