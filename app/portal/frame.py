"""What every page refers to: the files that browsers keep, and paths of this server."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

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
