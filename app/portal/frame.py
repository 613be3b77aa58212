"""The frame around every page: the navigation, the files that browsers keep, and the choice of a language."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.access.categories import EVERYTHING, Category
from app.access.grant import Grant
from app.access.representation import NO_POWERS, Power
from app.access.smart_scope import LOOK
from app.portal.language import CODES, COOKIE, HOST_COOKIE, marked

STATIC = Path(__file__).parent / "static"
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the navigation; ``short`` is for the bar on a phone, ``about`` for the menu page."""

    path: str
    name: str
    short: str
    icon: str
    about: str


NAVIGATION = (
    Entry("/", marked("Today"), marked("Today"), "home", marked("Your last measurements and what is planned.")),
    Entry(
        "/measurements",
        marked("Measurements"),
        marked("Measured"),
        "chart",
        marked("Charts and tables of what was measured."),
    ),
    Entry("/care-plan", marked("Care plan"), marked("Plan"), "plan", marked("Your goals, and what was agreed.")),
    Entry(
        "/medication", marked("Medicines"), marked("Medicines"), "pill", marked("What you use now, and what you used.")
    ),
    Entry("/summary", marked("GP summary"), marked("Summary"), "file", marked("Problems, allergies and test results.")),
    Entry("/access", marked("Who may see what"), marked("Access"), "key", marked("Give access, or stop it.")),
    Entry("/activity", marked("Who looked"), marked("Looks"), "eye", marked("Every look at your record.")),
    Entry(
        "/helpers",
        marked("People who help me"),
        marked("Helpers"),
        "person",
        marked("Who acts for you, and for whom you act."),
    ),
    Entry("/my-data", marked("My data"), marked("My data"), "folder", marked("Take your record along.")),
)
PRACTICE_NAVIGATION = (
    Entry("/practice", marked("People"), marked("People"), "people", marked("Who gave your practice access.")),
    Entry(
        "/practice/requests",
        marked("Ask for access"),
        marked("Ask"),
        "key",
        marked("By the code that somebody told you."),
    ),
    Entry(
        "/practice/staff",
        marked("Colleagues"),
        marked("Colleagues"),
        "person",
        marked("For the administrator: logins and roles."),
    ),
    Entry(
        "/practice/systems",
        marked("Systems"),
        marked("Systems"),
        "lock",
        marked("For the administrator: the keys of your systems."),
    ),
)
"""The navigation of a login for work."""

MENU = Entry("/menu", marked("Menu"), marked("Menu"), "menu", "")


PAGES_OF_PARTS = {
    "/measurements": Category.OWN_MEASUREMENTS,
    "/care-plan": Category.CARE_PLAN,
    "/medication": Category.MEDICATION,
    "/summary": Category.GP_SUMMARY | Category.ALLERGIES | Category.LABORATORY | Category.VACCINATIONS,
}
"""The pages of a record that somebody else may see in part, each with the parts of which one has to be open."""

_NEEDS = {"/access": Power.GIVE, "/activity": Power.LOG, "/helpers": None, "/my-data": None}


def seen_by(acting: Grant | None) -> Category:
    """Return the parts of the record in view that pages show: all of one's own, or those of the grant on which somebody acts."""
    if acting is None:
        return EVERYTHING
    return acting.categories if LOOK in acting.actions else Category(0)


def navigation_of_another(powers: Power, opens: Category) -> tuple[Entry, ...]:
    """Return the lines of the navigation in the record of another, for who has these powers and sees these parts there."""
    needed = [(entry, _NEEDS.get(entry.path, NO_POWERS)) for entry in NAVIGATION]
    return tuple(
        entry
        for entry, power in needed
        if power is not None and power in powers and PAGES_OF_PARTS.get(entry.path, opens) & opens
    )


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
