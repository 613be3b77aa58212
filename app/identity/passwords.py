"""Passwords that everybody tries first; pure.

Length is not enough: who guesses begins with words of leaked lists, then puts numbers and signs around them, repeats them, and
joins two. The list is that of ``zxcvbn``, of passwords that leaked; the words besides are those of this place. Its estimate of
strength isn't used: some inputs keep it busy for ten seconds.

Spec: https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver
"""

from functools import cache

CONTEXT = frozenset(
    "regie dossier gezondheid medisch patient huisarts dokter praktijk ziekenhuis zorg apotheek medicijn medicatie "
    "wachtwoord welkom geheim inloggen toegang nederland amsterdam rotterdam utrecht oranje voetbal feyenoord "
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag lente zomer herfst winter "
    "januari februari maart april juni juli augustus september oktober november december".split()
)
"""What is too near here to be a password, alone or decorated; said in docs/security.md."""

_DECORATION = "0123456789 !@#$%^&*()-_=+[]{};:'\"\\|,.<>/?`~"
_LOOKALIKES = str.maketrans("4@310$57", "aaeiosst")
_RUNS = ("abcdefghijklmnopqrstuvwxyz" * 2, "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm", "1234567890-=")
_DIFFERENT_MIN = 5


def is_easy_to_guess(password: str) -> bool:
    """Return whether a password is one of those that everybody tries, or made of one or two of them."""
    folded = password.casefold()
    return len(set(folded)) < _DIFFERENT_MIN or any(
        _is_known(text) for bare in (folded, _bare(folded)) for text in (bare, bare.translate(_LOOKALIKES))
    )


def _is_known(text: str) -> bool:
    unit = _unit(text)
    return (
        unit in _words()
        or any(unit in run or unit in run[::-1] for run in _RUNS)
        or any(_bare(unit[:place]) in _words() and _bare(unit[place:]) in _words() for place in range(3, len(unit) - 2))
    )


def _bare(text: str) -> str:
    return text.strip(_DECORATION)


def _unit(text: str) -> str:
    """Return what a text repeats, or the text itself when it repeats nothing."""
    return text[: (text + text).index(text, 1)] if text else text


@cache
def _words() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - 14 MB, for those who choose a password

    return CONTEXT | frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) > 2)
