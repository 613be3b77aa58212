"""``regie record import`` of FHIR resources: what is shown while it works, and where its rejections go."""

import os
import time
from pathlib import Path
from typing import BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.access.requester import Requester
from app.audit.events import Trace
from app.cli_runner import Runner
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.interactions.import_lines import Place, files_in, lines_of_files
from app.interactions.record_import import Imported, Rejected, import_resources
from app.wiring import Parts

SHOWN_MAX = 20
"""Rejections that are shown; a report has all of them."""

TOLD_EVERY_S = 10.0
"""Seconds between two lines about how far it is, where there is no terminal."""

_WORDS = {"read": "Reading", "write": "Writing"}
_encode = msgspec.json.Encoder().encode

_PROCESSES_MAX = 4
"""With more of them, the process that writes does not keep up."""


def usual_processes() -> int:
    """Return how many processes check resources as long as nobody says how many: one for each core, to a number."""
    return min(len(os.sched_getaffinity(0)), _PROCESSES_MAX)


def import_files(
    run: Runner,
    operator: Requester,
    trace: Trace,
    release: Release,
    paths: list[Path],
    report: BinaryIO | None,
    *,
    processes: int = 0,
) -> Imported:
    """Return what became of the resources in files and folders, after it was shown. Rejections go to ``report``, too.

    0 ``processes`` are the usual number of them.
    """
    count = processes or usual_processes()
    shown, rejections = _Shown(), _Rejections(report)

    async def work(parts: Parts) -> Imported:
        lines = lines_of_files(release, files_in(paths))
        with shown:
            return await import_resources(
                parts.context, operator, trace, release, lines, rejections, shown, processes=count
            )

    imported = run(work)
    total = imported.written + imported.already
    typer.echo("1 resource is in." if total == 1 else f"{total} resources are in.")
    if imported.already:
        typer.echo(f"{imported.already} of them were in already: nothing was changed about them.")
    return imported


class _Rejections:
    """Shows the first lines that are refused, and writes all of them to the report."""

    def __init__(self, report: BinaryIO | None) -> None:
        self._report = report
        self._count = 0

    def __call__(self, rejected: Rejected) -> None:
        self._count += 1
        if self._report is not None:
            self._report.write(_reported(rejected))
        if self._count <= SHOWN_MAX:
            for issue in rejected.issues:
                place = f" {issue.expression}:" if issue.expression else ""
                typer.echo(f"{_place(rejected.place)}:{place} {issue.diagnostics}", err=True)
        elif self._count == SHOWN_MAX + 1:
            typer.echo("There are more: --report FILE has all of them.", err=True)


def _place(place: Place) -> str:
    entry = "" if place.entry is None else f", entry {place.entry}"
    return f"{place.file}, line {place.number}{entry}"


def _reported(rejected: Rejected) -> bytes:
    place = rejected.place
    entry = {} if place.entry is None else {"entry": place.entry}
    outcome = {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in rejected.issues]}
    reported = {"file": place.file, "line": place.number, **entry, "resource": rejected.reference, "outcome": outcome}
    return _encode(reported) + b"\n"


def _issue(issue: Issue) -> dict[str, object]:
    expression = {"expression": [issue.expression]} if issue.expression else {}
    return {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics, **expression}


class _Shown:
    """Shows how far it is: a bar on a terminal, elsewhere a line now and then."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        console = Console(stderr=True)
        self._is_terminal = console.is_terminal
        self._bar = Progress(*columns, console=console, transient=True, disable=not self._is_terminal)
        self._task = self._bar.add_task(_WORDS["read"], total=None)
        self._told_at = time.monotonic()

    def __enter__(self) -> None:
        """Begin to show the bar."""
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._bar.stop()

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Show that so many lines are done; ``total`` is 0 as long as nobody knows it."""
        if self._is_terminal:
            self._bar.update(self._task, description=_WORDS[doing], completed=done, total=total or None)
        elif time.monotonic() - self._told_at >= TOLD_EVERY_S:
            self._told_at = time.monotonic()
            typer.echo(
                f"{_WORDS[doing]}: {done} of {total} lines." if total else f"{_WORDS[doing]}: {done} lines.", err=True
            )
