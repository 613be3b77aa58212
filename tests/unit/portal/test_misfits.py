"""What does not fit, as people read it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.fhir.issues import Issue
from app.fhir.release import Release
from app.portal.language import language
from app.portal.misfits import ISSUES_SHOWN_MAX, line
from app.store.misfits import Misfit
from app.store.resources import Stored


def test_a_resource_that_does_not_fit_is_told_in_words_with_its_details() -> None:
    noon = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1_000_000)
    version = Stored(7, Release.R4, "Observation", "it", 1, 3, noon, "create", b"{}")
    issues = (Issue("error", "required", "method must occur at least once.", "Observation.method"),) * 20
    shown = line(Misfit(version, issues), ZoneInfo("Europe/Amsterdam"), language("nl"))
    assert (shown.what, shown.at.hour, len(shown.details)) == ("metingen", 13, ISSUES_SHOWN_MAX)
    assert shown.details[0] == ("Observation.method", "method must occur at least once.")
