"""Published resources are valid: the examples of the specification, and the fixtures of the test scripts."""

import json
from typing import Any

import pytest

from app.errors import InvalidResourceError
from app.fhir.release import Release
from app.fhir.validation.structure import parse, resource_types
from tests.support.examples import published_examples, suite_fixtures
from tests.support.suites import conformance_folder

# The examples for R4 are those of 4.3.0; these two are about that version itself.
OF_4_3_0 = {
    "capabilitystatement/example": "says fhirVersion 4.3.0, a code that 4.0.1 doesn't have",
    "subscriptionstatus/54f808cf-d159-4c9b-accb-c33eb20f0ecc": "a Bundle with a SubscriptionStatus, new in 4.3.0",
}
EXAMPLES_AT_LEAST = {Release.STU3: 60, Release.R4: 60}
BOTH = pytest.mark.parametrize("release", list(Release))


def faults(release: Release, name: str, resource: dict[str, Any]) -> list[str]:
    """Return what is wrong with a resource, in words; empty if nothing is."""
    try:
        parse(release, json.dumps(resource, ensure_ascii=False).encode())
    except InvalidResourceError as error:
        return [f"{name} {issue.expression}: {issue.diagnostics}" for issue in error.issues]
    return []


@BOTH
def test_every_published_example_of_a_served_type_is_valid(release: Release) -> None:
    examples = {
        name: resource
        for name, resource in published_examples(release)
        if resource["resourceType"] in resource_types(release) and name not in OF_4_3_0
    }
    assert len(examples) >= EXAMPLES_AT_LEAST[release]
    assert [fault for name, resource in examples.items() for fault in faults(release, name, resource)] == []


def test_the_examples_of_4_3_0_are_refused_in_r4() -> None:
    examples = dict(published_examples(Release.R4))
    assert all(faults(Release.R4, name, examples[name]) for name in OF_4_3_0)


@pytest.mark.suites
@BOTH
def test_every_fixture_of_the_test_scripts_is_valid(release: Release) -> None:
    if conformance_folder() is None:
        pytest.skip("The published test scripts are not on this machine (REGIE_CONFORMANCE_SUITES).")
    fixtures = [(name, one) for name, one in suite_fixtures(release) if one["resourceType"] in resource_types(release)]
    assert len(fixtures) > 100
    assert [fault for name, resource in fixtures for fault in faults(release, name, resource)] == []
