"""What clients read to find their way is true: each claim is held against what the server does."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from app.access.smart_scope import is_known_scope
from app.db.database import Transaction
from app.oauth import clients
from tests.support.authorization import ISSUER, REDIRECT_URI, Authorization, World
from tests.support.proofs import certificate, proof

SMART = "/.well-known/smart-configuration"
EVERYTHING = "launch launch/patient openid fhirUser offline_access online_access patient/*.cruds user/*.cruds"
KEYS: dict[str, Key] = {
    "ES256": ECKey.generate_key("P-256"), "ES384": ECKey.generate_key("P-384"), "RS256": RSAKey.generate_key(2048),
}  # fmt: skip
KEYS |= {"RS384": KEYS["RS256"], "PS256": KEYS["RS256"]}


async def added(world: World, **client: Any) -> str:
    """Return the client_id of a client."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(transaction, name="Waar-Test", now=world.clock.now, **client)

    return await world.parts.database.write(job)


@pytest.fixture
async def ready(world: World) -> World:
    """A world with an app that may have everything and a system with a key of each kind; the person is signed in."""
    world.app_id = await added(
        world, scope=EVERYTHING, redirect_uris=[REDIRECT_URI], public=True, launch_uri="https://app.example/start"
    )
    keys = [KEYS[name].as_dict(private=False) for name in ("ES256", "ES384", "RS256")]
    world.system_id = await added(world, scope="system/*.rs", jwks={"keys": keys}, practice_id=world.practice_id)
    await world.log_in()
    return world


async def tokens(world: World, scope: str, **parameters: str) -> dict[str, Any]:
    """Return the token answer of the app for a scope, all of which the person allows."""
    authorization = await world.allowed(ticked=["own-measurements"], scope=scope, **parameters)
    body: dict[str, Any] = (await authorization.exchanged()).json()
    return body


async def system(world: World, algorithm: str, **headers: str) -> httpx.Response:
    """Return the answer to the practice's system, which signs with this algorithm."""
    key = KEYS[algorithm]
    shown = world.assertion(key=key, header={"alg": algorithm, "kid": key.thumbprint()})
    form = {"grant_type": "client_credentials", "scope": "system/Goal.rs", **shown}
    return await world.http.post("/token", data=form, headers=headers)


async def error_of(world: World, **changed: str) -> str:
    """Return the error with which an authorization request comes back."""
    authorization = Authorization(world)
    scope = changed.pop("scope", "patient/Observation.rs")
    answer = await world.http.get(authorization.url(scope=scope, **changed))
    authorization.redirect = answer.headers["location"]
    return authorization.returned["error"]


Check = Callable[[World, Any], Awaitable[None]]
CHECKS: dict[str, Check] = {}
CAPABILITIES: dict[str, Check] = {}


def check(table: dict[str, Check], *names: str) -> Callable[[Check], Check]:
    """Enter a check under the names of what it holds."""

    def enter(function: Check) -> Check:
        table.update(dict.fromkeys(names, function))
        return function

    return enter


@check(CHECKS, "issuer")
async def _issuer(world: World, claim: str) -> None:
    assert claim == ISSUER
    assert (await world.allowed(scope="patient/Observation.rs")).returned["iss"] == claim


@check(CHECKS, "authorization_endpoint")
async def _page(world: World, claim: str) -> None:
    assert (await world.http.get(claim)).status_code == 400


@check(
    CHECKS,
    *("token_endpoint", "pushed_authorization_request_endpoint", "revocation_endpoint", "introspection_endpoint"),
)
async def _endpoint(world: World, claim: str) -> None:
    answer = await world.http.post(claim, data={"token": "unknown"})
    assert answer.status_code == 400
    assert answer.json()["error"]


@check(CHECKS, "registration_endpoint")
async def _registration(world: World, claim: str) -> None:
    assert (await world.http.post(claim, content=b'{"client_name": "a"}')).json()["error"] == "invalid_token"


