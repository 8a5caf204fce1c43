"""A server for each story."""

from collections.abc import AsyncIterator

import pytest

from tests.dialects.house import House, a_house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A server that keeps everything in memory, also across a restart."""
    async with a_house() as one:
        yield one
