"""What the prefixes mean: how the interval of a search value stands to the interval of a resource's value.

Both intervals include their ends. A date is the interval of its precision; a number after ``eq`` and ``ne`` is the interval that
rounds to it, after the others the number itself. In the specification's words, with the value's interval ``v`` and the
resource's ``r``:

====== ==================================================== =======================================
prefix the specification                                    here
====== ==================================================== =======================================
``eq`` v fully contains r                                   v.low <= r.low and r.high <= v.high
``ne`` v doesn't fully contain r                            not eq
``gt`` the range above v intersects r                       r.high > v.high
``lt`` the range below v intersects r                       r.low < v.low
``ge`` as gt, or as eq: on or after                         r.high >= v.low
``le`` as lt, or as eq: on or before                        r.low <= v.high
``sa`` r starts after v                                     r.low > v.high
``eb`` r ends before v                                      r.high < v.low
``ap`` v, widened, overlaps r                               r.low <= v.high and r.high >= v.low
``po`` v overlaps r (``_filter`` only)                      r.low <= v.high and r.high >= v.low
``co`` r contains v (``_filter`` only)                      r.low <= v.low and v.high <= r.high
====== ==================================================== =======================================

``ge`` and ``le`` go one step further than the letter: a period that began earlier and ends *during* the day of
``ge2024-01-10`` is neither after that day nor contained in it, and still is what somebody wants who asks for medication used
on or after the 10th. The Dutch standards define their period of use so, and ask for one day with ``ge`` and ``le`` of it.

Spec: https://hl7.org/fhir/R4/search.html#prefix, https://hl7.org/fhir/STU3/search.html#prefix
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from app.fhir.search.expression import Prefix

Number = TypeVar("Number", int, float)

_Comparison = Callable[[float, float, float, float], bool]

COMPARISONS: Mapping[Prefix, _Comparison] = MappingProxyType(
    {
        "eq": lambda low, high, from_, to: low <= from_ and to <= high,
        "ne": lambda low, high, from_, to: not (low <= from_ and to <= high),
        "gt": lambda _, high, __, to: to > high,
        "lt": lambda low, _, from_, __: from_ < low,
        "ge": lambda low, _, __, to: to >= low,
        "le": lambda _, high, from_, __: from_ <= high,
        "sa": lambda _, high, from_, __: from_ > high,
        "eb": lambda low, _, __, to: to < low,
        "po": lambda low, high, from_, to: from_ <= high and to >= low,
        "co": lambda low, high, from_, to: from_ <= low and high <= to,
        "ap": lambda low, high, from_, to: from_ <= high and to >= low,
    }
)
"""For each prefix, whether a resource's interval meets it: value low and high, then resource low and high."""


def meets(prefix: Prefix, value: tuple[Number, Number], resource: tuple[Number, Number]) -> bool:
    """Return whether ``resource``, an interval with both ends included, meets ``prefix`` with ``value``."""
    return COMPARISONS[prefix](*value, *resource)
