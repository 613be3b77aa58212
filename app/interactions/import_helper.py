"""A process that checks lines of an import for another one: ``python -m app.interactions.import_helper``.

It is asked over its standard input, by the places of bodies in a file that it is given, and answers over its standard output, in
the same order: frames of MessagePack with their length before them. It has no database and keeps nothing. It ends when its input
does, so with the process that asks, however that ends.

Spec: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

import os
import signal
import struct
import sys
from typing import BinaryIO

import msgspec

from app.errors import RegieError
from app.fhir.release import Release
from app.interactions.import_checks import Checked, Checks
from app.interactions.import_spool import Piece, piece_of
from app.interactions.setup import Setup
from app.logs import configure_logs

LENGTH = struct.Struct("<I")
READY = b"ready"
"""What it says first, once it has all that it needs."""

NICER = 10
"""How much it gives way to others: a server on the same machine comes first."""

encode = msgspec.msgpack.Encoder().encode


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What it is told first; ``file`` is a descriptor that it was given, of the file with the bodies."""

    setup: Setup
    release: Release
    file: int


decode_answer = msgspec.msgpack.Decoder(list[Checked | None]).decode
_decode_told = msgspec.msgpack.Decoder(Told).decode
_decode_asked = msgspec.msgpack.Decoder(list[Piece]).decode


def framed(content: bytes) -> bytes:
    """Return a frame."""
    return LENGTH.pack(len(content)) + content


def _frame(source: BinaryIO) -> bytes | None:
    """Return the content of the next frame, None at the end."""
    head = source.read(LENGTH.size)
    return source.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else None


def _checked(checks: Checks, body: bytes) -> Checked | None:
    """Return what follows from a resource; None for what is refused: who asks finds out why."""
    try:
        return checks.check(checks.parse(body))
    except RegieError:
        return None


def answer(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frame after frame, to the end of ``source``."""
    first = _frame(source)
    if first is None:
        return
    told = _decode_told(first)
    conformance = told.setup.conformance()
    checks = Checks(told.setup, told.release, told.setup.indexer(), conformance)
    sink.write(framed(READY))
    sink.flush()
    while (asked := _frame(source)) is not None:
        sink.write(framed(encode([_checked(checks, piece_of(told.file, one)) for one in _decode_asked(asked)])))
        sink.flush()


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks is interrupted too, and ends this
    os.nice(NICER)
    configure_logs()
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else gets between the answers
    try:
        answer(sys.stdin.buffer, sink)
    except BrokenPipeError:
        os._exit(1)  # nobody reads any more; closing the pipe would fail again


if __name__ == "__main__":
    _main()
