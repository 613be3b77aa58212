"""A Consent that somebody sent, read as the grant that it asks for; what a grant can't say is refused with its place.

Spec: https://hl7.org/fhir/R4/consent.html, https://hl7.org/fhir/STU3/consent.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.smart_scope import Action
from app.consent.fhir_consent import (
    ACTION_CODES,
    ACTION_SYSTEM,
    CATEGORY_SYSTEM,
    GRANTEE_SYSTEMS,
    POLICY_CODE,
    POLICY_SYSTEM,
    PURPOSE_CODES,
    PURPOSE_SYSTEMS,
    ROLE_CODE,
    ROLE_SYSTEMS,
    SCOPE,
    TYPE_CODE,
    TYPE_SYSTEMS,
)
from app.errors import InvalidResourceError
from app.fhir.dates import interval
from app.fhir.issues import Issue
from app.fhir.release import Release

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_TOP = frozenset({"resourceType", "id", "meta", "status", "category", "patient", "dateTime", "policyRule"})
_TOP_OF = {
    Release.STU3: _TOP | {"period", "consentingParty", "except"},
    Release.R4: _TOP | {"scope", "performer", "provision"},
}
_PROVISION = frozenset({"type", "period", "actor", "action", "purpose", "class"})
_ACTIONS = {code: action for action, code in ACTION_CODES.items()}
_PURPOSES = {code: purpose for purpose, code in PURPOSE_CODES.items()}
_CATEGORIES = {category.code: category for category in Category}

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a Consent asks for. The grantee is named by ``grantee_id`` or by the id of its ``organization``, or by both.

    ``starts_at`` None is now; all instants UTC. ``purpose`` None: it says none. ``place`` is where all this stands.
    """

    is_active: bool
    grantee: Grantee
    grantee_id: str | None
    organization: str | None
    categories: Category
    actions: Action
    starts_at: datetime | None
    until: datetime
    purpose: str | None
    place: str


def asked(release: Release, tree: Tree, *, patient_id: str | None, zone: ZoneInfo, location: str) -> Asked:
    """Return what a valid Consent asks for; a day is one of ``zone``, and the end of a period is its last day.

    ``patient_id`` is the Patient of the record. Raises: InvalidResourceError, with all that a grant can't say.
    """
    reading = _Reading(release, zone, location)
    found = reading.consent(tree, patient_id)
    if reading.issues or found is None:
        raise InvalidResourceError(reading.issues)
    return found


