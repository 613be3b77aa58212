"""What the prefixes mean, as laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.search.expression import Prefix
from app.fhir.search.intervals import meets

Interval = tuple[int, int]
INTERVALS = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda ends: (min(ends), max(ends)))
POINTS = st.integers(0, 20).map(lambda point: (point, point))


@given(INTERVALS, INTERVALS)
def test_not_equal_is_the_opposite_of_equal(value: Interval, resource: Interval) -> None:
    assert meets("eq", value, resource) != meets("ne", value, resource)


@given(INTERVALS, INTERVALS)
def test_what_is_after_or_equal_is_on_or_after_and_what_ends_before_is_not(value: Interval, resource: Interval) -> None:
    if meets("gt", value, resource) or meets("eq", value, resource):
        assert meets("ge", value, resource)
    if meets("lt", value, resource) or meets("eq", value, resource):
        assert meets("le", value, resource)
    assert meets("ge", value, resource) != meets("eb", value, resource)
    assert meets("le", value, resource) != meets("sa", value, resource)


@given(INTERVALS, INTERVALS)
def test_what_is_equal_overlaps_and_what_overlaps_neither_starts_after_nor_ends_before(
    value: Interval, resource: Interval
) -> None:
    if meets("eq", value, resource):
        assert meets("ap", value, resource)
    apart = meets("sa", value, resource) or meets("eb", value, resource)
    assert meets("ap", value, resource) != apart


@given(POINTS, POINTS)
def test_between_points_the_prefixes_are_the_operators_of_numbers(value: Interval, resource: Interval) -> None:
    (wanted, _), (found, _) = value, resource
    assert meets("eq", value, resource) == (found == wanted)
    assert meets("gt", value, resource) == meets("sa", value, resource) == (found > wanted)
    assert meets("lt", value, resource) == meets("eb", value, resource) == (found < wanted)
    assert meets("ge", value, resource) == (found >= wanted)
    assert meets("le", value, resource) == (found <= wanted)


@given(INTERVALS, INTERVALS, st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]))
def test_turning_the_line_round_turns_the_prefixes_round(value: Interval, resource: Interval, prefix: Prefix) -> None:
    turned: dict[str, Prefix] = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "sa": "eb", "eb": "sa"}
    mirrored = [(-high, -low) for low, high in (value, resource)]
    assert meets(prefix, value, resource) == meets(turned.get(prefix, prefix), mirrored[0], mirrored[1])


@pytest.mark.parametrize(
    ("prefix", "resource", "wanted"),
    [
        # The value is the day from 10 to 19.
        ("eq", (10, 19), True),
        ("eq", (9, 12), False),
        ("ge", (0, 12), True),  # began earlier, ended during the day
        ("ge", (0, 9), False),
        ("gt", (15, 25), True),
        ("gt", (15, 19), False),
        ("le", (19, 40), True),
        ("le", (20, 40), False),
        ("sa", (20, 30), True),
        ("eb", (0, 9), True),
    ],
)
def test_a_period_is_compared_with_a_day(prefix: Prefix, resource: Interval, *, wanted: bool) -> None:
    assert meets(prefix, (10, 19), resource) == wanted
