"""What is new for a person since they were here last, and what waits for them; pure.

What is new is told by the log, which knows from whom it came: one line for each party and page. What waits is asked of the
person, or answers what they asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from app.audit.log import LogEntry
from app.consent.categorize import CORRECTION
from app.fhir.elements import Tree, codes, moment_of, named
from app.identity.instants import from_us
from app.portal.activity import Look, who_words
from app.portal.careplan import OVER
from app.portal.connections import Access
from app.portal.corrections import CORRECTIONS, STATES
from app.portal.language import Language, marked
from app.portal.log_filter import CHANGES, is_person
from app.portal.navigation import NAVIGATION
from app.portal.questionnaire_list import wanted_by
from app.portal.waiting import Waiting

NEWS_SHOWN = 5
"""Lines of what is new; what is more is in the log."""

SIGNS_SHOWN = 2

_PAGES = {
    "/measurements": "Observation",
    "/care-plan": "CarePlan Goal CareTeam ServiceRequest ProcedureRequest Task",
    "/medication": "Medication MedicationRequest MedicationStatement MedicationDispense MedicationAdministration",
    "/questionnaires": "Questionnaire QuestionnaireResponse",
    "/summary": "Condition EpisodeOfCare AllergyIntolerance Immunization Composition Encounter DiagnosticReport",
}
_PAGE_OF = {name: path for path, names in _PAGES.items() for name in names.split()}
_ENTRIES = {entry.path: entry for entry in NAVIGATION}
_ANYTHING = "/activity"
"""The page of what has no page of its own: who did what."""


@dataclass(frozen=True, slots=True)
class News:
    """What one party added or changed that one page shows; ``at`` is the last time, local."""

    path: str
    name: str
    icon: str
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """Something that waits for the person: a sentence, and where it goes on, by which words."""

    text: str
    path: str
    do: str
    icon: str


def news_of(entries: Iterable[LogEntry], since: datetime | None, zone: ZoneInfo, language: Language) -> list[News]:
    """Return what others added or changed since the last visit, newest first; nothing at the first visit (None).

    ``entries`` are newest first. What an app or a helper measured is with the measurements, what a practice found with its results.
    """
    found: dict[tuple[str, str], News] = {}
    for entry in entries:
        event = entry.event
        at = from_us(event.instant)
        if since is None or at <= since:
            break
        if event.action not in CHANGES or event.outcome != "success" or is_person(event):
            continue
        path = _PAGE_OF.get(event.resource_type, _ANYTHING)
        if path == "/measurements" and event.kind == "practice":
            path = "/summary"
        page, who = _ENTRIES[path], who_words(event, language, is_own=True)
        name = language.gettext("Other data") if path == _ANYTHING else language.gettext(page.name)
        found.setdefault((path, who), News(path, name, page.icon, who, at.astimezone(zone)))
    return list(found.values())[:NEWS_SHOWN]


def asked_by_practices(waiting: Iterable[Waiting], language: Language) -> list[Message]:
    """Return that practices ask for access."""
    return [
        Message(
            language.gettext("%(practice)s asks if they may look in your record.") % {"practice": one.practice},
            f"/access/requests/{one.request_id}",
            language.gettext("Look and answer"),
            "building",
        )
        for one in waiting
    ]


def waiting_for_yes(accesses: Iterable[Access], language: Language) -> list[Message]:
    """Return that a parent may look along only if the person says yes."""
    return [
        Message(
            language.gettext("%(name)s wants to look along with you. You decide.") % {"name": one.name},
            f"/helpers/{one.grant_id}/agree",
            language.gettext("Look and answer"),
            "person",
        )
        for one in accesses
        if one.awaits_yes
    ]


def questionnaires_waiting(tasks: Iterable[Tree], language: Language) -> list[Message]:
    """Return that questionnaires wait to be filled in: one message for all."""
    count = sum(1 for one in tasks if one.get("status") not in OVER and wanted_by(one))
    if not count:
        return []
    text = language.ngettext(
        "A questionnaire waits for you.", "%(num)s questionnaires wait for you.", count
    ) % {"num": count}  # fmt: skip
    return [Message(text, "/questionnaires", language.gettext("Fill in"), "list")]


def corrections_answered(
    tasks: Iterable[Tree], since: datetime | None, zone: ZoneInfo, language: Language
) -> list[Message]:
    """Return what practices did since the last visit with what the person asked to correct."""
    found = []
    for one in tasks:
        state, at = STATES.get(str(one.get("status"))), moment_of((one.get("meta") or {}).get("lastUpdated"), zone)
        is_answered = CORRECTION in codes(one.get("code")) and state not in (None, STATES["requested"])
        if state is None or not is_answered or since is None or at is None or at <= since:
            continue
        practice = named(one.get("owner")) or language.gettext("A practice")
        text = language.gettext("%(practice)s on your request to correct something: %(state)s.")
        said = text % {"practice": practice, "state": language.gettext(state).lower()}
        found.append(Message(said, CORRECTIONS, language.gettext("View"), "file"))
    return found


def standing_out(seen: Sequence[Look], since: datetime | None, language: Language) -> list[Message]:
    """Return what stands out in who looked since the last visit, the newest first, and once what was so more often."""
    since_then = [one for one in seen if one.signs and since is not None and one.at > since]
    found = list({(one.who, one.signs[0]): one for one in since_then}.values())
    return [
        Message(
            language.gettext("%(who)s looked in your record: %(sign)s.")
            % {"who": one.who, "sign": one.signs[0][:1].lower() + one.signs[0][1:]},
            "/activity?who=unusual",
            language.gettext("View"),
            "eye",
        )
        for one in found[:SIGNS_SHOWN]
    ]


BEGINNING = (
    ("plus", marked("Add a measurement"), marked("Such as your weight or blood pressure."), "/measurements/add"),
    ("building", marked("Let your practice look along"), marked("You choose what they see."), "/access/new"),
    ("folder", marked("Bring in a record"), marked("If you kept one somewhere else."), "/my-data/import"),
    ("settings", marked("Make reading easy"), marked("Larger letters, more contrast, or dark."), "/settings"),
)
"""What somebody with an empty record can begin with: icon, what, about it, and where."""
