"""All configuration; the one reader of the environment, and of the files that containers have instead of it.

Built once in ``main.py`` and ``cli.py``; everything else is handed the values it needs. Each field has a heading in
docs/settings.md (a test compares them).
"""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.errors import UnavailableError

SECRETS = Path("/run/secrets")
"""Where containers find secrets as files: one that is called as a variable (``regie_database_url``) is read like it."""

ProfileModeSetting = Literal["off", "warn", "enforce"]


def _without_slash(url: str) -> str:
    return url.rstrip("/")


def _general_profile_mode(given: dict[str, Any]) -> ProfileModeSetting:
    mode: ProfileModeSetting = given["profile_mode"]
    return mode


def _safe(url: str) -> str:
    """Return the URL of another server. Raises: ValueError, when others on the way could read or change what is said."""
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if url and (not parts.hostname or parts.query or parts.fragment or not (parts.scheme == "https" or is_here)):
        raise ValueError("It has to be an https URL, or http on this machine, without ? and #.")
    return url


def _known_database(url: str) -> str:
    """Return the URL of a database. Raises: ValueError, when Regie does not know it."""
    try:
        parsed = make_url(url)
        is_known = bool(parsed.database) and parsed.drivername in ("sqlite", "postgresql")
    except (ArgumentError, ValueError):
        is_known = False
    if not is_known:
        raise ValueError("It has to be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.")
    return url


