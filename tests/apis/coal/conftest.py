"""Who is there in most tests: Thomas, and a world."""

import pytest

from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_user, make_world
from tests.apis.coal.log_lines import AT


@pytest.fixture
async def thomas(test_app: TestApp) -> User:
    """One who plays by the name that the document's samples have, on the evening of their day."""
    test_app.clock.now = AT
    return await make_user(test_app, usernames=("gumptionthomas",))


@pytest.fixture
async def place(test_app: TestApp) -> WorldFixture:
    """A world with an agent, and nobody in it yet."""
    return await make_world(test_app)
