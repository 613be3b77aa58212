"""``regie representation``: who acts for whom by law, and records and logins of those who did not sign up themselves."""

import secrets
from datetime import datetime
from typing import Annotated
from uuid import uuid4
from zoneinfo import ZoneInfo

import pyotp
import typer

from app.access.representation import Capacity
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.audit.events import Event, Trace
from app.cli_runner import Runner, record_of, release_of, stop
from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions.people import new_person, patients_in
from app.interactions.representation import add_representative, end_representation, representations_of
from app.wiring import Parts

_SCOPES = SmartScopes.of("system/*.cruds")
_Patient = Annotated[str, typer.Option("--patient", help="The id of the Patient of whom is acted for.")]
_Release = Annotated[str, typer.Option("--release", help="stu3 or r4: where that Patient is.")]
_By = Annotated[str, typer.Option("--by", help="Who enters it; the log of the record says so.")]
_Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


def _operator(by: str) -> Requester:
    return Requester(RequesterKind.OPERATOR, "operator", by, _SCOPES)


def commands(run: Runner) -> typer.Typer:
    """Return the commands, for ``cli.py`` to add."""
    representation = typer.Typer(
        no_args_is_help=True, help="Who acts for whom by law: parents and legal representatives."
    )

    @representation.command("add")
    def add(
        *,
        patient: _Patient,
        release: _Release = "r4",
        login: Annotated[str, typer.Option(help="The login of who acts, who has a record of their own.")],
        capacity: Annotated[Capacity, typer.Option("--as", help="parent or legal-representative.")],
        birth_date: _Day = None,
        until: _Day = None,
        name: Annotated[str, typer.Option(help="Of whom is acted for; that of their login if absent.")] = "",
        by: _By,
    ) -> None:
        """Enter who acts for somebody, and print the id of the representation, and nothing else.

        --birth-date is that of the child of a parent; --until the last day, which a legal representative needs.
        """

        async def work(parts: Parts) -> str:
            record_id = await record_of(parts, release_of(release), patient)
            helper = await parts.accounts.by_login(parts.database.reader, login)
            if helper is None:
                raise stop("There is no such login.")
            own = await parts.accounts.of_record(parts.database.reader, record_id)
            represented = name or (own[0].name if own else "")
            if not represented:
                raise stop("The person has no login: say --name.")
            grant = await add_representative(
                parts.context, _operator(by), Trace(str(uuid4())), record_id, helper, capacity, represented,
                birth_date=None if birth_date is None else birth_date.date(),
                until=None if until is None else until.date(),
            )  # fmt: skip
            return grant.grant_id

        typer.echo(run(work))

    @representation.command("list")
    def show(*, patient: _Patient, release: _Release = "r4", by: _By) -> None:
        """Print each representation: its id, as what, who, and until when."""

        async def work(parts: Parts) -> list[str]:
            record_id = await record_of(parts, release_of(release), patient)
            found = await representations_of(parts.context, _operator(by), Trace(str(uuid4())), record_id)
            now, zone, lines = parts.clock(), ZoneInfo(parts.settings.time_zone), []
            for grant, who in found:
                capacity = "" if grant.mandate is None else grant.mandate.capacity.value
                state = "in force" if grant.is_in_force(now) else "over"
                until = grant.ends_at.astimezone(zone).date()
                lines.append(f"{grant.grant_id}  {capacity}  {who}  until {until}  {state}")
            return lines

        for line in run(work):
            typer.echo(line)

    @representation.command("end")
    def end(
        grant_id: Annotated[str, typer.Argument(help="As list and add print it.")],
        *,
        patient: _Patient,
        release: _Release = "r4",
        by: _By,
    ) -> None:
        """End a representation now, and what the representative gave to others."""

        async def work(parts: Parts) -> None:
            record_id = await record_of(parts, release_of(release), patient)
            await end_representation(parts.context, _operator(by), Trace(str(uuid4())), record_id, grant_id)

        run(work)
        typer.echo("It is over.")

    _add_people(representation, run)
    return representation


def _add_people(representation: typer.Typer, run: Runner) -> None:
    @representation.command("new-record")
    def new_record(*, name: Annotated[str, typer.Option(help="The name of the person.")], by: _By) -> None:
        """Make a record for somebody without a login, such as a child; print its Patient in each release."""

        async def work(parts: Parts) -> dict[Release, str]:
            async def job(transaction: Transaction) -> int:
                return await new_person(parts.context, transaction, name, made_by=by)

            return await patients_in(parts.context, await parts.database.write(job))

        for release, patient in run(work).items():
            typer.echo(f"{release.path} {patient}")

    @representation.command("new-login")
    def new_login(
        *,
        patient: _Patient,
        release: _Release = "r4",
        login: Annotated[str, typer.Option(help="The name to log in with.")],
        name: Annotated[str, typer.Option(help="The name of the person.")],
        by: _By,
    ) -> None:
        """Make a login to a record that has none, such as for a child of 12; print password and secret for the phone, once."""

        async def work(parts: Parts) -> tuple[str, str]:
            record_id = await record_of(parts, release_of(release), patient)
            password, secret = secrets.token_urlsafe(15), pyotp.random_base32()
            kept = await parts.accounts.hash_password(password)

            async def job(transaction: Transaction) -> None:
                if await parts.accounts.of_record(transaction, record_id):
                    raise stop("This record has a login.")
                await parts.accounts.create(
                    transaction, login=login, password_hash=kept, name=name, record_id=record_id, totp_secret=secret,
                    now=parts.clock(), is_confirmed=False,
                )  # fmt: skip
                told = Event(
                    "login-changed", record_id=record_id, kind=RequesterKind.OPERATOR.value, actor="operator",
                    display=by, ground="operator", detail="login made", request_id=str(uuid4()),
                )  # fmt: skip
                await parts.audit.record(transaction, told)

            await parts.database.write(job)
            return password, pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Regie")

        password, uri = run(work)
        typer.echo(f"password {password}\nphone {uri}")
