"""Fixtures: a core over a store whose writes can be blocked, with a manual clock."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext, Limits
from coalserver.games.noughts import RULES
from tests.core.stores import BlockingStore, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def context(clock: Clock) -> CoreContext:
    return CoreContext(clock, random.Random(1), {"noughts": RULES}, Limits(), b"signing key")


@pytest.fixture
def store() -> BlockingStore:
    return BlockingStore()


@pytest.fixture
async def core(store: BlockingStore, context: CoreContext) -> AsyncIterator[Core]:
    """A core with a running writer, the games `free` and `noughts` and the guests 1 and 2."""
    core = await Core.recover(store, context)
    writing = asyncio.create_task(core.writer.run())
    for tag in ("free", "noughts"):
        await core.execute(add_game, tag=tag, max_players=8)
    for name in ("Ada", "Grace"):
        await core.execute(create_guest, name=name)
    store.batches.clear()
    yield core
    store.unblock_writes()
    core.writer.close()
    await asyncio.wait([writing])
    if store.error is None:
        writing.result()
