"""What stands out in a log, and what does not."""

import msgspec
import pytest

from app.audit.events import Event
from app.audit.unusual import MANY, Unusual, unusual

LOOK = Event("search-type", record_id=5, kind="practice", actor="practice:p1", display="Praktijk De Proef", count=3)


def signs(hour: int = 12, *, is_first: bool = False, **more: object) -> tuple[Unusual, ...]:
    return unusual(msgspec.structs.replace(LOOK, **more), hour=hour, is_first=is_first)


def test_a_practice_that_looks_by_day_at_some_things_does_not_stand_out() -> None:
    assert signs() == ()


def test_the_first_look_of_a_practice_stands_out() -> None:
    assert signs(is_first=True) == (Unusual.FIRST,)


@pytest.mark.parametrize(("count", "found"), [(MANY - 1, ()), (MANY, (Unusual.MANY,))])
def test_much_at_once_stands_out(count: int, found: tuple[Unusual, ...]) -> None:
    assert signs(count=count) == found


@pytest.mark.parametrize(("hour", "is_night"), [(22, False), (23, True), (0, True), (5, True), (6, False)])
def test_a_look_at_night_stands_out(hour: int, is_night: bool) -> None:
    assert signs(hour) == ((Unusual.NIGHT,) if is_night else ())


@pytest.mark.parametrize("kind", ["practice", "app", ""])
def test_who_was_refused_stands_out_whoever_it_was(kind: str) -> None:
    assert signs(kind=kind, outcome="refused", status=403) == (Unusual.REFUSED,)


def test_what_a_practice_adds_at_night_is_no_look() -> None:
    assert signs(3, action="create", count=1) == ()


@pytest.mark.parametrize("kind", ["person", "representative", "operator", "app"])
def test_the_person_and_their_apps_do_not_stand_out(kind: str) -> None:
    assert signs(3, is_first=True, kind=kind, count=MANY) == ()
