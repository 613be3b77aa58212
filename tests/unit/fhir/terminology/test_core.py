"""The code systems and value sets of the specification itself."""

import pytest

from app.fhir.release import Release
from app.fhir.releases.definitions import definitions, served
from app.fhir.terminology.core import core_terminology, with_core

CATEGORY = {
    Release.STU3: "http://hl7.org/fhir/observation-category",
    Release.R4: "http://terminology.hl7.org/CodeSystem/observation-category",
}


@pytest.mark.parametrize("release", Release)
def test_the_value_sets_of_the_specification_are_at_hand(release: Release) -> None:
    terminology = core_terminology(release)
    base = "http://hl7.org/fhir/ValueSet/"
    gender = terminology.value_set(f"{base}administrative-gender")
    category = terminology.value_set(f"{base}observation-category")
    assert gender is not None
    assert gender.is_complete
    assert list(gender.codes["http://hl7.org/fhir/administrative-gender"]) == ["male", "female", "other", "unknown"]
    assert category is not None
    assert category.has(CATEGORY[release], "vital-signs") is True
    assert category.has(CATEGORY[release], "weather") is False


@pytest.mark.parametrize("release", Release)
def test_a_version_has_to_be_one_that_is_at_hand(release: Release) -> None:
    terminology = core_terminology(release)
    url = "http://hl7.org/fhir/ValueSet/observation-status"
    assert terminology.value_set(f"{url}|{release.fhir_version}") is not None
    assert terminology.value_set(f"{url}|9.9") is None


@pytest.mark.parametrize("release", Release)
def test_required_bindings_have_the_codes_that_the_structure_is_checked_with(release: Release) -> None:
    terminology = core_terminology(release)
    types = definitions(release)
    compared = 0
    for name in sorted(served(release)):
        for element in types[name].elements:
            for system, codes in element.codes.items():
                found = terminology.code_system(system)
                if found is not None and found.is_complete:
                    assert codes <= found.concepts.keys(), (name, element.name)
                    compared += 1
    assert compared > 50


def test_a_package_goes_before_the_specification() -> None:
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    own = {"resourceType": "ValueSet", "url": url, "compose": {"include": []}}
    find = with_core(Release.R4, {url: own}.get)
    assert find(url) is own
    assert find("http://hl7.org/fhir/administrative-gender") is not None
    assert find("http://hl7.org/fhir/nothing") is None


def test_dutch_names_are_kept() -> None:
    url = {Release.STU3: "http://hl7.org/fhir/v2/0203", Release.R4: "http://terminology.hl7.org/CodeSystem/v2-0203"}
    for release in Release:
        system = core_terminology(release).code_system(url[release])
        assert system is not None
        assert system.concepts["MR"].display_in("nl") != system.concepts["MR"].display
