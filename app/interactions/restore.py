"""An export of Regie brought in without loss: every version under its own number, with its instant, its hash and its bytes.

The record keeps its number and all ids, so that its chain and its references hold as they are. So it can be brought in where
these are free: on another server, or on this one after it was erased. What is in it is checked as if it were written now, and all
of it goes in, in one transaction, or nothing does. Three things are not as they were:

- a grant that was in force is ended: an import gives nobody access;
- the log from before is kept beside that of this server, which tells only what happened here;
- a person who has a record here, with nothing in it yet, gets this one in its place; what the log said of the empty one is kept too.

It is one module, as its steps are one transaction over one file.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, BinaryIO

import msgspec
from msgspec import UnsetType

from app.access.categories import ALL_PARTS, EVERYTHING, from_codes
from app.access.grant import Grant, Grantee
from app.access.policy import Wish
from app.access.representation import ALL_POWERS, Capacity, Mandate, Power
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit import earlier
from app.audit.events import Event, Trace
from app.audit.links import extent_of, hash_of, links_until
from app.audit.seal import is_sound, sealed
from app.consent import grants
from app.db.database import Transaction
from app.errors import AccessDeniedError, ConflictError, InvalidResourceError, RegieError, UnprocessableError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.validation.structure import parse
from app.identity.accounts import move
from app.interactions.beside import beside
from app.interactions.context import Context
from app.interactions.erase import erase_rows_of
from app.interactions.gate import Decide, Deed, Touched, event
from app.interactions.own_person import refuse_another
from app.interactions.placement import check_references, record_of_patient
from app.interactions.sound import FromSource
from app.interactions.transfer import (
    ChangeLine,
    EntryLine,
    GrantLine,
    Head,
    MandateLine,
    SealLine,
    entry_line,
    faults,
    lines_within,
    read_head,
    read_line,
)
from app.jobs import outbox
from app.store.bodies import content_in, with_identity
from app.store.changes import record_exists
from app.store.ids import RECORD_ID_BITS, record_in
from app.store.resources import RELEASES
from app.store.restore import Kept, has_only_its_person, hash_at, restore
from app.store.time_zone import known_zone

INDEX = "index"
"""The kind of job that makes the index of a record that was brought in."""

CLOCKS_DIFFER = timedelta(minutes=5)
OLDEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""Between which days the instants of a grant lie."""

TEXT_MAX = 200
"""Characters of a name or a number in a grant."""

VERSIONS_MAX = 1_000_000
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Brought:
    """A record that is here now; ``is_new`` False if it was here before, with all that was brought."""

    record_id: int
    patients: dict[Release, str]
    changes: int
    is_new: bool


@dataclass(slots=True)
class _Checked:
    """What is known of an export once it was checked."""

    head: Head
    patients: dict[Release, str]
    grants: list[Grant] = field(default_factory=list)
    last_entry: EntryLine | None = None
    person: dict[str, Any] | None = None


