"""What a practice sees of the record, in numbers."""

from app.access.categories import Category
from app.consent.categorize import categorize
from app.portal.access_preview import seen_parts
from app.portal.language import language
from app.store.standing import Counted

DUTCH = language("nl")


def counted(resource_type: str, count: int) -> Counted:
    return Counted(int(categorize(resource_type, {})), resource_type, count)


def test_a_part_counts_what_is_of_it_alone_and_what_is_of_several_is_told_once() -> None:
    found = seen_parts(
        Category.ALLERGIES | Category.MEDICATION,
        [
            counted("AllergyIntolerance", 1),
            counted("Device", 1),
            counted("Practitioner", 20),
            counted("Organization", 6),
        ],
        DUTCH,
    )
    told = {part.name: (part.count, part.kinds) for part in found if part.is_open}
    assert told == {
        "Allergieën": (1, [("allergieën", 1)]),
        "Medicijnen": (0, []),
        "Van meer onderdelen": (27, [("wie zorg geeft", 26), ("hulpmiddelen en implantaten", 1)]),
    }
    assert found[-1].name == "Van meer onderdelen"


def test_what_is_of_a_hidden_part_is_counted_nowhere() -> None:
    found = seen_parts(Category.OWN_MEASUREMENTS, [counted("AllergyIntolerance", 1), counted("Practitioner", 1)], DUTCH)
    assert [part.count for part in found] == [0] * 12
    assert [part.name for part in found if part.is_open] == ["Eigen metingen"]
