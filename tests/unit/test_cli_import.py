"""How many processes ``regie record import`` asks for."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner

from app import cli_import
from app.cli_record import commands
from app.interactions.record_import import Imported

T = TypeVar("T")


def run(work: Callable[[Any], Awaitable[T]]) -> T:
    """Run work that needs no parts."""

    async def done() -> T:
        return await work(SimpleNamespace(context=None))

    return asyncio.run(done())


@pytest.mark.parametrize(
    ("said", "cores", "count"),
    [([], 1, 1), ([], 3, 3), ([], 64, 4), (["--processes", "1"], 3, 1), (["--processes", "9"], 3, 9)],
)
def test_as_many_processes_as_cores_check_an_import_and_at_most_four_unless_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str], cores: int, count: int
) -> None:
    asked: list[int] = []

    async def importing(*_: object, processes: int) -> Imported:
        asked.append(processes)
        return Imported(written=1)

    monkeypatch.setattr(cli_import, "import_resources", importing)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    (tmp_path / "lines.ndjson").write_text("{}\n")
    command = ["import", str(tmp_path / "lines.ndjson"), "--release", "r4", "--as-operator", *said]
    assert CliRunner().invoke(commands(run), command).output == "1 resource is in.\n"
    assert asked == [count]
