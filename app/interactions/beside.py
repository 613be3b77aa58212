"""Work that takes long, done beside the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LARGE_BODY = 256 * 1024
"""Bytes of a body from which it is read, and what follows from it is worked out, beside the event loop."""


def can_wait() -> bool:
    """Return whether there is an event loop to wait in: a job of the database has none."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def beside(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, worked out in a thread so that others need not wait; where nobody can, at once."""
    return await asyncio.to_thread(work) if can_wait() else work()


async def beside_if_large(size: int, work: Callable[[], T]) -> T:
    """Return what ``work`` on a body of so many bytes returns, worked out ``beside`` if that is large."""
    return await beside(work) if size > LARGE_BODY else work()


async def apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what ``work`` returns, done in a thread with an event loop, and so a reader, of its own; or at once, as above."""

    async def begun() -> T:
        return await work()  # called in that event loop: whose reader it takes is whose it is then

    return await asyncio.to_thread(lambda: asyncio.run(begun())) if can_wait() else await work()
