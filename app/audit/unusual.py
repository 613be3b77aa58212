"""What a person should look at twice in their log; pure.

These are signs, no accusations: a practice may look for the first time, at night or at much for a good reason. What the person
and who runs the server do is never among them.
"""

from enum import StrEnum

from app.audit.events import Event

MANY = 200
"""Resources that a practice was shown at once; a record has some hundreds for each year."""

NIGHT_BEGINS, NIGHT_ENDS = 23, 6
"""Hours of the local clock."""

ASKED = "operation-request-access"
"""A practice asked for access: it saw nothing, and what it does after that is its first look."""

_LOOKS = frozenset(("read", "vread", "search-type", "search-system"))


class Unusual(StrEnum):
    """Why an entry stands out."""

    FIRST = "first"
    MANY = "many"
    NIGHT = "night"
    REFUSED = "refused"


def unusual(event: Event, *, hour: int, is_first: bool) -> tuple[Unusual, ...]:
    """Return why ``event`` stands out, nothing if it doesn't.

    ``hour`` is that of the local clock, ``is_first`` says that the same party had no entry about this record before.
    """
    if event.kind in ("person", "representative", "operator") or event.record_id <= 0:
        return ()
    if event.outcome != "success":
        return (Unusual.REFUSED,)
    if event.kind != "practice" or event.action == ASKED:
        return ()
    is_look = event.action in _LOOKS or event.action.startswith(("history", "operation"))
    found = {
        Unusual.FIRST: is_first,
        Unusual.MANY: is_look and event.count >= MANY,
        Unusual.NIGHT: is_look and (hour >= NIGHT_BEGINS or hour < NIGHT_ENDS),
    }
    return tuple(sign for sign, holds in found.items() if holds)
