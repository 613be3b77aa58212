"""Keys are fetched from the public Internet only, and seldom."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from app.errors import BadRequestError
from app.oauth.remote_keys import BYTES_MAX, RemoteKeys, UnreachableKeysError, check_url, is_public

URL = "https://system.example/keys"
KEY = ECKey.generate_key("P-384", {"kid": "first"})
OTHER = ECKey.generate_key("P-384", {"kid": "second"})


class Internet:
    """A name server and a server, as a client of Regie may run them."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses) or ["93.184.215.14"]
        self.later: list[str] | None = None
        self.keys = [KEY]
        self.answer: httpx.Response | None = None
        self.requests: list[httpx.Request] = []
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def resolve(self, _host: str, _port: int) -> list[str]:
        """Return the addresses; those for ``later`` from the second time on."""
        found = self.addresses
        self.addresses = self.later or self.addresses
        return found

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Return the keys, or the answer that was set."""
        self.requests.append(request)
        body: dict[str, Any] = {"keys": [key.as_dict(private=False) for key in self.keys]}
        return self.answer or httpx.Response(200, stream=httpx.ByteStream(json.dumps(body).encode()))

    def remote(self, *, allow_loopback: bool = False) -> RemoteKeys:
        """Return what fetches from here."""
        transport = httpx.MockTransport(self.handle)
        return RemoteKeys(lambda: self.now, allow_loopback=allow_loopback, resolve=self.resolve, transport=transport)


def kids(remote: RemoteKeys, kid: str | None = "first", url: str = URL) -> list[str | None]:
    """Return which keys there are."""
    return [key.kid for key in remote.keys(url, kid).keys]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
        "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fe80::1%eth0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", [[], ["93.184.215.14"]])
def test_no_address_inside_is_reached_also_not_beside_a_public_one(address: str, beside: list[str]) -> None:
    internet = Internet(*beside, address)
    with pytest.raises(UnreachableKeysError):
        internet.remote().keys(URL, "first")
    assert internet.requests == []


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_a_public_address_is_reached(address: str) -> None:
    assert is_public(ip_address(address))
    assert kids(Internet(address).remote()) == ["first"]


def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    internet = Internet("93.184.215.14")
    internet.later = ["127.0.0.1"]
    assert kids(internet.remote()) == ["first"]
    (request,) = internet.requests
    assert (request.url.host, request.headers["host"]) == ("93.184.215.14", "system.example")
    assert request.extensions["sni_hostname"] == "system.example"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(302, headers={"location": "http://169.254.169.254/"}),
        httpx.Response(404),
        httpx.Response(200, stream=httpx.ByteStream(b"x" * (BYTES_MAX + 1))),
        httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"")),
        httpx.Response(200, stream=httpx.ByteStream(b"no JSON")),
        httpx.Response(200, stream=httpx.ByteStream(b'{"keys": []}')),
        httpx.Response(200, stream=httpx.ByteStream(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}')),
        httpx.Response(200, stream=httpx.ByteStream(b"[" * 10_000)),
        httpx.Response(200, stream=httpx.ByteStream(b"[]")),
    ],
)
def test_what_is_no_key_set_is_refused_and_no_redirect_is_followed(answer: httpx.Response) -> None:
    internet = Internet()
    internet.answer = answer
    with pytest.raises(UnreachableKeysError):
        internet.remote().keys(URL, "first")
    assert len(internet.requests) == 1


def test_an_answer_that_comes_too_slowly_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 100, 2))
    monkeypatch.setattr("app.oauth.remote_keys.time.monotonic", lambda: next(ticks))

    class Slow(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b" "

    internet = Internet()
    internet.answer = httpx.Response(200, stream=Slow())
    with pytest.raises(UnreachableKeysError, match="slowly"):
        internet.remote().keys(URL, "first")


def test_keys_are_kept_ten_minutes() -> None:
    internet = Internet()
    remote = internet.remote()
    kids(remote)
    internet.now += timedelta(minutes=9)
    kids(remote)
    assert len(internet.requests) == 1
    internet.now += timedelta(minutes=1)
    internet.keys = [OTHER]
    assert kids(remote, "second") == ["second"]


def test_an_unknown_key_is_asked_for_once_a_minute_at_most() -> None:
    internet = Internet()
    remote = internet.remote()
    kids(remote)
    internet.keys = [KEY, OTHER]
    assert kids(remote, "second") == ["first"]
    internet.now += timedelta(minutes=1)
    assert kids(remote, "second") == ["first", "second"]
    assert kids(remote, "third") == ["first", "second"]
    assert len(internet.requests) == 2


def test_a_server_that_fails_is_left_alone_for_a_minute_and_old_keys_do_not_outlive_their_time() -> None:
    internet = Internet()
    remote = internet.remote()
    kids(remote)
    internet.answer = httpx.Response(500)
    internet.now += timedelta(minutes=10)
    for _ in range(3):
        with pytest.raises(UnreachableKeysError):
            remote.keys(URL, "first")
    assert len(internet.requests) == 2
    internet.answer = None
    internet.now += timedelta(minutes=1)
    assert kids(remote) == ["first"]


def test_this_machine_is_reached_only_where_that_is_allowed() -> None:
    here = "http://localhost:9000/keys"
    assert kids(Internet("127.0.0.1").remote(allow_loopback=True), url=here) == ["first"]
    for internet in (Internet("10.0.0.1"), Internet("127.0.0.1", "10.0.0.1"), Internet("93.184.215.14")):
        with pytest.raises(UnreachableKeysError):
            internet.remote(allow_loopback=True).keys(here, "first")


@pytest.mark.parametrize(
    "url",
    [
        "http://system.example/keys", "ftp://system.example", "https://", "https://me@system.example/", "file:///etc/passwd",
        "https://system.example/#x", "https://[::1", "https://system.example:x/", "https://syst\u00e9m.example/", "",
    ],
)  # fmt: skip
def test_a_url_that_is_no_safe_one_can_not_be_registered(url: str) -> None:
    with pytest.raises(BadRequestError):
        check_url(url)
