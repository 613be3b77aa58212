"""The published test scripts that the server passes, kept that way."""

from pathlib import Path

import pytest

from tests.conformance.run_suite import find_releases, find_runner, run_suite
from tests.support.suites import suite


@pytest.mark.suites
def test_the_self_measurement_scripts_for_serving_systems_pass(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_suite(suite("STU3/SelfMeasurements-2-0"), "json", "--role", "Serving-XIS")
    report = capfd.readouterr().out
    assert outcome == 0, report
    assert "Serving-XIS" in report


def test_the_release_is_read_from_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "suites" / "R4" / "Something"
    folder.mkdir(parents=True)
    (folder.parent.parent / "STU3").mkdir()
    assert find_releases(folder) == ["R4"]
    assert find_releases(tmp_path / "suites") == ["STU3", "R4"]


def test_scripts_of_an_unknown_release_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="STU3 or R4"):
        find_releases(tmp_path)


def test_the_runner_is_the_nearest_above_the_scripts(tmp_path: Path) -> None:
    folder = tmp_path / "suites" / "R4"
    folder.mkdir(parents=True)
    for name in ("run", "requirements.txt"):
        (tmp_path / name).touch()
    assert find_runner(folder) == tmp_path / "run"
