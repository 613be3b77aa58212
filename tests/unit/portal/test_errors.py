"""Errors as pages."""

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from app import errors
from app.errors import AccessDeniedError, NotFoundError, RegieError
from app.portal.errors import error_page, of_regie
from app.portal.session import ExpiredFormError

FAMILY = sorted(
    (one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, RegieError)),
    key=lambda one: one.__name__,
)
SECRET = "Observation/42 of record 7"


async def answer(error: RegieError, language: str = "nl") -> httpx.Response:
    """What a page says when a route raises ``error``."""
    pages = FastAPI()

    @pages.get("/")
    async def fail(request: Request) -> HTMLResponse:
        return of_regie(request, error)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://portal.test") as client:
        return await client.get("/", headers={"accept-language": language})


@pytest.mark.parametrize("family", FAMILY, ids=lambda one: one.__name__)
async def test_every_error_becomes_a_page_that_tells_nothing_more_than_its_status(family: type[RegieError]) -> None:
    raised = family.__new__(family)
    Exception.__init__(raised, SECRET)
    response = await answer(raised)
    assert response.status_code == family.status
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cache-control"] == "no-store"
    assert SECRET not in response.text
    assert "<h1>" in response.text


async def test_a_form_that_is_too_old_is_no_refusal_to_the_reader() -> None:
    old, refused = await answer(ExpiredFormError("x")), await answer(AccessDeniedError("x"))
    assert (old.status_code, refused.status_code) == (403, 403)
    assert "Dit formulier is te oud" in old.text
    assert "U kunt dit niet bekijken" in refused.text


async def test_an_error_is_told_in_the_readers_language() -> None:
    assert "This page does not exist" in (await answer(NotFoundError("x"), "en")).text


async def test_only_a_fault_of_ours_shows_the_number_of_the_request() -> None:
    pages = FastAPI()

    @pages.get("/{status}")
    async def fail(request: Request, status: int) -> HTMLResponse:
        return error_page(request, status, "request-7")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://portal.test") as client:
        assert "request-7" in (await client.get("/500")).text
        assert "request-7" not in (await client.get("/404")).text
