"""The tables of FHIR: what they say, and that they say what their sources say."""

from typing import Any

import pytest

from app.fhir.release import Release
from app.fhir.releases import generate
from app.fhir.releases.definitions import DATA, PRIMITIVES, definitions, served

BOTH = pytest.mark.parametrize("release", list(Release))


@BOTH
def test_the_structure_table_is_what_the_models_say(release: Release) -> None:
    assert (DATA / f"{release.path}_structure.txt").read_text(encoding="utf-8") == generate.structure_text(release)


@BOTH
def test_every_type_that_an_element_has_is_known(release: Release) -> None:
    types = definitions(release)
    seen: set[str] = set()
    wanted = set(types.resource_types)
    while wanted - seen:
        name = (wanted - seen).pop()
        seen.add(name)
        wanted |= {member.type for member in types[name].members.values()} - PRIMITIVES
    assert seen >= types.resource_types | {"Extension", "Reference", "Narrative"}


@BOTH
def test_every_served_type_is_a_resource_type(release: Release) -> None:
    assert served(release) <= definitions(release).resource_types


@BOTH
def test_every_required_binding_is_on_an_element_that_has_codes(release: Release) -> None:
    types = definitions(release)
    bound = [element for name in types.resource_types for element in types[name].elements if element.codes]
    assert len(bound) > 100
    assert all(set(element.types) & {"code", "Coding", "CodeableConcept"} for element in bound)


@BOTH
def test_code_lists_hold_the_codes_that_the_models_name(release: Release) -> None:
    """The models name codes in a sentence ("a | b | +"), not always all of them, and for any binding strength."""
    types = definitions(release)
    compared = 0
    for name, model in generate.models(release).items():
        if name not in types:
            continue
        bound = {element.name: element.codes for element in types[name].elements if element.codes}
        for field in model.model_fields.values():
            extra: dict[str, Any] = field.json_schema_extra or {}
            named = {
                code for code in extra.get("enum_values", ()) if code.isascii() and code.replace("-", "").isalnum()
            }
            if field.alias in bound and named:
                listed = frozenset[str]().union(*bound[field.alias].values())
                assert named & listed, f"{name}.{field.alias}"
                compared += 1
    assert compared > 150


def test_elements_come_in_the_order_of_the_specification() -> None:
    names = [element.name for element in definitions(Release.R4)["ObservationComponent"].elements]
    assert names[:5] == ["id", "extension", "modifierExtension", "code", "value[x]"]


def test_a_choice_is_one_element_with_many_members() -> None:
    observation = definitions(Release.STU3)["Observation"]
    assert [name for name in observation.members if name.startswith("effective")] == [
        "effectiveDateTime",
        "effectivePeriod",
    ]
    assert observation.members["effectiveDateTime"].element is observation.members["effectivePeriod"].element


def test_types_of_a_later_version_are_not_in_r4() -> None:
    types = definitions(Release.R4)
    assert "SubscriptionTopic" not in types
    assert "CodeableReference" not in types
    assert "Ingredient" not in types["ActivityDefinition"].members["productReference"].element.targets
