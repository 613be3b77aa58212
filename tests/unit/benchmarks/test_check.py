"""The check of CI: what it takes for a fall, and that it is sure of it."""

from tests.benchmarks.check import KEPT, TIMES, Fall, Ratios, falls

BASELINE = {"W1": 0.3, "W4b": 0.24}


class Machine:
    """Gives the ratios of one run after the other, and keeps what it was asked for."""

    def __init__(self, *runs: Ratios) -> None:
        self.runs = list(runs)
        self.asked: list[frozenset[str]] = []

    def __call__(self, wanted: frozenset[str]) -> Ratios:
        """Return the ratios of the next run, of what is wanted."""
        self.asked.append(wanted)
        return {name: ratio for name, ratio in self.runs[len(self.asked) - 1].items() if name in wanted}


def test_a_ratio_that_is_a_third_less_each_time_is_a_fall() -> None:
    machine = Machine(*[{"W1": 0.3 * KEPT - 0.001, "W4b": 0.24}] * TIMES)
    assert falls(BASELINE, machine) == [Fall("W1", 0.3, 0.3 * KEPT - 0.001)]
    assert machine.asked == [frozenset(BASELINE), *[frozenset({"W1"})] * (TIMES - 1)]


def test_a_ratio_that_is_not_quite_a_third_less_is_none() -> None:
    machine = Machine({"W1": 0.3 * KEPT + 0.001, "W4b": 0.9})
    assert falls(BASELINE, machine) == []
    assert len(machine.asked) == 1


def test_a_run_that_something_else_disturbed_does_not_count_once_another_was_good() -> None:
    disturbed = {"W1": 0.05, "W4b": 0.04}
    assert falls(BASELINE, Machine(disturbed, disturbed, BASELINE)) == []


def test_what_was_good_once_is_not_measured_again() -> None:
    machine = Machine({"W1": 0.1, "W4b": 0.24}, {"W1": 0.3})
    assert falls(BASELINE, machine) == []
    assert machine.asked == [frozenset(BASELINE), frozenset({"W1"})]


def test_a_workload_that_is_no_longer_measured_is_a_fall() -> None:
    assert falls(BASELINE, Machine(*[{"W1": 0.3}] * TIMES)) == [Fall("W4b", 0.24, 0.0)]
