"""How long somebody waits who guesses."""

from datetime import timedelta

from app.identity.accounts import folded
from app.identity.tries import FIRST_WAIT, LONGEST_WAIT, wait_after


def test_the_first_failures_are_free_and_then_the_wait_doubles() -> None:
    assert [wait_after(too_many) for too_many in (-5, -1)] == [timedelta(0)] * 2
    assert [wait_after(too_many) for too_many in (0, 1, 2)] == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4]


def test_nobody_waits_longer_than_the_longest_wait() -> None:
    assert wait_after(1_000_000) == LONGEST_WAIT


def test_logins_are_compared_without_case_width_and_spaces() -> None:
    assert folded("  Zonnestraal ") == folded("ZONNESTRAAL") == folded("\uff5aonnestraal") == "zonnestraal"
