"""A record as one signed archive: a zip that is made while it is sent, so that a large record takes no more memory than a small one.

What is in it stands in ``archive_format.README``, for people, and in docs/archive.md. All files are made of the record as it stood when
the log said that it was taken along; the manifest with their hashes, and its signature, come last.
"""

import hashlib
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec

from app.access.grant import Grant, Grantee
from app.access.requester import Requester
from app.audit import earlier
from app.audit.events import Trace
from app.audit.keys import base64url, key_of, published
from app.consent.grants import of_record
from app.db.database import Reader, Row
from app.errors import AccessDeniedError, UnavailableError
from app.fhir.elements import Tree, listed
from app.fhir.release import Release
from app.fhir.tree import decode_tree, encode_tree
from app.identity import practices
from app.interactions.archive_format import (
    EARLIER_LOG,
    FORMAT,
    MANIFEST,
    README,
    RECORD,
    SIGNATURE,
    Counts,
    FileLine,
    Manifest,
    Signature,
    signed_text,
)
from app.interactions.beside import beside
from app.interactions.consents import generated
from app.interactions.context import Context, gathered
from app.interactions.log_export import table_of
from app.interactions.operations.summary import document_of
from app.interactions.transfer import Taken, lines_of, taken
from app.store.changes import patients_of
from app.store.export import changes_until
from app.store.history import read_changes
from app.store.resources import RELEASES
from app.store.time_zone import known_zone

PIECE = 64 * 1024
"""Bytes that are compressed at once: about two milliseconds."""

TOGETHER = 100
"""Grants that are read at once."""

_MADE_AS = (1980, 1, 1, 0, 0, 0)  # the manifest tells when; the same record gives the same files


@dataclass(frozen=True, slots=True)
class About:
    """What a summary on paper says besides the record: whose it is, who may see what, and where and when it was made.

    ``names`` are those of the practices and apps that have one, by their id; ``now`` is in UTC, ``zone`` where the person lives.
    """

    person: str
    grants: list[Grant]
    names: Mapping[str, str]
    now: datetime
    zone: ZoneInfo
    server: str


class Paper(Protocol):
    """Makes a summary to read: it is shown every current resource of the record, one by one, and then asked for its pages."""

    def add(self, tree: Tree) -> None:
        """Take a resource, of either release."""
        ...

    def pages(self, about: About) -> bytes:
        """Return a PDF."""
        ...


