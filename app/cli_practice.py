"""``regie practice`` and the keys of ``regie client``: practices, who logs in for them, and with what their systems prove themselves."""

import json
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import msgspec
import typer

from app.access.scope import DIRECTORY
from app.access.staff import StaffRole
from app.audit.events import Event, Trace
from app.cli_record import OPERATOR
from app.cli_runner import Runner
from app.db.database import Transaction
from app.errors import NotFoundError
from app.identity import practices, staff
from app.identity.instants import to_us
from app.identity.practices import Practice
from app.identity.staff import Described
from app.interactions.gate import Deed, Touched, event
from app.oauth import client_keys, clients
from app.wiring import Parts

_PRACTICE = Annotated[str, typer.Argument(help="The id of the practice.")]
_ACCOUNT = Annotated[str, typer.Argument(help="The id that `regie practice staff` prints before the name.")]
_ROLE = Annotated[StaffRole, typer.Option(help="Their role in care.")]
_CLIENT = Annotated[str, typer.Argument(help="The client_id of the system.")]


def _entry(action: str, detail: str) -> Event:
    """Return the entry of the log for what the operator did."""
    made = event(OPERATOR, Trace(str(uuid4())), Deed(action), Touched(DIRECTORY, "operator"))
    return msgspec.structs.replace(made, detail=detail)


async def _practice(parts: Parts, practice_id: str) -> Practice:
    found = await practices.get(parts.database.reader, practice_id)
    if found is None:
        raise NotFoundError("There is no such practice.")
    return found


def commands(run: Runner) -> typer.Typer:
    """Return the commands about practices, for ``cli.py`` to add."""
    practice = typer.Typer(no_args_is_help=True, help="Practices, and who logs in for them.")

    @practice.command("add")
    def add(
        *,
        name: Annotated[str, typer.Option(help="What people read.")],
        city: Annotated[str, typer.Option(help="Where it is.")],
    ) -> None:
        """Add a practice and print its id, and nothing else."""

        async def work(parts: Parts) -> str:
            async def job(transaction: Transaction) -> str:
                return await practices.add(transaction, name=name, city=city, now=parts.clock())

            return await parts.database.write(job)

        typer.echo(run(work))

    @practice.command("add-staff")
    def add_staff(
        practice_id: _PRACTICE,
        *,
        name: Annotated[str, typer.Option(help="What people read.")],
        role: _ROLE = StaffRole.NONE,
        registration: Annotated[str, typer.Option(help="Their number in a register, such as AGB 01234567.")] = "",
        administrator: Annotated[bool, typer.Option("--administrator", help="Looks after logins and keys.")] = False,
    ) -> None:
        """Print a link by which somebody makes a login for work, good once, for a week; and nothing else."""

        async def work(parts: Parts) -> str:
            described = Described(name, role, administrator, registration)
            place = await _practice(parts, practice_id)

            async def job(transaction: Transaction) -> str:
                await parts.audit.record(transaction, _entry("staff-invited", f"{practice_id}: {described.words}"))
                return await staff.invite(transaction, place.practice_id, described, "operator", parts.clock())

            return f"{parts.settings.base_url}/practice/join?token={await parts.database.write(job)}"

        typer.echo(run(work))

    @practice.command("staff")
    def list_staff(practice_id: _PRACTICE) -> None:
        """Print who logs in for a practice: the id of each login, and what they are."""

        async def work(parts: Parts) -> list[str]:
            place = await _practice(parts, practice_id)
            members = await staff.of_practice(parts.database.reader, place.practice_id)
            return [f"{one.account_id}  {one.described.words}" for one in members]

        for line in run(work):
            typer.echo(line)

    _add_changes(practice, run)
    return practice


def _add_changes(practice: typer.Typer, run: Runner) -> None:
    """Add the commands that change what somebody of a practice may do."""

    @practice.command("set-staff")
    def set_staff(
        practice_id: _PRACTICE,
        account_id: _ACCOUNT,
        *,
        role: _ROLE,
        administrator: Annotated[bool, typer.Option("--administrator", help="Looks after logins and keys.")] = False,
    ) -> None:
        """Give somebody of a practice another role, in force at their next request."""

        async def work(parts: Parts) -> None:
            async def job(transaction: Transaction) -> None:
                member = await staff.change(transaction, practice_id, account_id, role, administers=administrator)
                await parts.audit.record(
                    transaction, _entry("staff-changed", f"{practice_id}: {member.described.words}")
                )

            await parts.database.write(job)

        run(work)

    @practice.command("end-staff")
    def end_staff(practice_id: _PRACTICE, account_id: _ACCOUNT) -> None:
        """End the login of somebody of a practice, at once and everywhere."""

        async def work(parts: Parts) -> None:
            async def job(transaction: Transaction) -> None:
                member = await staff.end(transaction, practice_id, account_id, parts.clock())
                await parts.audit.record(transaction, _entry("staff-ended", f"{practice_id}: {member.described.words}"))

            await parts.database.write(job)

        run(work)


def add_keys(client: typer.Typer, run: Runner) -> None:
    """Add the commands about the keys of a client to those about clients."""

    @client.command("keys")
    def list_keys(client_id: _CLIENT) -> None:
        """Print the keys of a system: thumbprint, kind and kid of each."""

        async def work(parts: Parts) -> list[str]:
            found = await clients.get(parts.database.reader, client_id)
            if found is None:
                raise NotFoundError("There is no such client.")
            return [f"{key.thumbprint}  {key.kind}  {key.kid}" for key in client_keys.keys_of(found)]

        for line in run(work):
            typer.echo(line)

    @client.command("add-key")
    def add_key(
        client_id: _CLIENT, file: Annotated[Path, typer.Argument(help="The public key, as a JWK in a file.")]
    ) -> None:
        """Let a system prove itself with another key too, and print its thumbprint."""
        try:
            given = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            typer.echo(f"{file} can't be read as JSON.", err=True)
            raise typer.Exit(1) from error

        async def work(parts: Parts) -> str:
            async def job(transaction: Transaction) -> str:
                thumbprint = await client_keys.add_key(transaction, client_id, given)
                await parts.audit.record(transaction, _entry("key-added", f"{client_id}: {thumbprint}"))
                return thumbprint

            return await parts.database.write(job)

        typer.echo(run(work))

    # A thumbprint may begin with a hyphen, and is no option then.
    @client.command("retire-key", context_settings={"ignore_unknown_options": True})
    def retire_key(
        client_id: _CLIENT, thumbprint: Annotated[str, typer.Argument(help="Which, as `regie client keys` prints it.")]
    ) -> None:
        """Let a key prove nothing any more; the tokens of the system end with it."""

        async def work(parts: Parts) -> None:
            async def job(transaction: Transaction) -> None:
                await client_keys.retire_key(transaction, client_id, thumbprint, to_us(parts.clock()))
                await parts.audit.record(transaction, _entry("key-retired", f"{client_id}: {thumbprint}"))

            await parts.database.write(job)

        run(work)
