"""The lines of an import on disk, put in the order in which they go in: each person's together, whatever their order was.

They are in a file without a name: body after body, with what is known of each behind it. Their order is in a database of SQLite,
without a name too. Nobody else can open either, and both are gone with the process, however that ends.

Sources: https://www.sqlite.org/inmemorydb.html#temp_db, https://man7.org/linux/man-pages/man2/open.2.html (O_TMPFILE),
https://www.sqlite.org/tempfiles.html#temporary_file_storage_locations
"""

import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from hashlib import blake2b
from typing import Any, Self

import msgspec

from app.errors import UnavailableError
from app.interactions.import_lines import Line, Place

_TABLE = """
CREATE TABLE line (
    n INTEGER PRIMARY KEY, part INTEGER, person TEXT, is_patient INTEGER, content BLOB, start INTEGER, size INTEGER
)
"""
"""``content`` is there for those without a person only; ``start`` and ``size`` are the bytes of what is known of a line."""

_ADD = "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?)"
_IN_ORDER = "CREATE INDEX in_order ON line (part, person, n)"
_OF_CONTENT = "CREATE INDEX of_content ON line (content, n) WHERE person = ''"
"""What is the same names the same person: of those with a person it is counted while they are read."""

_READ = "SELECT n, start, size FROM line ORDER BY part, person, n"
_HAS_EARLIER = "SELECT EXISTS (SELECT 1 FROM line WHERE person = '' AND content = ? AND n < ?)"
_PATIENT = "SELECT 1 FROM line WHERE part = 0 AND person = ? AND is_patient LIMIT 1"


class Part(IntEnum):
    """In which order lines go in: what names a person, what is found by that, and what is done together."""

    OF_A_PERSON = 0
    OF_NOBODY = 1
    TOGETHER = 2


_TOGETHER, _TOGETHER_BYTES = 100, 1024 * 1024
"""Lines, and bytes of them, that are put on disk at once."""


class Spooled(msgspec.Struct, array_like=True):
    """A line in its place: ``person`` is the id of the Patient that it names, ``content`` tells whether two are the same.

    ``body`` is where its body is, ``times`` how often the same came before it in the import.
    """

    place: Place
    fault: str
    part: Part
    person: str
    resource_type: str
    id: str | None
    content: bytes
    body: "Piece"
    times: int = 0


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """Bytes of the file: where they begin, and how many."""

    start: int
    size: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Spooled).decode


def piece_of(file: int, piece: Piece) -> bytes:
    """Return bytes of a file; processes that have it open can ask side by side."""
    return os.pread(file, piece.size, piece.start)


class Spool:
    """Lines, first added, then read; close it. ``file`` is the descriptor of that with the bodies."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute(_TABLE)
        self._connection.execute("BEGIN")
        with _on_disk():
            self._file = tempfile.TemporaryFile(buffering=0, dir=_folder())  # noqa: SIM115 - closed with this
        self.file = self._file.fileno()
        self._end = 0
        self._added: list[tuple[Any, ...]] = []
        self._bytes: list[bytes] = []
        self._added_bytes = 0
        self.count = 0
        self._sought = "", False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything."""
        self._connection.close()
        self._file.close()

    def add(self, line: Line, part: Part, person: str, resource_type: str, resource_id: str | None) -> None:
        """Keep a line. Raises: UnavailableError."""
        content = blake2b(f"{resource_type}/{resource_id} ".encode() + line.body, digest_size=16).digest()
        self.count += 1
        body = Piece(self._end, len(line.body))
        known = _encode(Spooled(line.place, line.fault, part, person, resource_type, resource_id, content, body))
        start, size = body.start + body.size, len(known)
        is_patient = int(resource_type == "Patient" and resource_id == person)
        self._added.append((self.count, int(part), person, is_patient, None if person else content, start, size))
        self._bytes += (line.body, known)
        self._end = start + size
        self._added_bytes += body.size + size
        if len(self._added) == _TOGETHER or self._added_bytes > _TOGETHER_BYTES:
            self._put_down()

    def _put_down(self) -> None:
        with _on_disk():
            _write(self.file, b"".join(self._bytes))
            self._connection.executemany(_ADD, self._added)
        self._added, self._bytes, self._added_bytes = [], [], 0

    def read(self) -> Iterator[Spooled]:
        """Yield all lines in their order; nothing is added from now on. Raises: UnavailableError."""
        self._put_down()
        with _on_disk():
            for statement in (_IN_ORDER, _OF_CONTENT, "COMMIT"):
                self._connection.execute(statement)
        repeated: Counter[bytes] = Counter()  # of nobody's: how often one came that came before
        seen: Counter[bytes] = Counter()  # of one person's: how often each came
        whose = ""
        for n, start, size in self._connection.execute(_READ):
            one = _decode(os.pread(self.file, size, start))
            if one.person:
                if one.person != whose:
                    seen.clear()
                    whose = one.person
                one.times = seen[one.content]
                seen[one.content] += 1
            else:
                ((has_earlier,),) = self._connection.execute(_HAS_EARLIER, (one.content, n))
                if has_earlier:
                    repeated[one.content] += 1
                one.times = repeated[one.content]
            yield one

    def body(self, one: Spooled) -> bytes:
        """Return the body of a line."""
        return piece_of(self.file, one.body)

    def has_patient(self, patient_id: str) -> bool:
        """Return whether the Patient itself is among the lines."""
        if patient_id != self._sought[0]:
            self._sought = patient_id, self._connection.execute(_PATIENT, (patient_id,)).fetchone() is not None
        return self._sought[1]


def _folder() -> str:
    """Return where SQLite puts files without a name: not first in ``/tmp``, as Python does, which may be memory."""
    known = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"), "/var/tmp")  # noqa: S108 - what is made there has no name
    return next((one for one in known if one and os.access(one, os.W_OK | os.X_OK)), tempfile.gettempdir())


def _write(file: int, content: bytes) -> None:
    """Write all of it at the end."""
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


@contextmanager
def _on_disk() -> Iterator[None]:
    """Raise UnavailableError, if the disk does not take it."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        message = "The folder for temporary files does not take the lines of this import: make room, or set TMPDIR to another."
        raise UnavailableError(message) from error
