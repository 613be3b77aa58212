"""Which redirect URI is a registered one."""

import pytest

from app.oauth.redirect_uris import is_registered

REGISTERED = (
    "https://app.example/back",
    "http://127.0.0.1/back",
    "http://[::1]:7000/back?from=regie",
    "http://localhost:8000/back",
    "nl.example.app:/back",
)


@pytest.mark.parametrize("uri", [*REGISTERED, "http://127.0.0.1:49152/back", "http://[::1]:1/back?from=regie"])
def test_a_registered_one_is_taken_at_any_port_of_the_device(uri: str) -> None:
    assert is_registered(uri, REGISTERED)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example:444/back",
        "https://app.example/back/",
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152",
        "http://127.0.0.1:49152@evil.example/back",
        "http://127.0.0.1:/back",
        "http://127.0.0.1.evil.example/back",
        "http://127.0.0.1:49152/back#code",
        "http://127.0.0.1:49152/back\n",
        "http://127.0.0.1:4915²/back",
        "https://127.0.0.1:49152/back",
        "http://127.0.0.2/back",
        "http://[::1]:7000/back",
        "http://localhost:8001/back",
        "nl.example.app:7000/back",
        "",
    ],
)
def test_another_is_not(uri: str) -> None:
    assert not is_registered(uri, REGISTERED)
