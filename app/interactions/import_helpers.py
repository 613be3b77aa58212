"""Other processes that check the lines of an import, so that this one has little left to do but to write.

The chunks go round, and come back in their order. At most some for each helper are on their way, so that memory stays bounded.
A helper that is still starting is not waited for: until one is ready, this process checks by itself.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Self

from app.errors import UnavailableError
from app.fhir.release import Release
from app.interactions.import_checks import Checked
from app.interactions.import_helper import LENGTH, READY, Told, decode_answer, encode, framed
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
        self._starting: list[asyncio.Task[bytes]] = []
        self._turn = 0

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all helpers, whatever they are at."""
        for starting in self._starting:
            starting.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for process in self._processes:
            if process.returncode is None:
                process.kill()
        for process in self._processes:
            await process.communicate()

    async def start(self) -> None:
        """Begin to start those that are not there yet."""
        while len(self._processes) < self._count:
            # By the same code and libraries as here, whatever folder this is called in.
            command = (sys.executable, "-P", "-m", "app.interactions.import_helper")
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, env=environment, pass_fds=(self._file,)
            )
            self._processes.append(process)
            _input(process).write(self._told)
            self._starting.append(asyncio.create_task(_answer(process)))

    def _next(self) -> Process | None:
        """Return whose turn it is of those that have started, None as long as none has. Raises: UnavailableError."""
        ready = [one for one, starting in zip(self._processes, self._starting, strict=True) if _has_started(starting)]
        self._turn += 1
        return ready[self._turn % len(ready)] if ready else None

    async def checked(self, chunks: Iterable[Chunk]) -> AsyncIterator[tuple[Chunk, list[Checked | None]]]:
        """Yield each chunk with what was worked out of its lines, None for those that are left to this process.

        Raises: UnavailableError, when a helper is gone.
        """
        going: deque[tuple[Chunk, Process | None]] = deque()
        for chunk in chunks:
            process = None if chunk[0].part is Part.TOGETHER else self._next()
            if process is not None:
                # It is not waited for that it is read: the helper may wait in turn for an answer to be read.
                _input(process).write(framed(encode([one.body for one in chunk])))
            going.append((chunk, process))
            if process is None or len(going) > CHUNKS_EACH * len(self._processes):
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
    return chunk, decode_answer(await _answer(process))


def _has_started(starting: asyncio.Task[bytes]) -> bool:
    """Return whether a helper has said that it is ready. Raises: UnavailableError, if it ended before."""
    return starting.done() and starting.result() == READY


async def _answer(process: Process) -> bytes:
    if process.stdout is None:
        message = "A helper was started without a pipe."
        raise RuntimeError(message)
    try:
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return await process.stdout.readexactly(length)
    except asyncio.IncompleteReadError as error:
        message = "A process that checks resources ended. What is in stays in: begin again, with fewer processes if memory is short."
        raise UnavailableError(message) from error
