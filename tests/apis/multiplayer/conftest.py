"""Scenes for the tests of this API."""

import pytest

from tests.apis.app import House
from tests.apis.multiplayer.playing import Scene, a_scene


@pytest.fixture
async def scene(house: House) -> Scene:
    """A game without rules, and three who could play it."""
    return await a_scene(house)
