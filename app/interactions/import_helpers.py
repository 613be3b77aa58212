"""Other processes that check the lines of an import, so that this one has little left to do but to write.

The chunks go round, and come back in their order. At most some for each helper are on their way, so that memory stays bounded.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Iterable
from itertools import cycle
from pathlib import Path
from typing import Self

from app.errors import UnavailableError
from app.fhir.release import Release
from app.interactions.import_checks import Checked
from app.interactions.import_helper import LENGTH, Told, decode_answer, encode, framed
from app.interactions.import_spool import Part, Spooled
from app.interactions.setup import Setup

CHUNKS_EACH = 2
"""Chunks that a helper has at a time: one that it works at, and the next."""

Chunk = list[Spooled]
_ROOT = Path(__file__).parents[2]


class Helpers:
    """Up to ``count`` helpers; with 1, and as long as none were started, all is left to this process.

    ``file`` is the descriptor of that with the bodies.
    """

    def __init__(self, setup: Setup, release: Release, count: int, file: int) -> None:
        self._told = framed(encode(Told(setup, release, file)))
        self._file = file
        self._count = count if count > 1 else 0
        self._processes: list[Process] = []

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all helpers, whatever they are at."""
        for process in self._processes:
            if process.returncode is None:
                process.kill()
        for process in self._processes:
            await process.communicate()

    async def start(self) -> None:
        """Start those that are not there yet."""
        while len(self._processes) < self._count:
            # By the same code and libraries as here, whatever folder this is called in.
            command = (sys.executable, "-P", "-m", "app.interactions.import_helper")
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=environment, pass_fds=(self._file,)
            )
            self._processes.append(process)
            _input(process).write(self._told)

    async def checked(self, chunks: Iterable[Chunk]) -> AsyncIterator[tuple[Chunk, list[Checked | None]]]:
        """Yield each chunk with what was worked out of its lines, None for those that are left to this process.

        Raises: UnavailableError, when a helper is gone.
        """
        going: deque[tuple[Chunk, Process | None]] = deque()
        turns = cycle(self._processes)
        for chunk in chunks:
            is_asked = bool(self._processes) and chunk[0].part is not Part.TOGETHER
            process = next(turns) if is_asked else None
            if process is not None:
                # It is not waited for that it is read: the helper may wait in turn for an answer to be read.
                _input(process).write(framed(encode([one.body for one in chunk])))
            going.append((chunk, process))
            if len(going) > CHUNKS_EACH * len(self._processes):
                yield await _answered(*going.popleft())
        while going:
            yield await _answered(*going.popleft())


def _input(process: Process) -> asyncio.StreamWriter:
    if process.stdin is None:
        message = "A helper was started without a pipe."
        raise RuntimeError(message)
    return process.stdin


async def _answered(chunk: Chunk, process: Process | None) -> tuple[Chunk, list[Checked | None]]:
    if process is None:
        return chunk, [None] * len(chunk)
    if process.stdout is None:
        message = "A helper was started without a pipe."
        raise RuntimeError(message)
    try:
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return chunk, decode_answer(await process.stdout.readexactly(length))
    except asyncio.IncompleteReadError as error:
        message = "A process that checks resources ended. What is in stays in: begin again, with fewer processes if memory is short."
        raise UnavailableError(message) from error
