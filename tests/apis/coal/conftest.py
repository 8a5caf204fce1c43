"""Who is there in most tests: Thomas, and a world."""

import pytest

from tests.apis.app import House
from tests.apis.coal.folk import Place, User, a_user, a_world
from tests.apis.coal.logs import AT


@pytest.fixture
async def thomas(house: House) -> User:
    """One who plays by the name that the document's samples have, on the evening of their day."""
    house.clock.now = AT
    return await a_user(house, usernames=("gumptionthomas",))


@pytest.fixture
async def place(house: House) -> Place:
    """A world with an agent, and nobody in it yet."""
    return await a_world(house)
