"""What a run writes: beside what a run on the other kind of database wrote, in the shape that tools read."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import page
from tests.benchmarks.growth import Growth, Searches
from tests.benchmarks.importing import Imported
from tests.benchmarks.measure import Figures, Measured
from tests.benchmarks.report import table, write

FIGURES = Figures(
    rate=3000.0, limit=9000.0, ratio=1 / 3, p50_ms=5.0, p95_ms=6.0, p99_ms=9.0, cpu_ms=0.3, errors=0, limit_cpu_ms=0.1,
    database_cpu_ms=0.1, limit_database_cpu_ms=0.1, cpu_ratio=0.5,
)  # fmt: skip
IMPORTED = Imported(16, 3300, 2000.0, 4000.0, 0.5, 0.4, 0.1, 0.0, 0.0, 0.25, 1100.0, 0)


def searches(people: int, p99_ms: float) -> Searches:
    return Searches(people, 900.0, 10.0, 15.0, p99_ms, 5000, 0)


def measured(kind: str) -> Measured:
    found = Measured(kind, "1.0", 128, 26_000, 26_000_000, {"change": 20_000_000}, start_seconds=1.5)
    found.add("W1", kind, 16, FIGURES)
    found.add("W1", f"{kind}-one-core", 64, FIGURES)
    found.imports[kind] = IMPORTED
    found.growth = Growth((searches(16, 10.0), searches(128, 10.5)), (searches(16, 20.0), searches(128, 22.0)))
    return found


def test_a_run_on_another_database_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "var" / "bench.json"
    write(measured("sqlite"), path, is_quick=True)
    write(measured("postgresql"), path, is_quick=False)
    found = json.loads(path.read_text())
    assert {"rate", "limit", "ratio", "p50_ms", "p99_ms", "cpu_ms", "errors"} <= set(
        found["workloads"]["W1"]["sqlite"]["16"]
    )
    assert set(found["workloads"]["W1"]) == {"sqlite", "sqlite-one-core", "postgresql", "postgresql-one-core"}
    assert found["workloads"]["W5"]["postgresql"]["1"]["rate"] == 2000.0
    assert found["workloads"]["W6"]["sqlite"]["16"]["growth"] == 1.05
    assert [found["runs"][kind]["quick"] for kind in ("sqlite", "postgresql")] == [True, False]
    assert found["data"] == {"people": 128, "resources": 26_000, "bytes_per_resource": 1000}


def test_the_table_has_a_line_for_each_figure() -> None:
    told = table(measured("sqlite"))
    assert "W1 read by id                           16     3000     9000    33%" in told
    assert "W5 import of 16 people                   1     2000     4000    50%" in told
    assert "1.05 times, beside an import 1.10 times" in told


def test_a_page_is_not_made_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "RESULTS", tmp_path / "bench.json")
    monkeypatch.setattr(page, "SOAKED", tmp_path / "soak.json")
    with pytest.raises(SystemExit, match="Nothing was measured yet"):
        page.main()


def test_a_workload_that_there_is_not_is_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "W9"])
    with pytest.raises(SystemExit):
        benchmarks.main()
    assert "workloads are W1, W2, W3, W3-date, W3-lastn, W4, W4b, W5, W6" in capsys.readouterr().err
