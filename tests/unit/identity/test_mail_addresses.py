"""What counts as a mail address."""

import pytest

from app.identity.mail_addresses import is_address


@pytest.mark.parametrize("text", ["zonnestraal@example.test", "a.b+c@x.example.test", "a@localhost", "A_1@b-c.test"])
def test_plain_addresses_are_taken(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b\n",
        "a@b, c@d",
        '"a"@b',
        "a@-b",
        "a@b-",
        "a..b@c",
        ".a@b",
        "a@[::1]",
        "é@b",
    ],
)
def test_what_a_mail_server_could_read_in_two_ways_is_not(text: str) -> None:
    assert not is_address(text)


def test_an_endless_address_is_looked_at_no_further() -> None:
    assert not is_address("a." * 100_000 + "@b")
