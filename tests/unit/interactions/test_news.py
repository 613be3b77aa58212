"""Which Flags are alarms today."""

from datetime import date
from typing import Any

import pytest

from app.interactions.news import holds

TODAY = date(2026, 3, 1)


@pytest.mark.parametrize(
    ("status", "period", "is_alarm"),
    [
        ("active", {}, True),
        ("active", {"start": "2026-03-01"}, True),
        ("active", {"start": "2026-03-02"}, False),
        ("active", {"end": "2026-03-01"}, True),
        ("active", {"end": "2026-02-28T23:00:00Z"}, False),
        ("active", {"start": "2020", "end": "9999-12-31"}, True),
        ("inactive", {}, False),
        ("entered-in-error", {}, False),
    ],
)
def test_a_flag_that_is_active_within_its_period_is_an_alarm(
    status: str, period: dict[str, Any], is_alarm: bool
) -> None:
    assert holds({"resourceType": "Flag", "status": status, "period": period}, TODAY) is is_alarm
