"""The whole application with two people and all who may ask for their things."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.world import World, world_in


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Give a world of the test's own."""
    async with world_in(tmp_path) as world:
        yield world
