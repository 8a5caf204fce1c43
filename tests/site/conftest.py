"""Who is there in most tests of a world's pages: Ann, and the world."""

import pytest

from coalserver.domain.minecraft.world import World
from tests.apis.app import House
from tests.apis.browser import Surfer, signed_in
from tests.site.sample_worlds import a_world


@pytest.fixture
async def world(house: House) -> World:
    """The Mill, which runs."""
    return await a_world(house)


@pytest.fixture
async def ann(house: House, world: World) -> Surfer:
    """A member who has signed in, and runs nothing."""
    return await signed_in(house)
