"""Requests of practices that wait for the person, as the pages show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.consent import requests
from app.consent.requests import AccessRequest
from app.identity import practices
from app.portal.language import Language
from app.portal.parts import Parts


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request: of which practice, who asked for it (empty if it was its system), and until when it waits, local."""

    request_id: str
    practice_id: str
    practice: str
    place: str
    by: str
    words: str
    asked: datetime
    until: datetime


async def waiting_of(parts: Parts, found: Sequence[AccessRequest], language: Language) -> list[Waiting]:
    """Return requests as the pages show them."""
    zone = ZoneInfo(parts.settings.time_zone)
    known = await practices.of(parts.database.reader, (one.practice_id for one in found))
    shown = []
    for one in found:
        practice = known.get(one.practice_id)
        name = practice.name if practice else language.gettext("A practice")
        shown.append(
            Waiting(
                one.request_id,
                one.practice_id,
                name,
                practice.city if practice else "",
                "" if one.asked_by == name else one.asked_by,
                one.wanted.words,
                one.asked_at.astimezone(zone),
                one.waits_until.astimezone(zone),
            )
        )
    return shown


async def waiting_for(parts: Parts, record_id: int, language: Language) -> list[Waiting]:
    """Return what waits for a person, the newest first."""
    waiting, _ = await requests.of_record(parts.database.reader, record_id, parts.clock())
    return await waiting_of(parts, waiting, language)
