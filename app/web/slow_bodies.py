"""A body has to come in time: else who sends it a byte a minute keeps a connection for as long as they like (RFC 9110, 15.5.9)."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.errors import TooSlowError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BEGIN_S = 30.0
BYTES_A_SECOND = 4096
"""A body may take ``BEGIN_S``, and a second besides for so many bytes of it that have come: a phone with hardly a signal sends more."""


def in_time(receive: Receive) -> Receive:
    """Return ``receive`` that raises TooSlowError for a body that takes too long, from when it is first asked for.

    What comes behind a body, which is that the client has gone, may take any time.
    """
    began: float | None = None
    size = 0
    is_whole = False

    async def timed() -> MutableMapping[str, Any]:
        nonlocal began, size, is_whole
        if is_whole:
            return await receive()
        if began is None:
            began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(began + BEGIN_S + size / BYTES_A_SECOND):
                message = await receive()
        except TimeoutError as error:
            raise TooSlowError("The body did not come in time.") from error
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        return message

    return timed