@dataclass(slots=True)
class _Sink:
    """Where the zip is written to: what came in is handed on and forgotten."""

    pieces: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: all is handed on anyway."""

    def drained(self) -> bytes:
        """Return what came in since the last time."""
        data, self.pieces = b"".join(self.pieces), []
        return data


class _Packer:
    """A zip in the making, with the hashes of its files."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]  # it only writes
        self.files: list[FileLine] = []

    async def add(self, name: str, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the zip as far as it is made, while a file goes in."""
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name, _MADE_AS)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as file:
            async for piece in _in_pieces(content):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
                yield self._sink.drained()
        self.files.append(FileLine(name, size, digest.hexdigest()))
        yield self._sink.drained()

    def end(self) -> bytes:
        """Return the end of the zip."""
        self._zip.close()
        return self._sink.drained()


async def _in_pieces(content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    gathered_, size = list[bytes](), 0
    async for line in content:
        gathered_.append(line)
        size += len(line)
        if size >= PIECE:
            text = b"".join(gathered_)
            for start in range(0, size, PIECE):  # a line may have megabytes
                yield text[start : start + PIECE]
            gathered_, size = [], 0
    yield b"".join(gathered_)


@dataclass(slots=True)
class _Standing:
    """Which changes of a record are current, and how many; one byte for each change."""

    is_over: bytearray
    current: int = 0

    def take(self, row: Row) -> None:
        """Take the next change, a row of the table."""
        _, seq, _, _, _, _, previous, operation, *_ = row
        self.is_over[previous] = 1
        self.is_over[seq] = operation == "delete"


async def archive(
    context: Context, requester: Requester, trace: Trace, record_id: int, paper: Callable[[ZoneInfo], Paper]
) -> AsyncIterator[bytes]:
    """Yield the archive of a record. The log tells of it before the first byte goes out.

    Raises: AccessDeniedError, unless all of the record is open to the requester; NotFoundError; ConflictError, when it is erased
    meanwhile.
    """
    found = await taken(context, requester, trace, record_id)
    made_at, made_us = context.clock(), context.now_us()
    reader, packer = context.database.reader, _Packer()
    grants = await of_record(reader, record_id)
    logs = await earlier.count(reader, record_id)
    standing = await _standing(reader, found)
    summary = paper(known_zone(found.standing.time_zone))
    files: list[tuple[str, AsyncIterator[bytes]]] = [
        ("README.txt", _once(README.encode())),
        (RECORD, lines_of(context, found)),
    ]
    for release in Release:
        files.append((f"fhir/{release.path}-current.ndjson", _current(reader, found, release, standing, summary)))
        files.append((f"fhir/{release.path}-versions.ndjson", _versions(reader, found, release)))
        files.append((f"consents/{release.path}.ndjson", _consents(context, found, release, grants)))
    files.append(("log.csv", table_of(reader, record_id, found.last)))
    files += [(EARLIER_LOG.format(number=log), earlier.parts_of(reader, record_id, log)) for log in range(1, logs + 1)]
    for name, content in files:
        async for data in packer.add(name, content):
            yield data
    about = await _about(context, found, grants, made_at)
    pdf = await beside(lambda: summary.pages(about))
    async for data in packer.add("summary.pdf", _once(pdf)):
        yield data
    if (document := await _document(context, found)) is not None:
        async for data in packer.add("summary.json", _once(document)):
            yield data
    counts = Counts(found.standing.seq, standing.current, len(grants), found.entries, logs)
    manifest = _manifest(context, found, about.person, counts, made_at, packer.files)
    signature = await _signature(context, manifest, made_us)
    for name, text in ((MANIFEST, manifest), (SIGNATURE, signature)):
        async for data in packer.add(name, _once(text)):
            yield data
    yield packer.end()


async def printed(
    context: Context, requester: Requester, trace: Trace, record_id: int, paper: Callable[[ZoneInfo], Paper]
) -> bytes:
    """Return the summary on paper alone; the log tells of it as it does of an archive. Raises: as ``archive`` does."""
    found = await taken(context, requester, trace, record_id)
    reader, summary = context.database.reader, paper(known_zone(found.standing.time_zone))
    standing = await _standing(reader, found)
    for release in Release:
        async for _ in _current(reader, found, release, standing, summary):
            pass
    about = await _about(context, found, await of_record(reader, record_id), context.clock())
    return await beside(lambda: summary.pages(about))


async def _once(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def _standing(reader: Reader, found: Taken) -> _Standing:
    standing = _Standing(bytearray(found.standing.seq + 1))
    async for row in changes_until(reader, found.record_id, found.standing.seq):
        standing.take(row)
    standing.current = standing.is_over[1:].count(0)
    return standing


def _on_one_line(body: bytes) -> bytes:
    """Return a body on a line of its own; only what stands between its members is taken out."""
    return (msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body) + b"\n"


async def _current(
    reader: Reader, found: Taken, release: Release, standing: _Standing, paper: Paper
) -> AsyncIterator[bytes]:
    async for row in changes_until(reader, found.record_id, found.standing.seq):
        if RELEASES[row[2]] is release and not standing.is_over[row[1]]:
            paper.add(decode_tree(row[13]))
            yield _on_one_line(row[13])


async def _versions(reader: Reader, found: Taken, release: Release) -> AsyncIterator[bytes]:
    async for row in changes_until(reader, found.record_id, found.standing.seq):
        if RELEASES[row[2]] is release and row[13]:
            yield _on_one_line(row[13])


async def _consents(context: Context, found: Taken, release: Release, grants: list[Grant]) -> AsyncIterator[bytes]:
    made = await generated(context, context.database.reader, release, grants)
    if made is not None:
        after, more = 0, True
        while more:
            told, more = await read_changes(made, found.access, release, after=after, size=TOGETHER)
            for one in told:
                yield one.body + b"\n"
                after = one.seq


async def _document(context: Context, found: Taken) -> bytes | None:
    """Return the International Patient Summary; None for a record without its Patient."""
    try:
        tree, _ = await gathered(context, found.record_id, lambda: document_of(context, found.scope, found.access))
    except AccessDeniedError:  # nobody to name: a summary could be anybody's
        return None
    return encode_tree(tree)


async def _about(context: Context, found: Taken, grants: list[Grant], now: datetime) -> About:
    reader = context.database.reader
    given = {kind: {one.grantee_id for one in grants if one.grantee is kind} for kind in Grantee}
    known = await practices.of(reader, given[Grantee.PRACTICE])
    names = {one.practice_id: one.name for one in known.values()}
    names |= await context.app_names(reader, given[Grantee.APP])
    zone = known_zone(found.standing.time_zone)
    return About(await _name(reader, found), grants, names, now, zone, context.base_url)


async def _name(reader: Reader, found: Taken) -> str:
    """Return the name of the person, as the newest Patient has it; empty if none tells one."""
    patients, name = set((await patients_of(reader, found.record_id)).values()), ""
    async for row in changes_until(reader, found.record_id, found.standing.seq):
        if row[3] == "Patient" and row[4] in patients and row[13]:
            name = written_name(decode_tree(row[13])) or name
    return name


def written_name(patient: Tree) -> str:
    """Return a Patient's first name that says something."""
    for one in listed(patient.get("name")):
        parts = [*listed(one.get("given")), one.get("family", "")]
        text = one.get("text") or " ".join(str(part) for part in parts if part)
        if text:
            return str(text)[:500]
    return ""


def _manifest(
    context: Context, found: Taken, person: str, counts: Counts, made_at: datetime, files: list[FileLine]
) -> bytes:
    software = f"Regie {version('regie')}"
    made = Manifest(
        FORMAT, made_at.astimezone(UTC), context.base_url, software, found.record_id, person, found.standing.hash.hex(),
        counts, list(files),
    )  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"


async def _signature(context: Context, manifest: bytes, instant: int) -> bytes:
    known = await published(context.database.reader)
    if not known:
        raise UnavailableError("No key has been published yet to sign with.")
    key = key_of(known, instant)
    signature = context.gate.audit.keys.private(key.number).sign(signed_text(instant, manifest))
    keys = [one.as_jwk() for one in known]
    return msgspec.json.encode(Signature(instant, key.thumbprint, base64url(signature), keys)) + b"\n"
