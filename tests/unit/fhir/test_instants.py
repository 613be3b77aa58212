"""An instant as the headers of HTTP write it is what the standard library makes of it."""

from email.utils import formatdate, parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from app.fhir.instants import http_date

LAST = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""


@given(st.integers(0, LAST))
def test_a_date_of_http_is_that_of_the_whole_second(instant: int) -> None:
    assert http_date(instant) == formatdate(instant // 1_000_000, usegmt=True)


def test_a_date_of_http_can_be_read_back() -> None:
    assert http_date(1_795_685_400_125_000) == "Thu, 26 Nov 2026 09:30:00 GMT"
    assert parsedate_to_datetime(http_date(1_795_685_400_125_000)).timestamp() == 1_795_685_400