async def bring_in(
    context: Context,
    requester: Requester,
    trace: Trace,
    file: BinaryIO,
    logs: Sequence[BinaryIO] = (),
) -> Brought:
    """Return the record that an export brought in: for an operator anybody's, for a person in place of their own empty one.

    ``file`` has the lines of the export, ``logs`` are from where it was before, oldest first, and are kept unread.
    Raises: UnprocessableError (with the line), ConflictError (its number or its person's ids are taken, or the own record is not
    empty), AccessDeniedError.
    """
    deed = Deed("import")
    try:
        found = await beside(lambda: _checked(context, file))
    except RegieError as error:
        await context.gate.refused(requester, trace, deed, error)
        raise
    head = found.head
    here = Brought(head.record_id, found.patients, head.changes, is_new=False)

    async def job(transaction: Transaction, decide: Decide) -> tuple[Brought, list[Event]]:
        into = _target(requester, await decide(Wish(Action.CREATE)), head.record_id)
        if await hash_at(transaction, head.record_id, head.changes) == bytes.fromhex(head.hash):
            if into not in (None, head.record_id):
                raise ConflictError("This record is here already, with a login of its own.")
            return here, []
        is_known = await _refuse_taken(transaction, found)
        touched = [Touched(head.record_id, "operator" if into is None else "own record", head.changes)]
        own_log: list[bytes] = []
        if into is not None:
            await _refuse_unfit(transaction, into, found)
            own_log = [line async for line in _log_lines(context, transaction, into)]
            await erase_rows_of(transaction, into, but=frozenset({"account"}))
            await move(transaction, into, head.record_id)
            touched.append(Touched(into, "own record"))
        changes = _changes(file)
        await restore(transaction, head.record_id, known_zone(head.time_zone).key, found.patients, changes)
        now = context.clock()
        for grant in found.grants:
            await grants.keep(transaction, replace(grant, record_id=head.record_id), now, head.exported_at)
        for log in logs:
            log.seek(0)
            await earlier.keep(transaction, head.record_id, log)
        if not is_known:
            await earlier.keep(transaction, head.record_id, _lines_of_log(file))
        await earlier.keep(transaction, head.record_id, own_log)
        await outbox.put(transaction, record_id=head.record_id, kind=INDEX, body={}, now_us=context.now_us())
        return replace(here, is_new=True), [event(requester, trace, deed, one) for one in touched]

    return await context.gate.change(requester, trace, deed, job)


def _target(requester: Requester, scope: AccessScope, record_id: int) -> int | None:
    """Return the record that is replaced, None for an operator. Raises: AccessDeniedError."""
    if requester.kind is RequesterKind.OPERATOR and scope.of(record_id) is not None:
        return None
    own = requester.record_id
    access = scope.of(own) if own is not None else None
    is_oneself = requester.kind is RequesterKind.PERSON and not requester.on_behalf_of
    if not is_oneself or access is None or access.types:
        raise AccessDeniedError("A record is brought in by its person.")
    return own


async def _refuse_taken(transaction: Transaction, found: _Checked) -> bool:
    """Return whether the log here tells of the record, as the export does.

    A number of which the log tells was somebody's: it is given back only to an export that has what the log has.
    Raises: ConflictError, when the number or the id of a Patient is somebody's.
    """
    record_id, last = found.head.record_id, found.last_entry
    taken = ConflictError("The number of this record, or the id of its Patient, is in use here.")
    if await record_exists(transaction, record_id):
        raise taken
    for release, patient in found.patients.items():
        if await record_of_patient(transaction, release, patient) is not None:
            raise taken
    entries, _ = await extent_of(transaction, record_id)
    if not entries:
        return False
    digest = await hash_of(transaction, record_id, last.stream, last.n) if last else None
    if last is None or digest is None or digest.hex() != last.hash:
        raise taken
    return True


async def _refuse_unfit(transaction: Transaction, into: int, found: _Checked) -> None:
    """Raise ConflictError, unless a person's record is empty; UnprocessableError, if the export is somebody else's."""
    if not await has_only_its_person(transaction, into) or await grants.of_record(transaction, into):
        raise ConflictError("Your record here is not empty: a record is brought in as the first thing.")
    await refuse_another(transaction, into, found.person)


async def _log_lines(context: Context, transaction: Transaction, record_id: int) -> AsyncIterator[bytes]:
    """Yield the log about a record as sealed lines."""
    _, last = await extent_of(transaction, record_id)
    async for link in links_until(transaction, record_id, last):
        yield _encode(entry_line(link)) + b"\n"
    seal = await sealed(transaction, context.gate.audit.keys, record_id, last, context.now_us())
    if seal is not None:
        yield _encode(SealLine(seal)) + b"\n"


def _changes(file: BinaryIO) -> Iterator[Kept]:
    file.seek(0)
    next(file)
    for text in file:
        line = read_line(text)
        if not isinstance(line, ChangeLine):
            return
        misfit = None if isinstance(line.misfit, UnsetType) else bytes(line.misfit)
        _, *fields = line.fields(0)
        yield Kept._make((*fields, bytes.fromhex(line.hash), line.exact_body, misfit))


