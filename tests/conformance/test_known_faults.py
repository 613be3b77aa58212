"""Faults that are put into valid resources are found, in their place; ``make oracle`` asks another validator about them too."""

from collections import Counter

import pytest

from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.validation.profile import Profiles
from app.fhir.validation.structure import resource_types
from tests.conformance.known_faults import KINDS, faults
from tests.conformance.known_profile_faults import profile_faults
from tests.support.examples import published_examples
from tests.support.official import official_definitions, official_examples, official_profiles
from tests.support.places import is_at, is_near, place
from tests.support.verdict import encoded, errors_of_regie

BOTH = pytest.mark.parametrize("release", list(Release))


@BOTH
def test_every_known_fault_in_a_published_example_is_found_in_its_place(release: Release) -> None:
    profiles, count, missed = Profiles(release, lambda _: None), Counter[str](), []
    for name, example in published_examples(release):
        tree = decode_tree(encoded(example))
        if tree["resourceType"] not in resource_types(release) or errors_of_regie(profiles, tree):
            continue
        for fault in faults(release, tree, name, len(KINDS)):
            count[fault.kind] += 1
            found = errors_of_regie(profiles, fault.tree)
            if not any(is_at(release, where, fault.place) for where, _ in found):
                missed.append((name, fault.kind, fault.place, found[:3]))
    assert missed == []
    assert count.total() >= 900
    assert set(count) == set(KINDS)


@pytest.mark.suites
@BOTH
def test_every_known_fault_against_a_profile_is_found_in_its_place(release: Release) -> None:
    profiles, find, count, missed = official_profiles(release), official_definitions(release).get, Counter[str](), []
    for name, tree in official_examples(release).items():
        if tree["resourceType"] not in resource_types(release) or errors_of_regie(profiles, tree):
            continue
        for fault in profile_faults(release, tree, find, name, 2):
            count[fault.kind] += 1
            found = errors_of_regie(profiles, fault.tree)
            if not any(is_at(release, where, fault.place) for where, _ in found):
                missed.append((name, fault.kind, fault.place, found[:3]))
    assert missed == []
    assert count.total() >= 200


def test_one_place_has_many_names() -> None:
    release = Release.R4
    assert place(release, "Observation.value.ofType(Quantity).code") == "Observation.value.code"
    assert place(release, "Observation.valueQuantity") == place(release, "Observation.value[x]") == "Observation.value"
    assert place(release, "Bundle.entry[0].resource/*Patient/1*/.name[0]") == "Bundle.entry[0].resource.name[0]"
    assert place(release, "ValueSet.compose") == "ValueSet.compose"


def test_an_element_is_near_its_parent_and_its_list_and_nothing_else() -> None:
    release = Release.R4
    assert is_near(release, "Patient.name[0]", "Patient")
    assert is_near(release, "Patient.name", "Patient.name[0]")
    assert is_near(release, "Patient.name[0].family", "Patient.name[0]")
    assert not is_near(release, "Patient.name[0].family.extension[0]", "Patient.name[0]")
    assert not is_near(release, "Patient.name[0]", "Patient.name[1]")
    assert not is_near(release, "Patient.names", "Patient.name")
    assert is_at(release, "Patient.name[1]", "Patient.name")
    assert not is_at(release, "Patient", "Patient.name")
