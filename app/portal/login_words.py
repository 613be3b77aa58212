"""What the log says about logging in, in plain words; pure.

``detail`` of an entry is what ``open_session`` and ``log_change`` write: the way, or what was changed.
"""

from app.portal.language import Language, marked

_WAYS = (
    ("passkey", marked("logged in with a passkey")),
    ("password and one-time code", marked("logged in with a password and a code")),
    ("password and recovery code", marked("logged in with a password and a recovery code")),
)
_CHANGES = {
    "login made": marked("made a login"),
    "passkey added": marked("made a passkey"),
    "passkey removed": marked("removed a passkey"),
    "password": marked("changed the password"),
    "forgotten password": marked("set another password by a mailed link"),
    "phone with codes": marked("connected another phone"),
    "recovery codes": marked("made new recovery codes"),
    "mail address": marked("confirmed a mail address"),
    "session ended": marked("logged out on another device"),
    "other sessions ended": marked("logged out everywhere else"),
}
_LOGIN, _CHANGE = marked("logged in"), marked("changed how to log in")
_AT = marked("logged in with %(name)s, level %(level)s")
_LINKED, _UNLINKED = marked("linked the login to %(name)s"), marked("no longer logs in with %(name)s")
_PROVIDER = "provider, "


def way_words(detail: str, language: Language) -> str:
    """Return how somebody logged in, from the detail of the entry."""
    if detail.startswith(_PROVIDER):
        name, _, level = detail.removeprefix(_PROVIDER).rpartition(", ")
        if name:
            return language.gettext(_AT) % {"name": name, "level": level}
    return language.gettext(next((words for way, words in _WAYS if detail.startswith(way)), _LOGIN))


def change_words(detail: str, language: Language) -> str:
    """Return what somebody changed about how they log in, from the detail of the entry."""
    for start, words in (("linked to ", _LINKED), ("no longer linked to ", _UNLINKED)):
        if detail.startswith(start):
            return language.gettext(words) % {"name": detail.removeprefix(start)}
    return language.gettext(_CHANGES.get(detail, _CHANGE))
