"""A flood of refusals is counted, not written one by one."""

from app.audit.spate import KEYS_MAX, MINUTE_US, Spate


def test_what_is_over_the_bound_is_counted_and_told_of_by_the_next_entry() -> None:
    spate = Spate(most=3)
    assert [spate.left_out("a", now) for now in range(5)] == [0, 0, 0, None, None]
    assert spate.left_out("b", 5) == 0
    assert spate.left_out("a", MINUTE_US) == 2
    assert spate.left_out("a", MINUTE_US + 1) == 0


def test_a_clock_that_is_turned_back_opens_a_new_minute() -> None:
    spate = Spate(most=1)
    assert [spate.left_out("a", now) for now in (MINUTE_US, MINUTE_US + 1, 0)] == [0, None, 1]


def test_many_keys_take_bounded_memory() -> None:
    spate = Spate(most=1)
    for key in range(3 * KEYS_MAX):
        assert spate.left_out(key, 0) == 0
    assert len(spate._seen) <= KEYS_MAX
