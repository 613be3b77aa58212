"""A client looks after its registration with the token that it got, and its end is the end of all that it holds."""

import json
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from app.access.requester import RequesterKind
from app.audit.events import Trace
from app.audit.log import entries_of
from app.consent import grants
from app.db.database import Transaction
from app.identity.instants import to_us
from app.oauth import client_keys, clients, ending, registration, tokens
from tests.support.authorization import ISSUER, RECORD, REDIRECT_URI, World

SCOPE = "patient/Observation.rs patient/Goal.rs offline_access"
APP: dict[str, Any] = {"client_name": "Zelf-Test", "redirect_uris": [REDIRECT_URI], "scope": SCOPE}


async def registered(world: World, **told: Any) -> dict[str, Any]:
    """Return what is registered of a new app, which becomes the app of the world."""

    async def job(transaction: Transaction) -> str:
        return await registration.invite(transaction, scope=SCOPE, practice_id=None, now=world.clock.now)

    invitation = await world.parts.database.write(job)
    answer = await world.http.post(
        "/register", content=json.dumps(APP | told), headers={"Authorization": f"Bearer {invitation}"}
    )
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    world.app_id = body["client_id"]
    return body


async def asked(world: World, method: str, mine: dict[str, Any], content: Any = None) -> httpx.Response:
    """Return the answer of the registration endpoint of a client."""
    headers = {"Authorization": f"Bearer {mine['registration_access_token']}"}
    sent = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
    return await world.http.request(method, mine["registration_client_uri"], headers=headers, content=sent)


async def test_a_client_reads_what_is_registered_of_it(world: World) -> None:
    mine = await registered(world)
    assert mine["registration_client_uri"] == f"{ISSUER}/register/{mine['client_id']}"
    answer = await asked(world, "GET", mine)
    assert answer.status_code == 200
    assert answer.json() == {name: value for name, value in mine.items() if name != "client_id_issued_at"}
    assert answer.json()["grant_types"] == ["authorization_code", "refresh_token"]


async def test_a_client_changes_its_registration_and_may_only_ask_for_less(world: World) -> None:
    mine = await registered(world)
    changed = {
        "client_id": mine["client_id"],
        "client_name": "Zelf-Test",
        "redirect_uris": ["https://app.example/elsewhere"],
        "scope": "patient/Goal.rs patient/Condition.rs",
        "launch_uri": "https://app.example/start",
        "launch_releases": ["stu3"],
    }
    answer = await asked(world, "PUT", mine, changed)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["scope"], told["redirect_uris"]) == ("patient/Goal.rs", ["https://app.example/elsewhere"])
    assert told["launch_releases"] == ["stu3"]
    assert (await asked(world, "PUT", mine, changed | {"scope": SCOPE})).json()["scope"] == "patient/Goal.rs"
    assert (await asked(world, "GET", mine)).json()["redirect_uris"] == ["https://app.example/elsewhere"]


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "another"}, {"client_id": None}, {"client_name": "Huisarts-Test"}, {"redirect_uris": []},
        {"redirect_uris": ["http://evil.example/"]}, {"scope": "patient/Condition.rs"}, {"launch_releases": ["r5"]}, {"launch_releases": []},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example/keys"},
        {"token_endpoint_auth_method": "client_secret_basic"}, {"jwks_uri": "https://app.example/keys"},
    ],
)  # fmt: skip
async def test_a_change_that_makes_no_sense_or_deceives_people_is_refused(
    world: World, changed: dict[str, Any]
) -> None:
    mine = await registered(world)
    answer = await asked(world, "PUT", mine, APP | {"client_id": mine["client_id"]} | changed)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata"), answer.text
    assert (await asked(world, "GET", mine)).json()["redirect_uris"] == [REDIRECT_URI]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 5000, b"[]"])
async def test_what_is_no_metadata_is_refused(world: World, content: bytes) -> None:
    answer = await asked(world, "PUT", await registered(world), content)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nobody_else_looks_after_it(world: World, method: str) -> None:
    mine, other = await registered(world), await registered(world)
    for token in ("", "unknown", other["registration_access_token"], mine["client_id"]):
        answer = await asked(world, method, mine | {"registration_access_token": token})
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_token"})
    by_hand = await asked(world, method, mine | {"registration_client_uri": f"/register/{world.system_id}"})
    assert by_hand.status_code == 401


async def test_the_end_of_a_client_ends_its_tokens_and_what_people_gave_it(world: World) -> None:
    mine = await registered(world)
    await world.log_in()
    pending = await world.allowed(scope=SCOPE)
    body = (await (await world.allowed(scope=SCOPE)).exchanged()).json()
    answer = await asked(world, "DELETE", mine)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await world.refreshed(body["refresh_token"])).status_code == 400
    assert (await pending.exchanged()).json()["error"] == "invalid_client"
    assert (await asked(world, "GET", mine)).status_code == 401
    given = await grants.of_record(world.parts.database.reader, RECORD)
    assert len(given) == 2
    assert all(grant.withdrawn_at == world.clock.now for grant in given)
    (newest, *_) = await entries_of(world.parts.database.reader, RECORD, (2**62, 2**62), 1)
    assert (newest.event.action, newest.event.client) == ("withdraw", mine["client_id"])
    number = mine["client_id"]
    assert await clients.names(world.parts.database.reader, [number, number, "unknown"]) == {number: "Zelf-Test"}


async def test_who_had_a_key_that_was_retired_does_not_put_it_back(world: World) -> None:
    old, new = (ECKey.generate_key("P-384") for _ in range(2))
    keys = {"keys": [key.as_dict(private=False) for key in (old, new)]}
    mine = await registered(world, jwks=keys, token_endpoint_auth_method="private_key_jwt")
    assert (await asked(world, "GET", mine)).status_code == 200

    async def retire(transaction: Transaction) -> None:
        await client_keys.retire_key(transaction, world.app_id, old.thumbprint(), to_us(world.clock.now))

    await world.parts.database.write(retire)
    again = {name: mine[name] for name in ("client_id", "client_name", "redirect_uris", "scope", "jwks")}
    told = again | {"token_endpoint_auth_method": "private_key_jwt"}
    assert (await asked(world, "PUT", mine, told)).status_code == 401
    assert (await asked(world, "GET", mine)).status_code == 401


async def test_an_operator_ends_the_system_of_a_practice(world: World) -> None:
    form = {"grant_type": "client_credentials", "scope": "system/Goal.rs"}
    token = (await world.token(**form, **world.assertion())).json()["access_token"]

    async def job(transaction: Transaction) -> int:
        system = await clients.get(transaction, world.system_id)
        assert system is not None
        return await ending.end(
            transaction,
            system,
            audit=world.parts.audit,
            trace=Trace("test"),
            by=RequesterKind.OPERATOR,
            now=world.clock.now,
        )

    assert await world.parts.database.write(job) == 0
    assert await tokens.find(world.parts.database.reader, token, world.clock.now) is None
    assert (await world.token(**form, **world.assertion())).json()["error"] == "invalid_client"
    assert to_us(world.clock.now) == (await clients.every(world.parts.database.reader))[0].ended_at
