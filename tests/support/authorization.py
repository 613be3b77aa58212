"""A small application with the login, consent and OAuth routes, and clients that talk to it as people and apps do."""

import base64
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import ECKey, Key
from pydantic import SecretStr
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.audit.log import AuditLog
from app.db.database import Database, Transaction, request_of_its_own
from app.errors import RegieError
from app.fhir.release import Release
from app.identity import practices
from app.identity.accounts import Accounts
from app.identity.instants import to_us
from app.oauth import clients, endpoints
from app.oauth.certificates import Authorities
from app.oauth.changes import Lifetimes
from app.oauth.remote_keys import RemoteKeys
from app.oauth.server import AuthorizationServer
from app.portal import entrance, sign_up
from app.portal.session import ExpiredFormError, LoginNeededError, to_login
from app.settings import Settings
from tests.support.database import opened
from tests.support.passwords import HASHED, PASSWORD

ISSUER = "http://127.0.0.1:8000"
REDIRECT_URI = "https://app.example/done"
SCOPE = "patient/Observation.cruds patient/Goal.rs launch/patient offline_access"
RECORD = 7_000_001


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the present instant."""
        return self.now

    def move(self, **by: float) -> None:
        """Move on by this much, as ``timedelta`` takes it."""
        self.now += timedelta(**by)


@dataclass
class Parts:
    """What the routes under test need."""

    settings: Settings
    database: Database
    audit: AuditLog
    accounts: Accounts
    oauth: AuthorizationServer
    clock: Clock
    interactions: Any = None  # the pages under test read no record


@dataclass
class World:
    """The application with one person, one public app, and one practice with its system."""

    parts: Parts
    http: httpx.AsyncClient
    app_id: str = ""
    practice_id: str = ""
    system_id: str = ""
    system_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-384", {"kid": "system-1"}))
    totp_secret: str = field(default_factory=pyotp.random_base32)
    new_records: list[tuple[int, str]] = field(default_factory=list)
    routes: Sequence[BaseRoute] = ()

    @property
    def clock(self) -> Clock:
        """Return the clock of the application."""
        return self.parts.clock

    def code(self) -> str:
        """Return the one-time code of the moment."""
        return pyotp.TOTP(self.totp_secret).at(self.clock.now)

    async def form_token(self, url: str) -> str:
        """Return the token of the form on a page."""
        page = await self.http.get(url)
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)
        assert found is not None, page.text
        return found[1]

    async def post(self, url: str, form_on: str | None = None, **values: Any) -> httpx.Response:
        """Return the answer to the form of the page ``form_on``, or of ``url`` itself."""
        token = await self.form_token(form_on or url)
        return await self.http.post(url, data={"csrf_token": token, **values})

    async def log_in(self, password: str = PASSWORD) -> httpx.Response:
        """Return the answer to the last step of a login."""
        first = await self.post("/login", login="zonnestraal", password=password)
        if first.status_code != 303:
            return first
        return await self.post("/login/code", code=self.code())

    async def allowed(self, *, ticked: list[str] | None = None, **changed: str) -> "Authorization":
        """Return an authorization that the person has just allowed; ``ticked`` are codes of categories."""
        authorization = Authorization(self)
        url = authorization.url(**changed)
        chosen = ticked or ["own-measurements"]
        answer = await self.post(url, decision="allow", category=chosen, look="yes", change="yes", period="1-year")
        assert answer.status_code == 303, answer.text
        authorization.redirect = answer.headers["location"]
        return authorization

    async def token(self, **form: str) -> httpx.Response:
        """Return the answer of the token endpoint."""
        return await self.http.post("/token", data=form)

    async def refreshed(self, refresh_token: str, **form: str) -> httpx.Response:
        """Return the answer to a refresh token."""
        return await self.token(grant_type="refresh_token", refresh_token=refresh_token, **form)

    def assertion(
        self, *, key: Key | None = None, header: Mapping[str, Any] | None = None, **changed: Any
    ) -> dict[str, str]:
        """Return the form fields with which the practice's system proves itself."""
        claims = {
            "iss": self.system_id,
            "sub": self.system_id,
            "aud": f"{ISSUER}/token",
            "exp": int(self.clock.now.timestamp()) + 240,
            "jti": secrets.token_hex(8),
            **changed,
        }
        headers = {"alg": "ES384", "kid": "system-1", **(header or {})}
        signed = jwt.encode(headers, claims, key or self.system_key, algorithms=[headers["alg"]])
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": signed,
        }


