"""What somebody writes down about how they feel, as Observations of either release; pure.

A complaint and a remark differ in their code; the words are the value. Decision 33 says why it is an Observation.

Spec: https://hl7.org/fhir/R4/observation.html, https://hl7.org/fhir/STU3/observation.html
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.fhir.elements import LOINC, Tree, codes
from app.fhir.labels import with_label
from app.fhir.release import Release
from app.fhir.self_measured import TYPED


class DiaryKind(StrEnum):
    """What is written down; the value is the LOINC code."""

    COMPLAINT = "75325-1"
    REMARK = "48767-8"


_DISPLAYS = {DiaryKind.COMPLAINT: "Klacht", DiaryKind.REMARK: "Opmerking"}
CODES = ",".join(f"{LOINC}|{kind}" for kind in DiaryKind)
"""The search value that finds what is in a diary."""


@dataclass(frozen=True, slots=True)
class DiaryEntry:
    """Something that was written down: the person's own words, at a local instant.

    ``is_sensitive``: only those see it who were given what is sensitive, too.
    """

    kind: DiaryKind
    text: str
    at: datetime
    is_sensitive: bool = False


def diary_kind_of(tree: Tree) -> DiaryKind | None:
    """Return which kind an Observation of a diary is, None if it is something else."""
    own = {code for system, code in codes(tree.get("code")) if system == LOINC}
    return next((kind for kind in DiaryKind if kind in own), None) if "valueString" in tree else None


def diary_observation(entry: DiaryEntry, release: Release, patient_id: str) -> Tree:
    """Return a new Observation about the Patient of the record, who wrote it."""
    patient = {"reference": f"Patient/{patient_id}"}
    made: Tree = {"resourceType": "Observation", "status": "final", "subject": patient, "performer": [patient]}
    return with_label({**made, "extension": [TYPED], **_content(entry)}, release, is_sensitive=entry.is_sensitive)


def diary_amended(tree: Tree, entry: DiaryEntry, release: Release) -> Tree:
    """Return an Observation of a diary as its person corrects it."""
    kept = {name: value for name, value in tree.items() if name not in ("text", "_valueString", "_effectiveDateTime")}
    changed = {**kept, **_content(entry), "status": "amended"}
    return with_label(changed, release, is_sensitive=entry.is_sensitive)


def _content(entry: DiaryEntry) -> Tree:
    return {
        "code": {"coding": [{"system": LOINC, "code": entry.kind.value, "display": _DISPLAYS[entry.kind]}]},
        "effectiveDateTime": entry.at.isoformat(timespec="seconds"),
        "valueString": entry.text,
    }
