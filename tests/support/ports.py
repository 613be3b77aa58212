"""Ports of this machine for the servers of tests, of which no two get the same one."""

import os
import socket
from itertools import cycle

_FIRST, _SHARES, _SHARE = 10_000, 110, 200
"""Below the ports that Linux gives to who connects (32768 and on): such a connection would stand in a server's way.

Each process of the tests has a share of its own: between the asking and the start of a server nobody else is given its port.
"""
_start = _FIRST + os.getpid() % _SHARES * _SHARE
_ports = cycle(range(_start, _start + _SHARE))


def free_port() -> int:
    """Return a port that nothing listens on now, and that this process was not given lately. Raises: OSError, if there is none."""
    for port in (next(_ports) for _ in range(_SHARE)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    message = f"Of the ports from {_start} on none is free."
    raise OSError(message)
