"""The parts of a running Regie, made from the settings; ``main.py`` and ``cli.py`` start here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import make_url

from app.access.requester import RequesterKind
from app.audit.log import AuditLog
from app.consent import grants
from app.db.database import Database
from app.db.health import Health
from app.db.postgres import PostgresDatabase
from app.db.sqlite import SqliteDatabase
from app.fhir.release import Release
from app.identity import mail_addresses, resets
from app.identity.accounts import Accounts
from app.interactions.closing import index_anew
from app.interactions.conformance import ProfileMode
from app.interactions.context import Context, Limits
from app.interactions.door import Interactions
from app.interactions.erase import mailed_proof
from app.interactions.erased import NoteHandler
from app.interactions.forget import Forgetter, LogCutter
from app.interactions.gate import Gate
from app.interactions.restore import INDEX
from app.interactions.setup import Setup
from app.interactions.terminology_server import TerminologyServer
from app.interactions.watch import Watcher
from app.jobs import erasure, notices, reminders
from app.jobs.deliver import Deliverer, Handler
from app.jobs.erasure import FarewellHandler, OverwriteHandler, OverwriteLater
from app.jobs.login_mail import CODE_KIND, RESET_KIND, LoginMail
from app.jobs.mail import mail_at
from app.jobs.notices import NoticeHandler
from app.jobs.outbox import Job
from app.jobs.reminders import ReminderHandler
from app.oauth import clients, tokens
from app.oauth.certificates import NOBODY, Authorities
from app.oauth.changes import Lifetimes
from app.oauth.nonces import Nonces
from app.oauth.remote_keys import RemoteKeys
from app.oauth.server import AuthorizationServer
from app.settings import Settings
from app.store.changes import PATIENTS, patients_in
from app.store.reindex import SWIFT

_log = structlog.get_logger()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that is wired together once."""

    settings: Settings
    database: Database
    audit: AuditLog
    accounts: Accounts
    context: Context
    interactions: Interactions
    oauth: AuthorizationServer
    deliverer: Deliverer
    forgetter: Forgetter
    watcher: Watcher
    health: Health
    clock: Callable[[], datetime]

    def close(self) -> None:
        """Finish what is being written and close the database."""
        self.health.close()
        self.database.close()


def _authorities(file: str) -> Authorities:
    """Return who may say whose a client's certificate is. Raises: ValueError, when the file holds no certificates."""
    try:
        return Authorities(Path(file).read_bytes()) if file else NOBODY
    except (OSError, ValueError) as error:
        raise ValueError("REGIE_CLIENT_CERTIFICATE_AUTHORITIES has to be a file with certificates (PEM).") from error


def _profile_modes(settings: Settings) -> dict[RequesterKind, ProfileMode]:
    """Return how strict profiles are for each source."""
    modes = {
        RequesterKind.PERSON: settings.profile_mode_person,
        RequesterKind.REPRESENTATIVE: settings.profile_mode_person,
        RequesterKind.APP: settings.profile_mode_app,
        RequesterKind.PRACTICE: settings.profile_mode_practice,
        RequesterKind.OPERATOR: settings.profile_mode_import,
    }
    return {kind: ProfileMode(mode) for kind, mode in modes.items()}


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Of which classes parts are that can be traced, and what other servers are told of the trace."""

    sqlite: type[SqliteDatabase] = SqliteDatabase
    postgres: type[PostgresDatabase] = PostgresDatabase
    gate: type[Gate] = Gate
    trace_headers: Callable[[], dict[str, str]] = dict


PLAIN = Kinds()


def open_database(url: str, kinds: Kinds = PLAIN) -> Database:
    """Return the database of an URL, opened."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return kinds.sqlite(Path(str(parsed.database)))
    return kinds.postgres(parsed.set(drivername="postgresql").render_as_string(hide_password=False))


