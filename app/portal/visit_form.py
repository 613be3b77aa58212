"""What can be chosen to discuss at a visit to a practice, and what was chosen and typed read as that."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from starlette.datastructures import FormData

from app.access.categories import ALL_PARTS, Category
from app.consent.categorize import categorize
from app.fhir.release import Release
from app.fhir.visit import Subject, ToPractice, Visit
from app.portal import medication, summary
from app.portal.diary import newest_lines
from app.portal.interactions import Found
from app.portal.kinds import BY_KEY, by_kind, is_open_goal, targets_of
from app.portal.language import Language
from app.portal.measurements import newest_measurements
from app.portal.measurements_shown import state_of
from app.portal.measuring import day_typed, line_typed
from app.portal.open_session import text_of
from app.portal.own_goals import AHEAD_MAX
from app.portal.reading import Reading
from app.portal.visits import Shown, names_of_products, shown_of

QUESTIONS_MAX, QUESTION_LENGTH_MAX, SUBJECTS_MAX = 20, 500, 50
QUESTIONS_LENGTH_MAX = QUESTIONS_MAX * (QUESTION_LENGTH_MAX + 2)
RECENT = timedelta(days=92)
LINES_MAX = 12
"""Lines of the diary that can be chosen, the newest."""

READ = 30
"""Measurements of each kind among which one outside its target is looked for."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that can be chosen; ``is_beyond`` says that it is a measurement outside its target."""

    shown: Shown
    is_beyond: bool = False


@dataclass(slots=True)
class Chosen:
    """What was typed and chosen: the visit that it makes, or what is wrong with each field."""

    visit: Visit | None = None
    errors: dict[str, str] = field(default_factory=dict)


def sees(categories: Category, found: Found) -> bool:
    """Return whether who was granted ``categories`` sees something of the record."""
    tree = found.tree()
    mask = categorize(tree["resourceType"], tree)
    return bool(mask & categories & ALL_PARTS) and (Category.SENSITIVE not in mask or Category.SENSITIVE in categories)


async def offered(reading: Reading, categories: Category, language: Language) -> list[Offer]:
    """Return what of the record can be chosen: what the reader sees, and who was granted ``categories`` sees too."""
    found: list[tuple[Found, bool]] = []
    goals = await reading.found("Goal") if Category.CARE_PLAN in categories else []
    beyond: dict[str, bool] = {}
    if Category.OWN_MEASUREMENTS in categories:
        trees = [one.tree() for one in goals]
        observations = await newest_measurements(reading, RECENT, READ)
        for key, every in by_kind(observations, reading.zone).items():
            targets = targets_of(BY_KEY[key], trees)
            measured = [one for one in every if one.source]
            outside = [one for one in measured if state_of(one.values, targets)]
            for one in (outside or measured)[-1:]:
                beyond[one.source] = bool(outside)
        found += await _of_ids(reading, "Observation", beyond)
        lines = await newest_lines(reading, reading.today - RECENT, reading.today, LINES_MAX)
        found += await _of_ids(reading, "Observation", dict.fromkeys((one.source for one in lines), False))
    if Category.GP_SUMMARY in categories:
        problems = summary.problems(*await reading.several("Condition", "EpisodeOfCare"))
        found += await _of_ids(reading, "Condition", _ids(one.source for one in problems if one.is_open))
    products: dict[str, str] = {}
    if Category.MEDICATION in categories:
        products = await names_of_products(reading)
        for resource_type, ids in (await _medicines(reading, products, language)).items():
            found += await _of_ids(reading, resource_type, ids)
    found += [(one, False) for one in goals if is_open_goal(one.tree())]
    offers = []
    for resource, is_beyond in found:
        shown = shown_of(resource, products, reading, language) if sees(categories, resource) else None
        if shown is not None:
            offers.append(Offer(shown, is_beyond))
    return sorted(offers, key=lambda offer: not offer.is_beyond)


async def _of_ids(reading: Reading, resource_type: str, ids: dict[str, bool]) -> list[tuple[Found, bool]]:
    if not ids:
        return []
    found = await reading.found(resource_type, ("_id", ",".join(ids)))
    by_id = {one.tree()["id"]: one for one in found}
    return [(by_id[one], is_beyond) for one, is_beyond in ids.items() if one in by_id]


def _ids(sources: Iterable[str]) -> dict[str, bool]:
    return {source.partition("/")[2]: False for source in sources if source}


async def _medicines(reading: Reading, products: dict[str, str], language: Language) -> dict[str, dict[str, bool]]:
    """Return the ids of the agreements on what is used now, by their type."""
    types = ("MedicationRequest", "MedicationStatement", "MedicationDispense")
    resources = [one for several in await reading.several(*types) for one in several]
    agreements = [medication.agreement_of(one, products, language) for one in resources]
    used = medication.overview([one for one in agreements if one], reading.today)[medication.State.NOW]
    found: dict[str, dict[str, bool]] = {}
    for one in used:
        resource_type, _, resource_id = one.source.partition("/")
        found.setdefault(resource_type, {})[resource_id] = False
    return found


def chosen(
    form: FormData,
    practice: ToPractice,
    known: Iterable[Shown],
    today: date,
    base: str,
    language: Language,
    unseen: Iterable[Subject] = (),
    by: str = "",
) -> Chosen:
    """Return what was typed and chosen; ``known`` are the things that can be, ``unseen`` those that stay.

    ``base`` is the URL of this server, ``by`` the name of who acts for the person.
    """
    found = Chosen()
    questions = questions_in(text_of(form, "questions"))
    if len(questions) > QUESTIONS_MAX or any(len(one) > QUESTION_LENGTH_MAX for one in questions):
        found.errors["questions"] = language.gettext("This is too long. Say it in fewer words.")
    by_value = {one.value: one.subject for one in known}
    about: list[Subject] = [by_value[one] for one in dict.fromkeys(values_of(form)) if one in by_value]
    about += unseen
    if not questions and not about:
        found.errors["questions"] = language.gettext("Write a question, or choose something below.")
    if len(about) > SUBJECTS_MAX:
        found.errors["about"] = language.gettext("This is too much for one visit. Choose less.")
    day = None
    if text := text_of(form, "day").strip():
        day = day_typed(text)
        if day is None or not today <= day <= today + AHEAD_MAX:
            found.errors["day"] = language.gettext("Choose a day that is still to come.")
    if not found.errors:
        found.visit = Visit(practice, questions, tuple(about), day, base, "sensitive" in form, by)
    return found


def questions_in(text: str) -> tuple[str, ...]:
    """Return the questions of a text, one on each line."""
    return tuple(line for one in text.splitlines() if (line := line_typed(one)))


def values_of(form: FormData) -> list[str]:
    """Return what is ticked in a form."""
    return [value for value in form.getlist("about") if isinstance(value, str)]


def to_practice(practice_id: str, name: str, stu3: str | None, r4: str | None) -> ToPractice:
    """Return a practice to write to, with the ids of its Organizations."""
    known = ((Release.STU3, stu3), (Release.R4, r4))
    return ToPractice(practice_id, name, tuple((release, one) for release, one in known if one))
