"""What the authorization server writes: each request is one transaction, with its entry in the audit log.

The grant with its code, the used code with its tokens, the used refresh token with the new ones: what belongs together
is durable together, and what comes a second time ends what it gave, even though the request is refused.

It is one module, as its transactions share how a client, a grant and a token are read and ended.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import InvalidRequestError

from app.access.categories import Category
from app.access.giving import CONSENT, check_given, may_decide
from app.access.grant import Grant, Grantee
from app.access.policy import Wish, decide
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import Action, Narrowed
from app.audit.events import Event, Trace
from app.audit.log import AuditLog
from app.audit.spate import Spate
from app.consent import grants
from app.db.database import Database, Transaction
from app.fhir.release import Release
from app.identity import practices, sessions
from app.identity.accounts import name_of
from app.identity.instants import to_us
from app.jobs.notices import notify
from app.jobs.reminders import remind
from app.jobs.texts import NoticeKind
from app.oauth import codes, launches, pushed, tokens
from app.oauth.binding import bound_to_key
from app.oauth.clients import Client
from app.oauth.codes import AuthorizationCode
from app.oauth.errors import described
from app.oauth.exchange import Submitted
from app.oauth.launches import Launch
from app.oauth.openid import FHIR_USER, OPENID, LoginAsked
from app.oauth.smart_scopes import is_online, reduced
from app.oauth.tokens import Holder, Token

FAPI_CODE = timedelta(seconds=60)
"""The longest that a code of a client with the FAPI profile holds (FAPI 2.0 Security Profile, 5.3.2.1)."""

REFUSALS_PER_MINUTE = 300
"""Refused requests of programs that are written in the log one by one."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things hold."""

    code: timedelta
    access_token: timedelta
    refresh_token: timedelta


@dataclass(frozen=True, slots=True)
class Decision:
    """What was allowed on the consent page, by whom, and in which login; ``until`` is UTC, ``kinds`` are of those offered.

    ``proven_at`` is when they showed a factor in that login.
    """

    record_id: int
    requester: Requester
    categories: Category
    actions: Action
    until: datetime
    session_id: str
    proven_at: datetime
    kinds: frozenset[Narrowed] = frozenset()


