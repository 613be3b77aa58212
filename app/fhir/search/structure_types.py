"""The types of all elements by path, as ``path.py`` wants them: looked up in the structure of a release."""

from collections.abc import Iterator
from functools import cache

from app.fhir.path import ElementTypes
from app.fhir.release import Release
from app.fhir.releases.definitions import Definitions, definitions


class StructureTypes(ElementTypes):
    """``Observation.code`` -> ("CodeableConcept",); a choice has ``[x]``. Iterating goes over types alone."""

    def __init__(self, types: Definitions) -> None:
        self.types = types

    def __getitem__(self, path: str) -> tuple[str, ...]:
        """Return the types of the element at ``path``. Raises: KeyError, if there is none."""
        parent, _, name = path.rpartition(".")
        if not parent:
            raise KeyError(path)
        definition = self.types[self._type_at(parent)]
        if not name.endswith("[x]"):
            return (definition.members[name].type,)
        choices = {element.name: element.types for element in definition.elements if element.is_choice}
        return choices[name]

    def _type_at(self, path: str) -> str:
        first, *rest = path.split(".")
        found = first
        for name in rest:
            found = self.types[found].members[name].type
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.types.names))

    def __len__(self) -> int:
        return len(self.types.names)


@cache
def structure_types(release: Release) -> StructureTypes:
    """Return the types of the elements of ``release``."""
    return StructureTypes(definitions(release))
