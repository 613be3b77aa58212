"""The whole application with two people's records, over HTTP; ``me`` is one of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.world import Caller, World, world_in


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Give a world of the test's own."""
    async with world_in(tmp_path) as world:
        yield world


@pytest.fixture
def me(world: World) -> Caller:
    """Give a person who asks for their own record in R4."""
    return world.caller("zonnestraal")


@pytest.fixture
def patient(world: World) -> str:
    """Give the reference to that person's Patient."""
    return world.zonnestraal.patient()
