"""``regie client list``, ``show`` and ``end``: which clients there are, what they may, and the end of one."""

import json
from typing import Annotated
from uuid import uuid4

import typer

from app.access.requester import RequesterKind
from app.audit.events import Trace
from app.cli_import import Runner
from app.db.database import Reader, Transaction
from app.errors import NotFoundError
from app.oauth import clients, ending
from app.oauth.clients import Client
from app.wiring import Parts

_CLIENT = Annotated[str, typer.Argument(help="The client_id.")]


async def _one(reader: Reader, client_id: str) -> Client:
    found = await clients.get(reader, client_id)
    if found is None:
        raise NotFoundError("There is no such client.")
    return found


def add_registrations(client: typer.Typer, run: Runner) -> None:
    """Add the commands about what is registered to those about clients."""

    @client.command("list")
    def list_clients() -> None:
        """Print each client: its client_id, how it proves itself, since when it is over or not, and its name."""

        async def work(parts: Parts) -> list[Client]:
            return await clients.every(parts.database.reader)

        for one in run(work):
            typer.echo(
                f"{one.client_id}  {one.auth_method}  {'goes on' if one.ended_at is None else 'ended'}  {one.name}"
            )

    @client.command("show")
    def show(client_id: _CLIENT) -> None:
        """Print what is registered of a client, as JSON."""

        async def work(parts: Parts) -> Client:
            return await _one(parts.database.reader, client_id)

        found = run(work)
        told = {
            "client_id": found.client_id,
            "name": found.name,
            "owner": found.owner,
            "scope": found.scope,
            "redirect_uris": found.redirect_uris,
            "launch_uri": found.launch_uri,
            "launch_releases": [release.path for release in found.launch_releases],
            "auth_method": found.auth_method,
            "certificate_name": "=".join(found.certificate_name or ()) or None,
            "jwks_uri": found.jwks_uri,
            "practice_id": found.practice_id,
            "both_releases": found.both_releases,
            "requires_par": found.requires_par,
            "fapi": found.is_fapi,
        }
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))

    @client.command("end")
    def end(client_id: _CLIENT) -> None:
        """End a client: its tokens, and what people gave it. They are told. It can't be undone."""

        async def work(parts: Parts) -> int:
            async def job(transaction: Transaction) -> int:
                found = await _one(transaction, client_id)
                trace, now = Trace(str(uuid4())), parts.clock()
                return await ending.end(
                    transaction, found, audit=parts.audit, trace=trace, by=RequesterKind.OPERATOR, now=now
                )

            return await parts.database.write(job)

        typer.echo(f"Ended; {run(work)} people had given it access.")