def _lines_of_log(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    next(file)
    return (text for text in file if isinstance(read_line(text), EntryLine | SealLine))


# -------------------------------------------------------------------------------------------------------------- checks


def _checked(context: Context, file: BinaryIO) -> _Checked:
    """Return what there is to know of an export. Raises: UnprocessableError, naming the line, when anything is wrong."""
    file.seek(0)
    for fault in faults(lines_within(file)):
        raise UnprocessableError(f"The export is not sound. {fault}")
    file.seek(0)
    head = read_head(file.readline())
    assert head is not None  # it was sound
    found = _Checked(
        head, {release: head.patients[release.path] for release in Release if release.path in head.patients}
    )
    if not 0 < head.record_id < 1 << RECORD_ID_BITS or not all(map(_ID.fullmatch, found.patients.values())):
        raise UnprocessableError("The export is not sound. Line 1 tells of no record that there can be.")
    known_zone(head.time_zone)
    versions = _Versions(context, found)
    order = 0
    for number, text in enumerate(file, 2):
        line = read_line(text)
        rank = (ChangeLine, GrantLine, EntryLine, SealLine).index(type(line))
        try:
            if rank < order:
                raise UnprocessableError("It is out of order.")
            _take(context, found, versions, line)
        except InvalidResourceError as error:
            issue = next(iter(error.issues))
            raise UnprocessableError(f"Line {number}, {issue.expression}: {issue.diagnostics}") from error
        except RegieError as error:
            raise UnprocessableError(f"Line {number}: {error}") from error
        order = rank
    for release, patient in found.patients.items():
        if (release.value, "Patient", patient) not in versions.last:
            raise UnprocessableError(f"The Patient of {release.path} is not in the export.")
    found.grants = _numbered(found.grants)
    return found


def _take(
    context: Context, found: _Checked, versions: "_Versions", line: ChangeLine | GrantLine | EntryLine | SealLine
) -> None:
    match line:
        case ChangeLine():
            versions.take(line)
        case GrantLine():
            found.grants.append(_grant(context, line))
        case EntryLine():
            found.last_entry = line
        case SealLine() if not is_sound(line.seal) or line.seal.record_id != found.head.record_id:
            raise UnprocessableError("The seal of the log is not signed by the key that it names.")


@dataclass(slots=True)
class _Versions:
    """The newest version of each resource while an export is read: a change has to follow from what was before it."""

    context: Context
    found: _Checked
    last: dict[tuple[int, str, str], tuple[int, int, bool]] = field(default_factory=dict)
    instant: int = 0

    def take(self, line: ChangeLine) -> None:
        """Take the next change. Raises: UnprocessableError, InvalidResourceError."""
        key = (line.release, line.type, line.id)
        seq, version, is_deleted = self.last.get(key, (0, 0, True))
        latest = (self.context.clock() + CLOCKS_DIFFER).timestamp() * 1_000_000
        operations = ("create",) if is_deleted else ("update", "delete")
        if line.release not in RELEASES or line.type in NOT_KEPT or not _ID.fullmatch(line.id):
            raise UnprocessableError(f"A {line.type[:64]} is not kept as a resource of a record.")
        if record_in(line.id) not in (None, self.found.head.record_id):
            raise UnprocessableError("The id was made in another record.")
        if (line.version, line.previous) != (version + 1, seq) or line.operation not in operations:
            raise UnprocessableError("It does not follow from the version before.")
        if not self.instant <= line.instant <= latest or line.instant % 1000:
            raise UnprocessableError("The instant is before that of an earlier change, or is still to come.")
        if not line.categories & ALL_PARTS or line.categories & ~int(EVERYTHING):
            raise UnprocessableError("It is in no part of a record.")
        if not isinstance(line.misfit, UnsetType):
            try:
                msgspec.json.decode(line.misfit, type=list[Issue])
            except msgspec.DecodeError as error:
                raise UnprocessableError("What is said to be wrong with it can't be read.") from error
        self.instant = line.instant
        self.last[key] = (line.seq, line.version, line.operation == "delete")
        if line.operation != "delete":
            self._check_body(RELEASES[line.release], line)
        elif line.exact_body:
            raise UnprocessableError("What was deleted has no content.")

    def _check_body(self, release: Release, line: ChangeLine) -> None:
        body, patients = line.exact_body, self.found.patients
        parsed = parse(release, body, expected_type=line.type, maximum_depth=self.context.limits.body_depth_max)
        if with_identity(content_in(parsed.members), line.id, line.version, line.instant) != body:
            raise UnprocessableError("The content has another id, version or time than the line.")
        if line.type == "Patient":
            if line.id != patients.get(release):
                raise UnprocessableError("This is the Patient of another record.")
            self.found.person = parsed.tree
        facts = FromSource(self.context, RequesterKind.PERSON, release, parsed).facts
        own_patient = patients.get(release)
        check_references(
            release, self.found.head.record_id, line.type, facts, location=line.type, own_patient=own_patient
        )
        # What has more values than an index takes would stop it each time that it is made.
        self.context.index(release, line.type, parsed.tree, self.context.time_zone)


def _grant(context: Context, line: GrantLine) -> Grant:
    now = context.clock() + CLOCKS_DIFFER
    try:
        actions = Action(0)
        for name in line.actions:
            actions |= Action[name.upper()]
        grant = Grant(
            line.id, 0, Grantee(line.grantee), line.grantee_id, from_codes(line.categories), actions, line.starts_at,
            line.until, line.purpose, line.given_at, line.withdrawn_at, line.version, _mandate(line.mandate), line.rests_on,
        )  # fmt: skip
        is_to_come = grant.given_at > now or (grant.withdrawn_at or now) > now
        is_fit = _is_fit(grant)
        grants.check(grant)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise UnprocessableError("This is no grant.") from error
    if is_to_come or not is_fit or not _ID.fullmatch(grant.grant_id):
        raise UnprocessableError("This is no grant that was given.")
    return grant


def _is_fit(grant: Grant) -> bool:
    """Return whether a grant can be kept and shown: instants and days of our time, short texts, a mandate for a person."""
    mandate, texts = grant.mandate, [grant.grantee_id, grant.purpose, grant.rests_on or ""]
    instants = [grant.given_at, grant.starts_at, grant.until, grant.withdrawn_at or grant.given_at]
    if mandate is not None:
        texts.append(mandate.represented)
        instants.append(mandate.agreed_at or grant.given_at)
        born, is_parent = mandate.birth_date, mandate.capacity is Capacity.PARENT
        if (
            (born is None) is is_parent
            or int(mandate.powers) & ~int(ALL_POWERS)
            or (born and not OLDEST <= born <= LATEST)
        ):
            return False
    return (
        (mandate is not None) is (grant.grantee is Grantee.PERSON)
        and (grant.grantee_id != "" or mandate is not None)  # who helped and was erased since is nobody
        and 0 <= grant.version <= VERSIONS_MAX
        and all(one.tzinfo is not None and OLDEST <= one.date() <= LATEST for one in instants)
        and all(len(text) <= TEXT_MAX and text.isprintable() for text in texts)
    )


def _mandate(line: MandateLine | None) -> Mandate | None:
    """Return a mandate. Raises: ValueError, UnprocessableError."""
    if line is None:
        return None
    powers, zone = Power(line.powers), known_zone(line.zone).key
    return Mandate(Capacity(line.capacity), line.represented, powers, line.birth_date, zone, line.agreed_at)


def _numbered(given: Sequence[Grant]) -> list[Grant]:
    """Return the grants with the numbers of their versions, which the first form did not have.

    Raises: UnprocessableError, for two versions with one number.
    """
    by_id: dict[str, list[Grant]] = {}
    for grant in sorted(given, key=lambda one: (one.version, one.given_at)):
        by_id.setdefault(grant.grant_id, []).append(grant)
    found = [
        grant if grant.version else replace(grant, version=number)
        for versions in by_id.values()
        for number, grant in enumerate(versions, 1)
    ]
    if len({(grant.grant_id, grant.version) for grant in found}) < len(found):
        raise UnprocessableError("A version of a grant stands twice in the export.")
    return found
