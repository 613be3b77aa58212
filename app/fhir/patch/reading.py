"""Which patch a body is, by its media type."""

from enum import StrEnum

from app.fhir.patch import fhirpath_patch, json_patch, merge_patch
from app.fhir.patch.json_patch import Patch
from app.fhir.release import Release
from app.fhir.validation.structure import parse


class PatchForm(StrEnum):
    """The three forms of a patch; a Parameters resource has no media type of its own."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    FHIRPATH = "Parameters"


def read_patch(release: Release, form: PatchForm, body: bytes) -> Patch:
    """Return what the patch does to a tree. Raises: BadRequestError, MalformedError, InvalidResourceError."""
    if form is PatchForm.JSON:
        return json_patch.read(body)
    if form is PatchForm.MERGE:
        return merge_patch.read(body)
    return fhirpath_patch.read(release, parse(release, body, expected_type="Parameters").tree)
