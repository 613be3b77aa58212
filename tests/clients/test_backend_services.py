"""Systems of practices that get their tokens with libraries of others: Authlib, and `jose` with `fhir-kit-client`."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey, Key, RSAKey

from tests.support.blocks import blocks
from tests.support.decider import Decider
from tests.support.node import folder_for
from tests.support.running import Program

pytestmark = pytest.mark.browser

KEYS: dict[str, Key] = {
    "ES384": ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}),
    "RS384": RSAKey.generate_key(2048, {"use": "sig", "alg": "RS384"}),
}


@pytest.fixture(scope="module")
def practice(demo: dict[str, Any], sterre: Decider) -> str:
    """Return the practice that the person gave access to their care plan."""
    given = demo["practices"][0]
    sterre.gives(given["name"], "Care plan")
    return str(given["practice_id"])


@pytest.fixture(scope="module", params=KEYS)
def key(request: pytest.FixtureRequest) -> Key:
    """Return the key of a system."""
    return KEYS[str(request.param)]


@pytest.fixture(scope="module")
def client_id(program: Program, practice: str, key: Key, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the system, which reads both releases as one."""
    keys = tmp_path_factory.mktemp("system") / "keys.json"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False) | {"kid": key.thumbprint()}]}))
    return program.run(
        *("client", "add", "--name", "Systeem-Test", "--jwks-file", str(keys), "--practice", practice),
        *("--both-releases", "--scope", "system/*.rs"),
    )


def session(client_id: str, key: Key, **claims: int) -> OAuth2Session:
    proof = PrivateKeyJWT(claims=claims, headers={"kid": key.thumbprint()}, alg=key.as_dict()["alg"])
    return OAuth2Session(client_id, key, scope="system/*.rs", token_endpoint_auth_method=proof)


@pytest.mark.parametrize("release", ["stu3", "r4"])
def test_authlib_gets_a_token_for_what_people_gave(program: Program, client_id: str, key: Key, release: str) -> None:
    base = f"{program.url}/fhir/{release}"
    smart = httpx.get(f"{base}/.well-known/smart-configuration").json()
    with session(client_id, key, exp=int(time.time()) + 240) as system:
        token = system.fetch_token(smart["token_endpoint"], grant_type="client_credentials")
        assert token["scope"] == "system/*.rs"
        found = system.get(f"{base}/CarePlan").json()["entry"]
        assert [each["search"]["mode"] for each in found].count("match") == 1
        assert "entry" not in system.get(f"{base}/Observation").json()


def test_an_assertion_that_comes_again_is_refused_in_words(program: Program, client_id: str, key: Key) -> None:
    with session(client_id, key, exp=int(time.time()) + 240) as system:
        system.fetch_token(f"{program.url}/token", grant_type="client_credentials")
        with pytest.raises(OAuthError, match="used before"):
            system.fetch_token(f"{program.url}/token", grant_type="client_credentials")


def test_an_assertion_for_an_hour_is_refused_in_words(program: Program, client_id: str, key: Key) -> None:
    with session(client_id, key) as system, pytest.raises(OAuthError, match="more than five minutes"):
        system.fetch_token(f"{program.url}/token", grant_type="client_credentials")


def test_a_system_in_node_does_what_the_page_says(program: Program, client_id: str, key: Key, tmp_path: Path) -> None:
    (tmp_path / "private.json").write_text(json.dumps(key.as_dict(private=True) | {"kid": key.thumbprint()}))
    ((_, code),) = [block for block in blocks("connect-practice.md", "## With another library") if block[0] == "js"]
    (folder_for(tmp_path) / "system.mjs").write_text(code.replace("http://127.0.0.1:8000", program.url))
    said = subprocess.check_output(["node", "system.mjs", client_id], cwd=tmp_path, text=True, timeout=60)
    assert said == "1 care plans\n"
