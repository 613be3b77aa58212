"""What clients read to find their way is true."""

from tests.support.authorization import ISSUER, World


async def test_the_metadata_names_endpoints_that_answer(world: World) -> None:
    document = (await world.http.get("/.well-known/oauth-authorization-server")).json()
    assert document["issuer"] == ISSUER
    assert document["code_challenge_methods_supported"] == ["S256"]
    for name in ("token_endpoint", "revocation_endpoint", "introspection_endpoint"):
        answer = await world.http.post(document[name], data={"token": "unknown"})
        assert answer.status_code == 400
        assert answer.json()["error"]
    assert (await world.http.get(document["authorization_endpoint"])).status_code == 400


async def test_smart_clients_read_the_same_and_the_capabilities(world: World) -> None:
    smart = (await world.http.get("/.well-known/smart-configuration")).json()
    oauth = (await world.http.get("/.well-known/oauth-authorization-server")).json()
    assert oauth.items() <= smart.items()
    assert "launch-standalone" in smart["capabilities"]


async def test_openid_clients_read_the_same(world: World) -> None:
    openid = (await world.http.get("/.well-known/openid-configuration")).json()
    assert openid == (await world.http.get("/.well-known/oauth-authorization-server")).json()
    assert (await world.http.get(openid["userinfo_endpoint"])).status_code == 401
    assert openid["id_token_signing_alg_values_supported"] == ["RS256", "PS256"]
    assert (await world.http.get(openid["jwks_uri"])).json()["keys"][0]["kty"] == "RSA"
