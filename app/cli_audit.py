"""``regie audit``: check the log, and change the key that signs it."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from app.audit.keys import PublicKey
from app.audit.seal import Seal
from app.audit.verify import faults as audit_faults
from app.cli_runner import Runner
from app.db.database import Transaction
from app.store.verify import faults as record_faults
from app.store.verify import records
from app.wiring import Parts


class _Line(msgspec.Struct):
    line: str = ""
    seal: Seal | None = None


def _seals(path: Path) -> list[Seal]:
    """Return the seals in an export. Raises: typer.Exit, when there is none."""
    found = []
    try:
        with path.open("rb") as file:
            found = [one.seal for one in map(msgspec.json.Decoder(_Line).decode, file) if one.seal is not None]
    except (OSError, msgspec.DecodeError) as error:
        typer.echo(f"{path} can't be read: {error}", err=True)
        raise typer.Exit(1) from error
    if not found:
        typer.echo(f"There is no seal in {path}.", err=True)
        raise typer.Exit(1)
    return found


def commands(run: Runner) -> typer.Typer:
    """Return the commands, for ``cli.py`` to add."""
    audit = typer.Typer(no_args_is_help=True, help="The audit log.")

    @audit.command("verify")
    def verify(
        *,
        export: Annotated[
            list[Path] | None,
            typer.Option(help="An export that somebody has: what it seals has to be in the log. May be repeated."),
        ] = None,
    ) -> None:
        """Check the chains of the audit log and of every record; exit status 1 if anything is wrong."""
        seals = [seal for path in export or () for seal in _seals(path)]

        async def work(parts: Parts) -> list[str]:
            reader = parts.database.reader
            found = [fault async for fault in audit_faults(reader, parts.audit.keys, seals)]
            for record_id in await records(reader):
                found += [f"Record {record_id}: {fault}" async for fault in record_faults(reader, record_id)]
            return found

        found = run(work)
        for fault in found:
            typer.echo(fault)
        if found:
            raise typer.Exit(1)
        typer.echo("The audit log and all records are sound.")

    @audit.command("rotate-key")
    def rotate_key() -> None:
        """Let a new key sign from now on, vouched for by the one before; print its name."""

        async def work(parts: Parts) -> PublicKey:
            async def job(transaction: Transaction) -> PublicKey:
                await parts.audit.keys.current(transaction, parts.context.now_us())  # the first has to be there
                return await parts.audit.keys.rotate(transaction, parts.context.now_us())

            return await parts.database.write(job)

        typer.echo(run(work).thumbprint)

    return audit
