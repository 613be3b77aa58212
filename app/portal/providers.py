"""Logging in at another party, and linking such a login to one's own account."""

from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import AuthenticationError, ConflictError, NotFoundError, TooManyRequestsError, UnavailableError
from app.identity import challenges, identities, tries
from app.identity.challenges import Purpose
from app.identity.openid import Flow, Identity, OpenIdClient, begun, providers_of
from app.portal.frame import local_path
from app.portal.language import marked
from app.portal.login import TOO_LATE, TOO_MANY, Outcome, shown
from app.portal.login_settings import HERE, can_log_in
from app.portal.open_session import Way, address_of, event, log_change, open_session, renew_session
from app.portal.page import page
from app.portal.passkeys import begin_challenge
from app.portal.session import (
    LoggedIn,
    LoginParts,
    bound_cookie,
    checked_form,
    freshly_proven,
    maybe_logged_in,
    session_of,
    set_session,
)

NOT_LINKED = marked("This login is not linked to a record. Log in another way, and link it under login and devices.")
NOT_PROVEN = marked("Logging in there did not work, or did not prove enough. Try again, or log in another way.")
NOT_REACHED = marked("The other party can not be reached now. Log in another way.")


class Providers:
    """The parties at which people can log in, and what comes of it."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts
        known = providers_of(parts.settings.openid_providers.get_secret_value()).values()
        base = f"{parts.settings.base_url}/login/from"
        self._clients = {one.key: OpenIdClient(one, f"{base}/{one.key}", parts.clock) for one in known}

    def client(self, key: str) -> OpenIdClient:
        """Return the client of a provider. Raises: NotFoundError."""
        if key not in self._clients:
            raise NotFoundError("There is no such party.")
        return self._clients[key]

    async def begin(self, request: Request, client: OpenIdClient, back: str, linking: str = "") -> str:
        """Return where the browser goes. Raises: UnavailableError, TooManyRequestsError."""
        flow = begun(client.provider, back, linking)

        async def count(transaction: Transaction) -> None:
            await tries.begin(transaction, tries.of_provider(address_of(request)), self._parts.clock())

        await self._parts.database.write(count)
        url = await client.authorization_url(flow)
        await begin_challenge(request, self._parts, Purpose.PROVIDER, msgspec.json.encode(flow).decode())
        return url

    async def flow(self, request: Request, key: str) -> Flow | None:
        """Return the login that this browser began at this provider, which ends here; None when there is none."""
        browser = bound_cookie(request)

        async def job(transaction: Transaction) -> challenges.Challenge | None:
            return await challenges.take(transaction, Purpose.PROVIDER, browser, self._parts.clock())

        taken = await self._parts.database.write(job) if browser else None
        flow = msgspec.json.decode(taken.subject, type=Flow) if taken else None
        return flow if flow is not None and flow.provider == key else None

    async def log_in(self, request: Request, client: OpenIdClient, identity: Identity) -> str:
        """Return the cookie value of the session of whoever linked this identity, empty when nobody did."""
        parts, name = self._parts, client.provider.name

        async def job(transaction: Transaction) -> str:
            account_id = await identities.opened(transaction, identity)
            account = await parts.accounts.get(transaction, account_id)
            if account is None:
                await parts.audit.record(transaction, event(request, None, "login", status=401, detail=name))
                return ""
            await tries.succeeded(transaction, tries.of_provider(address_of(request)))
            session = await session_of(request)
            if session is not None and session.is_whole and session.account == account:
                return await renew_session(request, parts, transaction, account, Way.PROVIDER)
            note = f"{name}, {identity.level}"
            return await open_session(
                request, parts, transaction, account, Way.PROVIDER, note, assurance=identity.level
            )

        return await parts.database.write(job)

    async def link(self, request: Request, person: LoggedIn, client: OpenIdClient, identity: Identity) -> None:
        """Let an identity open the person's account. Raises: ConflictError."""

        async def job(transaction: Transaction) -> None:
            await identities.link(transaction, person.account_id, identity, self._parts.clock())
            what = f"linked to {client.provider.name}, {identity.level}"
            await log_change(request, self._parts, transaction, person, what)

        await self._parts.database.write(job)

    async def unlink(self, request: Request, person: LoggedIn, client: OpenIdClient) -> None:
        """Let a provider open the account no more. Raises: NotFoundError, ConflictError."""

        async def job(transaction: Transaction) -> None:
            if not await identities.unlink(transaction, person.account_id, client.provider.issuer):
                raise NotFoundError("There is no such link.")
            if not await can_log_in(self._parts, transaction, person.account_id):
                raise ConflictError("This is the only way to log in.")
            await log_change(request, self._parts, transaction, person, f"no longer linked to {client.provider.name}")

        await self._parts.database.write(job)

    async def refused(self, request: Request, client: OpenIdClient) -> None:
        """Write down that a login did not work."""

        async def job(transaction: Transaction) -> None:
            entry = event(request, None, "login", status=401, detail=client.provider.name)
            await self._parts.audit.record(transaction, entry)

        await self._parts.database.write(job)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes about other parties; none when the settings name none."""
    routes = APIRouter(include_in_schema=False)
    steps = Providers(parts)
    if not providers_of(parts.settings.openid_providers.get_secret_value()):
        return routes
    _add_login(routes, steps)
    _add_links(routes, steps)
    return routes


def _add_login(routes: APIRouter, steps: Providers) -> None:
    @routes.get("/login/with/{key}")
    async def begin(request: Request, key: str, _: Annotated[LoggedIn | None, Depends(maybe_logged_in)]) -> Response:
        client, back = steps.client(key), local_path(request.query_params.get("next", "/"))
        if not bound_cookie(request):  # the login has to end in the browser that began it, so that has to be known
            return RedirectResponse(f"/login?next={quote(back, safe='/')}", 303)
        try:
            return RedirectResponse(await steps.begin(request, client, back), 303)
        except UnavailableError as error:
            return shown(request, "login.html", back, Outcome(problem=NOT_REACHED, status=error.status))
        except TooManyRequestsError as error:
            return shown(request, "login.html", back, Outcome(problem=TOO_MANY, status=error.status))

    @routes.get("/login/from/{key}")
    async def come_back(
        request: Request, key: str, person: Annotated[LoggedIn | None, Depends(maybe_logged_in)]
    ) -> Response:
        client, flow = steps.client(key), await steps.flow(request, key)
        if flow is None:
            return shown(request, "login.html", "/", Outcome(problem=TOO_LATE, status=401))
        try:
            identity = await client.identity(flow, dict(request.query_params))
        except AuthenticationError as error:
            await steps.refused(request, client)
            return shown(request, "login.html", flow.back, Outcome(problem=NOT_PROVEN, status=error.status))
        except UnavailableError as error:
            return shown(request, "login.html", flow.back, Outcome(problem=NOT_REACHED, status=error.status))
        if flow.linking:
            return await _linked(request, steps, person, client, flow, identity)
        cookie = await steps.log_in(request, client, identity)
        if not cookie:
            return shown(request, "login.html", flow.back, Outcome(problem=NOT_LINKED, status=401))
        answer = RedirectResponse(flow.back, 303)
        set_session(request, answer, cookie)
        return answer


async def _linked(
    request: Request,
    steps: Providers,
    person: LoggedIn | None,
    client: OpenIdClient,
    flow: Flow,
    identity: Identity,
) -> Response:
    """Link, if who comes back is still the person who left."""
    if person is None or person.account_id != flow.linking:
        return shown(request, "login.html", flow.back, Outcome(problem=TOO_LATE, status=401))
    try:
        await steps.link(request, person, client, identity)
    except ConflictError:
        return RedirectResponse(f"{HERE}?done=not-linked", 303)
    return RedirectResponse(f"{HERE}?done=linked", 303)


def _add_links(routes: APIRouter, steps: Providers) -> None:
    @routes.post(f"{HERE}/provider/{{key}}")
    async def link(
        request: Request,
        key: str,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        client = steps.client(key)
        # A page with a link: browsers hold a redirect of a form against form-action, and where it leads is theirs to say.
        url = await steps.begin(request, client, HERE, person.account_id)
        return page(request, "provider.html", provider=client.provider, url=url)

    @routes.post(f"{HERE}/provider/{{key}}/remove")
    async def unlink(
        request: Request,
        key: str,
        person: Annotated[LoggedIn, Depends(freshly_proven)],
        _: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        try:
            await steps.unlink(request, person, steps.client(key))
        except ConflictError:
            return RedirectResponse(f"{HERE}?done=only-way", 303)
        return RedirectResponse(f"{HERE}?done=unlinked", 303)
