"""What a person wants to discuss at a practice, as a Communication of either release to that practice; pure.

Own questions are its texts, what is chosen from the record are its references. They are without display: who may not see
what is referred to learns nothing of it but its type.

Spec: https://hl7.org/fhir/R4/communication.html, https://hl7.org/fhir/STU3/communication.html
"""

import re
from dataclasses import dataclass
from datetime import date

from app.fhir.elements import Tree, day_of, extension, listed, named, referred
from app.fhir.labels import is_restricted, with_label
from app.fhir.own_plan import Moment
from app.fhir.release import Release
from app.fhir.self_measured import OWN

COMMUNICATION = "Communication"
PROFILE = f"{OWN}visit-preparation"
DAY = f"{OWN}visit-day"
PRACTICES = "https://regie.example/fhir/NamingSystem/practice"
WITHDRAWN = "entered-in-error"
_REASON = [{"text": "Voorbereiding van een bezoek"}]
_REFERENCE = re.compile(r"(?:.*/fhir/(stu3|r4)/)?([A-Z][A-Za-z]{1,40})/([A-Za-z0-9.-]{1,64})")

Subject = tuple[Release, str]
"""Something of the record: its release, and ``Type/id``."""


@dataclass(frozen=True, slots=True)
class ToPractice:
    """To which practice: its number here, its name, and the id of its Organization in each release that has one."""

    practice_id: str
    name: str
    organizations: tuple[tuple[Release, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """What is to be discussed: questions in own words, and things of the record. ``base`` is the URL of this server.

    ``by`` is the name of who acts for the person and writes this, empty when they write it themselves.
    """

    practice: ToPractice
    questions: tuple[str, ...]
    about: tuple[Subject, ...]
    day: date | None
    base: str
    is_sensitive: bool = False
    by: str = ""

    @property
    def resource_type(self) -> str:
        """Return the type of the resource."""
        return COMMUNICATION

    def new(self, release: Release, moment: Moment) -> Tree:
        """Return a new Communication."""
        patient = {"reference": moment.patient}
        recipient: Tree = {
            "identifier": {"system": PRACTICES, "value": self.practice.practice_id},
            "display": self.practice.name,
        }
        known = dict(self.practice.organizations)
        if release in known:
            recipient["reference"] = f"Organization/{known[release]}"
        made = {
            "resourceType": COMMUNICATION,
            "meta": {"profile": [PROFILE]},
            "status": "completed",
            "subject": patient,
            "recipient": [recipient],
            "reasonCode": _REASON,
            **self._content(release, moment),
        }
        return with_label(made, release, is_sensitive=self.is_sensitive)

    def fits(self, tree: Tree) -> bool:
        """Return whether it is one of the person's own to this practice, and not withdrawn."""
        found = prepared_of(tree, Release.R4)
        return found is not None and not found.is_withdrawn and found.practice_id == self.practice.practice_id

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Communication with this to discuss instead of what it had."""
        replaced = ("text", "payload", "extension", "sent", "sender")
        kept = {name: value for name, value in tree.items() if name not in replaced}
        others = [one for one in listed(tree.get("extension")) if one.get("url") != DAY]
        content = self._content(release, moment)
        if extensions := [*others, *content.pop("extension", [])]:
            content["extension"] = extensions
        return with_label({**kept, **content}, release, is_sensitive=self.is_sensitive)

    def _content(self, release: Release, moment: Moment) -> Tree:
        kind = {"type": "RelatedPerson"} if release is Release.R4 else {}
        content: Tree = {
            "sent": moment.at,
            "sender": {**kind, "display": self.by} if self.by else {"reference": moment.patient},
            "payload": [
                *({"contentString": question} for question in self.questions),
                *({"contentReference": {"reference": self._reference(one, release)}} for one in self.about),
            ],
        }
        if self.day is not None:
            content["extension"] = [{"url": DAY, "valueDate": self.day.isoformat()}]
        return content

    def _reference(self, subject: Subject, release: Release) -> str:
        own, name = subject
        return name if own is release else f"{self.base}/fhir/{own.path}/{name}"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """That nothing is to be discussed any more."""

    def fits(self, tree: Tree) -> bool:
        """Return whether it is one of the person's own."""
        return prepared_of(tree, Release.R4) is not None

    def amended(self, tree: Tree, release: Release, moment: Moment) -> Tree:
        """Return a Communication that is withdrawn."""
        del release, moment
        return {**tree, "status": WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A visit that was prepared, as it stands: by ``day``, or else by when it was ``sent``; ``by`` as in ``Visit``.

    ``place`` is where it is, such as ``r4/1``.
    """

    place: str
    practice_id: str
    practice: str
    day: date | None
    sent: date | None
    questions: tuple[str, ...]
    about: tuple[Subject, ...]
    is_withdrawn: bool
    is_sensitive: bool
    by: str

    def is_over(self, today: date) -> bool:
        """Return whether the day of the visit went by."""
        return self.day is not None and self.day < today


def prepared_of(tree: Tree, release: Release) -> Prepared | None:
    """Return what a Communication of this release prepares; None if it is no such thing, or of somebody else.

    Who acts for the person has a name and no resource.
    """
    if PROFILE not in listed((tree.get("meta") or {}).get("profile")):
        return None
    sender: Tree = next(iter(listed(tree.get("sender"))), {})
    is_theirs = any(one.startswith("Patient/") for one in referred(sender))
    by = "" if is_theirs or "reference" in sender else named(sender)
    recipient: Tree = next(iter(listed(tree.get("recipient"))), {})
    if tree.get("resourceType") != COMMUNICATION or not (is_theirs or by):
        return None
    identifier = recipient.get("identifier") or {}
    payload = listed(tree.get("payload"))
    return Prepared(
        place=f"{release.path}/{tree.get('id', '')}",
        practice_id=str(identifier.get("value", "")) if identifier.get("system") == PRACTICES else "",
        practice=named(recipient),
        day=day_of((extension(tree, "visit-day") or {}).get("valueDate")),
        sent=day_of(tree.get("sent")),
        questions=tuple(str(part["contentString"]) for part in payload if part.get("contentString")),
        about=tuple(_subjects(payload, release)),
        is_withdrawn=tree.get("status") != "completed",
        is_sensitive=is_restricted(tree),
        by=by,
    )


def _subjects(payload: list[Tree], release: Release) -> list[Subject]:
    texts = [str((part.get("contentReference") or {}).get("reference", "")) for part in payload]
    found = [_REFERENCE.fullmatch(text) for text in texts]
    by_path = {one.path: one for one in Release}
    # A whole URL is written for the other release only: one of the same release is of another server.
    return [(by_path.get(one[1], release), f"{one[2]}/{one[3]}") for one in found if one and one[1] != release.path]
