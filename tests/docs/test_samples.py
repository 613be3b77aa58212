"""docs/api: the samples are sent, and what the pages list is what the code has."""

import re
from pathlib import Path

import pytest

from app import errors
from app.access.categories import Category
from app.errors import RegieError
from app.fhir.release import Release
from app.rest.capabilities import statement_tree
from app.rest.routes import ROUTES
from tests.support.samples import Samples, messages
from tests.support.world import world_in

API = Path(__file__).resolve().parents[2] / "docs" / "api"
PAGES = sorted(API.glob("*.md"))
SAMPLED = [page for page in PAGES if messages(page)]


@pytest.mark.parametrize("page", SAMPLED, ids=lambda page: page.name)
async def test_the_samples_of_a_page_are_answered_as_it_shows(page: Path, tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        samples = Samples(world)
        for message in messages(page):
            await samples.run(message)


def test_every_interaction_has_samples() -> None:
    without = {"README.md", "access.md", "interactions.md"}
    assert {page.name for page in PAGES} - {page.name for page in SAMPLED} <= without


def test_every_answer_on_a_page_is_compared() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert text.count("HTTP/1.1 ") == sum(one.is_answer for page in PAGES for one in messages(page))


def test_every_route_is_listed_with_the_page_that_explains_it() -> None:
    text = (API / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([A-Z]+) (/\S*)` \| (.+?) \|", text, re.MULTILINE)
    assert [(method, path) for method, path, _ in listed] == [(route.method, route.path) for route in ROUTES]
    tokenless = {(route.method, route.path) for route in ROUTES if route.open}
    assert {(method, path) for method, path, page in listed if "no token" in page} == tokenless


def known_errors() -> set[tuple[str, str]]:
    """Status and issue code of every error of the family that can be raised."""
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, RegieError)]
    return {(str(one.status), one.issue) for one in classes}


def test_every_error_is_listed_with_its_status_and_issue_code() -> None:
    text = (API / "errors.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", text, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == known_errors()


def test_every_category_is_listed() -> None:
    text = (API / "access.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
    assert listed == [category.code for category in Category]


@pytest.mark.parametrize("release", Release)
def test_the_numbers_of_search_parameters_are_those_of_the_capability_statement(release: Release) -> None:
    resources = statement_tree(release, "http://127.0.0.1:8000")["rest"][0]["resource"]
    types = [one for one in resources if "interaction" in one]
    defined = [parameter.get("definition", "") for one in types for parameter in one.get("searchParam", ())]
    parameters = sum(not url.startswith("https://regie.example/") for url in defined)  # those of the own package differ
    includes = sum(len({*one.get("searchInclude", ())} - {"*"}) for one in types)
    row = f"| {release.name} | {len(types)} | {parameters:,} | {includes:,} |"
    assert row in (API / "search.md").read_text(encoding="utf-8").splitlines()
