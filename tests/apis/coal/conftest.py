"""Fixtures: Thomas, the user of the document's samples, and a world."""

import pytest

from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_user, make_world
from tests.apis.coal.log_lines import AT


@pytest.fixture
async def thomas(test_app: TestApp) -> User:
    """A user with the username of the document's samples, on the evening of their day."""
    test_app.clock.now = AT
    return await make_user(test_app, usernames=("gumptionthomas",))


@pytest.fixture
async def world(test_app: TestApp) -> WorldFixture:
    """A world with an agent and without players."""
    return await make_world(test_app)
