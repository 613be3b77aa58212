"""Resources made up from the definitions of a release: every element may occur, with a value that is valid there."""

import random
from decimal import Decimal
from typing import Any

from app.fhir.release import Release
from app.fhir.releases.definitions import Element, Member, definitions
from tests.support.verdict import encoded
from tests.support.world import Caller, tree_of

PRIMITIVE_VALUES: dict[str, list[Any]] = {
    "base64Binary": ["aGFsbG8="],
    "boolean": [True, False],
    "canonical": ["https://regie.example/fhir/Questionnaire/weekly|1.0"],
    "code": ["nl", "text"],
    "date": ["2026", "2026-03-12"],
    "dateTime": ["2026-03", "2026-03-12T09:30:00+01:00"],
    "decimal": [Decimal("1.50"), 3, Decimal("0.0000001")],
    "id": ["a-1"],
    "instant": ["2026-03-12T09:30:00.000+01:00"],
    "integer": [-1, 0, 4],
    "markdown": ["*One* line"],
    "oid": ["urn:oid:1.2.3"],
    "positiveInt": [1, 7],
    "string": ["A line", "Another line"],
    "time": ["09:30:00"],
    "unsignedInt": [0, 5],
    "uri": ["https://regie.example/thing"],
    "url": ["https://regie.example/page"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": ['<div xmlns="http://www.w3.org/1999/xhtml">A line</div>'],
}
_SAID = ("string", "code", "Period", "Quantity", "dateTime")
_REFERRED = ("Patient/1", "Organization/2", "https://regie.example/fhir/PlanDefinition/3", "Encounter/4")


class Maker:
    """Makes one resource after another; the same seed makes the same ones. ``values`` are those of each primitive type."""

    def __init__(
        self,
        release: Release,
        seed: int,
        *,
        chance: float = 0.4,
        values: dict[str, list[Any]] = PRIMITIVE_VALUES,
    ) -> None:
        self.types, self.random, self.chance, self.values = definitions(release), random.Random(seed), chance, values

    def resource(self, name: str) -> dict[str, Any]:
        """Return a valid resource of a type, with an id and without contained ones."""
        return {"resourceType": name, **self._node(name, 0), "id": "made"}

    def value(self, member: Member) -> Any:
        """Return a valid value of a member."""
        return self._value(member, 1)

    def _node(self, kind: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in self.types[kind].elements:
            if element.types[0] in ("Resource", "Extension") and not (kind == "Extension" or depth < 2):
                continue
            if element.types[0] == "Resource" or (kind == "Extension" and element.name == "extension"):
                continue
            if element.required or (kind, element.name) == ("Extension", "value[x]") or self._happens(depth):
                members = [one for one in element.members() if kind != "Extension" or one.type in _SAID]
                self._add(made, self.random.choice(members or list(element.members())), depth)
        if kind == "Reference" and not made.keys() & {"reference", "identifier", "display"}:
            made["display"] = "Somebody"
        return made or {"extension": [{"url": "https://regie.example/said", "valueString": "Nothing else"}]}

    def _happens(self, depth: int) -> bool:
        return self.random.random() < self.chance / (1 + depth)

    def _add(self, made: dict[str, Any], member: Member, depth: int) -> None:
        number = self.random.choice([1, 1, 2]) if member.element.many else 1
        several = [self._value(member, depth + 1) for _ in range(number)]
        made[member.name] = several if member.element.many else several[0]
        if member.has_sibling and self._happens(depth + 1):
            sibling = {"extension": [{"url": "https://regie.example/beside", "valueCode": "beside"}]}
            made[f"_{member.name}"] = [*([None] * (number - 1)), sibling] if member.element.many else sibling

    def _value(self, member: Member, depth: int) -> Any:
        element = member.element
        if member.is_primitive:
            codes = self._codes(element) if member.type == "code" else []
            return self.random.choice(codes)[1] if codes else self.random.choice(self.values[member.type])
        if depth > 6 and member.type != "Reference":
            return {
                "extension": [{"url": "https://regie.example/deep", "valueString": "Deep"}],
                **self._demanded(member.type),
            }
        made = self._node(member.type, depth)
        if member.type == "Reference" and "reference" in made:
            made["reference"] = self._target(element)
        codes = self._codes(element)
        if codes and member.type in ("CodeableConcept", "Coding"):
            system, code = self.random.choice(codes)
            coding = {"system": system, "code": code}
            made = {**made, "coding": [coding]} if member.type == "CodeableConcept" else {**made, **coding}
        return made

    def _demanded(self, kind: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in self.types[kind].elements:
            if element.required:
                self._add(made, next(iter(element.members())), 7)
        return made

    def _target(self, element: Element) -> str:
        if not element.targets:
            return self.random.choice(_REFERRED)
        return f"{self.random.choice(sorted(element.targets))}/{self.random.randint(1, 9)}"

    @staticmethod
    def _codes(element: Element) -> list[tuple[str, str]]:
        return [(system, code) for system, codes in sorted(element.codes.items()) for code in sorted(codes)]


def moved(node: Any, patient: str) -> Any:
    """Return a resource in which every Patient is the person, and no other resource has an id of this server."""
    if isinstance(node, dict):
        return {name: moved(one, patient) for name, one in node.items()}
    if isinstance(node, list):
        return [moved(one, patient) for one in node]
    return patient if isinstance(node, str) and node.startswith("Patient/") else node


async def kept(me: Caller, name: str, patient: str, chance: float = 0.8) -> dict[str, Any] | None:
    """Return a resource of a type that was made up, and taken; None if none was."""
    for seed in range(40):
        tree = Maker(me.release, seed, chance=chance).resource(name)
        tree.pop("id")
        answer = await me("POST", f"/{name}", encoded(moved(tree, patient)))
        if answer.status_code == 201:
            return tree_of(answer)
    return None
