"""FHIRPath Patch on trees: each operation, paths, choices, and the extensions of primitive values."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequestError, UnprocessableError
from app.fhir.patch import fhirpath_patch
from app.fhir.release import Release

Tree = dict[str, Any]
PATIENT: Tree = {
    "resourceType": "Patient",
    "birthDate": "1950-01-01",
    "_birthDate": {"id": "b"},
    "name": [{"use": "official", "family": "A-Test", "given": ["X", "Y"], "_given": [None, {"id": "y"}]}, {"family": "B-Test"}],
    "identifier": [{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}],
    "extension": [{"url": "urn:e", "valueString": "e"}],
    "deceasedBoolean": False,
}  # fmt: skip


def operation(kind: str, path: str, **parts: Any) -> Tree:
    """Return an operation; a part is a Parameters part without its name."""
    made = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    for name, part in parts.items():
        if name == "name":
            made.append({"name": name, "valueString": part})
        elif name in ("index", "source", "destination"):
            made.append({"name": name, "valueInteger": part})
        else:
            made.append({"name": name, **part})
    return {"name": "operation", "part": made}


def patched(*operations: Tree, release: Release = Release.R4, tree: Tree = PATIENT) -> Tree:
    """Return a copy of the tree as the operations make it."""
    return fhirpath_patch.read(release, {"parameter": list(operations)})(deepcopy(tree))


def text(value: str) -> Tree:
    """Return a part that holds a string."""
    return {"valueString": value}


@pytest.mark.parametrize("release", Release)
def test_add_sets_what_is_not_there_and_appends_to_a_list(release: Release) -> None:
    after = patched(
        operation("add", "Patient", name="gender", value={"valueCode": "female"}),
        operation("add", "Patient.name[1]", name="given", value=text("Z")),
        operation("add", "name.where(use = 'official')", name="given", value=text("Z")),
        operation("add", "Patient", name="identifier", value={"valueIdentifier": {"value": "3"}}),
        release=release,
    )
    assert after["gender"] == "female"
    assert after["name"][1] == {"family": "B-Test", "given": ["Z"]}
    assert after["name"][0]["given"] == ["X", "Y", "Z"]
    assert after["name"][0]["_given"] == [None, {"id": "y"}, None]
    assert after["identifier"][2] == {"value": "3"}


def test_add_makes_an_element_of_parts() -> None:
    part = {"part": [{"name": "relationship", "valueCodeableConcept": {"text": "zus"}},
                     {"name": "name", "valueHumanName": {"family": "C-Test"}}]}  # fmt: skip
    after = patched(operation("add", "Patient", name="contact", value=part))
    assert after["contact"] == [{"relationship": [{"text": "zus"}], "name": {"family": "C-Test"}}]


def test_add_names_a_choice_without_its_type() -> None:
    tree = {"resourceType": "Observation", "status": "final"}
    quantity = {"valueQuantity": {"value": 1}}
    assert patched(operation("add", "Observation", name="value", value=quantity), tree=tree)["valueQuantity"] == {
        "value": 1
    }


def test_replace_changes_a_value_and_the_type_of_a_choice() -> None:
    after = patched(
        operation("replace", "Patient.birthDate", value={"valueDate": "1951-02-03"}),
        operation("replace", "Patient.deceased", value={"valueDateTime": "2026"}),
        operation("replace", "Patient.name.first().given.last()", value=text("Q")),
        operation("replace", "Patient.identifier.where(system = 'urn:b' and value = '2').value", value=text("9")),
        operation("replace", "Patient.extension('urn:e').value", value=text("f")),
    )
    assert after["birthDate"] == "1951-02-03"
    assert "_birthDate" not in after
    assert "deceasedBoolean" not in after
    assert after["deceasedDateTime"] == "2026"
    assert after["name"][0]["given"] == ["X", "Q"]
    assert after["identifier"][1]["value"] == "9"
    assert after["extension"][0]["valueString"] == "f"


def test_delete_takes_out_one_and_the_list_that_gets_empty() -> None:
    after = patched(
        operation("delete", "Patient.birthDate"),
        operation("delete", "Patient.name[0].given[0]"),
        operation("delete", "Patient.identifier[0]"),
        operation("delete", "Patient.identifier"),
        operation("delete", "Patient.deceased.ofType(boolean)"),
        operation("delete", "Patient.photo"),
    )
    assert not {"birthDate", "_birthDate", "identifier", "deceasedBoolean"} & after.keys()
    assert (after["name"][0]["given"], after["name"][0]["_given"]) == (["Y"], [{"id": "y"}])


def test_insert_and_move_keep_the_extensions_in_step() -> None:
    after = patched(
        operation("insert", "Patient.name[0].given", index=0, value=text("W")),
        operation("move", "Patient.name[0].given", source=2, destination=0),
        operation("move", "Patient.identifier", source=0, destination=1),
        operation("insert", "Patient.identifier", index=2, value={"valueIdentifier": {"value": "3"}}),
    )
    assert (after["name"][0]["given"], after["name"][0]["_given"]) == (["Y", "W", "X"], [{"id": "y"}, None, None])
    assert [one["value"] for one in after["identifier"]] == ["2", "1", "3"]


@pytest.mark.parametrize(
    "one",
    [
        operation("add", "Patient", name="birthDate", value={"valueDate": "2000"}),
        operation("add", "Patient", name="deceased", value={"valueDateTime": "2000"}),
        operation("add", "Patient", name="unheard", value=text("x")),
        operation("add", "Patient.name", name="given", value=text("x")),
        operation("add", "Patient.photo", name="title", value=text("x")),
        operation("add", "Patient.birthDate", name="id", value=text("x")),
        operation("add", "Patient", name="gender", value={}),
        operation("replace", "Patient.photo", value=text("x")),
        operation("replace", "Patient.name", value={"valueHumanName": {}}),
        operation("replace", "Patient", value=text("x")),
        operation("delete", "Patient.name"),
        operation("delete", "Patient"),
        operation("insert", "Patient.name", index=3, value={"valueHumanName": {}}),
        operation("insert", "Patient.birthDate", index=0, value={"valueDate": "2000"}),
        operation("insert", "Patient.name[0]", index=0, value={"valueHumanName": {}}),
        operation("move", "Patient.name", source=0, destination=2),
        operation("move", "Patient.name.given", source=0, destination=0),
    ],
)
def test_what_does_not_fit_the_tree_is_told_with_the_operation(one: Tree) -> None:
    with pytest.raises(UnprocessableError) as caught:
        patched(operation("delete", "Patient.photo"), one)
    assert caught.value.expression == "Parameters.parameter[1]"


@pytest.mark.parametrize(
    "path",
    [
        "", "Patient.", ".name", "Patient.name[", "Patient.name[x]", "Patient.name[-1]", "Patient.name.where()",
        "Patient.name.where(use)", "Patient.name.where(use = )", "Patient.name.exists()", "Patient.name | Patient.photo",
        "Patient.name.where(use = 'official' or use = 'usual')", "Patient.extension(1)", "iif(true, name, photo)",
        "Patient.name.where(" * 200, "a." * 300 + "a", "Patient.name.where(use = 'a", "%resource.name", "Patient name",
    ],
)  # fmt: skip
def test_a_path_that_says_more_is_refused(path: str) -> None:
    with pytest.raises(BadRequestError):
        patched(operation("delete", path))


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        [{"name": "other", "part": operation("delete", "Patient.name")["part"]}],
        [{"name": "operation"}],
        [operation("unheard", "Patient")],
        [operation("add", "Patient", value=text("x"))],
        [operation("add", "Patient", name="gender")],
        [operation("insert", "Patient.name", value=text("x"))],
        [operation("insert", "Patient.name", index=-1, value=text("x"))],
        [operation("move", "Patient.name", source=0)],
        [
            {
                "name": "operation",
                "part": [{"name": "type", "valueCode": "delete"}, {"name": "path", "valueBoolean": True}],
            }
        ],
        [operation("delete", "Patient.photo")] * 1001,
    ],
)
def test_what_is_no_patch_is_refused(parameters: list[Tree]) -> None:
    with pytest.raises(BadRequestError):
        fhirpath_patch.read(Release.R4, {"parameter": parameters})


def test_a_criterion_compares_numbers_and_booleans() -> None:
    tree = {
        "resourceType": "Observation",
        "component": [{"valueQuantity": {"value": 1}}, {"valueQuantity": {"value": 2}}, {"valueBoolean": True}],
    }
    after = patched(
        operation("delete", "Observation.component.where(value.value = 2)"),
        operation("delete", "Observation.component.where(value = true)"),
        tree=tree,
    )
    assert after["component"] == [{"valueQuantity": {"value": 1}}]


@given(
    st.lists(st.sampled_from("Patient . name given where( ) = 'a' [ 0 ] first() and extension( `use` true 1".split()))
)
def test_a_path_is_read_or_refused(words: list[str]) -> None:
    try:
        after = patched(operation("delete", "".join(words)))
    except (BadRequestError, UnprocessableError):
        return
    assert {name: after[name] for name in after if name != "name"} == {
        name: PATIENT[name] for name in PATIENT if name != "name"
    }
