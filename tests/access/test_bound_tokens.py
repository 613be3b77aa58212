"""FHIR with bound tokens: only with the key, or the certificate, that the token was given to."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from joserfc.jwk import ECKey

from app.access.requester import RequesterKind
from app.oauth.binding import thumbprint, use
from app.oauth.dpop import Proof
from app.oauth.tokens import Holder
from app.wiring import open_database
from tests.support.database import opened
from tests.support.proofs import certificate, proof
from tests.support.world import BASE_URL, PERSON_SCOPE, Caller, World, world_in

KEY, OTHER = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")


async def bound(world: World, binding: str) -> str:
    """Return a token of Zonnestraal that is bound."""
    holder = Holder(RequesterKind.PERSON, "person", record_id=world.zonnestraal.record_id, binding=binding)
    return await world.token(holder, PERSON_SCOPE)


def shown(token: str, url: str, method: str = "GET", key: ECKey = KEY, **claims: str) -> dict[str, str]:
    """Return the headers of a request with DPoP."""
    made = proof(key, method, f"{BASE_URL}/fhir/r4{url}", datetime.now(UTC), access_token=token, **claims)
    return {"Authorization": f"DPoP {token}", "DPoP": made}


async def test_a_token_with_a_key_opens_nothing_without_a_new_proof_for_each_request(world: World) -> None:
    token, url = await bound(world, f"jkt:{KEY.thumbprint()}"), world.zonnestraal.url("weight")
    caller = Caller(world.http, None)
    right = shown(token, url)
    assert (await caller("GET", url, **right)).status_code == 200
    refused = [
        await caller("GET", url, **right),
        await caller("GET", url, Authorization=f"Bearer {token}"),
        await caller("GET", url, Authorization=f"DPoP {token}"),
        await caller("GET", url, **shown(token, url, key=OTHER)),
        await caller("GET", url, **shown(token, "/Observation")),
        await caller("DELETE", url, **shown(token, url)),
        await caller("GET", url, **shown("another", url) | {"Authorization": f"DPoP {token}"}),
        await caller("GET", url, **shown(token, url) | {"Authorization": f"Bearer {token}"}),
    ]
    assert {answer.status_code for answer in refused} == {401}
    assert "DPoP algs=" in refused[0].headers["www-authenticate"]
    assert (await caller("GET", f"{url}?_summary=true", **shown(token, url))).status_code == 200
    assert (await caller("HEAD", url, **shown(token, url, "HEAD"))).status_code == 200


async def test_a_token_without_a_key_is_no_dpop_token(world: World) -> None:
    holder = Holder(RequesterKind.PERSON, "person", record_id=world.zonnestraal.record_id)
    token, url = await world.token(holder, PERSON_SCOPE), world.zonnestraal.url("weight")
    caller = Caller(world.http, None)
    assert (await caller("GET", url, **shown(token, url))).status_code == 401
    assert (await caller("GET", url, Authorization=f"bearer {token}")).status_code == 200


async def test_a_token_with_a_certificate_opens_nothing_without_it(tmp_path: Path) -> None:
    async with world_in(tmp_path, client_certificate_header="Client-Cert") as world:
        token = await bound(world, f"x5t:{thumbprint(certificate('mine'))}")
        caller, url = Caller(world.http, token), world.zonnestraal.url("weight")
        assert (await caller("GET", url, Client_Cert=certificate("mine"))).status_code == 200
        assert (await caller("GET", url, Client_Cert=certificate("other"))).status_code == 401
        assert (await caller("GET", url)).status_code == 401


async def test_a_certificate_that_no_proxy_vouches_for_proves_nothing(world: World) -> None:
    token = await bound(world, f"x5t:{thumbprint(certificate('mine'))}")
    caller = Caller(world.http, token)
    answer = await caller("GET", world.zonnestraal.url("weight"), Client_Cert=certificate("mine"))
    assert answer.status_code == 401


async def test_a_server_that_wants_nonces_says_which_one_to_use(tmp_path: Path) -> None:
    async with world_in(tmp_path, dpop_nonces=True) as world:
        token, url = await bound(world, f"jkt:{KEY.thumbprint()}"), world.zonnestraal.url("weight")
        caller = Caller(world.http, None)
        answer = await caller("GET", url, **shown(token, url))
        assert answer.status_code == 401
        assert 'error="use_dpop_nonce"' in answer.headers["www-authenticate"]
        nonce = answer.headers["dpop-nonce"]
        right = await caller("GET", url, **shown(token, url, nonce=nonce))
        assert right.status_code == 200
        assert right.headers["dpop-nonce"]
        assert (await caller("GET", url, **shown(token, url, nonce="of-another"))).status_code == 401


async def test_a_proof_is_good_once_in_all_processes(tmp_path: Path) -> None:
    used = Proof("key", "once"), datetime.now(UTC)
    with opened(tmp_path) as one, closing(open_database(one.url)) as other:
        assert await one.write(use(*used))
        assert not await other.write(use(*used))


async def test_a_refused_token_is_called_invalid_and_a_missing_one_is_not(world: World) -> None:
    caller = Caller(world.http, None)
    answer = await caller("GET", "/Observation", Authorization="Bearer unknown")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "error" not in (await caller("GET", "/Observation")).headers["www-authenticate"]
