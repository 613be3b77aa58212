"""What is prepared for visits, as pages show it: to the person, and to the practice under its grant.

``visits_of`` is for both: what the reader may not see is left out, uncounted, since it is looked up as who reads.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from textwrap import shorten

from app.fhir.diary import diary_kind_of
from app.fhir.elements import named, words
from app.fhir.visit import COMMUNICATION, Prepared, Subject, prepared_of
from app.portal.careplan import called
from app.portal.diary import lines_of
from app.portal.formats import near_day, near_moment, unit
from app.portal.interactions import Found
from app.portal.kinds import kind_of, measurements_of
from app.portal.language import Language, marked
from app.portal.measurements_shown import written
from app.portal.medication import agreement_of
from app.portal.reading import Reading
from app.portal.writers import Names, others_named

SOUGHT_AT_ONCE, SOUGHT_MAX = 100, 2000
"""Things of one type that one search looks up for what is prepared, and all of them together."""

LINE_LENGTH_MAX = 160
"""Characters of a line of the diary that are shown."""

GROUPS = {
    "measurements": marked("Measurements"),
    "complaints": marked("Problems and complaints"),
    "medicines": marked("Medicines"),
    "goals": marked("Goals"),
}
"""What can be chosen to discuss, in the order of the page."""

GROUP_OF = {
    "Observation": "measurements",
    "Condition": "complaints",
    "MedicationRequest": "medicines",
    "MedicationStatement": "medicines",
    "MedicationDispense": "medicines",
    "Goal": "goals",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """Something of the record to discuss: what it is, more about it, and the page below that of the record where it stands."""

    subject: Subject
    group: str
    text: str
    detail: str
    path: str

    @property
    def value(self) -> str:
        """Return what stands for it in a form."""
        release, name = self.subject
        return f"{release.path}/{name}"


@dataclass(frozen=True, slots=True)
class ShownVisit:
    """A visit with what of it the reader may see; ``by`` is who wrote it, empty if it was the person."""

    prepared: Prepared
    subjects: tuple[Shown, ...]
    version: int
    by: str

    def grouped(self) -> list[tuple[str, list[Shown]]]:
        """Return the things to discuss by the name of their group."""
        return groups(self.subjects)


def groups(subjects: Iterable[Shown]) -> list[tuple[str, list[Shown]]]:
    """Return things to discuss by the name of their group, in the order of the page."""
    found = list(subjects)
    by_group = [(name, [one for one in found if one.group == key]) for key, name in GROUPS.items()]
    return [(name, several) for name, several in by_group if several]


def shown_of(found: Found, products: dict[str, str], reading: Reading, language: Language) -> Shown | None:
    """Return how something of the record is called, None if there is nothing to call it by."""
    tree = found.tree()
    subject = (found.release, f"{tree['resourceType']}/{tree['id']}")
    group = "complaints" if diary_kind_of(tree) else GROUP_OF[tree["resourceType"]]
    text, detail, path = _told(found, products, reading, language)
    return Shown(subject, group, text, detail, path) if text else None


def _told(found: Found, products: dict[str, str], reading: Reading, language: Language) -> tuple[str, str, str]:
    """Return what a resource is, more about it, and its page."""
    tree = found.tree()
    match tree["resourceType"]:
        case "Observation":
            if lines := lines_of([found], reading.zone):
                return (
                    shorten(lines[0].text, LINE_LENGTH_MAX, placeholder="…"),
                    near_day(lines[0].day, reading.today, language),
                    "/diary",
                )
            kind = kind_of(tree)
            measured = measurements_of(kind, [tree], reading.zone) if kind else []
            if kind is None or not measured:
                return "", "", ""
            (one,) = measured
            value = f"{written(kind, one.values, language)} {unit(kind.unit, language)}".strip()
            moment = near_moment(one.at, reading.today, language)
            return language.gettext(kind.name), f"{value}, {moment}", f"/measurements/{kind.key}"
        case "Condition":
            return words(tree.get("code")), "", "/summary"
        case "Goal":
            return called(tree, language), "", "/care-plan"
        case _:
            agreement = agreement_of(tree, products, language)
            return (agreement.name, agreement.how, "/medication") if agreement else ("", "", "")


async def looked_up(reading: Reading, subjects: Collection[Subject], language: Language) -> dict[Subject, Shown]:
    """Return those of the things that the reader may see; of very many, of the first."""
    ids: dict[str, dict[str, None]] = {}
    for _, name in subjects:
        resource_type, _, resource_id = name.partition("/")
        if resource_type in GROUP_OF:
            ids.setdefault(resource_type, {})[resource_id] = None
    shown: dict[Subject, Shown] = {}
    products = await names_of_products(reading) if any(one.startswith("Medication") for one in ids) else {}
    for resource_type, wanted in ids.items():
        several = list(wanted)[:SOUGHT_MAX]
        for begin in range(0, len(several), SOUGHT_AT_ONCE):
            sought = ",".join(several[begin : begin + SOUGHT_AT_ONCE])
            for found in await reading.found(resource_type, ("_id", sought)):
                one = shown_of(found, products, reading, language)
                if one is not None and one.subject in subjects:
                    shown[one.subject] = one
    return shown


async def names_of_products(reading: Reading) -> dict[str, str]:
    """Return the names of medicines that stand in a resource of their own."""
    return {f"Medication/{one['id']}": words(one.get("code")) or named(one) for one in await reading.all("Medication")}


async def visits_of(
    reading: Reading, language: Language, names: Names, practice_id: str | None = None
) -> list[ShownVisit]:
    """Return what is prepared and not withdrawn, the next visit first, then the latest sent; for one practice if it is given.

    Who wrote it is who the log names, whatever the message says; ``names`` are those of the log in words.
    """
    prepared: list[tuple[Prepared, Found]] = []
    for found in await reading.found(COMMUNICATION):
        one = prepared_of(found.tree(), found.release)
        if one is not None and not one.is_withdrawn and practice_id in (None, one.practice_id):
            prepared.append((one, found))
    prepared.sort(key=lambda one: _order(one[0], reading.today))
    subjects = dict.fromkeys(subject for one, _ in prepared for subject in one.about)
    known = await looked_up(reading, subjects, language) if subjects else {}
    others = await others_named(reading, [found for _, found in prepared], names)
    return [
        ShownVisit(
            one,
            tuple(known[subject] for subject in one.about if subject in known),
            found.version,
            _by(one, others.get(found.seq)),
        )
        for one, found in prepared
    ]


def _by(one: Prepared, other: tuple[bool, str] | None) -> str:
    """Return who wrote it: who acts for the person by the name in the message, another by that in the log."""
    if other is None:
        return one.by
    is_helper, name = other
    return one.by if is_helper and one.by else name


def _order(one: Prepared, today: date) -> tuple[bool, int]:
    """Return the place in a list: visits to come by their day, then the others, the latest first."""
    if one.is_over(today):
        return True, -(one.day or date.min).toordinal()
    return False, (one.day or one.sent or today).toordinal()
