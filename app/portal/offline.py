"""The installable app: its manifest, the worker that keeps the offline form on a phone, and what waits there to be sent.

The worker keeps style, scripts and the offline form, which are the same for everybody; a page about somebody is never kept. What
is typed without a network, a measurement or a line of the diary, waits in the browser with a key of its own and the mark of whose it is. It is sent when that person has a page open, and may come more than once: it is kept once (``add_measurements``).

Specs: https://www.w3.org/TR/appmanifest/, https://www.w3.org/TR/service-workers/
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.datastructures import FormData
from starlette.responses import Response

from app.errors import AccessDeniedError, BadRequestError, DuplicateError
from app.fhir.self_measured import MOMENTS
from app.interactions.self_measured import Typed
from app.portal import diary, kinds
from app.portal.frame import STATIC, static
from app.portal.kept_form import mark_of
from app.portal.kinds import BY_KEY
from app.portal.language import CATALOG, Language
from app.portal.measuring import FORMS, NOTE_LENGTH_MAX, checked
from app.portal.open_session import text_of
from app.portal.page import TEMPLATES, language_of, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, checked_form, signed_in
from app.portal.type_measurement import SENT_BEFORE, typed_in
from app.portal.view import reading_for, trace_of

FORM = "/offline"
KEPT = ("regie.css", "dark.css", "contrast.css", "forms.js", "waiting.js", "offline.js", "icon.svg")
"""What the worker keeps besides the form."""

_KEY = re.compile(r"[0-9a-f-]{36}")
_MANIFEST = {
    "name": "Regie",
    "short_name": "Regie",
    "id": "/",
    "start_url": "/",
    "scope": "/",
    "display": "standalone",
    "background_color": "#f5f8f7",
    "theme_color": "#f5f8f7",
}


def worker() -> str:
    """Return the program of the worker, with the addresses of what it keeps; it is another one when any of that changed."""
    form = b"".join(file.read_bytes() for file in (TEMPLATES / "offline.html", TEMPLATES / "base.html", CATALOG))
    asked = repr((FORMS, diary.KINDS, *map(static, KEPT)))
    name = hashlib.sha256(form + asked.encode()).hexdigest()[:12]
    kept = msgspec.json.encode([FORM, *map(static, KEPT)]).decode()
    return f'const NAME = "{name}";\nconst KEPT = {kept};\n{(STATIC / "worker.js").read_text()}'


def manifest() -> bytes:
    """Return the manifest of the app."""
    icons = [
        {"src": static("icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        {"src": static("icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any maskable"},
    ]
    return msgspec.json.encode({**_MANIFEST, "icons": icons})


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/offline``, ``/measurements/waiting``, ``/worker.js`` and ``/manifest.webmanifest``."""
    routes = APIRouter(include_in_schema=False)
    program, described = worker(), manifest()

    @routes.get("/worker.js")
    async def worker_program() -> Response:
        return Response(program, media_type="text/javascript")

    @routes.get("/manifest.webmanifest")
    async def manifest_of_app() -> Response:
        return Response(described, media_type="application/manifest+json")

    @routes.get(FORM)
    async def form_of_all(request: Request) -> HTMLResponse:
        return page(
            request,
            "offline.html",
            forms=[(BY_KEY[key], fields) for key, fields in FORMS.items()],
            moments=[(code, kinds.MOMENTS[code]) for code in MOMENTS],
            note_length_max=NOTE_LENGTH_MAX,
            diary=diary.KINDS,
            text_length_max=diary.TEXT_LENGTH_MAX,
            zone=parts.settings.time_zone,
        )

    @routes.post("/measurements/waiting")
    async def send(
        request: Request,
        person: Annotated[SignedIn, Depends(signed_in)],
        form: Annotated[FormData, Depends(checked_form)],
    ) -> Response:
        """Keep a measurement or a line of the diary that waited on a phone; a problem is said in words, and then it stays there."""
        if not hmac.compare_digest(text_of(form, "whose").encode(), mark_of(parts.settings, person).encode()):
            raise AccessDeniedError("This is not of the person who is logged in.")
        key, kind = text_of(form, "key"), text_of(form, "kind")
        if not _KEY.fullmatch(key) or kind not in FORMS | diary.KINDS:
            raise BadRequestError("What waits has a key and a kind.")
        language, now = language_of(request), reading_for(parts, request, person).now
        typed, problems = _read(kind, typed_in(form), now, language, is_sure=bool(text_of(form, "sure")))
        if problems:
            return JSONResponse({"problems": problems}, 422)
        try:
            await parts.interactions.add_measurements(person.requester(), trace_of(request), typed, f"waiting {key}")
        except DuplicateError:
            return JSONResponse({"problems": [language.gettext(SENT_BEFORE)]}, 422)
        return JSONResponse({"kept": key})

    return routes


def _read(
    kind: str, texts: Mapping[str, str], now: datetime, language: Language, *, is_sure: bool
) -> tuple[Sequence[Typed], list[str]]:
    """Return what was typed, and what is wrong with it: of a kind of measurement, or of a line of the diary."""
    if kind in diary.KINDS:
        entry, errors = diary.checked_entry(texts, now, language)
        return [entry] if entry else [], list(errors.values())
    found = checked(kind, texts, now, language)
    return found.measured, [*found.errors.values(), *([] if is_sure else found.doubts)]
