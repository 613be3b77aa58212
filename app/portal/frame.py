"""The frame around every page: the files that browsers keep, and the choice of a language."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.portal.language import CODES, COOKIE, HOST_COOKIE

STATIC = Path(__file__).parent / "static"
YEAR_SECONDS = 365 * 24 * 3600


@cache
def static(name: str) -> str:
    """Return the URL of a static file, with a mark of its content, so that browsers may keep it for a year."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


class KeptFiles(StaticFiles):
    """Static files; one that is asked for with its mark is kept for a year."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        is_marked = scope["query_string"].startswith(b"v=")
        response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable" if is_marked else "no-cache"
        return response


def local_path(path: str) -> str:
    """Return ``path`` if it is one of this server, else ``/``: a link must not lead a person elsewhere unseen."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path and path.isprintable()
    return path if is_local else "/"


def router(*, is_https: bool) -> APIRouter:
    """Return the route that keeps the chosen language in a cookie for a year.

    It takes a form without a token: error pages and pages of people who are not signed in have it too, and all that
    somebody else's page could do with it is to change the language.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.post("/language")
    async def choose(language: Annotated[str, Form()], back: Annotated[str, Form(alias="next")] = "/") -> Response:
        response = RedirectResponse(local_path(back), status_code=303)
        if language in CODES:
            kept: dict[str, Any] = {"max_age": YEAR_SECONDS, "httponly": True, "samesite": "lax", "secure": is_https}
            response.set_cookie(HOST_COOKIE if is_https else COOKIE, language, **kept)
        return response

    return routes
