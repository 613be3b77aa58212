"""``regie account``: what who runs the server may do about somebody's login, which is to end it where it is open."""

from typing import Annotated
from uuid import uuid4

import msgspec
import typer

from app.audit.events import Trace
from app.cli_record import OPERATOR
from app.cli_runner import Runner
from app.db.database import Transaction
from app.errors import NotFoundError
from app.identity import sessions
from app.interactions.gate import Deed, Touched, event
from app.wiring import Parts


def commands(run: Runner) -> typer.Typer:
    """Return the commands about logins, for ``cli.py`` to add."""
    account = typer.Typer(no_args_is_help=True, help="Logins of people.")

    @account.callback()
    def _group() -> None:
        """Make one command a group of its own."""

    @account.command("log-out")
    def log_out(login: Annotated[str, typer.Argument(help="The login name.")]) -> None:
        """End all sessions of a login, everywhere; tokens of apps go on."""

        async def work(parts: Parts) -> int:
            found = await parts.accounts.by_login(parts.database.reader, login)
            if found is None:
                raise NotFoundError("There is no such login.")

            async def job(transaction: Transaction) -> int:
                ended = await sessions.end_others(transaction, found.account_id)
                touched = Touched(-1 if found.record_id is None else found.record_id, "operator")
                entry = event(OPERATOR, Trace(str(uuid4())), Deed("logout"), touched)
                detail = f"{ended} sessions ended by who runs the server"
                await parts.audit.record(transaction, msgspec.structs.replace(entry, detail=detail))
                return ended

            return await parts.database.write(job)

        typer.echo(f"Ended: {run(work)}.")

    return account
