"""DPoP proofs that are signed rightly and say odd things: refused as all that prove nothing, whatever they say."""

import json
import secrets
from datetime import UTC, datetime

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from app.oauth import dpop
from app.oauth.nonces import Nonces
from tests.support.proofs import proof

KEY = ECKey.generate_key("P-256")
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
URL = "https://regie.example/token"
HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.as_dict(private=False)}
HALF = "\ud800"


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": 10**400}, {"iat": -(10**400)}, {"iat": "now"}, {"iat": [1]}, {"iat": float("nan")}, {"ath": HALF}, {"ath": [1]},
        {"jti": HALF}, {"jti": "\x00"}, {"jti": {}}, {"nonce": HALF}, {"nonce": {}}, {"htu": HALF}, {"htu": "https://[/"},
        {"htu": "https://regie.example:99999/token"}, {"htm": ["POST"]},
    ],
    ids=str,
)  # fmt: skip
def test_odd_claims_prove_nothing(claims: dict[str, object]) -> None:
    nonces = Nonces(secrets.token_bytes(32))
    right = proof(KEY, "POST", URL, NOW, access_token="token", nonce=nonces.current(NOW))
    dpop.checked(right, method="POST", url=URL, now=NOW, access_token="token", nonces=nonces)
    told = json.loads(jws.extract_compact(right.encode()).payload) | claims
    odd = jws.serialize_compact(HEADER, json.dumps(told).encode(), KEY, algorithms=["ES256"])
    with pytest.raises(dpop.BadProofError):
        dpop.checked(odd, method="POST", url=URL, now=NOW, access_token="token", nonces=nonces)


@pytest.mark.parametrize("content", ["[1]", "null", '"x"', "[" * 2000, "{", ""])
def test_what_is_no_object_proves_nothing(content: str) -> None:
    odd = jws.serialize_compact(HEADER, content.encode(), KEY, algorithms=["ES256"])
    with pytest.raises(dpop.BadProofError):
        dpop.checked(odd, method="POST", url=URL, now=NOW)


@pytest.mark.parametrize(
    "jwk",
    [
        {}, {"kty": "EC"}, {"kty": ["EC"]}, {"kty": "EC", "crv": [], "x": 1, "y": None}, {"kty": "EC", "crv": "P-256", "x": "A", "y": "A"},
        {"kty": "RSA", "n": "AQ", "e": "AQAB"}, {"kty": "RSA", "n": HALF, "e": HALF}, {"kty": "oct"}, {"kty": "OKP", "crv": "Ed25519", "x": ""},
        {"x5c": [1]}, {"kid": {}, "use": 1, "key_ops": "sign"},
    ],
    ids=str,
)  # fmt: skip
def test_an_odd_key_proves_nothing(jwk: dict[str, object]) -> None:
    if jwk and "kty" not in jwk:
        jwk = KEY.as_dict(private=False) | jwk
    text = jws.serialize_compact({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}, b"{}", KEY, algorithms=["ES256"])
    with pytest.raises(dpop.BadProofError):
        dpop.checked(text, method="POST", url=URL, now=NOW)
