"""What is made when it is first met: once, in circles, and whole before another thread meets it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from app.fhir.validation.circular import Circular

LONG_S = 60
LEADS_TO = {"Identifier": ["Reference", "Period"], "Reference": ["Identifier"], "Period": []}


def test_what_leads_back_to_itself_is_made_once() -> None:
    begun: list[str] = []

    def begin(name: str) -> list[object]:
        begun.append(name)
        return []

    made: Circular[list[object]] = Circular(begin, lambda one, name: one.extend(made[each] for each in LEADS_TO[name]))
    assert made["Identifier"][0] is made["Reference"]
    assert made["Reference"][0] is made["Identifier"]
    assert begun == ["Identifier", "Reference", "Period"]


def test_another_thread_meets_nothing_that_is_half_made() -> None:
    is_half_made, go_on = Event(), Event()

    def fill(one: list[str], name: str) -> None:
        if name == "Reference":
            one.append(f"begins with {len(made['Identifier'])}")
            is_half_made.set()
            assert go_on.wait(LONG_S)
        else:
            one += [str(made["Reference"]), "whole"]

    made = Circular[list[str]](lambda _: [], fill)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(lambda: made["Identifier"])
        assert is_half_made.wait(LONG_S)
        others = [threads.submit(made.__getitem__, name) for name in ("Identifier", "Reference")]
        assert "Identifier" not in made
        go_on.set()
        assert first.result(LONG_S)[-1] == "whole"
        assert [one.result(LONG_S) for one in others] == [first.result(), ["begins with 0"]]


def test_what_can_not_be_made_is_asked_for_again() -> None:
    is_there = False

    def fill(one: list[str], name: str) -> None:
        if name == "Identifier":
            one.append(f"{name} to {made['Reference']}")
        elif not is_there:
            raise KeyError(name)

    made = Circular[list[str]](lambda _: [], fill)
    with pytest.raises(KeyError, match="Reference"):
        made["Identifier"]
    assert not made
    is_there = True
    assert made["Identifier"] == ["Identifier to []"]