class Settings(BaseSettings):
    """Regie's settings, from ``REGIE_...`` variables; frozen."""

    model_config = SettingsConfigDict(
        env_prefix="REGIE_", frozen=True, secrets_dir=SECRETS if SECRETS.is_dir() else None
    )

    database_url: Annotated[str, AfterValidator(_known_database)] = Field(
        default="sqlite:///var/regie.sqlite3", description="Where the data is."
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port to listen on.")
    base_url: Annotated[str, AfterValidator(_without_slash)] = Field(
        default_factory=lambda given: f"http://{given['host']}:{given['port']}",
        description="What the world calls this server, without a slash at the end; by default the host and port above.",
    )
    workers: int = Field(default=1, ge=1, le=64, description="How many server processes.")
    stop_within: timedelta = Field(
        default=timedelta(seconds=8),
        ge=timedelta(seconds=1),
        description="How long requests and jobs in hand may take to finish when the server is stopped; ISO 8601.",
    )
    stop_notice: timedelta = Field(
        default=timedelta(0),
        ge=timedelta(0),
        description="How long everybody is still answered after the server was told to stop; ISO 8601.",
    )
    secret_file: Path = Field(
        default=Path("var/secret"), description="File with the server's secret; made with mode 0600 when it is absent."
    )
    packages_folder: Path = Field(
        default=Path("var/packages"), description="Folder with the FHIR packages that `regie packages load` keeps."
    )
    profile_mode: ProfileModeSetting = Field(
        default="warn",
        description="What is done with a resource that breaks a profile that it claims: nothing, a warning, a refusal.",
    )
    profile_mode_person: ProfileModeSetting = Field(
        default_factory=_general_profile_mode,
        description="The same for what people write in the portal; by default as REGIE_PROFILE_MODE.",
    )
    profile_mode_app: ProfileModeSetting = Field(
        default_factory=_general_profile_mode,
        description="The same for apps of people; by default as REGIE_PROFILE_MODE.",
    )
    profile_mode_practice: ProfileModeSetting = Field(
        default_factory=_general_profile_mode,
        description="The same for systems of practices; by default as REGIE_PROFILE_MODE.",
    )
    profile_mode_import: ProfileModeSetting = Field(
        default_factory=_general_profile_mode,
        description="The same for operators and imports; by default as REGIE_PROFILE_MODE.",
    )
    capability_statement: str = Field(
        default="own",
        description="The CapabilityStatement that says which profile all resources of a type have to keep: a canonical URL of a"
        " package that is loaded, own (that of Regie's own package) or none.",
    )
    terminology_server: Annotated[str, AfterValidator(_safe)] = Field(
        default="", description="A server to ask about codes that are not at hand; {release} in it is stu3 or r4."
    )
    access_token_lifetime: timedelta = Field(default=timedelta(minutes=15), description="ISO 8601, such as PT15M.")
    refresh_token_lifetime: timedelta = Field(default=timedelta(days=90), description="ISO 8601, such as P90D.")
    authorization_code_lifetime: timedelta = Field(default=timedelta(minutes=5), description="ISO 8601, such as PT5M.")
    idempotency_kept: timedelta = Field(
        default=timedelta(days=90),
        gt=timedelta(0),
        description="How long the answer to a write with an Idempotency-Key is kept; ISO 8601.",
    )
    log_kept: timedelta = Field(
        default=timedelta(days=1830),
        ge=timedelta(days=1827),
        description="How long the audit log is kept, five years at least; ISO 8601 in days.",
    )
    erased_list: Path = Field(
        default=Path("var/erased"),
        description="The file in which erased records are listed, for backups that are put back.",
    )
    session_lifetime: timedelta = Field(
        default=timedelta(minutes=30), description="How long a portal login lasts without use; ISO 8601."
    )
    body_size_max: int = Field(
        default=5 * 1024 * 1024, ge=1024, description="Most bytes in the body of a request (default 5 MiB)."
    )
    body_depth_max: int = Field(default=40, ge=10, le=200, description="Most levels of nesting in a resource.")
    page_size_default: int = Field(
        default=1000, ge=1, le=1000, description="Matches on a page when the request has no _count."
    )
    page_size_max: int = Field(default=1000, ge=1, le=1000, description="Most matches on a page; _count is cut to it.")
    bundle_entries_max: int = Field(default=2000, ge=1, description="Most entries in a batch or transaction.")
    time_zone: str = Field(default="Europe/Amsterdam", description="Time zone of new records, as in the IANA database.")
    mail_url: SecretStr = Field(
        default=SecretStr("file:var/mail"),
        description="Where mail goes: file:FOLDER, smtp://HOST:PORT or smtps://USER:PASSWORD@HOST.",
    )
    mail_from: str = Field(default="regie@localhost", description="The sender of mail.")
    sign_up_open: bool = Field(default=True, description="Whether people may make an account themselves.")
    openid_providers: SecretStr = Field(
        default=SecretStr("[]"), description="Other parties at which people can log in (OpenID Connect); a JSON list."
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""),
        description="The token with which /metrics may be read from anywhere; empty: from this machine only, without HTTPS.",
    )
    traces_url: Annotated[str, AfterValidator(_without_slash)] = Field(
        default="", description="Where traces go: the base of a collector that takes OTLP over HTTP; empty: nowhere."
    )
    traces_sampled: float = Field(default=0.01, ge=0, le=1, description="The part of requests that are traced.")
    request_log: bool = Field(default=True, description="Whether the log has a line for each request.")
    trust_forwarded: bool = Field(
        default=False, description="Whether X-Forwarded-For is believed; only behind a proxy that sets it."
    )

    client_certificate_header: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9-]*$",
        description="The header in which a proxy hands on the certificate of a client; empty: none is believed.",
    )
    client_certificate_authorities: str = Field(
        default="", description="A file with the certificates (PEM) of who may say whose a client's certificate is."
    )
    dpop_nonces: bool = Field(
        default=False, description="Whether DPoP proofs have to hold a nonce of this server (RFC 9449 section 8)."
    )
    dev_loopback_keys: bool = Field(
        default=False, description="Whether the keys of clients may be fetched from this machine; for development only."
    )

    @property
    def is_https(self) -> bool:
        """Whether the world reaches this server by HTTPS, so that cookies may be marked Secure."""
        return self.base_url.startswith("https://")

    def key(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose, derived from the server's secret (HKDF, RFC 5869)."""
        return HKDF(SHA256(), 32, None, f"regie {purpose}".encode()).derive(_secret(self.secret_file))


def read_settings() -> Settings:
    """Return the settings. Raises: UnavailableError, with a line for each that is not good; none has its value, which may be a secret."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [
            f"REGIE_{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ').removesuffix('.')}."
            for fault in error.errors(include_input=False, include_url=False)
            if fault["type"] != "default_factory_not_called"  # only a consequence of another
        ]
    raise UnavailableError("\n".join(faults))


SECRET_BYTES_MIN = 32


@lru_cache(maxsize=8)
def _secret(path: Path) -> bytes:
    """Return the secret in ``path``; make one when there is none yet, safely if several processes start at once.

    Raises: ValueError, when what is there is too short to be a secret: everybody could work out the keys.
    """
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        if len(found) < SECRET_BYTES_MIN:
            raise ValueError(f"REGIE_SECRET_FILE has to hold at least {SECRET_BYTES_MIN} random bytes.")
        return found
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as made:  # for its owner only
        made.write(secrets.token_bytes(64))
        made.flush()
        os.fsync(made.fileno())
        with suppress(FileExistsError):  # another process made it first: its secret holds
            os.link(made.name, path)
    return path.read_bytes()
