"""The table of where the processor's time goes has all of it, and names modules that are there."""

import sys
from datetime import datetime, tzinfo

import pytest

from app.fhir.instants import instant_text
from tests.benchmarks.layers import LAYERS, OUTSIDE, layer_of, table
from tests.support.running import ROOT


@pytest.mark.parametrize("beginning", [one for listed in LAYERS.values() for one in listed.split()])
def test_a_layer_is_of_modules_that_are_there(beginning: str) -> None:
    assert next(ROOT.glob(f"app/{beginning}*"), None), "it was renamed, and its time would count for another"


def test_time_is_that_of_the_innermost_function_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Clock:
        @staticmethod
        def fromtimestamp(seconds: float, zone: tzinfo) -> datetime:
            seen.append(layer_of(sys._getframe()))
            return datetime.fromtimestamp(seconds, zone)

    monkeypatch.setattr("app.fhir.instants.datetime", Clock)
    instant_text.__wrapped__(0)
    assert seen == ["the version: body, hash, id"]
    assert layer_of(sys._getframe()) == OUTSIDE


def test_the_last_line_is_the_sum_of_all() -> None:
    found = {"W4": dict.fromkeys((*LAYERS, OUTSIDE), 2.0)}
    assert table(found).splitlines()[-1] == f"| all | {2 * len((*LAYERS, OUTSIDE))} |"