@dataclass
class Authorization:
    """One authorization of the app, with its own code verifier and state."""

    world: World
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    redirect: str = ""

    def url(self, **changed: str) -> str:
        """Return the URL that the app opens in the browser; a change to an empty text leaves a parameter out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        parameters = {
            "response_type": "code",
            "client_id": self.world.app_id,
            "redirect_uri": REDIRECT_URI,
            "scope": SCOPE,
            "state": self.state,
            "aud": f"{ISSUER}/fhir/r4",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changed,
        }
        return str(httpx.URL("/authorize", params={name: value for name, value in parameters.items() if value}))

    @property
    def returned(self) -> dict[str, str]:
        """Return the parameters that the browser brought back to the app."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.redirect).query).items()}

    async def exchanged(self, **changed: str) -> httpx.Response:
        """Return the answer to the code."""
        form = {
            "grant_type": "authorization_code",
            "code": self.returned["code"],
            "redirect_uri": REDIRECT_URI,
            "client_id": self.world.app_id,
            "code_verifier": self.verifier,
            **changed,
        }
        return await self.world.token(**{name: value for name, value in form.items() if value})


@asynccontextmanager
async def world_in(
    folder: Path,
    remote_keys: RemoteKeys | None = None,
    *,
    base_url: str = ISSUER,
    openid_providers: str = "[]",
    certificate_header: str = "",
    authorities: bytes = b"",
) -> AsyncIterator[World]:
    """Yield a running application on a new database in ``folder``."""
    secret = folder / "secret"
    secret.write_bytes(secrets.token_bytes(64))
    settings = Settings(secret_file=secret, base_url=base_url, openid_providers=SecretStr(openid_providers))
    clock = Clock()
    with opened(folder) as database:
        audit = AuditLog(settings.key("audit"), lambda: to_us(clock.now))
        server = AuthorizationServer(
            database,
            audit,
            issuer=base_url,
            lifetimes=Lifetimes(
                settings.authorization_code_lifetime, settings.access_token_lifetime, settings.refresh_token_lifetime
            ),
            secret=settings.key,
            remote_keys=remote_keys or RemoteKeys(clock),
            certificate_header=certificate_header,
            authorities=Authorities(authorities),
            record_patients=lambda _: {Release.STU3: "stu3-zonnestraal", Release.R4: "r4-zonnestraal"},
            clock=clock,
        )
        parts = Parts(settings, database, audit, Accounts(database, settings.key("totp")), server, clock)
        new_records: list[tuple[int, str]] = []
        application = _application(parts, new_records)
        transport = httpx.ASGITransport(app=_one_by_one(application))
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as http:
            world = World(parts, http, new_records=new_records, routes=application.routes)
            await _fill(world)
            yield world


def _one_by_one(application: FastAPI) -> ASGIApp:
    """Return the application with each request kept to itself, as the server has it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        with request_of_its_own():
            await application(scope, receive, send)

    return answer


def _application(parts: Parts, new_records: list[tuple[int, str]]) -> FastAPI:
    application = FastAPI()
    application.state.parts = parts

    async def new_record(_: Transaction, name: str) -> int:
        new_records.append((RECORD + 1 + len(new_records), name))
        return new_records[-1][0]

    routers = (
        *entrance.routers(parts),
        endpoints.router(parts),
        sign_up.router(parts, new_record),
    )
    for router in routers:
        application.router.routes += router.routes

    @application.exception_handler(LoginNeededError)
    async def needs_login(request: Request, error: LoginNeededError) -> Response:
        return to_login(request, error)

    @application.exception_handler(ExpiredFormError)
    async def expired(_: Request, error: ExpiredFormError) -> Response:
        return PlainTextResponse(str(error), error.status)

    @application.exception_handler(RegieError)
    async def other(_: Request, error: RegieError) -> Response:
        return PlainTextResponse(str(error), error.status)

    return application


async def _fill(world: World) -> None:
    parts, now = world.parts, world.clock.now

    async def job(transaction: Transaction) -> None:
        await parts.accounts.create(
            transaction,
            login="Zonnestraal",
            password_hash=HASHED,
            name="Zonnestraal-Testpersoon",
            record_id=RECORD,
            totp_secret=world.totp_secret,
            now=now,
        )
        world.app_id = await clients.add(
            transaction, name="Meetmaatje-Test", scope=SCOPE, redirect_uris=[REDIRECT_URI], public=True, now=now
        )
        world.practice_id = await practices.add(transaction, name="Praktijk De Klaproos-Test", city="Testdam", now=now)
        world.system_id = await clients.add(
            transaction,
            name="Klaproos-systeem",
            scope="system/*.cruds",
            jwks={"keys": [world.system_key.as_dict(private=False)]},
            practice_id=world.practice_id,
            now=now,
        )

    await parts.database.write(job)
