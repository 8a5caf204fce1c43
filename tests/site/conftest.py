"""Who is there in most tests of a world's pages: Ann, and the world."""

import pytest

from coalserver.domain.minecraft.world import World
from tests.apis.app import TestApp
from tests.apis.browser import Browser, make_signed_in_browser
from tests.site.sample_worlds import make_world


@pytest.fixture
async def world(test_app: TestApp) -> World:
    """The Mill, which runs."""
    return await make_world(test_app)


@pytest.fixture
async def ann(test_app: TestApp, world: World) -> Browser:
    """A member who has signed in, and runs nothing."""
    return await make_signed_in_browser(test_app)
