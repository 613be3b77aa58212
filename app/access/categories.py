"""The categories that a person understands and grants, as bits of a mask that every version of a resource carries."""

from enum import IntFlag


class Category(IntFlag):
    """A part of the record. ``SENSITIVE`` is not a part but a lock: what has it is shown only to those it was named to."""

    OWN_MEASUREMENTS = 1
    MEDICATION = 2
    GP_SUMMARY = 4
    CARE_PLAN = 8
    LABORATORY = 16
    QUESTIONNAIRES = 32
    DOCUMENTS = 64
    ALLERGIES = 128
    VACCINATIONS = 256
    APPOINTMENTS = 512
    MESSAGES = 1024
    PERSONAL_DETAILS = 2048
    SENSITIVE = 4096

    @property
    def code(self) -> str:
        """Return the name used in forms and in FHIR: ``own-measurements``."""
        return (self.name or "").lower().replace("_", "-")


PARTS = tuple(category for category in Category if category is not Category.SENSITIVE)
"""The parts of a record, in the order in which people are shown them."""

ALL_PARTS = Category(sum(PARTS))
EVERYTHING = ALL_PARTS | Category.SENSITIVE


def from_codes(codes: list[str]) -> Category:
    """Return the mask of the named categories. Raises: KeyError, for a name that is none."""
    named = {category.code: category for category in Category}
    mask = Category(0)
    for code in codes:
        mask |= named[code]
    return mask
