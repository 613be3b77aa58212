"""HEAD of a page: what GET does, without the body (RFC 9110, 9.3.2), for every page but those where GET begins something."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BEGINS = ("/authorize", "/login/with/", "/login/from/")
"""What paths begin with where a GET begins or ends a login or an authorization: there HEAD is 405."""


async def answer(
    application: Callable[[Message, Receive, Send], Awaitable[None]], scope: Message, receive: Receive, send: Send
) -> None:
    """Have a request answered: a HEAD as a GET of which the body is left out."""
    if scope["method"] != "HEAD" or scope["path"].startswith(BEGINS):
        await application(scope, receive, send)
        return

    async def without_body(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    scope["method"] = "GET"
    try:
        await application(scope, receive, without_body)
    finally:
        scope["method"] = "HEAD"  # as the log of requests tells it
