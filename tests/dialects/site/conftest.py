"""Who is there in most tests of a world's pages: Ann, and the world."""

import pytest

from coalserver.domain.world import World
from tests.dialects.house import House
from tests.dialects.site.worlds import a_world
from tests.dialects.surfers import Surfer, signed_in


@pytest.fixture
async def world(house: House) -> World:
    """The Mill, which runs."""
    return await a_world(house)


@pytest.fixture
async def ann(house: House, world: World) -> Surfer:
    """A member who has signed in, and runs nothing."""
    return await signed_in(house)
