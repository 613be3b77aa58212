"""Timing in words, and what is due."""

from datetime import date
from typing import Any

import pytest

from app.portal.language import language
from app.portal.schedule import bounds_in_words, due_in_week, due_on, timing_in_words

DUTCH, ENGLISH = language("nl"), language("en")
WEDNESDAY = date(2026, 11, 25)


def every(**repeat: Any) -> dict[str, Any]:
    return {"repeat": repeat}


@pytest.mark.parametrize(
    ("timing", "dutch", "english"),
    [
        (every(frequency=1, period=1, periodUnit="d"), "elke dag", "every day"),
        (every(frequency=2, period=1, periodUnit="d"), "2 keer per dag", "2 times a day"),
        (every(frequency=3, period=1, periodUnit="wk"), "3 keer per week", "3 times a week"),
        (every(frequency=1, period=2, periodUnit="wk"), "één keer per 2 weken", "once every 2 weeks"),
        (every(frequency=2, frequencyMax=3, period=1, periodUnit="wk"), "2 tot 3 keer per week", "2 to 3 times a week"),
        (
            every(frequency=1, period=1, periodUnit="wk", dayOfWeek=["mon", "wed", "fri"]),
            "één keer per week, op maandag, woensdag en vrijdag",
            "once a week, on Monday, Wednesday and Friday",
        ),
        (
            every(frequency=2, period=1, periodUnit="d", when=["MORN", "EVE"]),
            "2 keer per dag, 's ochtends en 's avonds",
            "2 times a day, in the morning and in the evening",
        ),
        (
            every(frequency=1, period=1, periodUnit="d", timeOfDay=["07:30:00"]),
            "elke dag, om 07:30",
            "every day, at 07:30",
        ),
        ({"code": {"coding": [{"code": "BID"}]}}, "twee keer per dag", "twice a day"),
    ],
)
def test_a_schedule_is_said_in_words(timing: dict[str, Any], dutch: str, english: str) -> None:
    assert timing_in_words(timing, DUTCH) == dutch
    assert timing_in_words(timing, ENGLISH) == english


def test_a_stu3_event_that_is_not_a_list_is_said_too() -> None:
    assert (
        timing_in_words(every(frequency=1, period=1, periodUnit="d", when="HS"), DUTCH) == "elke dag, voor het slapen"
    )


def test_what_somebody_wrote_counts_before_the_details() -> None:
    timing = {**every(frequency=7, period=1, periodUnit="d"), "code": {"text": "7 keer op een dag, eens per maand"}}
    assert timing_in_words(timing, DUTCH) == "7 keer op een dag, eens per maand"


@pytest.mark.parametrize("timing", [None, {}, {"repeat": {}}])
def test_a_schedule_that_says_nothing_gives_no_words(timing: dict[str, Any] | None) -> None:
    assert timing_in_words(timing, DUTCH) == ""
    assert due_on(timing, WEDNESDAY) == 0
    assert due_in_week(timing, WEDNESDAY) == 0


def test_the_period_of_a_schedule_is_said_in_words() -> None:
    timing = every(boundsPeriod={"start": "2026-02-27", "end": "2026-12-01"})
    assert bounds_in_words(timing, DUTCH) == "van 27\u00a0februari\u00a02026 tot en met 1\u00a0december\u00a02026"
    assert bounds_in_words(every(boundsPeriod={"start": "2026-02-27"}), DUTCH) == "vanaf 27\u00a0februari\u00a02026"
    assert bounds_in_words(every(), DUTCH) == ""


@pytest.mark.parametrize(
    ("timing", "times"),
    [
        (every(frequency=1, period=1, periodUnit="d"), 1),
        (every(frequency=3, period=1, periodUnit="d"), 3),
        (every(frequency=1, period=2, periodUnit="d"), 0),
        (every(frequency=3, period=1, periodUnit="wk"), 0),
        (every(frequency=1, period=1, periodUnit="wk", dayOfWeek=["wed"]), 1),
        (every(frequency=1, period=1, periodUnit="wk", dayOfWeek=["thu"]), 0),
        (every(frequency=2, period=1, periodUnit="d", dayOfWeek=["wed"], when=["MORN", "EVE"]), 2),
        ({"code": {"coding": [{"code": "TID"}]}}, 3),
        (every(frequency=1, period=1, periodUnit="d", boundsPeriod={"start": "2026-11-26"}), 0),
        (every(frequency=1, period=1, periodUnit="d", boundsPeriod={"end": "2026-11-24"}), 0),
        (every(frequency=1, period=1, periodUnit="d", boundsPeriod={"start": "2026-11-25", "end": "2026-11-25"}), 1),
    ],
)
def test_what_is_due_on_a_day(timing: dict[str, Any], times: int) -> None:
    assert due_on(timing, WEDNESDAY) == times


@pytest.mark.parametrize(
    ("timing", "times"),
    [
        (every(frequency=3, period=1, periodUnit="wk"), 3),
        (every(frequency=1, period=1, periodUnit="d"), 0),
        (every(frequency=1, period=2, periodUnit="wk"), 0),
        (every(frequency=1, period=1, periodUnit="wk", dayOfWeek=["wed"]), 0),
        (every(frequency=3, period=1, periodUnit="wk", boundsPeriod={"end": "2026-11-24"}), 0),
    ],
)
def test_what_is_due_in_a_week_on_no_special_day(timing: dict[str, Any], times: int) -> None:
    assert due_in_week(timing, WEDNESDAY) == times
