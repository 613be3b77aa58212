"""A scope that names tokens is spelled out on the consent page, and the person may leave each kind out."""

from typing import Any

import httpx
import pytest

from app.consent import grants
from tests.support.authorization import RECORD, Authorization, World

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITAL = f"patient/Observation.rs?category={CATEGORY}|vital-signs"
SURVEY = f"patient/Observation.rs?category={CATEGORY}|survey"
ODD = "patient/Observation.rs?code=https://codes.example/list|a<b"
ALLOWED: dict[str, Any] = {"decision": "allow", "category": ["own-measurements", "questionnaires"], "period": "1-year"}


async def opened(world: World, scope: str, language: str = "en") -> tuple[Authorization, httpx.Response]:
    """Return an authorization with the page that the person sees."""
    await world.log_in()
    authorization = Authorization(world)
    url = authorization.url(scope=scope)
    return authorization, await world.http.get(url, headers={"Accept-Language": language})


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Measurements: blood pressure, weight, temperature and the like"),
        ("nl", "Metingen: bloeddruk, gewicht, temperatuur en dat soort metingen"),
    ],
)
async def test_the_page_says_in_plain_words_which_kinds_are_asked(world: World, language: str, words: str) -> None:
    _, page = await opened(world, f"{VITAL} {ODD}", language)
    assert words in page.text
    assert "a&lt;b" in page.text
    assert page.text.count('name="kind"') == 2
    assert "checked" not in page.text.partition('name="kind"')[2].partition("</fieldset>")[0]


async def test_a_kind_that_a_wider_scope_opens_is_not_asked(world: World) -> None:
    _, page = await opened(world, f"{VITAL} patient/Observation.rs")
    assert 'name="kind"' not in page.text


async def test_the_token_has_the_kinds_that_were_ticked_and_no_other(world: World) -> None:
    authorization, _ = await opened(world, f"{VITAL} {SURVEY}")
    answer = await world.post(
        authorization.url(scope=f"{VITAL} {SURVEY}"),
        **ALLOWED,
        kind=[f"Observation?category={CATEGORY}|survey", "Observation?category=made-up|x"],
    )
    authorization.redirect = answer.headers["location"]
    assert (await authorization.exchanged()).json()["scope"] == SURVEY


async def test_a_consent_without_any_kind_asks_again(world: World) -> None:
    authorization, _ = await opened(world, VITAL)
    answer = await world.post(authorization.url(scope=VITAL), **ALLOWED)
    assert answer.status_code == 422
    assert "soort" in answer.text
    assert await grants.of_record(world.parts.database.reader, RECORD) == []