@check(CHECKS, "userinfo_endpoint")
async def _userinfo(world: World, claim: str) -> None:
    body = await tokens(world, "openid patient/Observation.rs")
    answer = await world.http.get(claim, headers={"Authorization": f"Bearer {body['access_token']}"})
    assert answer.json()["sub"]


@check(CHECKS, "jwks_uri", "id_token_signing_alg_values_supported", "claims_supported")
async def _id_token(world: World, claim: str | list[str]) -> None:
    told = (await world.http.get(SMART)).json()
    keys = KeySet.import_key_set((await world.http.get(told["jwks_uri"])).json())
    body = await tokens(world, "openid fhirUser patient/Observation.rs", nonce="n" * 64, max_age="9999")
    found = jwt.decode(body["id_token"], keys, algorithms=told["id_token_signing_alg_values_supported"])
    if isinstance(claim, list):
        assert found.header["alg"] in claim or set(found.claims) == set(claim)


@check(CHECKS, "management_endpoint")
async def _management(_: World, claim: str) -> None:
    assert claim == f"{ISSUER}/access"


@check(CHECKS, "require_pushed_authorization_requests")
async def _unpushed(world: World, claim: bool) -> None:
    assert claim is False
    assert (await world.allowed(scope="patient/Observation.rs")).returned["code"]


@check(CHECKS, "scopes_supported")
async def _scopes(world: World, claim: list[str]) -> None:
    assert all(map(is_known_scope, claim))
    body = await tokens(world, "launch/patient openid fhirUser offline_access online_access patient/*.cruds user/*.rs")
    assert {"patient/*.cruds", "user/*.rs", "openid"} <= set(body["scope"].split())


@check(CHECKS, "response_types_supported")
async def _response_types(world: World, claim: list[str]) -> None:
    assert claim == ["code"]
    assert await error_of(world, response_type="token") == "unsupported_response_type"


@check(CHECKS, "response_modes_supported")
async def _response_modes(world: World, claim: list[str]) -> None:
    assert claim == ["query"]
    assert (await world.allowed(scope="patient/Observation.rs")).redirect.startswith(f"{REDIRECT_URI}?")
    assert await error_of(world, response_mode="fragment") == "invalid_request"


@check(CHECKS, "grant_types_supported")
async def _grant_types(world: World, claim: list[str]) -> None:
    for grant_type, is_known in [(one, True) for one in claim] + [("password", False), ("implicit", False)]:
        error = (await world.token(grant_type=grant_type, client_id=world.app_id)).json()["error"]
        assert (error != "unsupported_grant_type") is is_known, grant_type


@check(CHECKS, "code_challenge_methods_supported")
async def _challenges(world: World, claim: list[str]) -> None:
    assert claim == ["S256"]
    assert await error_of(world, code_challenge_method="plain") == "invalid_request"


@check(
    CHECKS,
    "token_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_methods_supported",
)
async def _auth_methods(world: World, claim: list[str]) -> None:
    assert set(claim) <= {"none", "private_key_jwt"}
    token = (await system(world, "ES256")).json()["access_token"]
    by_app = await world.http.post("/introspect", data={"token": token, "client_id": world.app_id})
    assert by_app.json()["error"] == "invalid_client"
    assert (await world.http.post("/revoke", data={"token": "x", "client_id": world.app_id})).status_code == 200


@check(
    CHECKS,
    "token_endpoint_auth_signing_alg_values_supported",
    "revocation_endpoint_auth_signing_alg_values_supported",
    "introspection_endpoint_auth_signing_alg_values_supported",
)
async def _algorithms(world: World, claim: list[str]) -> None:
    assert set(claim) == set(KEYS)
    for algorithm in claim:
        assert (await system(world, algorithm)).status_code == 200, algorithm


