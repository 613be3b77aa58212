"""How long somebody waits who guesses."""

from datetime import timedelta

from app.identity.accounts import folded
from app.identity.tries import FIRST_WAIT, LONGEST_WAIT, network_of, of_password, of_reset, of_sign_up, wait_after


def test_the_first_failures_are_free_and_then_the_wait_doubles() -> None:
    assert [wait_after(too_many) for too_many in (-5, -1)] == [timedelta(0)] * 2
    assert [wait_after(too_many) for too_many in (0, 1, 2)] == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4]


def test_nobody_waits_longer_than_the_longest_wait() -> None:
    assert wait_after(1_000_000) == LONGEST_WAIT


def test_logins_are_compared_without_case_width_and_spaces() -> None:
    assert folded("  Zonnestraal ") == folded("ZONNESTRAAL") == folded("\uff5aonnestraal") == "zonnestraal"


def test_all_addresses_of_one_line_are_counted_together() -> None:
    ours, other, next_door = "2001:db8:1:2::1", "2001:DB8:1:2:ffff::9", "2001:db8:1:3::1"
    for counted in (of_reset, of_sign_up):
        assert counted(ours) == counted(other) != counted(next_door)
    assert of_password("zonnestraal", ours) == of_password("zonnestraal", other)
    assert of_password("zonnestraal", ours)[1] != of_password("zonnestraal", next_door)[1]


def test_an_address_of_ipv4_counts_for_itself_however_it_is_written() -> None:
    assert network_of("192.0.2.7") == network_of("::ffff:192.0.2.7") != network_of("192.0.2.8")
    assert network_of("somewhere") == "somewhere"
