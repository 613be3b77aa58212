"""Who is signed in on the pages, in whose record, and proof that a form was opened by the one who sends it.

The dependencies here find the session of a request and leave ``person`` and ``csrf_token`` in its state, where ``page``
takes them from. A form's token is an HMAC of the cookie that the browser has: the session's, or before the login one
that is made for it, so that nobody can be logged in to somebody else's account unnoticed. In the record of another it is
bound to that too: a form that was opened in one record changes nothing in the next.

``signed_in`` is for pages about the person's own record, ``in_record`` for those that who acts for another sees in theirs.

It is one module, as every dependency here rests on the one before it, and on the same state of a request.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Protocol
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.access.categories import Category
from app.access.grant import Grant
from app.access.policy import representative, represents
from app.access.representation import Power
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.consent import grants
from app.db.database import Transaction, write_only_if
from app.errors import NO_NUL, AccessDeniedError, AuthenticationError, BadRequestError
from app.identity import known_devices, practices, sessions, staff
from app.identity.accounts import Account, Accounts
from app.identity.practices import Practice
from app.identity.sessions import Session
from app.identity.staff import StaffMember
from app.oauth.server import AuthorizationServer
from app.portal.frame import local_path
from app.portal.navigation import seen_by
from app.portal.parts import Parts
from app.settings import Settings

SCOPES = SmartScopes.of("user/*.cruds")
LOOKING = SmartScopes.of("user/*.rs")
WORK = "/practice"
"""The first page of a login for work."""


class LoginParts(Parts, Protocol):
    """What login and authorization need of the application besides what all pages need."""

    @property
    def accounts(self) -> Accounts: ...  # noqa: D102
    @property
    def oauth(self) -> AuthorizationServer: ...  # noqa: D102


class LoginNeededError(AuthenticationError):
    """Nobody is signed in; ``back`` is the local path to come back to from ``page``."""

    page = "/login"

    def __init__(self, back: str) -> None:
        super().__init__("Please log in.")
        self.back = back


class ProofNeededError(LoginNeededError):
    """Somebody is signed in, but showed a second factor too long ago for what is asked."""

    page = "/login/again"


class OtherDoorError(AuthenticationError):
    """Somebody is logged in for work and asks for a page of people, or the other way round; ``door`` is the page to go to."""

    def __init__(self, door: str) -> None:
        super().__init__("This page is not for this login.")
        self.door = door


class OwnRecordNeededError(AccessDeniedError):
    """A page about one's own record or login was asked for in the record of another."""

    def __init__(self) -> None:
        super().__init__("This page is about your own record.")


class ClosedPartError(AccessDeniedError):
    """A page about a part of the record of another was asked for that the person may not see there."""

    def __init__(self) -> None:
        super().__init__("This part of the record is not open to you.")


class ActingEndedError(AccessDeniedError):
    """A page was asked for in the record of another, where the person may not be any more; the session is in the own one again."""

    def __init__(self) -> None:
        super().__init__("You no longer look in this record.")


