"""The soak: its mix, and how a growth is told from chance."""

import itertools
from collections import Counter
from random import Random

import pytest

from tests.benchmarks.population import Person, Population, new_measurements
from tests.benchmarks.soak import MIX, Sample, is_flat, mixed, result
from tests.benchmarks.trend import Trend, trend

HOUR_S = 3600


def samples(growth_per_hour: float, noise: float) -> list[Sample]:
    chance = Random(1)
    return [
        Sample(seconds, 10, 0, 140.0, 112 + growth_per_hour * seconds / HOUR_S + chance.gauss(0, noise), 20, 4.0, 0)
        for seconds in range(0, HOUR_S // 2, 5)
    ]


def test_a_line_is_found_with_its_error() -> None:
    assert trend([(0, 1), (1, 3), (2, 5)]) == Trend(2.0, 0.0)
    found = trend([(0, 0), (1, 1.5), (2, 1.5), (3, 3)])
    assert found.slope == pytest.approx(0.9)
    assert found.error == pytest.approx(0.2121, abs=1e-4)


@pytest.mark.parametrize("points", [[], [(0, 1), (1, 2)], [(1, 1), (1, 2), (1, 3)]])
def test_there_is_no_line_through_too_few_points(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="three points"):
        trend(points)


def test_memory_that_goes_up_and_down_is_flat() -> None:
    assert is_flat(result(samples(0, noise=5), 50, 1.0))


def test_memory_that_grows_is_not() -> None:
    found = result(samples(30, noise=1), 50, 1.0)
    assert not is_flat(found)
    assert found["slopes"]["anonymous_mib"]["per_hour"] == pytest.approx(30, abs=1)


def test_what_is_asked_is_the_mix() -> None:
    person = Person(1, "patient", ("observation",), "token", True, 2)
    asked = [call for call, _ in itertools.islice(mixed(Population((person,), new_measurements())), 100)]
    is_everything = Counter("$everything" in call.path for call in asked)
    assert is_everything[True] == MIX["W2"]
    assert sum(call.method == "POST" for call in asked) == MIX["W4"] + MIX["W4b"]
