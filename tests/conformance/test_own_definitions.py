"""HL7's own validator finds no fault in Regie's definitions: it can make their snapshots, and all of it is valid FHIR to it.

It is looked at where the validator has been built, which `make oracle` does: a test fetches nothing.
"""

import shutil

import pytest

from app.fhir.packages.own import PROFILES, own_definitions
from app.fhir.release import Release
from tests.support.independent import COPY, independent_validator, validate_all

BOTH = pytest.mark.parametrize("release", list(Release))
LIMITS = ("is not legal because it is not defined in the FHIR specification", "Unable to resolve package id")
"""What the validator says of every StructureDefinition, as it is not told of the specification as a package."""

pytestmark = pytest.mark.suites


@pytest.fixture(autouse=True)
def _built() -> None:
    if shutil.which("java") is None or not list(COPY.glob("target/*.jar")):
        pytest.skip("HL7's validator has not been built on this machine (make oracle).")
    try:
        independent_validator()
    except LookupError as error:
        pytest.skip(str(error))


@BOTH
def test_hl7_finds_our_definitions_valid(release: Release) -> None:
    found = list(own_definitions(PROFILES, release))
    answers = validate_all(release, [one.path.read_text(encoding="utf-8") for one in found])
    errors = [
        (one.path.name, issue["diagnostics"])
        for one, issues in zip(found, answers, strict=True)
        for issue in issues
        if issue["severity"] in ("error", "fatal") and not any(limit in issue["diagnostics"] for limit in LIMITS)
    ]
    assert errors == []
