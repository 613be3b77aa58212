"""How many bytes of resources one Bundle may work over: a short one can name the same large resource in every entry."""

from app.errors import TooCostlyError

ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""What the changes of a Bundle, and what it looks at, may answer each."""
PATCHED_BYTES_MAX = 8 * 1024 * 1024
"""What may be patched in one transaction: each patch reads and checks the whole resource, while others wait to write."""


class Room:
    """What is left of a number of bytes; the last one that comes in may be larger than that."""

    __slots__ = ("_left",)

    def __init__(self, bytes_max: int) -> None:
        self._left = bytes_max

    def take(self, size: int) -> None:
        """Take ``size`` bytes. Raises: TooCostlyError, when nothing is left."""
        if self._left <= 0:
            message = "This Bundle goes over too many large resources: send it in parts."
            raise TooCostlyError(message)
        self._left -= size
