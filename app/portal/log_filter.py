"""What the reader of the log wants to see: by whom, what was done, when, and whether it stands out; pure."""

from dataclasses import dataclass
from datetime import date

from app.audit.events import Event
from app.audit.log import practice_of
from app.audit.unusual import Unusual
from app.portal.language import marked

WHO = (
    ("others", marked("Others")),
    ("representative", marked("People who help")),
    ("practice", marked("Practices")),
    ("app", marked("Apps")),
    ("person", marked("You")),
    ("refused", marked("Refused")),
    ("unusual", marked("Unusual")),
    ("all", marked("Everyone")),
)
DEEDS = (
    ("", marked("Everything")),
    ("looks", marked("Looking")),
    ("changes", marked("Adding and changing data")),
    ("access", marked("Asking for access, giving and stopping it")),
    ("login", marked("Logging in")),
)
CHANGES = frozenset(
    "create update patch delete batch transaction import import-resources operation-meta-add operation-meta-delete".split()
)
ACCESS = frozenset(
    "grant change-grant withdraw token access-code decline-request reopen-requests operation-request-access invite represent".split()
)
LOGIN = frozenset("login logout login-changed".split())
LOOKS = frozenset("read vread search-type search-system export log seen".split())


def deed_of(action: str) -> str:
    """Return the key in ``DEEDS`` of an action, empty for one that is none of these."""
    for key, actions in (("changes", CHANGES), ("access", ACCESS), ("login", LOGIN), ("looks", LOOKS)):
        if action in actions:
            return key
    return "looks" if action.startswith(("history", "operation")) else ""


def is_person(event: Event) -> bool:
    """Return whether it was the person; somebody who failed to log in has no display, and may be anyone."""
    return event.kind == "person" and bool(event.display) and not event.on_behalf_of


@dataclass(frozen=True, slots=True)
class Filter:
    """What the reader wants to see; empty shows everything.

    ``party`` is one practice (``practice:<practice_id>``, its people too) or app (``app:<client_id>``), ``deed`` a key of
    ``DEEDS``. ``only`` is what stands out.
    """

    who: str = "others"
    first: date | None = None
    last: date | None = None
    party: str = ""
    deed: str = ""
    only: bool = False

    @property
    def is_exact(self) -> bool:
        """Return whether more was chosen than who, which the page says above."""
        return bool(self.first or self.last or self.deed or self.only)

    def leaves_out(self, event: Event) -> bool:
        """Return whether an entry is not shown whatever its day and signs: told sooner than those, of most of a log."""
        return self.who == "others" and not self.party and is_person(event)

    def takes(self, event: Event, day: date, signs: tuple[Unusual, ...] = ()) -> bool:
        """Return whether an entry is shown; ``day`` is its local date, ``signs`` why it stands out."""
        if (self.first and day < self.first) or (self.last and day > self.last):
            return False
        if (self.deed and deed_of(event.action) != self.deed) or (self.only and not signs):
            return False
        if self.party:
            return practice_of(event.actor) == self.party
        if self.who == "others":
            return not is_person(event)
        if self.who == "unusual":
            return bool(signs)
        if self.who == "refused":
            return event.outcome != "success"
        return self.who == "all" or (self.who == event.kind and bool(event.display))
