"""Ports of this machine for the servers of tests, of which no two get the same one."""

import socket
from collections.abc import Iterator

_FIRST, _LAST, _SHARE = 10_000, 32_000, 200
"""Below the ports that Linux gives to who connects (32768 and on): such a connection would stand in a server's way."""


def free_port() -> int:
    """Return a port that nothing listens on now, and that this process was not given lately. Raises: OSError, if there is none."""
    for port in (next(_ports) for _ in range(_SHARE)):
        with socket.socket() as probe:
            if _is_bound(probe, port):
                return port
    message = "No port is free."
    raise OSError(message)


def _of_a_share() -> Iterator[int]:
    """Give the ports of one share again and again.

    Its first port is held as long as this process lives: between the asking and the start of a server, no other process is given
    one of its ports.
    """
    for first in range(_FIRST, _LAST, _SHARE):
        with socket.socket() as hold:
            if _is_bound(hold, first):
                while True:
                    yield from range(first + 1, first + _SHARE)
    message = f"All ports from {_FIRST} to {_LAST} belong to other processes."
    raise OSError(message)


def _is_bound(to: socket.socket, port: int) -> bool:
    try:
        to.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


_ports = _of_a_share()
