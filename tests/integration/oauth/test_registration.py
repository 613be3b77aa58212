"""Who was invited registers one client, and no more than was meant."""

import json
from typing import Any

import httpx
import pytest

from app.db.database import Transaction
from app.oauth import clients, registration
from tests.support.authorization import REDIRECT_URI, World

SCOPE = "patient/Observation.rs launch/patient offline_access"
APP: dict[str, Any] = {"client_name": "Zelf-Test", "redirect_uris": [REDIRECT_URI], "scope": "patient/Observation.rs"}


async def invited(world: World, scope: str = SCOPE, practice_id: str | None = None) -> str:
    """Return an invitation."""

    async def job(transaction: Transaction) -> str:
        return await registration.invite(transaction, scope=scope, practice_id=practice_id, now=world.clock.now)

    return await world.parts.database.write(job)


async def register(world: World, invitation: str, told: Any) -> httpx.Response:
    """Return the answer to a registration."""
    content = told if isinstance(told, bytes) else json.dumps(told).encode()
    headers = {"Authorization": f"Bearer {invitation}", "Content-Type": "application/json"}
    return await world.http.post("/register", content=content, headers=headers)


async def test_who_was_invited_registers_an_app_that_works(world: World) -> None:
    answer = await register(
        world, await invited(world), APP | {"contacts": ["nobody"], "scope": f"{SCOPE} patient/*.cruds"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["scope"] == SCOPE
    world.app_id = answer.json()["client_id"]
    await world.log_in()
    body = (await (await world.allowed(ticked=None, scope=SCOPE)).exchanged()).json()
    assert body["scope"] == SCOPE


async def test_an_invitation_is_good_once_and_for_a_week(world: World) -> None:
    once, late = await invited(world), await invited(world)
    assert (await register(world, once, APP)).status_code == 201
    assert (await register(world, once, APP)).status_code == 401
    world.clock.move(days=7)
    assert (await register(world, late, APP)).status_code == 401
    answer = await register(world, "unknown", APP)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


@pytest.mark.parametrize(
    "told",
    [
        b"", b"[]", b"{", b"\xff", b"[" * 5000, {}, APP | {"client_name": ""}, APP | {"client_name": "x" * 81},
        APP | {"client_name": 5}, APP | {"redirect_uris": ["http://app.example/"]}, APP | {"redirect_uris": []},
        APP | {"scope": "patient/Condition.rs"}, APP | {"token_endpoint_auth_method": "client_secret_basic"},
        APP | {"token_endpoint_auth_method": "private_key_jwt"}, APP | {"jwks": {"keys": []}},
        APP | {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://system.example/"},
        APP | {"launch_uri": "javascript:alert(1)"},
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused_and_does_not_use_the_invitation_up(world: World, told: Any) -> None:
    invitation = await invited(world)
    answer = await register(world, invitation, told)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata"), answer.text
    assert (await register(world, invitation, APP)).status_code == 201


async def test_an_invitation_may_be_for_the_system_of_a_practice(world: World) -> None:
    invitation = await invited(world, "system/*.rs", world.practice_id)
    keys = {"keys": [world.system_key.as_dict(private=True)]}
    told = {"client_name": "Systeem-Test", "token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
    registered = await register(world, invitation, told)
    assert "d" not in registered.json()["jwks"]["keys"][0]
    world.system_id = registered.json()["client_id"]
    answer = await world.token(grant_type="client_credentials", scope="system/Goal.rs", **world.assertion())
    assert answer.status_code == 200, answer.text
    kept = await clients.get(world.parts.database.reader, world.system_id)
    assert kept is not None
    assert '"d"' not in (kept.jwks or "")
