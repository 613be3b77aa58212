"""The hashes by which exact values are found, as the index has them and as a search asks for them.

Exact values (tokens, references, uris, whole strings) are kept as keyed 64-bit hashes, so that the index holds no readable
code or name. Each form has a letter of its own, so that no two can meet:

====== ====================== ==========================================================
letter part                   what it answers
====== ====================== ==========================================================
``c``  code                   a token, with the hash of its system beside it
``s``  system                 exact_index.system_hash; 0 where there is no system
``v``  value                  ``:identifier``, a Reference's own identifier, with its system
``r``  reference              ``Type/id`` on this server, any other URL or urn as it is
``i``  id                     ``id`` alone on this server, where any type may be meant
``u``  uri                    a uri, whole
``x``  text                   ``:exact``, a string as it was written
``p``                         there is a value, but none of the other rows tells it
``q``  unit                   quantity_index.code_hash: the code, or the unit (beside a code with system_code_hash 0)
``m``  system, code           quantity_index.system_code_hash: a unit that is not known
``k``  canonical unit         quantity_index.system_code_hash: a UCUM unit that is known
====== ====================== ==========================================================

So a token has one row, and ``code``, ``system|code``, ``|code`` and ``system|`` are asked of its two hashes.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from app.fhir.reference import KEPT_LENGTH_MAX
from app.fhir.search.definitions import SearchParameter
from app.fhir.search.expression import (
    IdentifierValue,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
)

ExactValue = TokenValue | IdentifierValue | ReferenceValue | UriValue | StringValue


def exact_hash(key: bytes, *parts: str) -> int:
    """Return the signed 64-bit hash of ``parts``, the first of which is a letter of the table above.

    ``key`` is at most 64 bytes. Codes repeat, so that most are answered from a cache; what is long is not kept there.
    """
    return _kept(key, *parts) if sum(map(len, parts)) <= KEPT_LENGTH_MAX else _hashed(key, *parts)


def _hashed(key: bytes, *parts: str) -> int:
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return int.from_bytes(blake2b(joined.encode(), digest_size=8, key=key).digest(), signed=True)


_kept = lru_cache(maxsize=16_384)(_hashed)


class Wanted(NamedTuple):
    """What to look for in exact_index: the hash of a value and that of its system; None is any."""

    value: int | None
    system: int | None = None


def wanted_hashes(key: bytes, parameter: SearchParameter, value: ExactValue) -> list[Wanted]:
    """Return what to look for in exact_index for one value of a search: any of it is a match.

    An id alone may be of every type that the parameter refers to.
    """
    match value:
        case TokenValue(system=system, code=code):
            found = None if code is None else exact_hash(key, "c", code)
            return [Wanted(found, None if system is None else system_hash(key, system))]
        case IdentifierValue(system=system, value=text):
            found = None if text is None else exact_hash(key, "v", text)
            return [Wanted(found, None if system is None else system_hash(key, system))]
        case ReferenceValue(url=None, resource_type=None, id=resource_id) if parameter.targets:
            types = sorted(parameter.targets)
            return [Wanted(reference_hash(key, ReferenceValue(target, resource_id))) for target in types]
        case ReferenceValue():
            return [Wanted(reference_hash(key, value))]
        case UriValue(uri=uri):
            return [Wanted(exact_hash(key, "u", uri))]
        case StringValue(exact=text):
            return [Wanted(exact_hash(key, "x", text))]


def reference_hash(key: bytes, value: ReferenceValue) -> int:
    """Return the hash under which a reference is in exact_index; of an id alone, that for any type."""
    if value.url is not None:
        return exact_hash(key, "r", value.url)
    if value.resource_type is None:
        return exact_hash(key, "i", value.id or "")
    return exact_hash(key, "r", f"{value.resource_type}/{value.id}")


def system_hash(key: bytes, system: str) -> int:
    """Return what exact_index.system_hash is for a system, 0 for none."""
    return exact_hash(key, "s", system) if system else 0


def unit_hash(key: bytes, value: QuantityValue) -> tuple[str, int | None]:
    """Return which column of quantity_index to compare, and with what.

    ("system", hash) for system_code_hash, ("code", hash) for code_hash, ("any", None) for every row but those with code_hash 0.
    """
    if value.canonical:
        return "system", exact_hash(key, "k", value.code or "")
    if value.code is None:
        return "any", None
    if value.system is None:
        return "code", exact_hash(key, "q", value.code)
    return "system", exact_hash(key, "m", value.system, value.code)
