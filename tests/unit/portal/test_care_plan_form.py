"""What can belong to a plan, as somebody of a practice chooses from it."""

from dataclasses import dataclass
from typing import Any

from app.fhir.release import Release
from app.portal.care_plan_form import BELONGING, choices_of
from app.portal.language import language


@dataclass(frozen=True)
class Kept:
    """A resource of R4 as it is found."""

    held: dict[str, Any]
    release: Release = Release.R4
    version: int = 1

    def tree(self) -> dict[str, Any]:
        """Return the resource."""
        return self.held


def test_what_is_asked_twice_is_told_apart_by_when_it_is_done() -> None:
    asked = [
        Kept(
            {"resourceType": "ServiceRequest", "id": f"a-{times}", "status": "active", "code": {"text": "Suiker meten"}}
            | {"occurrenceTiming": {"repeat": {"frequency": times, "period": 1, "periodUnit": "wk"}}}
        )
        for times in (2, 3)
    ]
    several: list[list[Any]] = [asked if name == "ServiceRequest" else [] for name in BELONGING]
    choices = choices_of(Release.R4, several, language("nl"))
    assert [one.text for one in choices.activities] == [
        "Suiker meten · 2 keer per week",
        "Suiker meten · 3 keer per week",
    ]
