"""``regie reindex``, and the part of ``regie migrate`` that comes after the tables."""

import time
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from app.cli_runner import Runner, record_of, release_of
from app.errors import RegieError
from app.interactions.closing import index_anew
from app.store.reindex import ALONE, GENTLE, Pace, to_reindex
from app.wiring import Parts

Outcome = tuple[int, list[str]]
"""How many records were indexed anew, and what went wrong with others."""

_AT_ONCE = 500
_OTHER_INDEX = "The index is made anew: a server from before answers searches with 503 from here on. End it."
_TELLS_EVERY_S = 2.0


async def reindex_all(parts: Parts, pace: Pace, *, everything: bool = False) -> Outcome:
    """Index every record that needs it, or with ``everything`` every record; progress goes to standard error."""
    done, told = 0, time.monotonic()
    faults: list[str] = []
    async for record_id in _records(parts, everything=everything):
        try:
            await index_anew(parts.context, record_id, pace, everything=everything)
            done += 1
        except RegieError as error:
            faults.append(f"Record {record_id}: {error}")
        if time.monotonic() - told > _TELLS_EVERY_S:
            told = time.monotonic()
            typer.echo(f"{done} records are indexed ...", err=True)
    return done, faults


async def _records(parts: Parts, *, everything: bool) -> AsyncIterator[int]:
    last = -1
    while found := await to_reindex(parts.database, after=last, limit=_AT_ONCE, everything=everything):
        for record_id in found:
            yield record_id
        last = found[-1]


def tell(done: int, faults: list[str]) -> None:
    """Say how it went. Raises: typer.Exit with status 1, if anything went wrong."""
    for fault in faults:
        typer.echo(fault, err=True)
    if done:
        typer.echo(f"Indexed anew: {done} {'record' if done == 1 else 'records'}.")
    if faults:
        raise typer.Exit(1)


def index_after_migration(run: Runner) -> None:
    """Index what is of other rules, with no thought for others: no server of this release runs yet."""

    async def work(parts: Parts) -> Outcome:
        if await to_reindex(parts.database, after=-1, limit=1):
            typer.echo(_OTHER_INDEX, err=True)
        return await reindex_all(parts, ALONE)

    tell(*run(work))


def add_command(main: typer.Typer, run: Runner) -> None:
    """Add the command to ``regie``."""

    @main.command("reindex")
    def reindex_command(
        *,
        patient: Annotated[str, typer.Option(help="The id of a Patient: that record alone.")] = "",
        release: Annotated[str, typer.Option(help="stu3 or r4: where that Patient is.")] = "r4",
        everything: Annotated[bool, typer.Option("--all", help="Also what seems to be up to date.")] = False,
    ) -> None:
        """Make the index by the search parameters in use now; the server may run. Stopped, it goes on when run again."""
        wanted = release_of(release)

        async def work(parts: Parts) -> Outcome:
            if not patient:
                return await reindex_all(parts, GENTLE, everything=everything)
            record_id = await record_of(parts, wanted, patient)
            await index_anew(parts.context, record_id, GENTLE, everything=everything)
            return 1, []

        done, faults = run(work)
        if not done and not faults:
            typer.echo("The index is up to date.")
        tell(done, faults)
