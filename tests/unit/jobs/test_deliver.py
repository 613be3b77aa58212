"""How long a failing job waits."""

import pytest

from app.jobs.deliver import FIRST_DELAY, LONGEST_DELAY, delay_after


def test_each_failure_doubles_the_wait() -> None:
    waits = [delay_after(tries) for tries in range(1, 6)]
    assert waits == [FIRST_DELAY * factor for factor in (1, 2, 4, 8, 16)]


@pytest.mark.parametrize("tries", [12, 21, 22, 1_000_000])
def test_no_number_of_failures_makes_the_wait_longer_than_the_longest(tries: int) -> None:
    assert delay_after(tries) == LONGEST_DELAY