@check(CHECKS, "tls_client_certificate_bound_access_tokens")
async def _certificates(world: World, claim: bool) -> None:
    token = (await system(world, "ES256", **{"Client-Cert": certificate("mine")})).json()["access_token"]
    key = KEYS["ES256"]
    shown = world.assertion(key=key, header={"alg": "ES256", "kid": key.thumbprint()})
    assert ("cnf" in (await world.http.post("/introspect", data={"token": token, **shown})).json()) is claim


@check(CHECKS, "dpop_signing_alg_values_supported")
async def _proofs(world: World, claim: list[str]) -> None:
    for algorithm in KEYS:
        key = KEYS[algorithm]
        assert isinstance(key, ECKey | RSAKey)
        made = proof(key, "POST", f"{ISSUER}/token", world.clock.now, header={"alg": algorithm})
        answer = await system(world, "ES256", DPoP=made)
        assert (answer.status_code == 200) is (algorithm in claim), algorithm


@check(CHECKS, "subject_types_supported")
async def _subjects(world: World, claim: list[str]) -> None:
    assert claim == ["public"]
    key = KeySet.import_key_set((await world.http.get("/jwks")).json())
    found = set()
    for _ in range(2):
        body = await tokens(world, "openid patient/Observation.rs")
        found.add(jwt.decode(body["id_token"], key, algorithms=["RS256"]).claims["sub"])
        world.app_id = await added(world, scope=EVERYTHING, redirect_uris=[REDIRECT_URI], public=True)
    assert len(found) == 1


@check(CHECKS, "request_parameter_supported", "claims_parameter_supported")
async def _request_objects(world: World, claim: bool) -> None:
    assert claim is False
    assert await error_of(world, request="a.b.c") == "request_not_supported"


@check(CHECKS, "request_uri_parameter_supported")
async def _request_uris(world: World, claim: bool) -> None:
    assert claim is False
    assert (await world.http.get(Authorization(world).url(request_uri="https://app.example/r"))).status_code == 400


@check(CHECKS, "authorization_response_iss_parameter_supported")
async def _iss(world: World, claim: bool) -> None:
    assert (await world.allowed(scope="patient/Observation.rs")).returned["iss"] == ISSUER
    assert claim is True


@check(CHECKS, "capabilities")
async def _capabilities(_: World, claim: list[str]) -> None:
    assert set(claim) == set(CAPABILITIES)


@check(CAPABILITIES, "launch-standalone", "context-standalone-patient", "permission-patient", "client-public")
async def _standalone(world: World, _: Any) -> None:
    body = await tokens(world, "launch/patient patient/Observation.rs")
    assert (body["patient"], body["token_type"]) == ("r4-zonnestraal", "Bearer")


@check(CAPABILITIES, "launch-ehr", "context-ehr-patient")
async def _from_the_portal(world: World, _: Any) -> None:
    opened = await world.post(f"/apps/{world.app_id}/open", form_on="/apps")
    launch = httpx.URL(opened.headers["location"]).params
    body = await tokens(world, "launch patient/Observation.rs", launch=launch["launch"], aud=launch["iss"])
    assert body["patient"] == "r4-zonnestraal"


@check(CAPABILITIES, "client-confidential-asymmetric")
async def _keys(world: World, _: Any) -> None:
    assert (await system(world, "ES384")).status_code == 200
    assert (await system(world, "RS384")).status_code == 200


@check(CAPABILITIES, "permission-offline", "permission-online")
async def _refreshing(world: World, _: Any) -> None:
    for scope in ("offline_access", "online_access"):
        body = await tokens(world, f"patient/Observation.rs {scope}")
        assert (await world.refreshed(body["refresh_token"])).status_code == 200


@check(CAPABILITIES, "permission-user", "permission-v1", "permission-v2")
async def _permissions(world: World, _: Any) -> None:
    for scope in ("user/Observation.rs", "patient/Observation.read", "patient/Observation.rs"):
        assert (await tokens(world, scope))["scope"] == scope


