"""Every form of the pages is pressed by a walk through them in a browser, in every way that somebody walks."""

import importlib
import json
from pathlib import Path

import pytest

from tests.access.test_pages import routes_of
from tests.end_to_end import browser
from tests.end_to_end.browser.flows import FLOWS, UNPRESSED
from tests.end_to_end.browser.places import BESIDE
from tests.support.world import world_in

WALKED = frozenset(route for flow in FLOWS for route in flow.routes)


async def test_every_form_is_pressed_by_a_walk_or_has_a_reason(tmp_path: Path) -> None:
    # With a name there are passkeys too, and with another party a login by it.
    other = {"key": "makelaar", "name": "Makelaar-Test", "issuer": "http://127.0.0.1:1", "client_id": "regie"}
    providers = json.dumps([{**other, "client_secret": "not-asked-here", "levels": {"high": "high"}}])
    async with world_in(tmp_path, base_url="http://localhost:8000", openid_providers=providers) as world:
        routes = set(routes_of(world.application.pages))
    forms = {route for route in routes if route.startswith("POST ")}
    assert routes >= WALKED, "what is not there is not walked"
    assert set(UNPRESSED) <= forms - WALKED
    assert forms - WALKED - set(UNPRESSED) == set(), "needs a walk, and a line in tests/end_to_end/browser/flows.py"


def test_every_page_that_needs_something_is_opened_by_a_walk() -> None:
    needing = {f"GET {path}" for path, reason in BESIDE.items() if reason.startswith("needs")}
    assert needing - WALKED == set(), "needs a walk, and a line in tests/end_to_end/browser/flows.py"


@pytest.mark.parametrize("walk", sorted({flow.walk for flow in FLOWS}))
def test_a_walk_that_is_listed_is_there_and_goes_in_each_way(walk: str) -> None:
    modules = [
        importlib.import_module(f"{browser.__name__}.{file.stem}")
        for file in Path(browser.__path__[0]).glob("test_flows_*.py")
    ]
    (found,) = (getattr(module, walk) for module in modules if hasattr(module, walk))
    (ways,) = (mark.args[1] for mark in found.pytestmark if mark.name == "parametrize")
    widths = {(way.language, way.width) for way in ways}
    assert widths == {(language, width) for language in ("nl", "en") for width in (390, 768, 1440)}
    assert {way.hand for way in ways} >= {"finger", "keys"}