@dataclass(slots=True)
class _Reading:
    """The reading of one Consent; ``issues`` are what was found on the way."""

    release: Release
    zone: ZoneInfo
    location: str
    issues: list[Issue] = field(default_factory=list)

    def refuse(self, place: str, message: str, code: str = "not-supported") -> None:
        self.issues.append(Issue("error", code, message, place))

    def only(self, node: Tree, names: Iterable[str], place: str) -> None:
        """Refuse the members of ``node`` that a grant can't say."""
        for name in node:
            if name not in names:
                self.refuse(f"{place}.{name}", "A grant can't say this.")

    def consent(self, tree: Tree, patient_id: str | None) -> Asked | None:
        place = self.location
        self.only(tree, _TOP_OF[self.release], place)
        self.only(tree.get("meta", {}), ("versionId", "lastUpdated"), f"{place}.meta")
        if tree.get("status") not in ("active", "inactive"):
            self.refuse(f"{place}.status", "A grant is active or inactive.")
        self._policy(tree, place)
        for name in ("patient", "performer", "consentingParty"):
            for number, who in enumerate(_listed(tree.get(name))):
                if (who.get("reference") or "").rpartition("/")[2] != patient_id:
                    where = f"{place}.{name}" if name == "patient" else f"{place}.{name}[{number}]"
                    self.refuse(where, "A grant is given by the person of the record.", "business-rule")
        name = "except" if self.release is Release.STU3 else "provision"
        provisions = _listed(tree.get(name))
        if len(provisions) != 1:
            self.refuse(f"{place}.{name}", "A grant has one provision of what it permits.", "required")
            return None
        where = f"{place}.except[0]" if name == "except" else f"{place}.provision"
        if name == "except" and tree.get("period") not in (None, provisions[0].get("period")):
            self.refuse(f"{place}.period", "This is another period than that of the exception.", "business-rule")
        return self._provision(provisions[0], where, tree)

    def _policy(self, tree: Tree, place: str) -> None:
        if self.release is Release.R4:
            codings = tree["policyRule"].get("coding", [])
            if [(one.get("system"), one.get("code")) for one in codings] != [(POLICY_SYSTEM, POLICY_CODE)]:
                self.refuse(f"{place}.policyRule", f"The one policy of a grant is {POLICY_CODE}.")
            scopes = [(one.get("system"), one.get("code")) for one in tree["scope"].get("coding", [])]
            if scopes != [(SCOPE["system"], SCOPE["code"])]:
                self.refuse(f"{place}.scope", f"The scope of a grant is {SCOPE['code']}.")

    def _provision(self, node: Tree, place: str, tree: Tree) -> Asked | None:
        self.only(node, _PROVISION, place)
        if node.get("type") != "permit":
            self.refuse(f"{place}.type", "A grant permits; what no grant permits is denied.")
        categories = self._categories(node, place)
        self._types(tree, categories)
        actions = Action(0)
        for number, one in enumerate(node.get("action", ())):
            code = self._code(one.get("coding", []), ACTION_SYSTEM, f"{place}.action[{number}]", _ACTIONS)
            actions |= _ACTIONS.get(code, Action(0))
        if not node.get("action"):
            self.refuse(f"{place}.action", "A grant says what may be done.", "required")
        purpose = None
        for number, one in enumerate(node.get("purpose", ())):
            code = self._code([one], PURPOSE_SYSTEMS[self.release], f"{place}.purpose[{number}]", _PURPOSES)
            purpose = _PURPOSES.get(code, purpose)
            if number:
                self.refuse(f"{place}.purpose[{number}]", "A grant has one purpose.")
        period = self._period(node.get("period", {}), f"{place}.period")
        grantee = self._grantee(node.get("actor", []), f"{place}.actor")
        if period is None or grantee is None:
            return None
        return Asked(tree.get("status") == "active", *grantee, categories, actions, *period, purpose, place)

    def _categories(self, node: Tree, place: str) -> Category:
        found = Category(0)
        for number, coding in enumerate(node.get("class", ())):
            code = self._code([coding], CATEGORY_SYSTEM, f"{place}.class[{number}]", _CATEGORIES)
            found |= _CATEGORIES.get(code, Category(0))
        if not node.get("class"):
            self.refuse(f"{place}.class", "A grant names the parts of the record that it opens.", "required")
        return found

    def _types(self, tree: Tree, categories: Category) -> None:
        """Look at Consent.category, which may tell again what kind of consent this is and which parts it opens."""
        known = {(TYPE_SYSTEMS[self.release], TYPE_CODE)}
        known |= {(CATEGORY_SYSTEM, category.code) for category in Category if category in categories}
        for number, one in enumerate(tree.get("category", ())):
            for coding in one.get("coding", ()):
                if (coding.get("system"), coding.get("code")) not in known:
                    self.refuse(f"{self.location}.category[{number}]", "A grant is no consent of this category.")

    def _period(self, node: Tree, place: str) -> tuple[datetime | None, datetime] | None:
        self.only(node, ("start", "end"), place)
        if node.get("end") is None:
            self.refuse(f"{place}.end", "A grant has an end, within five years.", "required")
            return None
        try:
            start = None if node.get("start") is None else _moment(interval(node["start"], self.zone)[0])
            low, high = interval(node["end"], self.zone)
            return start, _moment(low if "T" in node["end"] else high + 1)
        except (ValueError, OverflowError):
            self.refuse(place, "This is no period of this time.", "value")
            return None

    def _grantee(self, actors: list[Tree], place: str) -> tuple[Grantee, str | None, str | None] | None:
        if len(actors) != 1:
            self.refuse(place, "A grant is given to one practice.", "required")
            return None
        self.only(actors[0], ("role", "reference"), f"{place}[0]")
        roles = [(one.get("system"), one.get("code")) for one in actors[0]["role"].get("coding", [])]
        if roles != [(ROLE_SYSTEMS[self.release], ROLE_CODE)]:
            self.refuse(f"{place}[0].role", f"The role of who gets access is {ROLE_CODE}.")
        where = f"{place}[0].reference"
        reference = actors[0]["reference"]
        self.only(reference, ("reference", "type", "identifier", "display"), where)
        identifier = reference.get("identifier")
        organization = None
        if (text := reference.get("reference")) is not None:
            base, _, organization = text.rpartition("/")
            if base.rpartition("/")[2] != "Organization":
                self.refuse(where, "Access is given to a practice, which is an Organization.")
        for kind, system in GRANTEE_SYSTEMS.items():
            if identifier is not None and identifier.get("system") == system and identifier.get("value"):
                return kind, identifier["value"], organization
        if identifier is not None or organization is None:
            self.refuse(
                where, f"A practice is named by its Organization, or its number in {GRANTEE_SYSTEMS[Grantee.PRACTICE]}."
            )
            return None
        return Grantee.PRACTICE, None, organization

    def _code(self, codings: list[Tree], system: str, place: str, known: Mapping[str, object]) -> str:
        """Return the code of the one coding, empty if it is none of those that are known."""
        code = codings[0].get("code") if len(codings) == 1 and codings[0].get("system") == system else None
        if code in known:
            return str(code)
        self.refuse(place, f"A grant takes one of {', '.join(known)} of {system} here.", "code-invalid")
        return ""


def _listed(value: Any) -> list[Tree]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