@check(CAPABILITIES, "sso-openid-connect")
async def _identity(world: World, _: Any) -> None:
    await _id_token(world, "")


@check(CAPABILITIES, "authorize-post")
async def _by_post(world: World, _: Any) -> None:
    parameters = dict(httpx.URL(Authorization(world).url(scope="patient/Observation.rs")).params)
    answer = await world.http.post("/authorize", data=parameters)
    assert answer.status_code == 303
    assert "Waar-Test" in (await world.http.get(answer.headers["location"])).text


@pytest.mark.parametrize("name", sorted(CHECKS))
async def test_each_claim_is_true(ready: World, name: str) -> None:
    await CHECKS[name](ready, (await ready.http.get(SMART)).json()[name])


@pytest.mark.parametrize("name", sorted(CAPABILITIES))
async def test_each_capability_is_there(ready: World, name: str) -> None:
    await CAPABILITIES[name](ready, None)


async def test_nothing_is_claimed_that_is_not_looked_at(world: World) -> None:
    smart = (await world.http.get(SMART)).json()
    assert set(smart) == set(CHECKS)
    oauth = (await world.http.get("/.well-known/oauth-authorization-server")).json()
    assert oauth == (await world.http.get("/.well-known/openid-configuration")).json()
    assert oauth.items() <= smart.items()


async def test_an_app_that_asks_by_post_at_length_is_refused(ready: World) -> None:
    assert (await ready.http.post("/authorize", data={"scope": "x" * 9000})).status_code == 400


async def test_a_system_hears_of_its_token_what_smart_says(ready: World) -> None:
    key = KEYS["ES256"]
    ready.app_id = ready.system_id = await added(
        ready, scope=EVERYTHING, redirect_uris=[REDIRECT_URI], jwks={"keys": [key.as_dict(private=False)]}
    )

    def shown() -> dict[str, str]:
        return ready.assertion(key=key, header={"alg": "ES256", "kid": key.thumbprint()})

    authorization = await ready.allowed(scope="openid fhirUser launch/patient patient/Observation.rs")
    token = (await authorization.exchanged(**shown())).json()["access_token"]
    told = (await ready.http.post("/introspect", data={"token": token, **shown()})).json()
    assert (told["patient"], told["fhirUser"]) == ("r4-zonnestraal", f"{ISSUER}/fhir/r4/Patient/r4-zonnestraal")
    assert {"active", "scope", "client_id", "exp", "iss", "sub"} <= set(told)


@pytest.mark.parametrize(
    ("registered", "asked", "is_right"),
    [
        ("http://127.0.0.1/done", "http://127.0.0.1:49152/done", True),
        ("http://127.0.0.1:1/done", "http://127.0.0.1:49152/done", True),
        ("http://[::1]/done", "http://[::1]:80/done", True),
        ("http://127.0.0.1/done", "http://127.0.0.1:49152/else", False),
        ("http://127.0.0.1/done", "http://[::1]:49152/done", False),
        ("http://127.0.0.1/done", "http://127.0.0.1:1@evil.example/done", False),
        ("http://127.0.0.1/done", "http://127.0.0.1.evil.example/done", False),
        ("http://127.0.0.1/done", "http://127.0.0.1:99999999/done", False),
        ("http://localhost/done", "http://localhost:49152/done", False),
        ("https://app.example/done", "https://app.example:444/done", False),
    ],
)
async def test_an_app_on_a_device_listens_at_any_port_and_nothing_else_varies(
    world: World, registered: str, asked: str, is_right: bool
) -> None:
    await world.log_in()
    world.app_id = await added(world, scope=EVERYTHING, redirect_uris=[registered], public=True)
    url = Authorization(world).url(scope="patient/Observation.rs", redirect_uri=asked)
    assert (await world.http.get(url)).status_code == (200 if is_right else 400)
