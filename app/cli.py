"""The ``regie`` command: for who runs the server, on the machine itself."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo

import pyotp
import typer
from sqlalchemy.exc import DBAPIError

from app.cli_account import commands as account_commands
from app.cli_audit import commands as audit_commands
from app.cli_client import commands as client_commands
from app.cli_packages import commands as package_commands
from app.cli_practice import add_keys
from app.cli_practice import commands as practice_commands
from app.cli_record import commands as record_commands
from app.cli_reindex import add_command as add_reindex
from app.cli_reindex import index_after_migration
from app.cli_representation import commands as representation_commands
from app.cli_runner import release_of, stop
from app.db.citus import spread
from app.db.database import Transaction
from app.db.move import move
from app.db.schema import is_current
from app.demo.load import Loader
from app.demo.practices import demo_app
from app.errors import RegieError
from app.fhir.release import Release
from app.identity import practices
from app.interactions.people import record_with_patient
from app.logs import configure_logs
from app.oauth import clients, tokens
from app.serving import serve as serve_until_stopped
from app.settings import Settings, read_settings
from app.wiring import Parts, wire

T = TypeVar("T")
main = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Regie, a personal health record."
)
keys = typer.Typer(no_args_is_help=True, help="The keys that sign what apps are told about people.")
token = typer.Typer(no_args_is_help=True, help="Access tokens, for tests and operators.")
main.add_typer(token, name="token")
main.add_typer(keys, name="keys")
DEMO_APP_ID = "demo-app"


def _ready_settings() -> Settings:
    """Return the settings; a command ends here if they or their secret are not good, or the database is away, none or not up to date."""
    try:
        settings = read_settings()
        if not is_current(settings.database_url):
            raise stop("The database is not up to date: run `regie migrate` first.")
        settings.key("start")  # makes the secret before several processes want it
    except (RegieError, OSError, ValueError) as error:
        raise stop(str(error)) from error
    except DBAPIError as error:
        raise stop(f"The database refused: {error.orig}") from error
    return settings


def _wired() -> Parts:
    """Return the parts; a command ends here if they can't be made of the settings."""
    settings = _ready_settings()
    try:
        return wire(settings)
    except (RegieError, OSError, ValueError) as error:
        raise stop(str(error)) from error


def _run(work: Callable[[Parts], Awaitable[T]]) -> T:
    """Return the result of ``work`` on the database of the settings."""
    parts = _wired()

    async def run() -> T:
        return await work(parts)

    try:
        return asyncio.run(run())
    except RegieError as error:
        raise stop(str(error)) from error
    finally:
        parts.close()


main.add_typer(record_commands(_run), name="record")
main.add_typer(representation_commands(_run), name="representation")
main.add_typer(account_commands(_run), name="account")
main.add_typer(audit_commands(_run), name="audit")
main.add_typer(package_commands(), name="packages")
main.add_typer(practice_commands(_run), name="practice")
client = client_commands(_run)
add_keys(client, _run)
main.add_typer(client, name="client")
add_reindex(main, _run)


@main.command("migrate")
def migrate_command(
    *,
    source: Annotated[
        str | None, typer.Option("--from", help="URL of a database of SQLite that comes over into this one whole.")
    ] = None,
    on_citus: Annotated[
        bool, typer.Option("--citus", help="Put each record on one machine of Citus, with all that is its own.")
    ] = False,
) -> None:
    """Bring the database's tables and its index up to date; does nothing when they are."""
    try:
        url = read_settings().database_url
        applied: list[str] = import_module("app.db.migrate").migrate(url)  # what it needs takes long to load
        typer.echo(f"Migrated: {', '.join(applied)}." if applied else "The database is up to date.")
        if source is not None:
            typer.echo(f"Rows that came over: {sum(move(source, url).values())}.")
        if on_citus:
            typer.echo(f"Put on the machines: {', '.join(spread(url)) or 'nothing, all is there'}.")
    except RegieError as error:
        raise stop(str(error)) from error
    except DBAPIError as error:
        raise stop(f"The database refused: {error.orig}") from error
    index_after_migration(_run)


@main.command()
def serve() -> None:
    """Serve the pages, OAuth and FHIR."""
    parts = _wired()
    parts.close()  # each process makes its own; here a line says what is wrong, there it would be a traceback for each
    settings = parts.settings
    if settings.traces_url and find_spec("opentelemetry") is None:
        raise stop("REGIE_TRACES_URL takes the extra regie[otel], which is not installed: make installed-otel.")
    _check_port(settings)
    typer.echo(f"Regie is at {settings.base_url} - open it in a browser. Stop it with Ctrl+C.")
    sys.stdout.flush()
    try:
        is_finished = serve_until_stopped(settings)
    except RegieError as error:
        raise stop(str(error)) from error
    if not is_finished:
        raise stop("Stopped at once: what was not answered yet may be undone.")


