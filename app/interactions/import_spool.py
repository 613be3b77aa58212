"""The lines of an import on disk, put in the order in which they go in: each person's together, whatever their order was.

It is a database of SQLite without a name, which nobody else can open and which is gone with the process, however that ends.

Source: https://www.sqlite.org/inmemorydb.html#temp_db
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from hashlib import blake2b
from typing import Any, Self

import msgspec

from app.errors import UnavailableError
from app.interactions.import_lines import Line

_TABLE = """
CREATE TABLE line (
    n INTEGER PRIMARY KEY, part INTEGER, person TEXT, type TEXT, id TEXT, file TEXT, number INTEGER, entry INTEGER,
    fault TEXT, content BLOB, body BLOB
)
"""
_ADD = "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_IN_ORDER = "CREATE INDEX in_order ON line (part, person, n)"
_OF_CONTENT = "CREATE INDEX of_content ON line (content, n) WHERE person = ''"
"""What is the same names the same person: of those with a person it is counted while they are read."""

_READ = """
SELECT n, part, person, type, id, file, number, entry, fault, content, body FROM line ORDER BY part, person, n
"""
_HAS_EARLIER = "SELECT EXISTS (SELECT 1 FROM line WHERE person = '' AND content = ? AND n < ?)"
_PATIENT = "SELECT 1 FROM line WHERE part = 0 AND person = ? AND type = 'Patient' AND id = person LIMIT 1"


class Part(IntEnum):
    """In which order lines go in: what names a person, what is found by that, and what is done together."""

    OF_A_PERSON = 0
    OF_NOBODY = 1
    TOGETHER = 2


_PARTS = tuple(Part)
_TOGETHER, _TOGETHER_BYTES = 100, 1024 * 1024
"""Lines, and bytes of them, that are put on disk at once."""


class Spooled(msgspec.Struct, frozen=True):
    """A line in its place: ``person`` is the id of the Patient that it names, ``content`` tells whether two are the same.

    ``times`` is how often the same came before it in the import.
    """

    line: Line
    part: Part
    person: str
    resource_type: str
    id: str | None
    content: bytes
    times: int


class Spool:
    """Lines, first added, then read; close it."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute(_TABLE)
        self._connection.execute("BEGIN")
        self._added: list[tuple[Any, ...]] = []
        self._added_bytes = 0
        self.count = 0
        self._sought = "", False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything."""
        self._connection.close()

    def add(self, line: Line, part: Part, person: str, resource_type: str, resource_id: str | None) -> None:
        """Keep a line. Raises: UnavailableError."""
        content = blake2b(f"{resource_type}/{resource_id} ".encode() + line.body, digest_size=16).digest()
        self.count += 1
        row = (self.count, int(part), person, resource_type, resource_id, line.file, line.number, line.entry)
        self._added.append((*row, line.fault, content, line.body))
        self._added_bytes += len(line.body)
        if len(self._added) == _TOGETHER or self._added_bytes > _TOGETHER_BYTES:
            self._put_down()

    def _put_down(self) -> None:
        with _on_disk():
            self._connection.executemany(_ADD, self._added)
        self._added, self._added_bytes = [], 0

    def read(self) -> Iterator[Spooled]:
        """Yield all lines in their order; nothing is added from now on. Raises: UnavailableError."""
        self._put_down()
        with _on_disk():
            for statement in (_IN_ORDER, _OF_CONTENT, "COMMIT"):
                self._connection.execute(statement)
        repeated: Counter[bytes] = Counter()  # of nobody's: how often one came that came before
        seen: Counter[bytes] = Counter()  # of one person's: how often each came
        whose = ""
        for n, part, person, kind, id_, file, number, entry, fault, content, body in self._connection.execute(_READ):
            if person:
                if person != whose:
                    seen.clear()
                    whose = person
                times = seen[content]
                seen[content] += 1
            else:
                ((has_earlier,),) = self._connection.execute(_HAS_EARLIER, (content, n))
                if has_earlier:
                    repeated[content] += 1
                times = repeated[content]
            yield Spooled(Line(file, number, body, entry, id_, fault), _PARTS[part], person, kind, id_, content, times)

    def has_patient(self, patient_id: str) -> bool:
        """Return whether the Patient itself is among the lines."""
        if patient_id != self._sought[0]:
            self._sought = patient_id, self._connection.execute(_PATIENT, (patient_id,)).fetchone() is not None
        return self._sought[1]


@contextmanager
def _on_disk() -> Iterator[None]:
    """Raise UnavailableError, if the disk does not take it."""
    try:
        yield
    except sqlite3.OperationalError as error:
        message = "The folder for temporary files does not take the lines of this import: make room, or set TMPDIR to another."
        raise UnavailableError(message) from error
