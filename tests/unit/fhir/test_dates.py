"""Dates are the whole of what they say, in the person's time zone where they have none."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.dates import MAX_US, MIN_US, instant, interval, later, microseconds, period, timing

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DAY = 86_400_000_000
MOMENTS = st.datetimes(timezones=st.just(UTC))


def us(text: str) -> int:
    return microseconds(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2024", "2024-01-01T00:00:00+01:00", "2024-12-31T23:59:59.999999+01:00"),
        ("2024-02", "2024-02-01T00:00:00+01:00", "2024-02-29T23:59:59.999999+01:00"),
        ("2024-07-10", "2024-07-10T00:00:00+02:00", "2024-07-10T23:59:59.999999+02:00"),
        ("2024-07-10T08:30", "2024-07-10T08:30:00+02:00", "2024-07-10T08:30:59.999999+02:00"),
        ("2024-07-10T08:30Z", "2024-07-10T08:30:00+00:00", "2024-07-10T08:30:59.999999+00:00"),
        ("2024-07-10T08:30:15-05:30", "2024-07-10T08:30:15-05:30", "2024-07-10T08:30:15.999999-05:30"),
        ("2024-07-10T08:30:15.2Z", "2024-07-10T08:30:15.2+00:00", "2024-07-10T08:30:15.299999+00:00"),
        ("2024-07-10T08:30:15.123456Z", "2024-07-10T08:30:15.123456+00:00", "2024-07-10T08:30:15.123456+00:00"),
        ("2024-07-10T08:30:15.123456789Z", "2024-07-10T08:30:15.123456+00:00", "2024-07-10T08:30:15.123456+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00", "2017-01-01T00:00:00.999999+00:00"),
    ],
)
def test_a_date_is_the_interval_of_its_precision(text: str, low: str, high: str) -> None:
    assert interval(text, AMSTERDAM) == (us(low), us(high))


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-07-10", 24)])
def test_a_day_on_which_the_clock_moves_is_as_long_as_it_was(day: str, hours: int) -> None:
    low, high = interval(day, AMSTERDAM)
    assert high + 1 - low == hours * 3_600_000_000


@pytest.mark.parametrize("text", ["0001", "0001-01-01", "9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59-14:00"])
def test_the_edges_of_the_calendar_have_an_interval(text: str) -> None:
    for zone in (AMSTERDAM, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")):
        low, high = interval(text, zone)
        assert MIN_US < low < high < MAX_US


@pytest.mark.parametrize(
    "text",
    [
        "", "24", "2024-13", "2024-00", "2024-02-30", "2024-1-1", "0000", "2024-01-10T", "2024-01-10T24:00:00Z",
        "2024-01-10T10:60:00Z", "2024-01-10T10:00:61Z", "2024-01-10T10:00:00+15:00", "2024-01-10T10:00:00+01:60",
        "2024-01-10 10:00", "2024-W03", "20240110", "2024-01-10T10:00:00.Z", "x2024", "2024\n", "20\N{ARABIC-INDIC DIGIT TWO}4",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refusal:
        interval(text, AMSTERDAM)
    assert "2024-" not in str(refusal.value)


@given(MOMENTS)
def test_an_instant_survives_being_written_and_read(moment: datetime) -> None:
    written = microseconds(moment)
    assert interval(instant(written), AMSTERDAM) == (written, written)


@given(st.dates(), st.sampled_from([AMSTERDAM, UTC_ZONE := ZoneInfo("UTC"), ZoneInfo("America/St_Johns")]))
def test_days_follow_each_other_without_gap_or_overlap(day: object, zone: ZoneInfo) -> None:
    text = str(day)
    low, high = interval(text, zone)
    assert low < high
    month_low, month_high = interval(text[:7], zone)
    year_low, year_high = interval(text[:4], zone)
    assert year_low <= month_low <= low
    assert high <= month_high <= year_high
    if text != "9999-12-31":
        following = str(datetime.fromisoformat(text).date() + timedelta(days=1))
        assert interval(following, zone)[0] == high + 1


def test_a_period_without_an_end_lasts_for_ever() -> None:
    assert period({"start": "2024-01-01"}, UTC_ZONE) == (us("2024-01-01T00:00:00+00:00"), MAX_US)
    assert period({"end": "2024-01-01"}, UTC_ZONE) == (MIN_US, us("2024-01-01T23:59:59.999999+00:00"))
    assert period({}, UTC_ZONE) is None


def test_a_timing_is_its_outer_limits() -> None:
    both = {
        "event": ["2024-01-05", "2024-01-02"],
        "repeat": {"boundsPeriod": {"start": "2024-01-03", "end": "2024-01-09"}},
    }
    assert timing(both, UTC_ZONE) == (us("2024-01-02T00:00:00+00:00"), us("2024-01-09T23:59:59.999999+00:00"))
    assert timing({"repeat": {"frequency": 1}}, UTC_ZONE) is None


@pytest.mark.parametrize(
    ("text", "amount", "unit", "wanted"),
    [
        ("2024-01-31", "1", "mo", "2024-02-29"),
        ("2024-01-31", "-1", "a", "2023-01-31"),
        ("2024-01-10", "2", "wk", "2024-01-24"),
        ("2024-01-10T10:00:00+01:00", "36", "h", "2024-01-11T22:00:00+01:00"),
        ("2024-01-10", "1", "kg", None),
        ("2024-01", "1", "d", None),
        ("9999-12-31", "1", "d", None),
        ("2024-01-10", "1e30", "a", None),
    ],
)
def test_a_duration_is_added_in_its_unit(text: str, amount: str, unit: str, wanted: str | None) -> None:
    assert later(text, Decimal(amount), unit) == wanted


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_a_time_to_the_second_begins_where_one_with_a_fraction_does(moment: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    second, zone = moment.strftime("%Y-%m-%dT%H:%M:%S").zfill(19), f"{sign}{hours:02d}:{rest:02d}"
    low, high = interval(f"{second}{zone}", AMSTERDAM)
    assert low == interval(f"{second}.0{zone}", AMSTERDAM)[0]
    assert high == low + 999_999


def test_a_leap_second_is_a_time() -> None:
    assert interval("2016-12-31T23:59:60Z", AMSTERDAM)[0] == interval("2017-01-01T00:00:00Z", AMSTERDAM)[0]


def test_a_day_that_does_not_exist_is_refused_without_being_told() -> None:
    with pytest.raises(ValueError, match="day is out of range"):
        interval("2024-02-30T08:30:15+01:00", AMSTERDAM)
