"""The published test scripts that the server passes, kept that way."""

import re
from pathlib import Path

import pytest

from tests.conformance.run_suite import find_releases, find_runner, run_suite
from tests.support.suites import suite


@pytest.mark.suites
def test_the_self_measurement_scripts_pass_in_json_and_xml(capfd: pytest.CaptureFixture[str]) -> None:
    outcome = run_suite(suite("STU3/SelfMeasurements-2-0"), "both")
    report = capfd.readouterr().out
    assert outcome == 0, report
    passed = dict(re.findall(r"^  (\S+-XIS) +([0-9]+) ", report, re.MULTILINE))
    assert passed == {"Serving-XIS": "20", "Receiving-XIS": "54"}, report


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
