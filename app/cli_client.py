"""``regie client``: registering apps and the systems of practices, which there are, what they may, and the end of one."""

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from cryptography import x509

from app.access.requester import RequesterKind
from app.audit.events import Trace
from app.cli_runner import Runner, stop
from app.db.database import Reader, Transaction
from app.errors import NotFoundError
from app.fhir.release import Release
from app.identity import practices
from app.oauth import clients, ending, registration
from app.oauth.certificates import key_with
from app.oauth.clients import Client
from app.oauth.proofs_of_clients import SELF_SIGNED
from app.wiring import Parts

_CLIENT = Annotated[str, typer.Argument(help="The client_id.")]


async def _one(reader: Reader, client_id: str) -> Client:
    found = await clients.get(reader, client_id)
    if found is None:
        raise NotFoundError("There is no such client.")
    return found


def _keys_in(jwks_file: Path | None, certificate_file: Path | None) -> dict[str, Any] | None:
    """Return the public keys in a file of either kind, None without one. Raises: typer.Exit."""
    if certificate_file is not None:
        try:
            return key_with(x509.load_pem_x509_certificate(certificate_file.read_bytes()))
        except (OSError, ValueError) as error:
            raise stop(f"{certificate_file} can't be read as a certificate.") from error
    if jwks_file is None:
        return None
    try:
        keys: dict[str, Any] = json.loads(jwks_file.read_text())
    except (OSError, ValueError) as error:
        raise stop(f"{jwks_file} can't be read as JSON.") from error
    return keys


async def _check_practice(parts: Parts, practice_id: str | None) -> None:
    """Do nothing for a practice that is there, or for none. Raises: typer.Exit."""
    if practice_id is not None and await practices.get(parts.database.reader, practice_id) is None:
        raise stop("There is no such practice.")


def _release(text: str) -> Release:
    found = next((known for known in Release if known.path == text), None)
    if found is None:
        raise typer.BadParameter("The release is stu3 or r4.")
    return found


def commands(run: Runner) -> typer.Typer:
    """Return the commands."""
    client = typer.Typer(no_args_is_help=True, help="OAuth clients: apps and the systems of practices.")
    _add_registering(client, run)
    _add_inviting(client, run)
    _add_registrations(client, run)
    return client


def _add_registering(client: typer.Typer, run: Runner) -> None:
    """Add the command that registers a client."""

    @client.command("add")
    def add(
        *,
        name: Annotated[str, typer.Option(help="What people read.")],
        scope: Annotated[str, typer.Option(help="The most that it may ask, SMART scopes separated by spaces.")],
        redirect_uri: Annotated[
            list[str] | None, typer.Option(help="Where people are sent back to; may be repeated.")
        ] = None,
        launch_uri: Annotated[
            str | None, typer.Option(help="Where the portal opens it with somebody's record.")
        ] = None,
        launch_release: Annotated[
            list[Release] | None,
            typer.Option(parser=_release, help="r4 or stu3: in which it is opened; may be repeated."),
        ] = None,
        public: Annotated[bool, typer.Option("--public", help="An app that can't keep a secret.")] = False,
        jwks_file: Annotated[Path | None, typer.Option(help="File with the public keys (JWK Set).")] = None,
        jwks_uri: Annotated[str | None, typer.Option(help="URL at which it publishes its public keys instead.")] = None,
        certificate_file: Annotated[
            Path | None,
            typer.Option(help="File with a certificate (PEM) that it signed itself, with which it logs in."),
        ] = None,
        certificate_name: Annotated[
            str | None,
            typer.Option(help="The name in its certificate: tls_client_auth_san_dns=NAME, or as RFC 8705 has it."),
        ] = None,
        practice_id: Annotated[str | None, typer.Option("--practice", help="The practice whose system it is.")] = None,
        client_id: Annotated[str | None, typer.Option(help="Its client_id; made if it is not given.")] = None,
        both_releases: Annotated[
            bool, typer.Option("--both-releases", help="It reads STU3 and R4 as one, unless it says otherwise.")
        ] = False,
        requires_par: Annotated[
            bool, typer.Option("--requires-par", help="Its authorization requests have to be pushed first.")
        ] = False,
        is_fapi: Annotated[bool, typer.Option("--fapi", help="It is held to the FAPI 2.0 Security Profile.")] = False,
    ) -> None:
        """Register a client and print its client_id, and nothing else."""
        jwks = _keys_in(jwks_file, certificate_file)

        async def work(parts: Parts) -> str:
            await _check_practice(parts, practice_id)

            async def job(transaction: Transaction) -> str:
                return await clients.add(
                    transaction, name=name, scope=scope, redirect_uris=redirect_uri or (), public=public, jwks=jwks,
                    jwks_uri=jwks_uri, launch_uri=launch_uri,
                    practice_id=practice_id, client_id=client_id, now=parts.clock(), both_releases=both_releases,
                    requires_par=requires_par, is_fapi=is_fapi,
                    certificate=certificate_name if certificate_file is None else SELF_SIGNED,
                    launch_releases=launch_release or (Release.R4,),
                )  # fmt: skip

            return await parts.database.write(job)

        typer.echo(run(work))


def _add_inviting(client: typer.Typer, run: Runner) -> None:
    """Add the commands that have a client register itself, and that say what it reads."""

    @client.command("invite")
    def invite(
        *,
        scope: Annotated[str, typer.Option(help="The most that the client may ask, SMART scopes separated by spaces.")],
        practice_id: Annotated[str | None, typer.Option("--practice", help="The practice whose system it is.")] = None,
    ) -> None:
        """Print an invitation to register one client at /register within a week, and nothing else."""

        async def work(parts: Parts) -> str:
            await _check_practice(parts, practice_id)

            async def job(transaction: Transaction) -> str:
                return await registration.invite(transaction, scope=scope, practice_id=practice_id, now=parts.clock())

            return await parts.database.write(job)

        typer.echo(run(work))

    @client.command("releases")
    def releases(
        client_id: Annotated[str, typer.Argument(help="The client.")],
        which: Annotated[str, typer.Argument(help="both: STU3 and R4 as one, unless it says otherwise; or own.")],
    ) -> None:
        """Say which FHIR releases a client reads when it does not say so itself."""
        if which not in ("both", "own"):
            raise stop("Name both, or own: that of the base it asks.")

        async def work(parts: Parts) -> None:
            async def job(transaction: Transaction) -> None:
                if await clients.get(transaction, client_id) is None:
                    raise stop("There is no such client.")
                await clients.set_releases(transaction, client_id, both=which == "both")

            await parts.database.write(job)

        run(work)


def _add_registrations(client: typer.Typer, run: Runner) -> None:
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
