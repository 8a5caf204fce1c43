"""Scenes for the tests of this API."""

import pytest

from tests.apis.app import TestApp
from tests.apis.multiplayer.scene import Scene, make_scene


@pytest.fixture
async def scene(test_app: TestApp) -> Scene:
    """A game without rules, and three who could play it."""
    return await make_scene(test_app)
