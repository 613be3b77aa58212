"""Work that is done beside the event loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from app.interactions.beside import apart


async def test_work_begins_in_the_event_loop_that_it_is_done_in() -> None:
    begun_in = []

    def work() -> Coroutine[Any, Any, asyncio.AbstractEventLoop]:
        begun_in.append(asyncio.get_running_loop())
        return the_loop()

    async def the_loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    done_in = await apart(work)
    assert begun_in == [done_in]
    assert done_in is not asyncio.get_running_loop()