def wire(settings: Settings, clock: Callable[[], datetime] = utc_now, kinds: Kinds = PLAIN) -> Parts:
    """Return the parts, with the database open."""
    database = open_database(settings.database_url, kinds)

    def now_us() -> int:
        since = clock() - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    if settings.dev_loopback_keys:
        _log.warning("unsafe_setting", setting="REGIE_DEV_LOOPBACK_KEYS")
    audit = AuditLog(settings.key("audit checkpoints"), now_us)
    zone = ZoneInfo(settings.time_zone)
    index_key = settings.key("index")
    setup = Setup(
        packages_folder=str(settings.packages_folder),
        profile_modes=_profile_modes(settings),
        capability_statement=settings.capability_statement,
        index_key=index_key,
        base_url=settings.base_url,
        time_zone=settings.time_zone,
        body_depth_max=settings.body_depth_max,
    )
    index = setup.indexer()
    elsewhere = settings.terminology_server
    server = TerminologyServer(elsewhere, trace_headers=kinds.trace_headers) if elsewhere else None
    context = Context(
        database=database,
        gate=kinds.gate(database, audit, clock, now_us, index_key, tokens.of_hash),
        setup=setup,
        index=index,
        index_key=index_key,
        cursor_key=settings.key("cursor"),
        base_url=settings.base_url,
        time_zone=zone,
        limits=Limits(
            settings.page_size_default, settings.page_size_max, settings.bundle_entries_max, settings.body_depth_max
        ),
        clock=clock,
        now_us=now_us,
        conformance=setup.conformance(),
        terminology_server=server,
        app_names=clients.names,
    )
    if server is not None:
        context.conformance.ask_elsewhere(server.verdict)

    def record_patients(record_id: int) -> dict[Release, str]:
        return patients_in(database.read_blocking(PATIENTS, {"record_id": record_id}))

    oauth = AuthorizationServer(
        database,
        audit,
        issuer=settings.base_url,
        lifetimes=Lifetimes(
            settings.authorization_code_lifetime, settings.access_token_lifetime, settings.refresh_token_lifetime
        ),
        secret=settings.key,
        certificate_header=settings.client_certificate_header,
        authorities=_authorities(settings.client_certificate_authorities),
        nonces=Nonces(settings.key("nonces")) if settings.dpop_nonces else None,
        remote_keys=RemoteKeys(clock, allow_loopback=settings.dev_loopback_keys),
        record_patients=record_patients,
        clock=clock,
    )
    accounts = Accounts(database, settings.key("accounts"))

    async def addresses(record_id: int, account_id: str) -> list[str]:
        """Return where the person can be reached, or who has a login for work."""
        if account_id:
            return [mail for mail in (await mail_addresses.of_account(database.reader, account_id),) if mail]
        return await mail_addresses.of_record(database.reader, record_id)

    async def new_link(login: str) -> tuple[str, str] | None:
        """Return address and secret of a link for a forgotten password, None when nobody has the login."""
        made = await database.write(lambda transaction: resets.begin(transaction, login, clock()))
        return None if made is None else (made.mail, made.token)

    async def stands(record_id: int, grant_id: str, version: int) -> bool:
        """Return whether a grant is neither changed nor withdrawn."""
        grant = await grants.one(database.reader, record_id, grant_id)
        return grant is not None and grant.version == version and grant.withdrawn_at is None

    way_out = {"mail_from": settings.mail_from, "base_url": settings.base_url}
    mail = mail_at(settings.mail_url.get_secret_value())
    login_mail = LoginMail(mail, new_link, **way_out)
    notice_handler = NoticeHandler(mail, addresses, **way_out)

    async def make_index(job: Job) -> None:
        """Make the index of a record that was brought in."""
        await index_anew(context, job.record_id, SWIFT)

    handlers: dict[str, Handler] = {
        INDEX: make_index,
        erasure.MAIL_KIND: OverwriteLater(
            FarewellHandler(mail, partial(mailed_proof, context), **way_out), database, now_us
        ),
        erasure.NOTE_KIND: OverwriteLater(NoteHandler(settings.erased_list), database, now_us),
        erasure.OVERWRITE_KIND: OverwriteHandler(database.overwrite),
        notices.KIND: notice_handler,
        reminders.KIND: ReminderHandler(notice_handler, stands),
        CODE_KIND: login_mail.code,
        RESET_KIND: login_mail.reset,
    }
    deliverer = Deliverer(database, handlers, now_us=now_us)
    forgetter = Forgetter(database, settings.idempotency_kept, now_us, LogCutter(database, audit, settings.log_kept))
    watcher = Watcher(database, zone, now_us)
    return Parts(
        settings=settings,
        database=database,
        audit=audit,
        accounts=accounts,
        context=context,
        interactions=Interactions(context),
        oauth=oauth,
        deliverer=deliverer,
        forgetter=forgetter,
        watcher=watcher,
        health=Health(database),
        clock=clock,
    )
