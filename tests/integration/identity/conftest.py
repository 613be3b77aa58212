"""The application with one person, one app and one practice."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.authorization import World, world_in


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with world_in(tmp_path) as world:
        yield world
