"""What is compared with the password of a login that nobody has."""

from app.identity.accounts import _UNKNOWN_LOGIN_HASH, _hasher


def test_a_login_that_nobody_has_is_as_dear_to_check_as_any_and_never_right() -> None:
    dear = _hasher.hash("geen-echt-wachtwoord").split("$")
    unknown = _UNKNOWN_LOGIN_HASH.split("$")
    assert unknown[:-2] == dear[:-2]
    assert [len(part) for part in unknown] == [len(part) for part in dear]
    assert not _hasher.verify("geen-echt-wachtwoord", _UNKNOWN_LOGIN_HASH)
