"""A way to a database that is cut: a proxy that ends a connection after so many bytes, in the one or the other direction."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import make_url


@dataclass(frozen=True)
class Cut:
    """Where a connection ends: after ``after`` bytes from the client, or (``to_client``) to it."""

    after: int
    to_client: bool


@asynccontextmanager
async def cutting(
    url: str, next_cut: Callable[[], Cut | None], passed: list[int], now: asyncio.Event | None = None
) -> AsyncIterator[str]:
    """Give the URL of the same database by way of the proxy; ``next_cut`` is asked for each new connection, None is no cut.

    ``passed`` becomes the numbers of bytes that went to the database, and to the client. All end as soon as ``now`` is set.
    """
    parsed = make_url(url)
    open_now: set[asyncio.StreamWriter] = set()

    passed[:] = [0, 0]

    async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, way: int, limit: int | None) -> None:
        left = limit
        while left is None or left > 0:
            read = await source.read(65_536 if left is None else min(left, 65_536))
            if not read:
                return
            target.write(read)
            await target.drain()
            passed[way] += len(read)
            if left is not None:
                left -= len(read)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = next_cut()
        with suppress(ConnectionError):
            from_database, to_database = await asyncio.open_connection(parsed.host, parsed.port)
            open_now.update((writer, to_database))
            ways = [
                asyncio.create_task(pass_on(reader, to_database, 0, cut.after if cut and not cut.to_client else None)),
                asyncio.create_task(pass_on(from_database, writer, 1, cut.after if cut and cut.to_client else None)),
            ]
            if now is not None:
                ways.append(asyncio.create_task(_until(now)))
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            open_now.difference_update((writer, to_database))
            to_database.transport.abort()
        writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield parsed.set(port=port).render_as_string(hide_password=False)
    finally:
        server.close()
        for writer in open_now:
            writer.transport.abort()
        await server.wait_closed()


async def _until(now: asyncio.Event) -> None:
    await now.wait()
