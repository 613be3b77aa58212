"""Who opens very many connections and sends nothing, or half of something, holds nobody else up, and is let go of."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.running import Program, running

HEAD_WITHIN_S = 30
"""When the server lets go of who sends no head of a request."""

BODY_WITHIN_S = 30
"""How long a small body may take."""

SLOW = (
    b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n"
)
FILES = 4096


@pytest.fixture
def program(database_kind: str, tmp_path: Path) -> Iterator[Program]:
    with running(tmp_path, REGIE_WORKERS="2") as program:
        yield program


@contextlib.contextmanager
def connected(program: Program, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """Give so many connections to the server on which this was sent."""
    with contextlib.ExitStack() as opened:
        connections = []
        for _ in range(count):
            connection = opened.enter_context(socket.create_connection(("127.0.0.1", program.port), timeout=30))
            connection.sendall(sent)
            connections.append(connection)
        yield connections


def test_who_holds_very_many_connections_leaves_room_for_others_and_is_let_go_of(program: Program) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < FILES:
        pytest.skip("so many connections need more files than this process may have")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], FILES), limits[1]))
    try:
        with connected(program, 1200, b"") as silent, connected(program, 200, b"GET / HTTP/1.1\r\nX-Slow: ") as half:
            with connected(program, 200, SLOW) as slow:
                for _ in range(4):  # whichever of the processes it meets
                    assert httpx.get(f"{program.url}/health/live", timeout=20).status_code == 200
                slow[0].settimeout(2 * BODY_WITHIN_S)
                slow[0].sendall(b"a")
                assert slow[0].makefile("rb").read().startswith(b"HTTP/1.1 408 ")  # and then the connection ends
            for connection in (silent[0], half[0]):
                connection.settimeout(2 * HEAD_WITHIN_S)
                assert connection.recv(1000) == b""
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
