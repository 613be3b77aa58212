"""Laws of Hypothesis: whether one holds is no matter of how long it takes on a machine that others use."""

import pytest
from hypothesis import HealthCheck, settings


def test_no_law_fails_for_the_time_that_it_takes(request: pytest.FixtureRequest) -> None:
    ways = {"what says nothing": settings()}
    for item in request.session.items:
        law = getattr(item, "obj", None)
        if getattr(law, "is_hypothesis_test", False):
            ways[item.nodeid] = getattr(law, "_hypothesis_internal_use_settings", None) or settings()
    hasty = [
        name
        for name, way in ways.items()
        if way.deadline is not None or HealthCheck.too_slow not in way.suppress_health_check
    ]
    assert hasty == []
