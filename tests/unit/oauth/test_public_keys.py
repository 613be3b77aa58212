"""Which keys of clients are taken."""

import warnings

import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.errors import BadRequestError
from app.oauth.public_keys import public_keys


def test_nothing_private_is_kept() -> None:
    key = ECKey.generate_key("P-256")
    (kept,) = public_keys({"keys": [key.as_dict(private=True)]})["keys"]
    assert "d" not in kept
    assert kept["x"] == key.as_dict(private=False)["x"]


def test_a_short_rsa_key_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        short = RSAKey.generate_key(1024).as_dict(private=False)
        with pytest.raises(BadRequestError, match="2048"):
            public_keys({"keys": [short]})


def test_a_key_that_both_sides_know_is_refused() -> None:
    with pytest.raises(BadRequestError, match="EC or RSA"):
        public_keys({"keys": [OctKey.generate_key(256).as_dict()]})
