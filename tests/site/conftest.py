"""Fixtures for the pages of a world: the world, and a signed-in member."""

import pytest

from coalserver.domain.minecraft.world import World
from tests.apis.app import TestApp
from tests.apis.browser import Browser, make_signed_in_browser
from tests.site.sample_worlds import make_world


@pytest.fixture
async def world(test_app: TestApp) -> World:
    """Return the running world `mill`."""
    return await make_world(test_app)


@pytest.fixture
async def ann(test_app: TestApp, world: World) -> Browser:
    """Return the browser of Ann, a member without admin rights."""
    return await make_signed_in_browser(test_app)