class Changes:
    """The transactions of one authorization server; called in worker threads."""

    def __init__(
        self, database: Database, audit: AuditLog, lifetimes: Lifetimes, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._audit = audit
        self._lifetimes = lifetimes
        self._clock = clock
        self._refusals = Spate(REFUSALS_PER_MINUTE)

    def keep_consent(self, value: str, request: Submitted, release: Release | None) -> None:
        """Write the grant that the person gave (``request.user``) and the code that stands for it."""
        decision: Decision = request.user
        client: Client = request.client
        now = self._clock()

        async def job(transaction: Transaction) -> None:
            await tokens.forget(transaction, now)
            await _use_pushed(transaction, request.pushed, now)
            launch = request.payload.data.get("launch")
            opened = Launch(client.client_id, decision.record_id, decision.session_id)
            if launch is not None and not await launches.use(transaction, launch, opened, now):
                raise InvalidRequestError(described("The launch is over, or of another app, person or login."))
            await _check(transaction, decision, now)
            grant = await grants.give(
                transaction,
                record_id=decision.record_id,
                rests_on=decision.requester.grant_id,
                grantee=Grantee.APP,
                grantee_id=client.client_id,
                categories=decision.categories,
                actions=decision.actions,
                until=decision.until,
                purpose="app",
                now=now,
            )
            await notify(
                transaction,
                record_id=decision.record_id,
                kind=NoticeKind.ACCESS_GIVEN,
                now_us=to_us(now),
            )
            await remind(
                transaction,
                record_id=decision.record_id,
                grant_id=grant.grant_id,
                version=grant.version,
                ends_us=to_us(grant.until),
                now_us=to_us(now),
            )
            code = AuthorizationCode(
                code_hash=tokens.hashed(value),
                family_id=tokens.new_family(),
                client_id=client.client_id,
                record_id=decision.record_id,
                grant_id=grant.grant_id,
                redirect_uri=request.payload.redirect_uri,
                scope=_left(request.scope, decision),
                code_challenge=request.payload.data["code_challenge"],
                release=release,
                expires_at=to_us(
                    now + (min(FAPI_CODE, self._lifetimes.code) if client.is_fapi else self._lifetimes.code)
                ),
                nonce=request.payload.data.get("nonce"),
                session_id=decision.session_id if is_online(request.scope) else None,
                binding=bound_to_key(request.payload),
                auth_time=to_us(decision.proven_at) if LoginAsked.of(request.payload.data).is_told else None,
            )
            await codes.keep(transaction, code)
            event = _event(
                request.trace,
                action="grant",
                record_id=decision.record_id,
                kind=decision.requester.kind.value,
                actor=decision.requester.actor,
                display=decision.requester.display,
                role=decision.requester.role,
                on_behalf_of=decision.requester.on_behalf_of,
                client=client.client_id,
                ground="own record" if grant.rests_on is None else f"representation {grant.rests_on}",
                resource_type="Consent",
                resource_id=grant.grant_id,
                detail=f"app:{client.client_id}",
            )
            await self._audit.record(transaction, event)

        self._database.write_blocking(job)

    def use_pushed(self, request_hash: str) -> None:
        """Use up a pushed request that the person did not allow. Raises: InvalidRequestError, when it was decided about."""
        now = self._clock()

        async def job(transaction: Transaction) -> None:
            await _use_pushed(transaction, request_hash, now)

        self._database.write_blocking(job)

    def exchange(self, earlier: AuthorizationCode | Token, answer: dict[str, Any], request: Submitted) -> bool:
        """Return whether a code or refresh token could be turned into the tokens of ``answer``.

        False when it was used meanwhile (then all tokens of the authorization are revoked), its grant is over, or the login
        that it ends with.
        """
        now = self._clock()
        client, trace = request.client, request.trace

        async def job(transaction: Transaction) -> bool:
            await tokens.forget(transaction, now)
            if isinstance(earlier, Token) and client.is_fapi:
                if not await tokens.is_good(transaction, earlier, now):
                    return False
            elif not await _used_up(transaction, earlier, to_us(now)):
                await self._audit.record(transaction, _reuse(earlier, trace))
                return False
            grant = await _held_grant(transaction, earlier, now)
            if grant is None or not await _has_login(transaction, earlier, now):
                return False
            helper, represented = await _names(transaction, grant)
            holder = Holder(
                RequesterKind.APP,
                f"{client.name} ({helper})" if helper else client.name,
                client.client_id,
                on_behalf_of=represented,
                record_id=earlier.record_id,
                grant_id=earlier.grant_id,
                release=earlier.release,
                session_id=earlier.session_id,
                binding=request.binding,
            )
            kept = holder if client.is_public else replace(holder, binding=None)  # who has keys proves itself anyway
            await self._write(transaction, holder, answer, (kept, earlier.scope), earlier.family_id, now)
            await self._audit.record(transaction, _token_event(trace, holder))
            return True

        return self._database.write_blocking(job)

    def give_to_practice(self, answer: dict[str, Any], request: Submitted) -> bool:
        """Return whether the token of ``answer`` could be made for the practice of a system; False if there is none."""
        now = self._clock()
        client, trace = request.client, request.trace

        async def job(transaction: Transaction) -> bool:
            await tokens.forget(transaction, now)
            practice = await practices.get(transaction, client.practice_id or "")
            if practice is None:
                return False
            holder = Holder(
                RequesterKind.PRACTICE,
                practice.name,
                client.client_id,
                practice_id=practice.practice_id,
                binding=request.binding,
            )
            await self._write(transaction, holder, answer, (holder, answer["scope"]), tokens.new_family(), now)
            await self._audit.record(transaction, _token_event(trace, holder))
            return True

        return self._database.write_blocking(job)

    def end_reused(self, earlier: AuthorizationCode | Token, trace: Trace) -> None:
        """Revoke all tokens of an authorization whose code or refresh token came a second time."""

        async def job(transaction: Transaction) -> None:
            now_us = to_us(self._clock())
            await tokens.revoke_family(transaction, earlier.family_id, now_us)
            await self._audit.record(transaction, _reuse(earlier, trace))
            if earlier.record_id is not None:
                await notify(
                    transaction,
                    record_id=earlier.record_id,
                    kind=NoticeKind.KEY_REUSED,
                    now_us=now_us,
                )

        self._database.write_blocking(job)

    def note_refusal(self, trace: Trace, status: int, error: str) -> None:
        """Leave an entry that a program was refused, with the error it was told; nobody has proved who it was."""
        skipped = self._refusals.left_out("", to_us(self._clock()))
        if skipped is None:
            return
        detail = f"{error}, {skipped} more left out" if skipped else error

        async def job(transaction: Transaction) -> None:
            await self._audit.record(
                transaction, _event(trace, action="token", outcome="refused", status=status, detail=detail)
            )

        self._database.write_blocking(job)

    async def note_registration(self, transaction: Transaction, client: Client, detail: str, trace: Trace) -> None:
        """Leave an entry about the registration of a client, in the transaction that changes it."""
        holder = Holder(
            RequesterKind.APP if client.practice_id is None else RequesterKind.PRACTICE,
            client.name,
            client.client_id,
            practice_id=client.practice_id,
        )
        await self._audit.record(transaction, _token_event(trace, holder, detail=detail))

    def tell_who(self, token: Token, trace: Trace) -> bool:
        """Return whether an app may hear who the person of its token is; that it asked is in the log."""
        holder = Holder(token.requester_kind, token.display, token.client_id, token.record_id, grant_id=token.grant_id)

        async def job(transaction: Transaction) -> bool:
            if await _held_grant(transaction, token, self._clock()) is None:
                return False
            await self._audit.record(transaction, _token_event(trace, holder, detail="asked who the person is"))
            return True

        return self._database.write_blocking(job)

    def opens(self, token: Token) -> bool:
        """Return whether what a token rests on is there: its grant, and for a refresh token the login that it ends with."""
        now = self._clock()

        async def job(transaction: Transaction) -> bool:
            if token.grant_id is not None and await _held_grant(transaction, token, now) is None:
                return False
            return not token.is_refresh or await _has_login(transaction, token, now)

        return self._database.write_blocking(job)

    def revoke(self, token: Token, trace: Trace) -> None:
        """Revoke a token at the wish of its client."""
        holder = Holder(token.requester_kind, token.display, token.client_id, token.record_id, token.practice_id)

        async def job(transaction: Transaction) -> None:
            await tokens.revoke(transaction, token, to_us(self._clock()))
            await self._audit.record(transaction, _token_event(trace, holder, detail="revoked by the client"))

        self._database.write_blocking(job)

    async def _write(
        self,
        transaction: Transaction,
        holder: Holder,
        answer: dict[str, Any],
        refreshing: tuple[Holder, str],
        family: str,
        now: datetime,
    ) -> None:
        """Write the access token of an answer, and its refresh token, which keeps the whole scope, if there is one.

        ``refreshing`` are the holder and the scope of the latter.
        """
        await tokens.issue(
            transaction,
            holder,
            scope=answer["scope"],
            lifetime=self._lifetimes.access_token,
            now=now,
            family_id=family,
            value=answer["access_token"],
        )
        if "refresh_token" in answer:
            await tokens.issue(
                transaction,
                refreshing[0],
                scope=refreshing[1],
                lifetime=self._lifetimes.refresh_token,
                now=now,
                family_id=family,
                is_refresh=True,
                value=answer["refresh_token"],
            )


async def _check(transaction: Transaction, decision: Decision, now: datetime) -> None:
    """Do nothing if who decides may give this to an app, as things stand now. Raises: AccessDeniedError."""
    requester = decision.requester
    held = await grants.candidates(transaction, requester, now)
    scope = decide(requester, Wish(Action.READ, CONSENT), held, now)
    may_decide(requester, Action.CREATE, scope)
    own = held[0] if held else None
    check_given(requester, own, Grantee.APP, decision.categories, decision.actions, decision.until)


def _left(scope: str, decision: Decision) -> str:
    """Return what is left of a scope: what was allowed, and of who the person is nothing to an app of one who represents them.

    ``sub`` and ``fhirUser`` are about who logged in, and that is not the person of the record, who has no resource for them.
    """
    left = reduced(scope, decision.categories, decision.actions, decision.kinds)
    if decision.requester.kind is RequesterKind.PERSON:
        return left
    return " ".join(part for part in left.split() if part not in (OPENID, FHIR_USER))


async def _held_grant(transaction: Transaction, held: AuthorizationCode | Token, now: datetime) -> Grant | None:
    """Return the grant that a code or token rests on, None when it is over."""
    grant = await grants.one(transaction, held.record_id or 0, held.grant_id or "")
    return grant if grant is not None and grant.is_in_force(now) else None


async def _has_login(transaction: Transaction, held: AuthorizationCode | Token, now: datetime) -> bool:
    """Return whether the login that a code or refresh token ends with is there still; True for one that ends with none."""
    return held.session_id is None or await sessions.is_open(transaction, held.session_id, now)


async def _names(transaction: Transaction, grant: Grant) -> tuple[str, str]:
    """Return who gave a grant in whose name; empty for the person."""
    base = None if grant.rests_on is None else await grants.one(transaction, grant.record_id, grant.rests_on)
    if base is None or base.mandate is None:
        return "", ""
    return await name_of(transaction, base.grantee_id) or "", base.mandate.represented


async def _use_pushed(transaction: Transaction, request_hash: str | None, now: datetime) -> None:
    if request_hash is not None and not await pushed.use(transaction, request_hash, now):
        raise InvalidRequestError(described("This request was decided about before."))


async def _used_up(transaction: Transaction, earlier: AuthorizationCode | Token, now_us: int) -> bool:
    if isinstance(earlier, AuthorizationCode):
        return await codes.use(transaction, earlier, now_us)
    return await tokens.use(transaction, earlier, now_us)


def _event(trace: Trace, **what: Any) -> Event:
    return Event(**msgspec.structs.asdict(trace), **what)


def _reuse(earlier: AuthorizationCode | Token, trace: Trace) -> Event:
    what = "code" if isinstance(earlier, AuthorizationCode) else "refresh token"
    return _event(
        trace,
        action="token",
        outcome="refused",
        status=400,
        record_id=-1 if earlier.record_id is None else earlier.record_id,
        kind=RequesterKind.APP.value,
        actor=f"app:{earlier.client_id}",
        client=earlier.client_id,
        detail=f"a used {what} came again; all tokens of it are revoked",
    )


def _token_event(trace: Trace, holder: Holder, detail: str = "") -> Event:
    party = holder.client_id if holder.kind is RequesterKind.APP else holder.practice_id
    return _event(
        trace,
        action="token",
        record_id=-1 if holder.record_id is None else holder.record_id,
        kind=holder.kind.value,
        actor=f"{holder.kind.value}:{party}",
        display=holder.display,
        on_behalf_of=holder.on_behalf_of,
        client=holder.client_id,
        ground="" if holder.grant_id is None else f"grant {holder.grant_id}",
        detail=detail,
    )
