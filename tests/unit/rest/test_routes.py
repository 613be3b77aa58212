"""What is remembered of the paths that were asked for."""

import tracemalloc
from contextlib import suppress

from app.errors import RegieError
from app.rest.routes import match

BYTES_MAX = 1_000_000


def test_paths_that_are_none_do_not_fill_the_memory() -> None:
    tracemalloc.start()
    for number in range(200):
        with suppress(RegieError):
            match("GET", [f"${number}", *["a"] * 30_000])
        with suppress(RegieError):
            match("GET", ["Patient", "_" + f"{number}" * 10_000])
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < BYTES_MAX
