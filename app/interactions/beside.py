"""Work that takes long, done beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def beside(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, worked out in a thread so that others need not wait.

    In a job of the database there is no event loop and nobody to wait for: there it is done at once.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    return await asyncio.to_thread(work)
