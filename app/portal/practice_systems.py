"""The page on which the administrator of a practice sees its systems, and adds and retires their public keys.

Each change is in the log. What is typed is a public key: a private one is refused, and not kept.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import BadRequestError, ConflictError, NotFoundError
from app.identity.instants import to_us
from app.oauth import client_keys, clients
from app.oauth.client_keys import keys_of
from app.oauth.proofs_of_clients import ASSERTION
from app.portal.language import marked
from app.portal.open_session import text_of
from app.portal.page import page
from app.portal.practice_staff import entry_of
from app.portal.session import WORK, AtWork, LoginParts, administers, checked_form

SYSTEMS = f"{WORK}/systems"
NOT_A_KEY = marked("This is not one public key that we can use. Is it a private key? Then make a new pair.")
NOT_A_URL = marked("This is not an https address at which keys can be.")
KNOWN_OR_ONLY = marked("That can't be done: the key is known already, or it is the only one.")
DONE = {
    "key-added": marked("The key was added. It is good from now on, beside the others."),
    "key-retired": marked("The key was retired. It proves nothing any more, and the system asks for a new token."),
    "key-address": marked("The address was changed."),
}

Change = Callable[[Transaction], Awaitable[str]]
"""Changes something about a system, and returns how the log says it."""


class Systems:
    """What happens behind the forms."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts

    async def shown(self, request: Request, who: AtWork, status: int = 200, problem: str = "") -> Response:
        """Return the page."""
        systems = await clients.of_practice(self._parts.database.reader, who.practice.practice_id)
        return page(
            request,
            "practice_systems.html",
            status=status,
            systems=[(one, keys_of(one), one.auth_method == ASSERTION) for one in systems],
            problem=problem,
            done=DONE.get(request.query_params.get("done", ""), ""),
        )

    async def changed(
        self, request: Request, who: AtWork, client_id: str, action: str, change: Change, unfit: str = NOT_A_KEY
    ) -> Response:
        """Return the page after a change of one of the practice's systems, or with what stood in its way.

        ``unfit`` says that what was typed can't be used. Raises: NotFoundError, for a system of another.
        """

        async def job(transaction: Transaction) -> None:
            known = await clients.get(transaction, client_id)
            if known is None or known.practice_id != who.practice.practice_id:
                raise NotFoundError("This practice has no such system.")
            detail = await change(transaction)
            await self._parts.audit.record(transaction, entry_of(request, who, action, f"{client_id}: {detail}"))

        try:
            await self._parts.database.write(job)
        except BadRequestError as error:
            return await self.shown(request, who, error.status, unfit)
        except ConflictError as error:
            return await self.shown(request, who, error.status, KNOWN_OR_ONLY)
        return RedirectResponse(f"{SYSTEMS}?done={action}", 303)


def router(parts: LoginParts) -> APIRouter:
    """Return the routes below ``/practice/systems``."""
    routes = APIRouter(include_in_schema=False)
    steps = Systems(parts)

    @routes.get(SYSTEMS)
    async def overview(request: Request, who: Annotated[AtWork, Depends(administers)]) -> Response:
        return await steps.shown(request, who)

    @routes.post(f"{SYSTEMS}/{{client_id}}/add")
    async def add(
        request: Request,
        who: Annotated[AtWork, Depends(administers)],
        form: Annotated[FormData, Depends(checked_form)],
        client_id: str,
    ) -> Response:
        async def change(transaction: Transaction) -> str:
            try:
                given = json.loads(text_of(form, "key"))
            except (ValueError, RecursionError) as error:
                raise BadRequestError("The key is not JSON.") from error
            return await client_keys.add_key(transaction, client_id, given)

        return await steps.changed(request, who, client_id, "key-added", change)

    @routes.post(f"{SYSTEMS}/{{client_id}}/retire")
    async def retire(
        request: Request,
        who: Annotated[AtWork, Depends(administers)],
        form: Annotated[FormData, Depends(checked_form)],
        client_id: str,
    ) -> Response:
        async def change(transaction: Transaction) -> str:
            thumbprint = text_of(form, "thumbprint")
            await client_keys.retire_key(transaction, client_id, thumbprint, to_us(parts.clock()))
            return thumbprint

        return await steps.changed(request, who, client_id, "key-retired", change)

    @routes.post(f"{SYSTEMS}/{{client_id}}/address")
    async def address(
        request: Request,
        who: Annotated[AtWork, Depends(administers)],
        form: Annotated[FormData, Depends(checked_form)],
        client_id: str,
    ) -> Response:
        async def change(transaction: Transaction) -> str:
            url = text_of(form, "jwks_uri").strip()
            await client_keys.set_url(transaction, client_id, url, to_us(parts.clock()))
            return url or "none"

        return await steps.changed(request, who, client_id, "key-address", change, NOT_A_URL)

    return routes