def _check_port(settings: Settings) -> None:
    """Stop if something else listens there: the server shares its port among its processes, and would share it too."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise stop(f"Port {settings.port} of {settings.host} is taken: choose another with REGIE_PORT.") from error


@main.command()
def worker() -> None:
    """Deliver what waits in the outbox, without serving; the server does it too. Stop it with Ctrl+C."""

    async def work(parts: Parts) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        typer.echo("Delivering what waits in the outbox. Stop it with Ctrl+C.")
        await asyncio.gather(parts.deliverer.run_forever(stop), parts.forgetter.run_forever(stop))

    configure_logs()
    _run(work)


@main.command()
def demo(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print people, practices and the app as JSON.")] = False,
) -> None:
    """Add invented people, practices and an app, and print how to log in."""

    async def work(parts: Parts) -> dict[str, Any]:
        zone = ZoneInfo(parts.settings.time_zone)
        loader = Loader(parts.context, parts.accounts, parts.settings.key("demo"), parts.clock)
        people = await loader.people(datetime.now(zone).date())
        places = await loader.practices()
        members = await loader.members(places[0].practice_id)
        app = demo_app()

        async def job(transaction: Transaction) -> None:
            if await clients.get(transaction, DEMO_APP_ID) is None:
                await clients.add(
                    transaction, client_id=DEMO_APP_ID, name=app.name, owner=app.name, public=True, now=parts.clock(),
                    redirect_uris=[app.redirect_uri], scope="patient/*.cruds launch/patient openid fhirUser offline_access",
                )  # fmt: skip

        await parts.database.write(job)
        return {
            "base_url": parts.settings.base_url,
            "people": [
                {
                    "login": person.login,
                    "password": person.password,
                    "totp_secret": person.totp_secret,
                    "name": person.name,
                    "about": person.about,
                    "patients": {release.path: patient for release, patient in person.patients.items()},
                }
                for person in people
            ],
            "practices": [
                {"practice_id": place.practice_id, "name": place.name, "city": place.city, "about": place.about}
                for place in places
            ],
            "staff": [
                {
                    "login": member.login,
                    "password": member.password,
                    "totp_secret": member.totp_secret,
                    "name": member.name,
                    "practice": places[0].name,
                    "about": member.about,
                }
                for member in members
            ],
            "app": {"client_id": DEMO_APP_ID, "name": app.name, "redirect_uri": app.redirect_uri},
        }

    found = _run(work)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo(
        "Invented people to log in as; the one-time code holds for half a minute, `regie demo` prints a new one."
    )
    for person in (*found["people"], *found["staff"]):
        code = pyotp.TOTP(person["totp_secret"]).now()
        typer.echo(f"  {person['login']:<22} password {person['password']}   one-time code {code}   {person['about']}")


@main.command("code")
def one_time_code(login: str) -> None:
    """Print the one-time code of an invented person, and nothing else."""

    async def work(parts: Parts) -> str:
        loader = Loader(parts.context, parts.accounts, parts.settings.key("demo"), parts.clock)
        return pyotp.TOTP(loader.totp_secret(login)).now()

    typer.echo(_run(work))


@token.command("issue")
def token_issue(
    *,
    patient: Annotated[str | None, typer.Option(help="The id of the person's Patient.")] = None,
    practice_id: Annotated[str | None, typer.Option("--practice", help="The id of a practice.")] = None,
    operator: Annotated[bool, typer.Option("--operator", help="For who runs the server.")] = False,
    release: Annotated[str, typer.Option(help="stu3 or r4: where the Patient is looked for first.")] = "r4",
    scope: Annotated[str | None, typer.Option(help="SMART scopes, separated by spaces.")] = None,
) -> None:
    """Print a new access token, and nothing else."""
    if sum((patient is not None, practice_id is not None, operator)) != 1:
        raise stop("Say one of --patient ID, --practice ID and --operator.")
    wanted = release_of(release)

    async def work(parts: Parts) -> str:
        lifetime, now = parts.settings.access_token_lifetime, parts.clock()
        if patient is not None:
            order = sorted(Release, key=lambda known: known is not wanted)
            found = [await record_with_patient(parts.context, known, patient) for known in order]
            record_id = next((record for record in found if record is not None), None)
            if record_id is None:
                raise stop("There is no such Patient.")

            async def job(transaction: Transaction) -> str:
                return await tokens.issue_for_patient(
                    transaction, record_id=record_id, display="Patient", scope=scope or "patient/*.cruds",
                    lifetime=lifetime, now=now,
                )  # fmt: skip

        elif practice_id is not None:
            place = await practices.get(parts.database.reader, practice_id)
            if place is None:
                raise stop("There is no such practice.")

            async def job(transaction: Transaction) -> str:
                return await tokens.issue_for_practice(
                    transaction, practice_id=place.practice_id, display=place.name, scope=scope or "system/*.cruds",
                    lifetime=lifetime, now=now,
                )  # fmt: skip

        else:

            async def job(transaction: Transaction) -> str:
                return await tokens.issue_for_operator(
                    transaction, scope=scope or "system/*.cruds", lifetime=lifetime, now=now
                )

        return await parts.database.write(job)

    typer.echo(_run(work))


@keys.command("rotate")
def keys_rotate(
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Sign with it now and drop the others: when one may have leaked.")
    ] = False,
) -> None:
    """Add a key; it is published now and signs an hour from now, so that everybody has heard of it."""

    async def work(parts: Parts) -> None:
        async def job(transaction: Transaction) -> None:
            await parts.oauth.keys.rotate(transaction, at_once=at_once)

        await parts.database.write(job)

    _run(work)


if __name__ == "__main__":
    main()
