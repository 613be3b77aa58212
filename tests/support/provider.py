"""An OpenID provider on this machine: a small HTTP server with a key of its own, wrong where a test says so."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, Key

from tests.support.authorization import Clock

CLIENT_ID, CLIENT_SECRET = "regie", "geen-echt-geheim"
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass
class Provider:
    """What the provider says of the next login; ``claims`` replace those of the id_token, None leaves one out."""

    clock: Clock
    issuer: str = ""
    subject: str = "zonnestraal-elders"
    key: Key = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "provider-1"}))
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "ES256", "kid": "provider-1"})
    signing: Key | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    asked: dict[str, str] = field(default_factory=dict)

    def visited(self, url: str) -> dict[str, str]:
        """Return what the browser brings back from the address that it was sent to."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return {"code": "the-code", "state": self.asked["state"], "iss": self.issuer}

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """Return the answer of the provider to a request."""
        if path == "/.well-known/openid-configuration":
            ends = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            return 200, {"issuer": self.issuer, **{end: f"{self.issuer}/{end}" for end in ends}, **self.metadata}
        if path == "/jwks_uri":
            return 200, {"keys": [self.key.as_dict(private=False)]}
        challenge = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        is_right = (
            form.get("code") == "the-code"
            and challenge == self.asked["code_challenge"]
            and form["redirect_uri"] == self.asked["redirect_uri"]
            and authorization == f"Basic {basic}"
        )
        return (self.status, self._tokens()) if is_right else (400, {"error": "invalid_grant"})

    def _tokens(self) -> dict[str, str]:
        now = int(self.clock.now.timestamp())
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": self.asked["nonce"],
            "acr": SUBSTANTIAL,
            "at_hash": base64url(hashlib.sha256(b"the-token").digest()[:16]),
            "auth_time": now if "max_age" in self.asked else None,
            **self.claims,
        }
        given = {name: value for name, value in claims.items() if value is not None}
        return {"access_token": "the-token", "token_type": "Bearer", "id_token": self._signed(given)}

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.header["alg"] == "none":
            return ".".join(base64url(json.dumps(part).encode()) for part in (self.header, claims)) + "."
        return jwt.encode(self.header, claims, self.signing or self.key, algorithms=["ES256", "HS256"])


@contextmanager
def provider(clock: Clock) -> Iterator[Provider]:
    """Give a running provider, ended afterwards."""
    told = Provider(clock)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            status, tree = told.answer(self.path, form, self.headers.get("authorization", ""))
            body = json.dumps(tree).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
