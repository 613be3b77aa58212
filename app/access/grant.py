"""A grant: what a practice, an app or another person may do with a record. The grant table is the source of truth; this is its value."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.access.categories import EVERYTHING, Category
from app.access.representation import ALL_POWERS, Mandate, ends_by_law
from app.access.smart_scope import ALL_ACTIONS, Action


class Grantee(StrEnum):
    """Who a grant is given to."""

    PRACTICE = "practice"
    APP = "app"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Grant:
    """What the person of ``record_id`` allowed; all instants UTC, ``until`` is the first instant at which it is over.

    ``version`` counts from 1: a changed grant is a new version, and the one before is withdrawn at that instant. What is given
    to a person (``grantee_id``: their account) has a ``mandate``. ``rests_on`` is the grant of the representative who gave it,
    and None for what the person of the record gave.
    """

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
    version: int = 1
    mandate: Mandate | None = None
    rests_on: str | None = None

    @property
    def ends_at(self) -> datetime:
        """Return when it is over by itself: at its ``until``, or where the law ends a representation before."""
        by_law = None if self.mandate is None else ends_by_law(self.mandate)
        return self.until if by_law is None else min(self.until, by_law)

    @property
    def is_whole(self) -> bool:
        """Return whether who acts on it stands for the person in what is about the record as a whole.

        So does who acts by law, if nothing is left out: until twelve a parent, later only where the child chose all of it.
        """
        return (
            self.mandate is not None
            and self.mandate.capacity.is_by_law
            and (self.categories, self.actions, self.mandate.powers) == (EVERYTHING, ALL_ACTIONS, ALL_POWERS)
        )

    def is_in_force(self, now: datetime) -> bool:
        """Return whether the grant opens anything at ``now``; it ends at, not after, its ``ends_at``.

        A withdrawn one never does: a clock that is turned back must not open it again.
        """
        return self.withdrawn_at is None and self.starts_at <= now < self.ends_at


def as_they_stood(grants: Iterable[Grant], instant: datetime) -> list[Grant]:
    """Return the grants as a decision at ``instant`` would have read them: what was done to them later is not known yet."""
    return [
        replace(grant, withdrawn_at=None) if grant.withdrawn_at is not None and grant.withdrawn_at > instant else grant
        for grant in grants
        if grant.given_at <= instant
    ]
