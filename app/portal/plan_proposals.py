"""What a practice can begin a care plan with, per illness: what to agree on, and what to measure. Pure.

A proposal fills in a form and no more. It names no values: which range is right for somebody is what practice and person agree on.
What was kept of one word for word is read in the language of who reads it, whichever the practice's page was in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from app.fhir.agreed_plan import AGREED
from app.fhir.own_plan import REACHED, STOPPED
from app.portal.kinds import KINDS
from app.portal.language import CODES, Language, language, marked

SAVED = {
    **{f"{what}-added": marked("Kept. The person sees it in their care plan.") for what in AGREED},
    **{f"{what}-changed": marked("Changed. The person sees who did it.") for what in AGREED},
    **{
        f"{what}-{how}": marked("Ended. It stays in the history of the plan.")
        for what in AGREED
        for how in (REACHED, STOPPED)
    },
}
"""What the care plan says after a form of a practice was kept, by ``saved`` in its URL."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a form begins with: of which kind (``goals``, ``actions``, ``measuring``), in which words, about which measurement, how often."""

    what: str
    text: str = ""
    measure: str = ""
    often: str = ""

    def fields(self, reader: Language) -> dict[str, str]:
        """Return the fields of the form."""
        text = reader.gettext(self.text) if self.text else ""
        found = {"text": text, "measure": self.measure, "often": self.often}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True)
class Illness:
    """An illness and what is often agreed on with it."""

    name: str
    proposals: tuple[Proposal, ...]


_MOVING = Proposal("actions", marked("Move for half an hour, such as walking or cycling"), often="week-5")
_MEDICINES = Proposal("actions", marked("Take the medicines as agreed"), often="day")
_PRESSURE = Proposal("goals", marked("My blood pressure is good"), measure="8480-6")
_MEASURE_PRESSURE = Proposal("measuring", measure="blood-pressure", often="week-1")
_MEASURE_WEIGHT = Proposal("measuring", measure="weight", often="week-1")

ILLNESSES: Mapping[str, Illness] = {
    "diabetes-type-2": Illness(
        marked("Diabetes type 2"),
        (
            Proposal("goals", marked("My blood sugar before breakfast is good"), measure="14770-2"),
            Proposal("goals", marked("I weigh less"), measure="29463-7"),
            _PRESSURE,
            Proposal("measuring", measure="glucose", often="week-2"),
            _MEASURE_WEIGHT,
            _MOVING,
            _MEDICINES,
        ),
    ),
    "copd": Illness(
        marked("COPD"),
        (
            Proposal("goals", marked("I can do more without getting out of breath")),
            Proposal("goals", marked("There is enough oxygen in my blood"), measure="59408-5"),
            Proposal("measuring", measure="oxygen-saturation", often="week-2"),
            _MOVING,
            Proposal("actions", marked("Call the practice when breathing gets harder")),
            _MEDICINES,
        ),
    ),
    "heart-failure": Illness(
        marked("Heart failure"),
        (
            Proposal("goals", marked("My weight stays the same"), measure="29463-7"),
            _PRESSURE,
            Proposal("measuring", measure="weight", often="day"),
            _MEASURE_PRESSURE,
            Proposal("actions", marked("Call the practice when weight goes up fast")),
            _MEDICINES,
        ),
    ),
    "high-blood-pressure": Illness(
        marked("High blood pressure"),
        (_PRESSURE, _MEASURE_PRESSURE, Proposal("actions", marked("Eat less salt"), often="day"), _MOVING, _MEDICINES),
    ),
}


def title_for(illness: str, reader: Language) -> str:
    """Return the title of a plan for an illness, by its key."""
    return reader.gettext("Care plan: %(illness)s") % {"illness": reader.gettext(ILLNESSES[illness].name)}


@cache
def _written() -> dict[tuple[str, str], dict[str, str]]:
    """Return what is proposed in each language, by its kind and what it is called in one."""
    texts = {(one.what, one.text) for illness in ILLNESSES.values() for one in illness.proposals if one.text}
    texts |= {("plans", one.name) for one in ILLNESSES.values()} | {("measuring", kind.name) for kind in KINDS}
    every = [(what, {code: language(code).gettext(text) for code in CODES}) for what, text in texts]
    every += [("plans", {code: title_for(key, language(code)) for code in CODES}) for key in ILLNESSES]
    return {(what, said): one for what, one in every for said in one.values()}


def in_language(what: str, text: str, reader: Language) -> str:
    """Return what a practice wrote of a kind in the reader's language, if it is a proposal word for word; else as it is written."""
    return _written().get((what, text), {}).get(reader.code, text)


def proposals_for(illness: str) -> tuple[Proposal, ...]:
    """Return what is often agreed on with an illness, nothing for one that there is not."""
    return ILLNESSES[illness].proposals if illness in ILLNESSES else ()


def proposed(key: str) -> Proposal | None:
    """Return the proposal that a page calls ``illness.number``, None for anything else."""
    illness, _, number = key.partition(".")
    proposals = proposals_for(illness)
    return proposals[int(number)] if number.isdecimal() and len(number) < 3 and int(number) < len(proposals) else None
