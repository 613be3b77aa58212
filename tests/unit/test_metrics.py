"""What a process counts, and that it costs next to nothing."""

import io
import json
import os
import time
from pathlib import Path

import pytest

from app import metrics
from app.metrics import Counter, Figures, Histogram, summed
from app.web.ends import ANSWERED, Ends


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    made = Counter("regie_test_total", "Tests.", ("kind",))
    monkeypatch.setattr(metrics, "COUNTED", (made,))
    return made


def test_a_value_is_in_the_first_bucket_that_holds_it() -> None:
    histogram = Histogram("regie_test_seconds", "Tests.", (0.1, 1.0))
    for value in (0.1, 0.5, 1.0, 7.0):
        histogram.observe(value)
    assert histogram.series == {(): [1, 2, 1, 8.6]}


def test_all_processes_are_added_up_and_what_one_that_ended_counted_stays(tmp_path: Path, counter: Counter) -> None:
    first, second = (Figures(lambda: {"regie_http_requests_in_flight": 1.0}, tmp_path) for _ in range(2))
    counter.add("a", amount=2)
    first.leave()
    counter.add("a")
    counter.add("b")
    lefts = second.all()
    assert summed(lefts, "regie_test_total") == {("a",): [5], ("b",): [1]}
    assert [left.is_live for left in lefts] == [True, True]
    (ended,) = (
        file
        for file in tmp_path.glob("*.json")
        if json.loads(file.read_bytes())["counted"]["regie_test_total"] == [[["a"], [2]]]
    )
    os.utime(ended, (time.time() - 60,) * 2)
    lefts = second.all()
    assert summed(lefts, "regie_test_total") == {("a",): [5], ("b",): [1]}
    assert [left.is_live for left in lefts] == [True, False]


def test_the_end_of_a_request_costs_less_than_three_microseconds() -> None:
    ends = Ends(has_log=False)
    scope = {"method": "GET", ANSWERED: ("/fhir/r4/{type}/{id}", 200, "5f3c9f0e-2f4e-4c39-9a53-2c1d4f6b7a80")}
    rounds, least = 2000, 1.0
    for _ in range(30):
        began = time.thread_time()
        for _ in range(rounds):
            ends.end(scope, ends.begin())
        least = min(least, (time.thread_time() - began) / rounds)
    print(f"{least * 1e6:.2f} us")  # noqa: T201 - for docs/performance.md
    assert least < 3e-6


def test_a_method_that_nobody_knows_is_no_label_of_its_own() -> None:
    ends = Ends(has_log=False)
    ends.end({"method": "FLY", ANSWERED: ("(none)", 405, "")}, ends.begin())
    assert ("other", "(none)", "4xx") in metrics.REQUESTS.series
    assert ends.in_flight == 0


def test_a_full_disk_takes_nothing_but_the_figures_of_others(tmp_path: Path, counter: Counter) -> None:
    figures = Figures(dict, tmp_path / "not there")
    counter.add("a")
    assert summed(figures.all(), "regie_test_total") == {("a",): [1]}


class Gone(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, _: str) -> int:
        """Fail, as a closed pipe does."""
        raise BrokenPipeError


def test_a_log_that_nobody_reads_any_more_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(has_log=True)
    monkeypatch.setattr("sys.stderr", Gone())
    for _ in range(2):
        ends.end({"method": "GET", ANSWERED: ("/login", 200, "a")}, ends.begin())
        ends.write()
    monkeypatch.undo()
    assert ends.in_flight == 0