class ExpiredFormError(AccessDeniedError):
    """The token of a form is missing, or of another session: the form is too old, or of somebody else's making."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person who is signed in; ``record_id`` is the record in view: their own, or that of ``acting``.

    ``proven_at`` is when they last showed a second factor; ``seen_before`` when they were last here before this login, None
    for the first time.
    """

    account_id: str
    record_id: int
    name: str
    session_id: str
    proven_at: datetime
    acting: Grant | None = None
    seen_before: datetime | None = None

    def may(self, power: Power) -> bool:
        """Return whether to offer what needs ``power`` in the record in view; whether it is allowed is decided at the gate."""
        return self.acting is None or (self.acting.mandate is not None and power in self.acting.mandate.powers)

    def sees(self, parts: Category) -> bool:
        """Return whether to show what is in one of ``parts`` of the record in view; what is in it is decided at the gate."""
        return bool(parts & seen_by(self.acting))

    def requester(self) -> Requester:
        """Return the person as a requester: for their own record, or as who represents another."""
        if self.acting is not None and self.acting.mandate is not None:
            return Requester(
                kind=RequesterKind.REPRESENTATIVE,
                actor=representative(self.account_id),
                display=self.name,
                scopes=SCOPES,
                record_id=self.record_id,
                grant_id=self.acting.grant_id,
                token_id=self.session_id,
                role=self.acting.mandate.capacity.value,
                on_behalf_of=self.acting.mandate.represented,
            )
        return Requester(
            kind=RequesterKind.PERSON,
            actor=RequesterKind.PERSON.value,
            display=self.name,
            scopes=SCOPES,
            record_id=self.record_id,
            token_id=self.session_id,
        )


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Whoever is logged in, a person or somebody of a practice: for the pages about logging in itself.

    ``acting`` is the grant on which they are in the record of another; ``has_ended`` says that it was over just now.
    ``proven_at`` and ``seen_before`` as in ``SignedIn``.
    """

    account: Account
    session_id: str
    proven_at: datetime
    member: StaffMember | None = None
    acting: Grant | None = None
    has_ended: bool = False
    seen_before: datetime | None = None

    @property
    def account_id(self) -> str:
        """Return the id of the account."""
        return self.account.account_id

    @property
    def name(self) -> str:
        """Return the name that pages show."""
        return self.account.name

    @property
    def is_at_work(self) -> bool:
        """Return whether this is a login for work, which opens no record of its own."""
        return self.member is not None

    @property
    def is_administrator(self) -> bool:
        """Return whether they administer a practice."""
        return self.member is not None and self.member.described.is_administrator


@dataclass(frozen=True, slots=True)
class AtWork:
    """Somebody of a practice who is logged in."""

    member: StaffMember
    practice: Practice
    session_id: str

    @property
    def account_id(self) -> str:
        """Return the id of the account."""
        return self.member.account_id

    def requester(self) -> Requester:
        """Return them as a requester: they look at what was granted to their practice, as far as their role lets them."""
        described = self.member.described
        return Requester(
            kind=RequesterKind.PRACTICE,
            actor=f"practice:{self.practice.practice_id}:{self.member.account_id}",
            display=described.name,
            scopes=LOOKING,
            practice_id=self.practice.practice_id,
            token_id=self.session_id,
            staff_id=self.member.account_id,
            staff_role=described.role,
            role=described.role.value,
            organisation=self.practice.name,
        )


async def maybe_logged_in(request: Request) -> LoggedIn | None:
    """Return whoever is logged in, None when nobody is. A dependency."""
    known = getattr(request.state, "person", None)
    if isinstance(known, LoggedIn):
        return known
    parts: LoginParts = request.app.state.parts
    session = await session_of(request)
    if session is None or not session.is_whole:
        _remember_form_token(request)
        return None
    member = None
    if session.account.record_id is None:
        member = await staff.present(parts.database.reader, session.account.account_id)
        if member is None:
            _remember_form_token(request)
            return None
    now = parts.clock()
    if now - session.last_seen_at >= sessions.SEEN_EVERY:
        cookie, idle = session_cookie(request), parts.settings.session_lifetime

        async def job(transaction: Transaction) -> None:
            await sessions.seen(transaction, cookie, session, now, idle)

        await parts.database.write(job)
    acting = await _acting(request, session)
    has_ended = acting is None and session.acting is not None
    request.state.person = found = LoggedIn(
        session.account, session.session_id, session.proven_at, member, acting, has_ended, session.seen_before
    )
    _remember_form_token(request)

    async def is_there(transaction: Transaction) -> None:
        # A form may take long to arrive: meanwhile the login can have ended, or its role at a practice be another.
        if not await sessions.is_open(transaction, found.session_id, parts.clock()):
            raise AuthenticationError("This login is not there any more.")
        if member is not None and await staff.present(transaction, member.account_id) != member:
            raise AuthenticationError("This login is another one now.")

    write_only_if(is_there)
    return found


async def _acting(request: Request, session: Session) -> Grant | None:
    """Return the grant on which a session is in the record of another; if that is over, it is in the own one from now on."""
    if session.acting is None:
        return None
    parts: Parts = request.app.state.parts
    grant = await grants.one(parts.database.reader, session.acting.record_id, session.acting.grant_id)
    if grant is not None and represents(session.account.account_id, grant, parts.clock()):
        return grant
    await parts.database.write(lambda transaction: sessions.act(transaction, session_cookie(request), None))
    return None


async def maybe_in_record(request: Request) -> SignedIn | None:
    """Return the person who is signed in, with the record in view; None when nobody is. A dependency of pages for people.

    Raises: OtherDoorError, for a login for work; ActingEndedError.
    """
    found = await maybe_logged_in(request)
    if found is None:
        return None
    if found.account.record_id is None:
        raise OtherDoorError(WORK)
    if found.has_ended:
        raise ActingEndedError
    record_id = found.account.record_id if found.acting is None else found.acting.record_id
    login = (found.account_id, record_id, found.name, found.session_id, found.proven_at)
    return SignedIn(*login, found.acting, found.seen_before)


async def logged_in(request: Request) -> LoggedIn:
    """Return whoever is logged in. A dependency of the pages about logging in. Raises: LoginNeededError, when nobody is."""
    found = await maybe_logged_in(request)
    if found is None:
        raise _login_needed(request)
    return found


async def at_work(request: Request) -> AtWork:
    """Return who is logged in for work. A dependency of every page of a practice.

    Raises: LoginNeededError, when nobody is or who left; OtherDoorError, for a person.
    """
    found = await logged_in(request)
    if found.member is None:
        raise OtherDoorError("/")
    practice = await practices.get(request.app.state.parts.database.reader, found.member.practice_id)
    if practice is None:
        raise _login_needed(request)
    return AtWork(found.member, practice, found.session_id)


async def signed_in(request: Request) -> SignedIn:
    """Return the person who is signed in. A dependency of every page about their own record.

    Raises: LoginNeededError, when nobody is; OtherDoorError, for a login for work; OwnRecordNeededError, in that of another.
    """
    person = await in_record(request)
    if person.acting is not None:
        raise OwnRecordNeededError
    return person


async def decides(request: Request) -> SignedIn:
    """Return the person who is signed in, if they decide about all of the record in view: their own, or by law that of another.

    A dependency. Raises: as ``in_record``; OwnRecordNeededError, in the record of another of which they don't.
    """
    person = await in_record(request)
    if person.acting is not None and not person.acting.is_whole:
        raise OwnRecordNeededError
    return person


async def in_record(request: Request) -> SignedIn:
    """Return the person who is signed in, with the record in view: their own, or that of whom they act for. A dependency.

    Raises: LoginNeededError, when nobody is; OtherDoorError, for a login for work; ActingEndedError, when they may not be
    there any more.
    """
    person = await maybe_in_record(request)
    if person is None:
        raise _login_needed(request)
    return person


async def freshly_proven(request: Request, person: Annotated[LoggedIn, Depends(logged_in)]) -> LoggedIn:
    """Return whoever is logged in and showed a second factor a short time ago. A dependency.

    Raises: LoginNeededError; ProofNeededError, when it is too long ago.
    """
    if request.app.state.parts.clock() - person.proven_at > sessions.FRESH:
        path = request.url.path
        raise ProofNeededError(path if request.method == "GET" else f"/{path.split('/')[1]}")
    return person


async def freshly_signed_in(
    person: Annotated[SignedIn, Depends(signed_in)], _: Annotated[LoggedIn, Depends(freshly_proven)]
) -> SignedIn:
    """Return the person who is signed in and showed a second factor a short time ago. A dependency.

    Raises: as ``signed_in`` and ``freshly_proven``.
    """
    return person


async def freshly_decides(
    person: Annotated[SignedIn, Depends(decides)], _: Annotated[LoggedIn, Depends(freshly_proven)]
) -> SignedIn:
    """Return who decides about all of the record in view, and showed a second factor a short time ago. A dependency.

    Raises: as ``decides`` and ``freshly_proven``.
    """
    return person


async def administers(
    who: Annotated[AtWork, Depends(at_work)], _: Annotated[LoggedIn, Depends(freshly_proven)]
) -> AtWork:
    """Return who administers a practice, and showed a second factor a short time ago. A dependency.

    Raises: as ``at_work`` and ``freshly_proven``; AccessDeniedError, for the others of the practice.
    """
    if not who.member.described.is_administrator:
        raise AccessDeniedError("This is for who administers the practice.")
    return who


async def checked_form(request: Request) -> FormData:
    """Return the form of a POST request that has the token of this browser's session. A dependency of every form.

    Raises: ExpiredFormError; BadRequestError, for a text that cannot be kept.
    """
    form = await request.form()
    given = form.get("csrf_token")
    bound = bound_cookie(request)
    await maybe_logged_in(request)
    expected = _form_token(request, bound)
    if not bound or not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        await form.close()
        raise ExpiredFormError("The form is too old.")
    if any("\0" in value for value in form.values() if isinstance(value, str)):
        await form.close()
        raise BadRequestError(NO_NUL)
    _remember_form_token(request)
    return form


def _login_needed(request: Request) -> LoginNeededError:
    query = f"?{request.url.query}" if request.url.query else ""
    return LoginNeededError(f"{request.url.path}{query}" if request.method == "GET" else "/")


def to_other_door(_: Request, error: OtherDoorError) -> Response:
    """Return the redirect to the first page of a login; ``main`` sets it as the handler of ``OtherDoorError``."""
    return RedirectResponse(error.door, status_code=303)


def to_login(_: Request, error: LoginNeededError) -> Response:
    """Return the redirect to where the person proves who they are; ``main`` sets it as the handler of ``LoginNeededError``."""
    return RedirectResponse(f"{error.page}?next={quote(local_path(error.back), safe='/')}", status_code=303)


async def session_of(request: Request) -> Session | None:
    """Return the session of a request, half or whole, None when there is none."""
    cookie = session_cookie(request)
    parts: Parts = request.app.state.parts
    return await sessions.find(parts.database.reader, cookie, parts.clock()) if cookie else None


def session_cookie(request: Request) -> str:
    """Return the value of the session cookie, empty when there is none."""
    return request.cookies.get(cookie_name("session", request.app.state.parts.settings), "")


def set_session(request: Request, response: Response, value: str) -> None:
    """Give the browser a session, which it forgets when it is closed, and the mark of a known device, which it keeps."""
    settings: Settings = request.app.state.parts.settings
    response.set_cookie(cookie_name("session", settings), value, **cookie_kind(settings))
    made = getattr(request.state, "device_cookie", None)
    if made is not None:
        lifetime = int(known_devices.REMEMBERED.total_seconds())
        response.set_cookie(cookie_name("device", settings), made, max_age=lifetime, **cookie_kind(settings))


def device_cookie(request: Request) -> str:
    """Return the value by which this browser is known from earlier logins, empty when it has none."""
    return request.cookies.get(cookie_name("device", request.app.state.parts.settings), "")


def end_session(response: Response, settings: Settings) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(cookie_name("session", settings), **cookie_kind(settings))


def with_form_cookie(request: Request, response: Response) -> Response:
    """Return ``response`` with the cookie that a form of someone who is not signed in is bound to, if it was made now."""
    made = getattr(request.state, "form_cookie", None)
    if made is not None:
        settings: Settings = request.app.state.parts.settings
        response.set_cookie(cookie_name("form", settings), made, **cookie_kind(settings))
    return response


def bound_cookie(request: Request) -> str:
    """Return the cookie value that forms of this browser are bound to: its session's, or one from before the login."""
    settings: Settings = request.app.state.parts.settings
    return session_cookie(request) or request.cookies.get(cookie_name("form", settings), "")


def _remember_form_token(request: Request) -> None:
    bound = bound_cookie(request)
    if not bound:
        bound = request.state.form_cookie = secrets.token_urlsafe(32)
    request.state.csrf_token = _form_token(request, bound)


def _form_token(request: Request, bound: str) -> str:
    settings: Settings = request.app.state.parts.settings
    known = getattr(request.state, "person", None)
    if isinstance(known, LoggedIn) and known.acting is not None:
        bound = f"{bound} {known.acting.grant_id}"
    return hmac.new(settings.key("forms"), bound.encode(), sha256).hexdigest()


def cookie_name(purpose: str, settings: Settings) -> str:
    """Return the name of a cookie of ours."""
    # __Host-: the browser takes it from this very host over HTTPS only, so that no neighbour can plant one.
    return f"__Host-regie-{purpose}" if settings.is_https else f"regie-{purpose}"


def cookie_kind(settings: Settings) -> dict[str, Any]:
    """Return the attributes of a cookie of ours."""
    # Lax: a person who comes from an app to /authorize is still signed in; a form from elsewhere is not.
    return {"httponly": True, "samesite": "lax", "secure": settings.is_https, "path": "/"}
