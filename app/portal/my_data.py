"""My data: take all of the record along, and bring in one from elsewhere. Every right to the record as a whole has its place here."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from app.errors import ConflictError, UnprocessableError
from app.interactions.archive_reading import PACKED_MAX, UnknownServerError
from app.portal.language import CODES, Language, marked
from app.portal.language import language as language_named
from app.portal.open_session import text_of
from app.portal.page import language_of, page
from app.portal.parts import Parts
from app.portal.printed import summary_in
from app.portal.session import SignedIn, checked_form, decides, freshly_decides, freshly_signed_in
from app.portal.view import trace_of
from app.web.middleware import FORM_SIZE_MAX

HERE = "/my-data"
IMPORT = f"{HERE}/import"
LARGE_FORMS = {IMPORT: PACKED_MAX + FORM_SIZE_MAX}
"""Forms with a file, and how many bytes they may have."""

DONE = {
    "imported": marked("Your record is here. It takes a moment until everything can be found."),
    "was-here": marked("This record was here already. Nothing was changed."),
}
NO_FILE = marked("Choose the file first.")
NOT_TAKEN = marked("This file was not taken in. Nothing was changed.")
IS_DAMAGED = marked("The file is damaged, or it is no record that was saved. Choose the zip that you saved.")
IS_HERE = marked("Your record here is not empty any more, or that record is here already with another login.")


def _wanted(request: Request) -> Language:
    """Return the language that was chosen for the summary, else that of the page."""
    asked = request.query_params.get("language", "")
    return language_named(asked) if asked in CODES else language_of(request)


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}


async def _begun(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Return the pieces, once the first is there: who is refused gets a page, and not the beginning of a file."""
    first = await anext(pieces)

    async def every() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    return every()


def router(parts: Parts) -> APIRouter:
    """Return the routes below ``/my-data`` about taking the record along and bringing one in."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(HERE)
    async def overview(request: Request, _: Annotated[SignedIn, Depends(decides)]) -> HTMLResponse:
        done = DONE.get(request.query_params.get("done", ""), "")
        return page(request, "my_data.html", done=done)

    @routes.get(f"{HERE}/archive")
    async def choose(request: Request, _: Annotated[SignedIn, Depends(freshly_decides)]) -> HTMLResponse:
        return page(request, "archive.html")

    @routes.get(f"{HERE}/archive.zip")
    async def archive(request: Request, person: Annotated[SignedIn, Depends(freshly_decides)]) -> StreamingResponse:
        paper = summary_in(_wanted(request))
        pieces = parts.interactions.archive(person.requester(), trace_of(request), person.record_id, paper)
        name = f"regie-{parts.clock():%Y-%m-%d}.zip"
        return StreamingResponse(await _begun(pieces), media_type="application/zip", headers=_file(name))

    @routes.get(f"{HERE}/summary.pdf")
    async def summary(request: Request, person: Annotated[SignedIn, Depends(freshly_decides)]) -> Response:
        paper = summary_in(_wanted(request))
        pdf = await parts.interactions.printed(person.requester(), trace_of(request), person.record_id, paper)
        name = f"regie-{parts.clock():%Y-%m-%d}.pdf"
        return Response(pdf, media_type="application/pdf", headers=_file(name))

    @routes.get(IMPORT)
    async def ask(request: Request, _: Annotated[SignedIn, Depends(freshly_signed_in)]) -> HTMLResponse:
        return page(request, "archive_import.html", problem="", detail="", unknown=None)

    @routes.post(IMPORT)
    async def bring_in(
        request: Request,
        person: Annotated[SignedIn, Depends(freshly_signed_in)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        def again(problem: str, status: int, detail: str = "", unknown: UnknownServerError | None = None) -> Response:
            why = IS_HERE if status == ConflictError.status else IS_DAMAGED
            shown = {"problem": problem, "why": why if detail else "", "detail": detail, "unknown": unknown}
            return page(request, "archive_import.html", status=status, **shown)

        sent = form.get("file")
        if not isinstance(sent, UploadFile) or not sent.filename:
            return again(NO_FILE, 422)
        trusted = [text_of(form, "trust")] if text_of(form, "trust") else []
        file = sent.file
        try:
            found = await parts.interactions.bring_in(person.requester(), trace_of(request), file, trusted)
        except UnknownServerError as error:
            return again("", error.status, unknown=error)
        except (UnprocessableError, ConflictError) as error:
            return again(NOT_TAKEN, error.status, str(error))
        finally:
            await form.close()
        return RedirectResponse(f"{HERE}?done={'imported' if found.is_new else 'was-here'}", 303)

    return routes
