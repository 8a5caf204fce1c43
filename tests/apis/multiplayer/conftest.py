"""Fixtures of the tests of this API."""

import pytest

from tests.apis.app import TestApp
from tests.apis.multiplayer.scene import Scene, make_scene


@pytest.fixture
async def scene(test_app: TestApp) -> Scene:
    """Return a game without rules with three players."""
    return await make_scene(test_app)
