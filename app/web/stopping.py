"""A process that is about to stop: it says so to who asks whether it is ready, and sends everybody elsewhere."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NOTICE = signal.SIGUSR1
"""The signal that says a process is about to be stopped."""


class Stopping:
    """Whether this process is about to stop."""

    def __init__(self) -> None:
        self.is_near = False

    def listen(self) -> None:
        """Take notice by signal, in the running event loop; also of the signals that stop at once."""
        asyncio.get_running_loop().add_signal_handler(NOTICE, self.notice)

    def notice(self) -> None:
        """Say from here on that the end is near."""
        self.is_near = True


def sent_elsewhere(send: Send) -> Send:
    """Return ``send`` with the advice to use this connection for no other request (RFC 9112 section 9.6)."""

    async def advised(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
        await send(message)

    return advised
