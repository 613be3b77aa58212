"""The pages with documents: the list, one document with its files in view, and a file itself.

A file answers as itself only: nothing in it runs, it loads nothing, and no page of another server frames it.
"""

from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from app.errors import NotFoundError
from app.fhir.release import Release
from app.portal.documents import (
    PLAIN,
    UNKNOWN,
    attachments,
    binary_of,
    disposition,
    document_view,
    documents_in,
    file_name,
    kind_of_file,
    kind_shown,
)
from app.portal.interactions import Found
from app.portal.page import near, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import SignedIn, in_record
from app.portal.view import reading_for
from app.web.middleware import POLICY

HERE = "/documents"
STEP = 50
MOST = 1000
_NEWEST = {Release.STU3: "-indexed", Release.R4: "-date"}
_ALONE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
"""The Content-Security-Policy of a file: it loads nothing."""


def bases(request: Request) -> tuple[str, ...]:
    """Return the FHIR addresses of this server."""
    return tuple(f"{request.app.state.parts.settings.base_url}/fhir/{release.path}" for release in Release)


async def newest_documents(reading: Reading, most: int) -> list[Found]:
    """Return the latest documents that hold of each release, ``most`` of each."""
    return await reading.latest("DocumentReference", most, _NEWEST, ("status", "current"))


async def _document(reading: Reading, release: str, resource_id: str) -> Found:
    found = await reading.known(release, ["DocumentReference"], resource_id)
    holding = [one for one in found if one.tree().get("status") == "current"]
    if not holding:
        raise NotFoundError("This document is not known.")
    return holding[0]


async def show_documents(request: Request, reading: Reading, most: int = STEP, **frame: Any) -> HTMLResponse:
    """Return the list of the ``most`` latest documents; ``frame`` has what is around it."""
    found = documents_in(await newest_documents(reading, most + 1), bases(request))
    return page(
        request,
        "documents.html",
        documents=found[:most],
        more=min(most + STEP, MOST) if len(found) > most and most < MOST else 0,
        is_cut=len(found) > most >= MOST,
        **near(request, reading.now),
        **frame,
    )


async def show_document(
    request: Request, reading: Reading, release: str, resource_id: str, **frame: Any
) -> HTMLResponse:
    """Return the page of one document, with its files in view. Raises: NotFoundError."""
    view = document_view(await _document(reading, release, resource_id), bases(request))
    answer = page(request, "document.html", document=view, **near(request, reading.now), **frame)
    answer.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return answer


async def file_of(
    request: Request, reading: Reading, release: str, resource_id: str, place: int, *, is_shown: bool, **_: object
) -> Response:
    """Return a file of a document: to be shown in a page of ours, or to be kept. What is around a page is not around a file.

    Raises: NotFoundError, also for a file that is not to be shown, or is not kept here.
    """
    found = await _document(reading, release, resource_id)
    files = attachments(found.tree())
    if place >= len(files):
        raise NotFoundError("This document has no such file.")
    attachment = files[place]
    content, said = b64decode(attachment.get("data", "")), kind_of_file(attachment)
    if not content and (binary_id := binary_of(attachment, bases(request))):
        binary = (await reading.read(found.release, "Binary", binary_id)).tree()
        content, said = b64decode(binary.get("content") or binary.get("data") or ""), said or kind_of_file(binary)
    kind = kind_shown(content, said)
    if not content or (is_shown and not kind):
        raise NotFoundError("This file can't be shown here.")
    name = file_name(document_view(found, ()).title, kind or said)
    headers = {
        "Content-Disposition": disposition(name, is_shown=is_shown),
        # The viewer of a PDF in a browser does not work in a sandbox; it runs nothing of the file as this server.
        "Content-Security-Policy": _ALONE if kind == "application/pdf" else f"{_ALONE}; sandbox",
        "X-Frame-Options": "SAMEORIGIN",
    }
    answer = Response(content, headers=headers)
    answer.headers["Content-Type"] = "text/plain; charset=utf-8" if kind in PLAIN else kind or UNKNOWN
    return answer


def add_addresses(routes: APIRouter, base: str, path: str, answer: Callable[..., Awaitable[Response]]) -> None:
    """Add what answers for a document below ``base``: with the release, and as its address was before, without.

    What has a ``path`` has to be added first: an address of before to it looks like one of a document now.
    """
    for address in ("/{release}/{resource_id}", "/{resource_id}"):
        routes.add_api_route(f"{base}{address}{path}", answer, methods=["GET"], response_model=None)


def router(parts: Parts) -> APIRouter:
    """Return the routes under ``/documents``; those of before have no release. An id may be in both."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(HERE)
    async def overview(
        request: Request,
        person: Annotated[SignedIn, Depends(in_record)],
        most: Annotated[int, Query(ge=1, le=MOST)] = STEP,
    ) -> HTMLResponse:
        return await show_documents(request, reading_for(parts, request, person), most)

    def add_file(path: str, *, is_shown: bool) -> None:
        async def one(
            request: Request,
            person: Annotated[SignedIn, Depends(in_record)],
            resource_id: str,
            release: str = "",
            place: Annotated[int, Query(ge=0, le=99)] = 0,
        ) -> Response:
            return await file_of(
                request, reading_for(parts, request, person), release, resource_id, place, is_shown=is_shown
            )

        add_addresses(routes, HERE, path, one)

    add_file("/shown", is_shown=True)
    add_file("/file", is_shown=False)

    async def one(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], resource_id: str, release: str = ""
    ) -> HTMLResponse:
        return await show_document(request, reading_for(parts, request, person), release, resource_id)

    add_addresses(routes, HERE, "", one)

    return routes
