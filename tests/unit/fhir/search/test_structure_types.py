"""The types of elements by path, as the structure of each release has them."""

import pytest

from app.fhir.release import Release
from app.fhir.search.structure_types import structure_types


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("path", "types"),
    [
        ("Observation.code", ("CodeableConcept",)),
        ("Observation.component.code.coding.system", ("uri",)),
        ("Observation.valueQuantity", ("Quantity",)),
        ("Observation.component.valueQuantity.unit", ("string",)),
        ("Condition.onset[x]", ("dateTime", "Age", "Period", "Range", "string")),
        ("Goal.meta.tag", ("Coding",)),
    ],
)
def test_an_element_is_found_on_any_way_that_json_goes(release: Release, path: str, types: tuple[str, ...]) -> None:
    assert path in structure_types(release)
    assert set(structure_types(release)[path]) == set(types)


@pytest.mark.parametrize(
    "path",
    ["Observation", "Observation.value", "Observation.code[x]", "Nonsense.code", "Observation.a.b", "", ".", "a..b"],
)
def test_what_is_no_element_has_no_types(path: str) -> None:
    assert path not in structure_types(Release.R4)
    assert structure_types(Release.R4).get(path) is None
