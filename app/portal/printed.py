"""The record as a summary on paper: who it is about, what matters now, the newest values, and who may see what.

What stands there is worked out by the functions that make the pages. Values have the digits and the unit that they were stored with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.access.grant import Grant, Grantee
from app.fhir.elements import Tree, amount, day_of, effective, has_code, listed, words
from app.interactions.archive import About, written_name
from app.portal import careplan, medication, results, summary
from app.portal.formats import capital, day, quantity, span
from app.portal.kinds import WRONG, kind_of
from app.portal.language import Language, marked
from app.portal.pdf import Sheet
from app.portal.wording import action_words, category_names

VALUES_KEPT = 8
"""Newest values that are shown of each thing that was measured."""

THINGS_MAX = 60
LINES_MAX = 200
"""Lines of a section; how many more there are is said."""

_TYPES = frozenset(
    """
    AllergyIntolerance CarePlan Condition EpisodeOfCare Goal Immunization Medication MedicationDispense MedicationRequest
    MedicationStatement Patient ProcedureRequest ServiceRequest Task
    """.split()
)
_GENDERS = {"male": marked("man"), "female": marked("woman"), "other": marked("other")}


@dataclass(slots=True)
class _Thing:
    """Something that was measured: its newest values."""

    name: str
    is_laboratory: bool
    values: list[tuple[datetime, str, str]] = field(default_factory=list)

    def add(self, at: datetime, value: str, normal: str) -> None:
        """Take a value; only the newest are kept."""
        self.values.append((at, value, normal))
        if len(self.values) >= 4 * VALUES_KEPT:
            self.values = self.newest()

    def newest(self) -> list[tuple[datetime, str, str]]:
        """Return the newest values, the last first; of what both releases have, one."""
        return sorted(set(self.values), key=lambda one: one[0], reverse=True)[:VALUES_KEPT]


class PrintedSummary:
    """A summary in one language; ``add`` is called for each current resource, then ``pages``."""

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self._language = language
        self._zone = zone
        self._trees: dict[str, list[Tree]] = {name: [] for name in _TYPES}
        self._things: dict[str, _Thing] = {}

    def add(self, tree: Tree) -> None:
        """Take a resource, of either release."""
        if tree["resourceType"] == "Observation":
            self._measured(tree)
        elif tree["resourceType"] in _TYPES:
            self._trees[tree["resourceType"]].append(tree)

    def pages(self, about: About) -> bytes:
        """Return the PDF."""
        language, now = self._language, about.now.astimezone(about.zone)
        gettext = language.gettext
        title = gettext("Summary of the record of %(name)s") % {"name": about.person or gettext("a person")}
        foot = gettext("Made by Regie on %(day)s") % {"day": day(now.date(), language)}
        sheet = Sheet(title, language, about.now, foot)
        sheet.text(
            gettext("Made on %(day)s from the record at %(server)s.")
            % {"day": day(now.date(), language), "server": about.server}
        )
        sheet.text(
            gettext("This is a part of what the record has. Only a doctor can say what it means for your health."),
            small=True,
        )
        self._person(sheet)
        self._problems(sheet)
        self._allergies(sheet)
        self._medication(sheet, now.date())
        self._values(sheet, gettext("Newest measurements"), is_laboratory=False)
        self._values(sheet, gettext("Newest laboratory results"), is_laboratory=True)
        self._vaccinations(sheet)
        self._care_plan(sheet, now.date())
        self._access(sheet, about)
        return sheet.bytes()

    def _measured(self, tree: Tree) -> None:
        at = effective(tree, self._zone)
        if at is None or tree.get("status") in WRONG:
            return
        kind, name = kind_of(tree), words(tree.get("code"))
        label = self._language.gettext(kind.name) if kind is not None and (kind.is_pair or not name) else name
        value = self._value(tree)
        if not label or not value or (label not in self._things and len(self._things) >= 10 * THINGS_MAX):
            return
        is_laboratory = kind is None and has_code(tree.get("category"), *results.LABORATORY)
        if (
            kind is None
            and not is_laboratory
            and amount(tree.get("valueQuantity")) is None
            and not tree.get("component")
        ):
            return  # what was said and seen is no measurement
        thing = self._things.setdefault(label, _Thing(label, is_laboratory))
        normal, *_ = results.normal_range(tree, self._language)
        thing.add(at, value, normal)

    def _value(self, tree: Tree) -> str:
        measured = amount(tree.get("valueQuantity"))
        if measured is not None:
            return quantity(measured[0], measured[1], self._language)
        parts = [(words(one.get("code")), amount(one.get("valueQuantity"))) for one in tree.get("component", [])]
        told = [f"{name} {quantity(value[0], value[1], self._language)}".strip() for name, value in parts if value]
        return "; ".join(told) or str(tree.get("valueString") or words(tree.get("valueCodeableConcept")))

    def _person(self, sheet: Sheet) -> None:
        gettext, patients = self._language.gettext, self._trees["Patient"]
        sheet.heading(gettext("Who it is about"))
        for patient in patients[:1] or [{}]:
            merged = {**next(iter(patients[1:]), {}), **patient}
            born, gender = day_of(merged.get("birthDate")), _GENDERS.get(str(merged.get("gender")), "")
            address: Tree = next(iter(listed(merged.get("address"))), {})
            place = [*listed(address.get("line")), address.get("postalCode", ""), address.get("city", "")]
            rows = [
                (gettext("Name"), written_name(merged)),
                (gettext("Born on"), day(born, self._language) if born else ""),
                (gettext("Gender"), gettext(gender) if gender else ""),
                (gettext("Address"), ", ".join(str(part) for part in place if part)),
            ]
            for name, value in rows:
                sheet.text(f"{name}: {value}" if value else "")

    def _problems(self, sheet: Sheet) -> None:
        gettext = self._language.gettext
        over = gettext("over")
        found = summary.problems(self._trees["Condition"], self._trees["EpisodeOfCare"])
        sheet.heading(gettext("Problems"))
        self._listed(
            sheet,
            [
                (
                    one.name + ("" if one.is_open else f" ({over})"),
                    (self._span(one.since, one.until), one.note),
                )
                for one in found
            ],
            gettext("No problems are known."),
        )

    def _allergies(self, sheet: Sheet) -> None:
        gettext = self._language.gettext
        dangerous = gettext("dangerous")
        found = summary.allergies(self._trees["AllergyIntolerance"])
        sheet.heading(gettext("Allergies and intolerances"))
        self._listed(
            sheet,
            [(f"{one.name} ({dangerous})" if one.is_severe else one.name, (one.reaction, one.note)) for one in found],
            gettext("No allergies are known."),
        )

    def _medication(self, sheet: Sheet, today: date) -> None:
        gettext, trees = self._language.gettext, self._trees
        names = {f"Medication/{one['id']}": words(one.get("code")) for one in trees["Medication"]}
        resources = [*trees["MedicationRequest"], *trees["MedicationStatement"], *trees["MedicationDispense"]]
        agreed = [medication.agreement_of(resource, names, self._language) for resource in resources]
        found = medication.overview([one for one in agreed if one], today)
        sheet.heading(gettext("Medicines"))
        for state, title, nothing in (
            (medication.State.NOW, gettext("What you use now"), gettext("No medicines are known that you use now.")),
            (medication.State.PLANNED, gettext("What will start"), ""),
        ):
            if found[state] or nothing:
                sheet.text(title, bold=True)
                lines = [
                    (one.name, (capital(one.how), one.why, self._span(one.start, one.end))) for one in found[state]
                ]
                self._listed(sheet, lines, nothing)

    def _values(self, sheet: Sheet, title: str, *, is_laboratory: bool) -> None:
        gettext = self._language.gettext
        things = [one for one in self._things.values() if one.is_laboratory is is_laboratory]
        things.sort(key=lambda one: (-one.newest()[0][0].timestamp(), one.name))
        sheet.heading(title)
        if not things:
            sheet.text(gettext("Nothing is known."))
            return
        for thing in things[:THINGS_MAX]:
            sheet.gap()
            sheet.text(thing.name, bold=True)
            rows = [(self._moment(at), value, normal) for at, value, normal in thing.newest()]
            has_normal = any(normal for *_, normal in rows)
            headings = [gettext("When"), gettext("Value"), gettext("Normal")]
            shown = 3 if has_normal else 2
            sheet.table(headings[:shown], [row[:shown] for row in rows], (35, 45, 20)[:shown])
        self._more(sheet, len(things) - THINGS_MAX)

    def _vaccinations(self, sheet: Sheet) -> None:
        found = summary.vaccinations(self._trees["Immunization"])
        if found:
            sheet.heading(self._language.gettext("Vaccinations"))
            self._listed(sheet, [(name, (day(on, self._language) if on else "",)) for name, on in found], "")

    def _care_plan(self, sheet: Sheet, today: date) -> None:
        gettext, trees = self._language.gettext, self._trees
        goals = careplan.goal_views(trees["Goal"], {}, [], self._language)
        requests = [one for asked in careplan.ASKED for one in trees[asked]]
        activities = careplan.activities(trees["CarePlan"], requests, today, self._language)
        if not goals and not activities:
            return
        sheet.heading(gettext("Care plan"))
        if goals:
            sheet.text(gettext("Goals"), bold=True)
            lines = [(one.text, tuple(f"{line.name}: {line.range}" for line in one.lines)) for one in goals]
            self._listed(sheet, lines, "")
        if activities:
            sheet.text(gettext("What was agreed"), bold=True)
            self._listed(sheet, [(one.what, (one.when, one.period, one.who)) for one in activities], "")

    def _access(self, sheet: Sheet, about: About) -> None:
        gettext, language = self._language.gettext, self._language
        sheet.heading(gettext("Who may see what"))
        in_force = [grant for grant in about.grants if grant.is_in_force(about.now)]
        lines = []
        for grant in in_force:
            until = day(grant.ends_at.astimezone(about.zone).date(), language)
            parts = ", ".join(category_names(grant.categories, language))
            lines.append(
                (
                    _grantee(grant, about, language),
                    (parts, action_words(grant.actions, language), gettext("Ends on %(day)s") % {"day": until}),
                )
            )
        self._listed(sheet, lines, gettext("Nobody but you."))

    def _listed(self, sheet: Sheet, lines: Iterable[tuple[str, Iterable[str]]], nothing: str) -> None:
        """Write things with a line or more about each."""
        every = [(name, [text for text in texts if text]) for name, texts in lines]
        nameless = self._language.gettext("without a name")
        if not every:
            sheet.text(nothing)
        for name, texts in every[:LINES_MAX]:
            sheet.text(f"• {name or nameless}")
            for text in texts:
                sheet.text(f"   {text}", small=True)
        self._more(sheet, len(every) - LINES_MAX)

    def _more(self, sheet: Sheet, left: int) -> None:
        if left > 0:
            sheet.text(self._language.ngettext("And %(num)s more.", "And %(num)s more.", left) % {"num": left})

    def _span(self, start: date | None, end: date | None) -> str:
        return capital(span(start, end, self._language))

    def _moment(self, at: datetime) -> str:
        return f"{day(at.date(), self._language)} {at:%H:%M}"


def _grantee(grant: Grant, about: About, language: Language) -> str:
    if grant.grantee is Grantee.PERSON:
        return language.gettext("Somebody who helps you")
    unknown = language.gettext("A practice") if grant.grantee is Grantee.PRACTICE else language.gettext("An app")
    return about.names.get(grant.grantee_id, unknown)


def summary_in(language: Language) -> Callable[[ZoneInfo], PrintedSummary]:
    """Return what makes an empty summary for somebody who lives in a zone."""
    return lambda zone: PrintedSummary(language, zone)
