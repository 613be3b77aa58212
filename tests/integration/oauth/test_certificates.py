"""A client proves who it is with a certificate (RFC 8705), which a proxy hands on."""

import json
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.db.database import Transaction
from app.errors import BadRequestError
from app.oauth import certificates, clients, registration
from app.oauth.certificates import key_with
from app.oauth.proofs_of_clients import NAMES, SELF_SIGNED
from tests.support.authorization import World, world_in
from tests.support.proofs import Issuer, certificate

HEADER = "Client-Cert"
AUTHORITY = Issuer("Zegelmeester-Test")
DNS = "tls_client_auth_san_dns"


@pytest.fixture
async def ready(tmp_path: Path) -> AsyncIterator[World]:
    """A world behind a proxy that hands certificates on, in which one authority is believed."""
    async with world_in(tmp_path, certificate_header=HEADER, authorities=AUTHORITY.pem) as world:
        yield world


async def system(world: World, **client: Any) -> str:
    """Return the client_id of another system of the practice."""

    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction,
            now=world.clock.now,
            name="Certificaat-systeem",
            scope="system/*.rs",
            practice_id=world.practice_id,
            **client,
        )

    return await world.parts.database.write(job)


async def asked(world: World, client_id: str, shown: str, **form: str) -> httpx.Response:
    """Return the answer of the token endpoint to a system that shows a certificate."""
    form = {"grant_type": "client_credentials", "scope": "system/Goal.rs", "client_id": client_id, **form}
    return await world.http.post("/token", data=form, headers={HEADER: shown} if shown else {})


def with_dns(name: str) -> str:
    """Return a certificate for the name of a machine."""
    return AUTHORITY.issued("x", [x509.DNSName(name)])


async def test_a_system_gets_a_token_with_a_certificate_of_its_name_which_binds_the_token(ready: World) -> None:
    client_id = await system(ready, certificate=f"{DNS}=systeem.example")
    mine = with_dns("Systeem.example")
    token = (await asked(ready, client_id, mine)).json()["access_token"]
    form = {"token": token, "client_id": client_id}
    told = (await ready.http.post("/introspect", data=form, headers={HEADER: mine})).json()
    assert told["cnf"] == {"x5t#S256": certificates.thumbprint(certificates.read(mine))}
    assert (await ready.http.post("/revoke", data=form, headers={HEADER: mine})).status_code == 200
    assert (await ready.http.post("/introspect", data=form, headers={HEADER: mine})).json() == {"active": False}


@pytest.mark.parametrize(
    "shown",
    [
        "",
        certificate("systeem.example"),
        with_dns("other.example"),
        with_dns("a.systeem.example"),
        with_dns("*.example"),
        AUTHORITY.issued("systeem.example"),
        Issuer("Zegelmeester-Test").issued("x", [x509.DNSName("systeem.example")]),
        AUTHORITY.issued("x", [x509.DNSName("systeem.example")], use=ExtendedKeyUsageOID.SERVER_AUTH),
    ],
)
async def test_no_other_certificate_proves_that_name(ready: World, shown: str) -> None:
    client_id = await system(ready, certificate=f"{DNS}=systeem.example")
    answer = await asked(ready, client_id, shown)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client"), answer.text


@pytest.mark.parametrize("shown", ["nonsense", ":AAAA:", ":", "%00", ":" + "A" * 20_000])
async def test_what_is_no_certificate_is_refused(ready: World, shown: str) -> None:
    client_id = await system(ready, certificate=f"{DNS}=systeem.example")
    answer = await asked(ready, client_id, shown)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof"), answer.text


async def test_a_certificate_whose_time_is_over_proves_nothing(ready: World) -> None:
    client_id = await system(ready, certificate=f"{DNS}=systeem.example")
    mine = with_dns("systeem.example")
    ready.clock.move(days=400)
    assert (await asked(ready, client_id, mine)).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ("tls_client_auth_subject_dn=CN=Systeem-Test", None),
        ("tls_client_auth_san_uri=urn:systeem:1", x509.UniformResourceIdentifier("urn:systeem:1")),
        ("tls_client_auth_san_ip=2001:DB8::1", x509.IPAddress(ip_address("2001:db8::1"))),
        ("tls_client_auth_san_email=systeem@example.test", x509.RFC822Name("systeem@example.test")),
    ],
)
async def test_a_client_is_known_by_one_kind_of_name(ready: World, named: str, name: x509.GeneralName | None) -> None:
    client_id = await system(ready, certificate=named)
    mine = AUTHORITY.issued("Systeem-Test" if name is None else "x", [] if name is None else [name])
    assert (await asked(ready, client_id, mine)).status_code == 200
    assert (await asked(ready, client_id, with_dns("systeem.example"))).status_code == 400


