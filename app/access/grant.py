"""A grant: what a person allowed a practice or an app. The grant table is the source of truth; this is its value."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.access.categories import Category
from app.access.smart_scope import Action


class Grantee(StrEnum):
    """Who a grant is given to."""

    PRACTICE = "practice"
    APP = "app"


@dataclass(frozen=True, slots=True)
class Grant:
    """What the person of ``record_id`` allowed; all instants UTC, ``until`` is the first instant at which it is over."""

    grant_id: str
    record_id: int
    grantee: Grantee
    grantee_id: str
    categories: Category
    actions: Action
    starts_at: datetime
    until: datetime
    purpose: str
    given_at: datetime
    withdrawn_at: datetime | None = None

    def is_in_force(self, now: datetime) -> bool:
        """Return whether the grant opens anything at ``now``; it ends at, not after, its ``until``.

        A withdrawn one never does: a clock that is turned back must not open it again.
        """
        return self.withdrawn_at is None and self.starts_at <= now < self.until
