"""FHIR search on one type, with includes, a page at a time.

A page's cursor holds the position of its last match and is signed together with who asks and what: it is of no use to
anybody else, nor for another search.

Spec: https://hl7.org/fhir/R4/search.html, https://hl7.org/fhir/STU3/search.html
"""

import base64
import binascii
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import msgspec

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.db.database import Reader
from app.errors import AccessDeniedError, BadRequestError, TooCostlyError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.search.expression import Owner, ReferenceValue, Search
from app.fhir.search.subset import Shown, subset
from app.interactions.consents import including, readers
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.include import IncludedTooLargeError, included
from app.interactions.placement import record_of_patient
from app.interactions.prepared import Ready, ready
from app.store.changes import all_records
from app.store.resources import Stored
from app.store.search.run import Found, Match, Position, merged, read_matches

CURSOR = "_cursor"
PEOPLE_MAX = 5000
"""People over whom a search may go that names no patient: each has a statement of their own, and an entry in their log."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Page:
    """A page of matches, what they include, and where the next one begins (None: there is none).

    ``used`` is for the self link, ``ignored`` says what of the query was not used, ``total`` is there if it was asked.
    """

    resource_type: str
    matches: tuple[Stored, ...]
    included: tuple[Stored, ...]
    next: str | None
    used: tuple[tuple[str, str], ...]
    ignored: tuple[Issue, ...] = ()
    total: int | None = None


class _Cursor(msgspec.Struct, array_like=True):
    keys: list[int | float | str]
    record_id: int
    seq: int


_decode_cursor = msgspec.json.Decoder(_Cursor).decode


async def search(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    owner: Owner | None = None,
) -> Page:
    """Return one page of what matches. ``pairs`` are the query's parameters as they came, decoded.

    ``owner`` is whose compartment is searched, None for all that the requester may see.
    Raises: NotSupportedError (no such compartment has this type), UnknownParameterError, BadRequestError (a value or a cursor that can't be read), AccessDeniedError.
    """
    deed = Deed("search-type", release, resource_type)

    async def action(scope: AccessScope) -> tuple[Page, Sequence[Touched]]:
        asked, cursor = without_cursor(pairs)
        found = ready(context, release, resource_type, asked, lenient=lenient, owner=owner)
        narrowed = await narrow(context, requester, release, scope, found.parsed)
        after = read_cursor(context, requester, release, found.parsed, cursor) if cursor is not None else None
        return await _page(context, requester, release, narrowed, found, after)

    return await context.gate.look(requester, trace, Wish(Action.SEARCH, resource_type), deed, action)


async def _page(
    context: Context, requester: Requester, release: Release, scope: AccessScope, asked: Ready, after: Position | None
) -> tuple[Page, Sequence[Touched]]:
    parsed, run = asked.parsed, asked.run
    looked_in = await readers(context, requester, scope, release, parsed)
    counted = None
    if parsed.count == 0 or parsed.total in ("accurate", "estimate"):
        counted = sum([await run.count(reader, scope) for reader in looked_in], Counter[int]())
    matches: list[Match] = []
    size = context.limits.page_size_default if parsed.count is None else parsed.count
    if size > 0:
        matches = [one for reader in looked_in for one in await run.page(reader, scope, after, size + 1)]
        matches = matches if len(looked_in) == 1 else merged(matches, parsed.sort)
    beside_it = await including(context, requester, scope, release, parsed.includes)
    found, extra, last = await read_page(
        matches, size, lambda found: included(beside_it, release, scope, found, parsed.includes)
    )
    following = None if last is None else cursor_after(context, requester, release, parsed, last)
    page = Page(
        parsed.place,
        *shown(parsed, found, extra),
        following,
        parsed.used,
        parsed.ignored,
        None if counted is None else counted.total(),
    )
    told = counted if parsed.count == 0 else None
    return page, looked_into(scope, {parsed.resource_type}, [one.version for one in found] + extra, told)


async def read_page(
    matches: Sequence[Match], size: int, include: Callable[[Sequence[Found]], Awaitable[list[Stored]]]
) -> tuple[list[Found], list[Stored], Position | None]:
    """Return the first of these matches, as many as a page has room for, what they include, and behind what the next page begins.

    None: that is all. Raises: as ``included``.
    """
    while True:
        found, read = await read_matches(matches[:size])
        try:
            extra = await include(found)
        except IncludedTooLargeError:
            if len(found) <= 1:
                raise
            size = read // 2
        else:
            return found, extra, matches[read - 1].position if 0 < read < len(matches) else None


def shown(
    parsed: Search, found: Iterable[Found], extra: Iterable[Stored]
) -> tuple[tuple[Stored, ...], tuple[Stored, ...]]:
    """Return the matches and what is included, each with the part of its body that is to be shown."""
    if parsed.shown is None:
        return tuple([one.version for one in found]), tuple(extra)
    matches, of_included = (one.version for one in found), None if isinstance(parsed.shown, frozenset) else parsed.shown
    return tuple(part(one, parsed.shown) for one in matches), tuple(part(one, of_included) for one in extra)


def part(version: Stored, wanted: Shown | None, release: Release | None = None) -> Stored:
    """Return a version with the part of its body, which is told in ``release``, that is to be shown; None is all."""
    if wanted is None or version.deleted:
        return version
    body = subset(release or version.release, version.resource_type, version.body, wanted)
    return msgspec.structs.replace(version, body=body)


def looked_into(
    scope: AccessScope, types: AbstractSet[str], shown: Iterable[Stored], counted: Mapping[int, int] | None = None
) -> list[Touched]:
    """Return the records that were looked into: a search that finds nothing is a look too.

    ``counted`` is for a search that tells nothing but how many there are: so many in each record.
    """
    counts = Counter(counted or ())
    for version in shown:
        counts[version.record_id] += 1
    return [
        Touched(access.record_id, access.reason, counts[access.record_id])
        for access in scope.records
        if access.record_id != DIRECTORY and (access.types is None or access.types & types)
    ]


async def narrow(
    context: Context,
    requester: Requester,
    release: Release,
    scope: AccessScope,
    parsed: Search,
    transaction: Reader | None = None,
) -> AccessScope:
    """Return the part of the scope that the named patients are in, and the directory.

    Raises: AccessDeniedError, when a practice names only patients that it has no grant of, known or not; TooCostlyError, when
    it names none, and there are more than ``PEOPLE_MAX``.
    """
    if requester.has_one_record:
        return scope
    reader = transaction or context.database.reader
    if parsed.within is not None and parsed.within.owner.type == "Patient":
        return await _of_patients(reader, release, scope, [parsed.within.owner.id])
    for criterion in parsed.criteria:
        values = [value for value in criterion.values if isinstance(value, ReferenceValue)]
        is_patient = criterion.parameter.targets == {"Patient"} or criterion.parameter.name in ("patient", "subject")
        if not is_patient or criterion.modifier is not None or len(values) != len(criterion.values):
            continue
        if any(value.resource_type not in (None, "Patient") or value.id is None for value in values):
            continue
        return await _of_patients(reader, release, scope, [value.id or "" for value in values])
    if scope.everyone is not None:
        everybody = await all_records(reader, PEOPLE_MAX + 1)
        scope = AccessScope(scope.only(everybody).records + scope.records)
    check_number_of_people(scope)
    return scope


def check_number_of_people(scope: AccessScope) -> None:
    """Do nothing if a search may go over all people of a scope. Raises: TooCostlyError, for more than ``PEOPLE_MAX``."""
    if len(scope.personal) > PEOPLE_MAX:
        message = f"A search goes over at most {PEOPLE_MAX} people: name the patient, or take all by $export."
        raise TooCostlyError(message)


async def _of_patients(reader: Reader, release: Release, scope: AccessScope, ids: Sequence[str]) -> AccessScope:
    records = {await record_of_patient(reader, release, one) for one in ids}
    named = frozenset(record for record in records if record is not None)
    if not scope.only(named).records:
        message = "No consent covers this request."
        raise AccessDeniedError(message, about=tuple(named))
    return scope.only({*named, DIRECTORY})  # what is said of a patient may refer to the directory


def without_cursor(pairs: Sequence[tuple[str, str]]) -> tuple[list[tuple[str, str]], str | None]:
    """Return the other parameters, and the cursor if there is one. Raises: BadRequestError, when there are more."""
    cursors = [value for name, value in pairs if name == CURSOR]
    if len(cursors) > 1:
        message = "_cursor may be given once."
        raise BadRequestError(message)
    return [pair for pair in pairs if pair[0] != CURSOR], cursors[0] if cursors else None


def _signature(context: Context, requester: Requester, release: Release, parsed: Search, text: bytes) -> bytes:
    # Without how it is written: a client may ask for a further page in another format.
    used = [pair for pair in parsed.used if pair[0] not in ("_format", "_pretty")]
    about: Any = [requester.actor, requester.record_id, release.value, parsed.place, used]
    return hmac.digest(context.cursor_key, _encode(about) + text, "sha256")[:16]


def cursor_after(context: Context, requester: Requester, release: Release, parsed: Search, position: Position) -> str:
    """Return the cursor of a page that begins behind ``position``."""
    text = _encode(_Cursor(list(position.keys), position.record_id, position.seq))
    signed = _signature(context, requester, release, parsed, text) + text
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def read_cursor(context: Context, requester: Requester, release: Release, parsed: Search, cursor: str) -> Position:
    """Return the position in a cursor. Raises: BadRequestError, for one that was not made here for this search."""
    message = "This _cursor is not of this search, or was not made here: follow the next link as it came."
    try:
        signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadRequestError(message) from error
    if not hmac.compare_digest(signed[:16], _signature(context, requester, release, parsed, signed[16:])):
        raise BadRequestError(message)
    read = _decode_cursor(signed[16:])
    return Position(tuple(read.keys), read.record_id, read.seq)
