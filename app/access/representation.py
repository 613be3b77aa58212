"""Who acts for whom: the rules by which one person acts for the record of another; pure.

A representation is a grant to a person with a ``Mandate``. Its end is that of the grant, or an earlier one that the law sets:

- a parent acts for a child under 12; from 12 to 15 only if the child agreed too; at 16 it is over, for then the child decides
  alone. Dutch Civil Code, book 1 articles 245 and 253i (authority and representation), book 7 articles 450 paragraph 2, 465
  paragraph 1 (from 12) and 447 (from 16);
- a legal representative (mentor or curator) acts until the day that was entered: book 7 article 465 paragraph 2, book 1
  articles 381 and 453;
- a carer acts as the person allowed, as long as they allowed: book 7 article 465 paragraph 3 calls that a written authorisation.

Source: https://wetten.overheid.nl/BWBR0005290 (book 7), https://wetten.overheid.nl/BWBR0002656 (book 1)
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntFlag, StrEnum
from zoneinfo import ZoneInfo

AGREES_FROM = 12
"""The age in years from which a parent needs the child's own yes."""

ALONE_FROM = 16
"""The age in years from which nobody acts for a child as its parent."""


class Capacity(StrEnum):
    """As what somebody acts for another."""

    CARER = "carer"
    PARENT = "parent"
    LEGAL = "legal-representative"

    @property
    def is_by_law(self) -> bool:
        """Return whether it rests on the law, and not on what the person allowed."""
        return self is not Capacity.CARER


class Power(IntFlag):
    """What a representative may do besides reading and writing."""

    GIVE = 1
    """Let practices and apps use the record, never more of it than they may themselves."""

    LOG = 2
    """See who looked."""


ALL_POWERS = Power.GIVE | Power.LOG
NO_POWERS = Power(0)


@dataclass(frozen=True, slots=True)
class Mandate:
    """What makes a grant a representation. ``represented`` is the name of whom it is about.

    ``birth_date`` is theirs, as the operator entered it (never what the record says, which a parent may edit), for a parent
    only; days are those of ``zone``. ``agreed_at`` is when the child said yes, in UTC.
    """

    capacity: Capacity
    represented: str
    powers: Power
    birth_date: date | None = None
    zone: str = "Europe/Amsterdam"
    agreed_at: datetime | None = None


def turns(birth_date: date, age: int, zone: str) -> datetime:
    """Return the first instant, in UTC, of the day in ``zone`` on which somebody becomes ``age`` years old.

    Who was born on 29 February does so on 1 March of a year without that day: the year is not full before.
    """
    year = birth_date.year + age
    try:
        day = birth_date.replace(year=year)
    except ValueError:
        day = date(year, 3, 1)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def ends_by_law(mandate: Mandate) -> datetime | None:
    """Return the first instant at which the law ends a representation, whatever was agreed; None where it sets no end.

    A yes counts from the day on which the child is 12: one from before is that of somebody who can't give it.
    """
    if mandate.capacity is not Capacity.PARENT or mandate.birth_date is None:
        return None
    may_agree = turns(mandate.birth_date, AGREES_FROM, mandate.zone)
    if mandate.agreed_at is None or mandate.agreed_at < may_agree:
        return may_agree
    return turns(mandate.birth_date, ALONE_FROM, mandate.zone)


def may_agree(mandate: Mandate, now: datetime) -> bool:
    """Return whether the child of a parent's mandate is of the age in which its own yes counts."""
    if mandate.capacity is not Capacity.PARENT or mandate.birth_date is None:
        return False
    first, last = (turns(mandate.birth_date, age, mandate.zone) for age in (AGREES_FROM, ALONE_FROM))
    return first <= now < last
