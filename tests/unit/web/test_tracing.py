"""Where a request comes from."""

import pytest

from app.web.tracing import client_address


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (b"192.0.2.7", "192.0.2.7"),
        (b"203.0.113.9, 192.0.2.7", "192.0.2.7"),
        (b"192.0.2.7:50123", "192.0.2.7"),
        (b"2001:db8::7", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"203.0.113.9, [2001:db8::7]:50123", "2001:db8::7"),
        (b"<script>", ""),
        (b"", "127.0.0.1"),
    ],
)
def test_behind_a_proxy_it_is_the_last_address_without_the_port(written: bytes, address: str) -> None:
    scope = {"client": ("127.0.0.1", 5000)}
    assert client_address(scope, {b"x-forwarded-for": written}, trust_forwarded=True) == address
    assert client_address(scope, {b"x-forwarded-for": written}, trust_forwarded=False) == "127.0.0.1"
