"""How often somebody may guess: counters of tries that failed.

A try is counted before it is made and struck off when it succeeds, so that a hundred guesses at once don't slip through
between look and count. Passwords are counted per login and address together, per address, and in the end per login, for
who guesses from many addresses. A device from which the person logged in before has counters of its own: nobody can lock
a person out of it by guessing elsewhere. One-time codes are counted per account: whoever gets that far knows the password.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.db.database import Transaction
from app.db.statements import hot
from app.errors import TooManyRequestsError
from app.identity.instants import to_us
from app.identity.tables import failed_try

FORGOTTEN_AFTER = timedelta(hours=1)
LONGEST_WAIT = timedelta(minutes=15)
FIRST_WAIT = timedelta(seconds=15)

_columns = failed_try.c
_READ = hot(select(_columns.failures, _columns.last_at).where(_columns.bucket == bindparam("bucket")))
_COUNT = hot(
    insert(failed_try)
    .values(bucket=bindparam("bucket"), failures=bindparam("failures"), last_at=bindparam("last_at"))
    .on_conflict_do_update(
        index_elements=["bucket"], set_={"failures": bindparam("failures"), "last_at": bindparam("last_at")}
    )
)
_CLEAR = hot(delete(failed_try).where(_columns.bucket == bindparam("bucket")))
_FORGET = hot(delete(failed_try).where(_columns.last_at < bindparam("before")))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted together, and how many failures are free; names are hashed, so that no address is kept."""

    name: str
    free: int


def network_of(address: str) -> str:
    """Return for whom an address counts: one of IPv6 for its /64, all of which is at the hands of a single household."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((int(found) >> 64 << 64, 64)))


def of_password(login: str, address: str, device: str = "") -> tuple[Bucket, ...]:
    """Return the counters of a try with a password; ``login`` is folded, ``device`` the cookie of a known device, if any."""
    if device:
        return (Bucket(_hashed("password on", login, device), 5),)
    network = network_of(address)
    own, of_address = Bucket(_hashed("password", login, network), 5), Bucket(_hashed("address", network), 50)
    return (own, of_address, Bucket(_hashed("login", login), 100))


def of_passkey(address: str) -> tuple[Bucket, ...]:
    """Return the counter of a try with a passkey, which nobody can guess: it bounds what a flood of them costs."""
    return (Bucket(_hashed("passkey", network_of(address)), 100),)


def of_provider(address: str) -> tuple[Bucket, ...]:
    """Return the counter of logins at another party that were begun; each asks that party something."""
    return (Bucket(_hashed("provider", network_of(address)), 30),)


def of_code(account_id: str, device: str = "") -> tuple[Bucket, ...]:
    """Return the counter of a try with a one-time code; ``device`` is the cookie of a known device, if any."""
    return (Bucket(_hashed("code", account_id, device), 5),)


def of_sign_up(address: str) -> tuple[Bucket, ...]:
    """Return the counter of sign-ups; it counts all, since somebody who makes many accounts is no person."""
    return (Bucket(_hashed("sign-up", network_of(address)), 10),)


def of_reset(address: str) -> tuple[Bucket, ...]:
    """Return the counter of mails about a forgotten password that an address asked for; it counts all."""
    return (Bucket(_hashed("reset", network_of(address)), 10),)


def of_mail(to: str) -> tuple[Bucket, ...]:
    """Return the counter of mails that one login or account is sent, so that nobody fills a mailbox; it counts all."""
    return (Bucket(_hashed("mail", to), 3),)


async def begin(transaction: Transaction, buckets: tuple[Bucket, ...], now: datetime) -> None:
    """Count a try that is about to be made.

    Raises: TooManyRequestsError, when it is too early for another one; then nothing is counted.
    """
    now_us = to_us(now)
    await transaction.run(_FORGET, {"before": to_us(now - FORGOTTEN_AFTER)})
    for bucket in buckets:
        failures, last_at = await transaction.one(_READ, {"bucket": bucket.name}) or (0, 0)
        if now_us < last_at + _microseconds(wait_after(failures - bucket.free)):
            raise TooManyRequestsError("That were too many tries. Wait a while, then try again.")
        await transaction.run(_COUNT, {"bucket": bucket.name, "failures": failures + 1, "last_at": now_us})


async def succeeded(transaction: Transaction, buckets: tuple[Bucket, ...]) -> None:
    """Strike off what ``begin`` counted, and the failures before it that are the person's own (the first counter)."""
    await transaction.run(_CLEAR, {"bucket": buckets[0].name})
    for bucket in buckets[1:]:
        failures, last_at = await transaction.one(_READ, {"bucket": bucket.name}) or (1, 0)
        await transaction.run(_COUNT, {"bucket": bucket.name, "failures": failures - 1, "last_at": last_at})


def wait_after(too_many: int) -> timedelta:
    """Return how long to wait after the free failures and ``too_many`` more: it doubles each time."""
    if too_many < 0:
        return timedelta(0)
    return min(FIRST_WAIT * (1 << min(too_many, 16)), LONGEST_WAIT)


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
