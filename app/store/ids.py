"""Ids that Regie makes: they hold the record, so that no look-up is needed, and nobody can guess them.

32 characters of base32 (Crockford's alphabet, lower case): 10 for the 48-bit record, 10 for the millisecond, 12 at random.
Sorted as text they are in the order of record, then time.
"""

import re
import secrets
from functools import lru_cache

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_AS_PYTHON_READS = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_LENGTH, _RECORD_LENGTH = 32, 10
_MADE = re.compile(f"[{ALPHABET}]{{{_LENGTH}}}")
UUID_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
RECORD_ID_BITS = 48
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]


def _base32(number: int, length: int) -> str:
    """Return the last ``length`` digits of a number; ``length`` is even."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * length - 10, -1, -10)])


@lru_cache(maxsize=256)  # a Bundle makes many in one record and millisecond
def _beginning(record_id: int, milliseconds: int) -> str:
    return _base32(record_id, _RECORD_LENGTH) + _base32(milliseconds, 10)


def new_record_id() -> int:
    """Return a record id that nobody can guess; never 0, the directory."""
    return secrets.randbelow((1 << RECORD_ID_BITS) - 1) + 1


def new_id(record_id: int, instant_us: int) -> str:
    """Return a new resource id in a record."""
    return _beginning(record_id, instant_us // 1000) + _base32(secrets.randbits(60), 12)


def record_in(resource_id: str) -> int | None:
    """Return the record that an id made here names, or None for an id of another form."""
    return _record_in(resource_id) if len(resource_id) == _LENGTH else None  # what somebody asks for may be long


@lru_cache(maxsize=4096)
def _record_in(resource_id: str) -> int | None:
    if _MADE.fullmatch(resource_id) is None:
        return None
    number = int(resource_id[:_RECORD_LENGTH].translate(_AS_PYTHON_READS), 32)
    return number if number < 1 << RECORD_ID_BITS else None
