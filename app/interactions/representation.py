"""Representation by law, as the operator enters it: who acts for whom, since when the child is of which age, until when.

The log of the record says who entered it. A carer is asked by the person; see the pages.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from app.access.categories import EVERYTHING
from app.access.grant import Grant, Grantee
from app.access.policy import Wish
from app.access.representation import ALL_POWERS, ALONE_FROM, Capacity, Mandate, turns
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import ALL_ACTIONS, Action
from app.audit.events import Event, Trace
from app.consent import grants
from app.db.database import Transaction
from app.errors import AccessDeniedError, NotFoundError, UnprocessableError
from app.identity.accounts import Account, name_of
from app.interactions.context import Context
from app.interactions.gate import Decide, Deed, Touched, event
from app.store.changes import record_exists
from app.store.time_zone import time_zone_of

CONSENT = "Consent"


async def add_representative(
    context: Context,
    operator: Requester,
    trace: Trace,
    record_id: int,
    helper: Account,
    capacity: Capacity,
    represented: str,
    *,
    birth_date: date | None = None,
    until: date | None = None,
) -> Grant:
    """Return the new representation of a parent (needs ``birth_date``) or a legal representative (needs ``until``, its last day).

    Raises: UnprocessableError, for what can't be; NotFoundError.
    """
    now = context.clock()
    if capacity is Capacity.CARER or (birth_date is None) is (capacity is Capacity.PARENT):
        raise UnprocessableError("A parent is entered with the birth date of the child, and nobody else is.")
    if birth_date is not None and not date(1900, 1, 1) <= birth_date <= now.date():
        raise UnprocessableError("This is no birth date of a child.")
    if until == date.max:  # there is no day after it
        raise UnprocessableError("This is no last day.")
    if helper.record_id in (None, record_id):
        raise UnprocessableError("Who acts for somebody needs a login of their own, with a record of their own.")
    deed = Deed("grant", None, CONSENT)

    async def job(transaction: Transaction, decide: Decide) -> tuple[Grant, list[Event]]:
        _check_operator(await decide(Wish(Action.CREATE, CONSENT)), record_id)
        if not await record_exists(transaction, record_id):
            raise NotFoundError("There is no such record.")
        zone = await time_zone_of(transaction, record_id) or context.time_zone
        mandate = Mandate(capacity, represented, ALL_POWERS, birth_date, zone.key)
        ends_at = turns(birth_date, ALONE_FROM, zone.key) if birth_date is not None else None
        if until is not None:
            last = datetime(until.year, until.month, until.day, tzinfo=zone) + timedelta(days=1)
            ends_at = last if ends_at is None else min(ends_at, last)
        if ends_at is None:
            raise UnprocessableError("A legal representative is entered with the last day.")
        grant = await grants.give(
            transaction, record_id=record_id, grantee=Grantee.PERSON, grantee_id=helper.account_id,
            categories=EVERYTHING, actions=ALL_ACTIONS, until=ends_at, purpose="representation", now=now, mandate=mandate,
        )  # fmt: skip
        return grant, [event(operator, trace, deed, Touched(record_id, "operator", resource_id=grant.grant_id))]

    return await context.gate.change(operator, trace, deed, job)


async def end_representation(
    context: Context, operator: Requester, trace: Trace, record_id: int, grant_id: str
) -> None:
    """End a representation, and what rests on it. Raises: NotFoundError, when the record has no such representation."""
    deed = Deed("withdraw", None, CONSENT, grant_id)

    async def job(transaction: Transaction, decide: Decide) -> tuple[None, list[Event]]:
        _check_operator(await decide(Wish(Action.CREATE, CONSENT)), record_id)
        found = await grants.one(transaction, record_id, grant_id)
        if found is None or found.mandate is None:
            raise NotFoundError("There is no such representation.")
        await grants.withdraw(transaction, record_id, grant_id, context.clock())
        return None, [event(operator, trace, deed, Touched(record_id, "operator"))]

    await context.gate.change(operator, trace, deed, job)


async def representations_of(
    context: Context, operator: Requester, trace: Trace, record_id: int
) -> list[tuple[Grant, str]]:
    """Return the newest version of each representation in a record, with the name of who acts; the log tells of the look."""

    async def action(scope: AccessScope) -> tuple[list[tuple[Grant, str]], Sequence[Touched]]:
        _check_operator(scope, record_id)
        reader = context.database.reader
        newest = {grant.grant_id: grant for grant in reversed(await grants.of_record(reader, record_id))}
        found = [
            (grant, await name_of(reader, grant.grantee_id) or "")
            for grant in newest.values()
            if grant.mandate is not None
        ]
        return found, (Touched(record_id, "operator", len(found)),)

    return await context.gate.look(
        operator, trace, Wish(Action.READ, CONSENT), Deed("search-type", None, CONSENT), action
    )


def _check_operator(scope: AccessScope, record_id: int) -> None:
    """Do nothing for who runs the server. Raises: AccessDeniedError."""
    if scope.everyone is None or scope.of(record_id) is None:
        raise AccessDeniedError("Representation by law is entered by who runs the server.")
