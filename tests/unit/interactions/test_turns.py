"""Work that takes seconds: so much of it at once, and once for each record."""

import pytest

from app.errors import TooManyRequestsError
from app.interactions.turns import Turns


def test_a_record_has_one_turn_at_a_time_and_the_next_when_it_is_over() -> None:
    turns = Turns()
    with turns.of(7):
        with pytest.raises(TooManyRequestsError), turns.of(7):
            pytest.fail("two at once")
        with turns.of(8):
            pass
    with turns.of(7):
        pass


def test_no_more_than_so_many_are_at_it() -> None:
    turns = Turns(at_once=2)
    with turns.of(1), turns.of(2), pytest.raises(TooManyRequestsError), turns.of(3):
        pytest.fail("three at once")
    with turns.of(3):
        pass


def test_work_that_fails_gives_its_turn_back() -> None:
    turns = Turns(at_once=1)
    with pytest.raises(KeyError), turns.of(1):
        raise KeyError
    with turns.of(1):
        pass
