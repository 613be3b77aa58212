"""The page from which a person opens an app with their record (a launch, as SMART calls it).

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from typing import Annotated

from authlib.common.urls import add_params_to_uri
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import Response

from app.db.database import Transaction
from app.errors import NotFoundError
from app.oauth import clients, launches
from app.oauth.launches import Launch
from app.portal.authorize import policy
from app.portal.page import page
from app.portal.session import LoginParts, SignedIn, checked_form, signed_in


def router(parts: LoginParts) -> APIRouter:
    """Return the routes under ``/apps``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/apps")
    async def overview(request: Request, _: Annotated[SignedIn, Depends(signed_in)]) -> HTMLResponse:
        known = await clients.every(parts.database.reader)
        found = [
            (client, client.launch_uri) for client in known if client.launch_uri is not None and client.ended_at is None
        ]
        answer = page(request, "apps.html", apps=[client for client, _ in found])
        answer.headers["Content-Security-Policy"] = policy(*(uri for _, uri in found))
        return answer

    @routes.post("/apps/{client_id}/open")
    async def launch(
        person: Annotated[SignedIn, Depends(signed_in)],
        _: Annotated[FormData, Depends(checked_form)],
        client_id: str,
    ) -> Response:
        client = await clients.get(parts.database.reader, client_id)
        if client is None or client.launch_uri is None:
            raise NotFoundError("This app is not known.")
        made = Launch(client.client_id, person.record_id, person.session_id)

        async def job(transaction: Transaction) -> str:
            return await launches.keep(transaction, made, parts.clock())

        value = await parts.database.write(job)
        release = await run_in_threadpool(parts.oauth.launch_release, client, person.record_id)
        base = f"{parts.settings.base_url}/fhir/{release.path}"
        where = add_params_to_uri(client.launch_uri, {"iss": base, "launch": value})
        return RedirectResponse(where, status_code=303, headers={"Cache-Control": "no-store"})

    return routes
