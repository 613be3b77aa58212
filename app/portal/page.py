"""A template with values becomes a page, in the reader's language."""

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

from babel.dates import get_day_names
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from app.access.categories import PARTS
from app.portal import formats
from app.portal.apart import apart, with_elements
from app.portal.display import display_of
from app.portal.frame import static
from app.portal.kept_form import own_mark
from app.portal.language import Language, chosen
from app.portal.navigation import NAVIGATION, PRACTICE_NAVIGATION, Entry, grouped, navigation_of_another, seen_by, tabs

TEMPLATES = Path(__file__).parent / "templates"
ICON_USED = re.compile(r'<use href="#icon-(\w+)"')


def _weekday(value: date, language: Language) -> str:
    return str(get_day_names("wide", locale=language.locale)[value.weekday()])


def _filters(language: Language) -> dict[str, Callable[..., str]]:
    by_name: dict[str, Callable[..., str]] = {
        "day": formats.day,
        "short_day": formats.short_day,
        "number": formats.number,
        "unit": formats.unit,
        "weekday": _weekday,
    }
    return {name: partial(function, language=language) for name, function in by_name.items()}


def _with_icons(body: str, drawn: Callable[[Iterable[str]], str]) -> Markup:
    """Return the body of a page with the icons that it uses drawn at its beginning."""
    names = dict.fromkeys(ICON_USED.findall(body))
    return Markup("{}{}").format(Markup(drawn(names)), Markup(body))  # noqa: S704 - both come out of templates that escape


def _apart_in(translate: Any) -> Callable[..., Markup]:
    """Return a function of the catalog that puts what stands in a sentence apart."""

    @pass_context
    def translated(context: Context, *texts: str, **values: Any) -> Markup:
        found: Markup = translate(context, *texts, **{name: apart(value) for name, value in values.items()})
        return found

    return translated


@cache
def environment(code: str) -> Environment:
    """Return the templates in one language; made once."""
    language = chosen(code, None)
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=apart,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    templates.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
    for name in ("gettext", "ngettext"):
        templates.globals[name] = _apart_in(templates.globals[name])
    templates.filters.update(_filters(language))
    icons: Any = templates.get_template("icons.html").module
    templates.filters["with_icons"] = partial(_with_icons, drawn=icons.drawn)
    templates.filters["clock"] = formats.clock
    templates.filters["capital"] = formats.capital
    templates.globals.update(language=language, static=static)
    return templates


def language_of(request: Request) -> Language:
    """Return the language that the reader of this page gets."""
    return chosen(display_of(request).language, request.headers.get("accept-language"))


def near(request: Request, now: datetime) -> dict[str, Any]:
    """Return the words for days and moments as seen from ``now``, for a template."""
    language = language_of(request)
    return {
        "near_day": partial(formats.near_day, today=now.date(), language=language),
        "near_moment": partial(formats.near_moment, today=now.date(), language=language),
        "short_moment": partial(formats.short_moment, today=now.date(), language=language),
    }


def page(request: Request, template_name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page. The person who is signed in and the form token come from the session of the request."""
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    person = getattr(request.state, "person", None)
    acting = None if person is None else person.acting
    opens = seen_by(acting)
    navigation: tuple[Entry, ...] = NAVIGATION
    if person is not None and person.is_at_work:
        navigation = PRACTICE_NAVIGATION if person.is_administrator else PRACTICE_NAVIGATION[:2]
    elif acting is not None:
        navigation = navigation_of_another(acting.mandate.powers, opens, is_whole=acting.is_whole)
    display = display_of(request)
    account = None if person is None or person.account.record_id is None else person.account
    frame = {
        "display": display,
        "phone_mark": own_mark(request.app.state.parts.settings, account.account_id) if account else "",
        "person": person,
        "represented": "" if acting is None else acting.mandate.represented,
        "shared": None,
        "closed": frozenset(part.code for part in PARTS if part not in opens),
        "base": "",
        "navigation": grouped(navigation),
        "tabs": tabs(navigation),
        "csrf_token": getattr(request.state, "csrf_token", ""),
        "here": request.url.path,
        "here_with_query": (request.url.path if request.method == "GET" else "/") + query,
    }
    text = environment(language_of(request).code).get_template(template_name).render({**frame, **values})
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": language_of(request).code,
        "Vary": "Accept-Language, Cookie",
    }
    return HTMLResponse(with_elements(text), status, headers)
