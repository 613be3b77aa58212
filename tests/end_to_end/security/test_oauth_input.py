"""The endpoints for programs and the forms refuse what is too large or no text; none of it is a fault of ours."""

import base64
import json
from collections.abc import AsyncIterator

import pytest

from app.audit.log import entries_of
from app.interactions.log import END
from tests.support.world import World

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def _in_pieces(text: bytes) -> AsyncIterator[bytes]:
    """Yield a body piece by piece, so that no header says how large it is."""
    for start in range(0, len(text), 16_384):
        yield text[start : start + 16_384]


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect", "/login"])
async def test_a_form_that_grows_too_large_on_the_way_is_refused(world: World, path: str) -> None:
    answer = await world.http.post(path, content=_in_pieces(b"a=" + b"x" * 200_000), headers=FORM)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "claims",
    [b"[" * 5000, json.dumps({"sub": "\ud800"}).encode(), b'{"sub":7}', b"[]", b"\xff", b"{}"],
    ids=["deep", "half a character", "number", "list", "no text", "empty"],
)
async def test_claims_that_make_no_sense_prove_nobody(world: World, claims: bytes) -> None:
    for header in (b"{}", b'{"alg":"ES384"}'):
        one = f"{_encoded(header)}.{_encoded(claims)}.AAAA"
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION, "client_assertion": one}
        answer = await world.http.post("/token", data=form)
        assert answer.status_code in {400, 401}
        assert answer.json()["error"] == "invalid_client"


async def test_a_token_is_taken_from_the_header_only(world: World) -> None:
    token, patient = world.made.tokens["zonnestraal"], world.zonnestraal.patient()
    for url in (f"/fhir/r4/{patient}?access_token={token}", f"/fhir/r4/Patient?access_token={token}"):
        assert (await world.http.get(url)).status_code == 401
    body = {"access_token": token}
    assert (await world.http.post("/fhir/r4/Patient/_search", data=body)).status_code == 401
    assert (await world.http.get(f"/fhir/r4/{patient}", headers={"Cookie": f"access_token={token}"})).status_code == 401


@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
async def test_a_refused_program_leaves_an_entry_without_what_it_sent(world: World, path: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "Geheim-Testwoord", "token": "Geheim-Testwoord"}
    answer = await world.http.post(path, data=form, headers={"X-Request-ID": "the-one"})
    assert answer.status_code >= 400
    log = await entries_of(world.parts.database.reader, -1, (END, END), 10)
    (event,) = [one.event for one in log if one.event.request_id == "the-one"]
    assert (event.action, event.outcome, event.status) == ("token", "refused", answer.status_code)
    assert event.detail == answer.json()["error"]
