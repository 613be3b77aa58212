"""The list of erased records, beside the database: what a backup that is put back has to lose again.

A line has an instant, the number of the record and the name of the proof: nothing that tells about anybody. It is written after the
erasure, by a job that is tried until it is; what is in it stays.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from app.errors import BadRequestError
from app.fhir.instants import instant_text
from app.jobs.erasure import Note
from app.jobs.outbox import Job

_PARTS = 3


def listed(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and proof of each record in a list. Raises: BadRequestError, OSError."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        parts = line.split()
        if len(parts) != _PARTS or not parts[1].isdecimal():
            message = f"Line {number} is none of a list of erased records."
            raise BadRequestError(message)
        yield int(parts[1]), parts[2]


class NoteHandler:
    """Notes an erasure in the list at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self, job: Job) -> None:
        """Add its line, unless it is there. Raises: OSError."""
        await asyncio.to_thread(self._note, job.decoded(Note))

    def _note(self, note: Note) -> None:
        line = f"{instant_text(note.at_us)} {note.record_id} {note.proof}\n"
        known = self._path.read_bytes() if self._path.exists() else b""
        if line.encode() in known:
            return  # a job may be done twice
        if (whole := known.rfind(b"\n") + 1) < len(known):
            os.truncate(self._path, whole)  # a power cut tore the last one, whose job comes again
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._path, "a", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
