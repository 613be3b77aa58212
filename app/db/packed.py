"""Bytes as they are kept: a zstd frame made with a dictionary, or plain where that is not smaller.

A dictionary holds what texts of one kind have in common, so that small ones get small too. Each frame names the dictionary
that it was made with, by its number; those that were once used are never changed and never taken away, or what was packed
with them could not be read. They are made by ``python -m tests.support.train_dictionaries``.

Spec: https://www.rfc-editor.org/rfc/rfc8878
"""

import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import cast

from zstandard import (
    ZstdCompressionDict,
    ZstdCompressor,
    ZstdDecompressor,
    ZstdError,
    frame_content_size,
    get_frame_parameters,
)

LEVEL = 3
"""Level 6 takes four times as long to write and saves 6 bytes of 125."""

PACKED_MAX_BYTES = 64 * 1024
"""Larger texts are documents, which a dictionary does little for. Packed, megabytes of nothing would take no room, and a page of
a thousand of them gigabytes of memory: what an answer can grow to is to be paid for on disk."""

UNREADABLE = (ZstdError, FileNotFoundError)
"""What ``unpack`` raises: the bytes are damaged, or of a dictionary that is not here."""

_FIRST_BYTE = b"\x28"
"""Of a frame; a plain text of JSON begins with another."""


def dictionary(number: int) -> bytes:
    """Return the dictionary of this number. Raises: FileNotFoundError."""
    return (files(__package__) / "dictionaries" / f"{number}.dictionary").read_bytes()


@cache
def _loaded(number: int) -> ZstdCompressionDict:
    loaded = ZstdCompressionDict(dictionary(number))
    loaded.precompute_compress(LEVEL)
    return loaded


class Packed(threading.local):
    """Packs and unpacks texts of one kind: with dictionary ``number``, and whatever dictionary a frame names.

    What zstd works in is for one thread at a time, so each thread has its own.
    """

    def __init__(self, number: int) -> None:
        self._compress = ZstdCompressor(LEVEL, dict_data=_loaded(number)).compress
        decompressor = ZstdDecompressor(dict_data=_loaded(number))
        self._own = decompressor.decompress
        self._together = decompressor.multi_decompress_to_buffer
        self._others: dict[int, Callable[[bytes], bytes]] = {}

    def pack(self, plain: bytes) -> bytes:
        """Return ``plain`` as it is to be kept. It is empty, or its first byte is that of JSON."""
        if not plain or len(plain) > PACKED_MAX_BYTES:
            return plain
        frame = self._compress(plain)
        return frame if len(frame) < len(plain) else plain

    def unpack_all(self, kept: Sequence[bytes]) -> list[bytes]:
        """Return what was packed, of many: without a call of our own for each. Raises: what ``UNREADABLE`` says."""
        own = self._own
        try:
            return [own(one) for one in kept]
        except ZstdError:  # one of them is plain, or of another dictionary
            return [self.unpack(one) for one in kept]

    def unpack_together(self, kept: Sequence[bytes], size_max: int) -> Sequence[memoryview] | None:
        """Return what was packed, of many, as views of one buffer: for a hundred and more that takes less time than one by one.

        They are zstandard's own views, to be copied from (``join``, ``bytes``) and nothing else that a memoryview can do.
        None if it is more than ``size_max`` bytes, or if one of them is plain, of another dictionary, or damaged.
        """
        if not kept:
            return []
        try:
            if sum(map(frame_content_size, kept)) > size_max:
                return None
            return cast("Sequence[memoryview]", self._together([*kept]))
        except (ZstdError, ValueError):  # the latter if one does not say its size, as a damaged one may not
            return None

    def unpack(self, kept: bytes) -> bytes:
        """Return what was packed. Raises: what ``UNREADABLE`` says."""
        try:
            return self._own(kept)
        except ZstdError:
            # Plain, of another dictionary, or damaged: to look at each first takes as long as half of it.
            if kept[:1] != _FIRST_BYTE:
                return kept
            number = get_frame_parameters(kept).dict_id
        decompress = self._others.get(number)
        if decompress is None:
            decompress = self._others[number] = ZstdDecompressor(dict_data=_loaded(number)).decompress
        return decompress(kept)