async def test_a_certificate_that_the_client_registered_needs_no_authority(ready: World) -> None:
    mine, other = certificate("mine"), certificate("other")
    client_id = await system(ready, certificate=SELF_SIGNED, jwks=key_with(certificates.read(mine)))
    assert (await asked(ready, client_id, mine)).status_code == 200
    assert (await asked(ready, client_id, other)).json()["error"] == "invalid_client"


async def test_a_client_proves_itself_in_one_way_only(ready: World) -> None:
    mine = certificate("mine")
    client_id = await system(ready, certificate=SELF_SIGNED, jwks=key_with(certificates.read(mine)))
    with_keys = await asked(ready, ready.system_id, mine)
    assert with_keys.json()["error"] == "invalid_client"
    ready.system_id = client_id
    assert (await asked(ready, client_id, "", **ready.assertion())).json()["error"] == "invalid_client"


async def test_without_a_proxy_and_authorities_in_the_settings_neither_is_believed_or_offered(world: World) -> None:
    mine = with_dns("systeem.example")
    by_name = await system(world, certificate=f"{DNS}=systeem.example")
    own = await system(world, certificate=SELF_SIGNED, jwks=key_with(certificates.read(mine)))
    for client_id in (by_name, own):
        assert (await asked(world, client_id, mine)).json()["error"] == "invalid_client"
    told = (await world.http.get("/.well-known/oauth-authorization-server")).json()
    assert told["token_endpoint_auth_methods_supported"] == ["none", "private_key_jwt"]
    assert told["tls_client_certificate_bound_access_tokens"] is False


async def test_discovery_tells_of_the_methods(ready: World) -> None:
    told = (await ready.http.get("/.well-known/oauth-authorization-server")).json()
    assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(told["token_endpoint_auth_methods_supported"])
    assert "none" not in told["introspection_endpoint_auth_methods_supported"]
    assert told["tls_client_certificate_bound_access_tokens"] is True


async def registered(world: World, **told: Any) -> httpx.Response:
    """Return the answer to the registration of a practice's system."""

    async def job(transaction: Transaction) -> str:
        return await registration.invite(
            transaction, scope="system/*.rs", practice_id=world.practice_id, now=world.clock.now
        )

    invitation = await world.parts.database.write(job)
    content = json.dumps({"client_name": "Systeem-Test", **told})
    return await world.http.post("/register", content=content, headers={"Authorization": f"Bearer {invitation}"})


async def test_a_client_registers_its_certificate_or_its_name_itself(ready: World) -> None:
    mine = with_dns("systeem.example")
    by_name = await registered(ready, token_endpoint_auth_method="tls_client_auth", **{DNS: "systeem.example"})
    assert by_name.json()[DNS] == "systeem.example"
    own = await registered(ready, token_endpoint_auth_method=SELF_SIGNED, jwks=dict(key_with(certificates.read(mine))))
    for answer in (by_name, own):
        assert (await asked(ready, answer.json()["client_id"], mine)).status_code == 200, answer.text


@pytest.mark.parametrize(
    "told",
    [
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_method": "tls_client_auth", DNS: ""},
        {"token_endpoint_auth_method": "tls_client_auth", DNS: "a.example", NAMES[0]: "CN=a"},
        {"token_endpoint_auth_method": "tls_client_auth", NAMES[0]: "a"},
        {"token_endpoint_auth_method": "tls_client_auth", NAMES[3]: "a"},
        {"token_endpoint_auth_method": SELF_SIGNED},
        {"token_endpoint_auth_method": "private_key_jwt", DNS: "a.example"},
    ],
)
async def test_a_registration_from_which_no_proof_follows_is_refused(ready: World, told: dict[str, str]) -> None:
    answer = await registered(ready, **told)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata"), answer.text


async def test_a_certificate_of_its_own_is_among_the_keys_of_the_client(ready: World) -> None:
    keys = {"keys": [ready.system_key.as_dict(private=False)]}
    with pytest.raises(BadRequestError, match="x5c"):
        await system(ready, certificate=SELF_SIGNED, jwks=keys)
