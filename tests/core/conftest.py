"""A core over a store with a door, and a clock set by hand."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from coalserver.core.commands.accounts import sign_in_guest
from coalserver.core.commands.games import add_game
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import Limits, Setting
from coalserver.games.noughts import RULES
from tests.core.stores import Clock, DoorStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def setting(clock: Clock) -> Setting:
    return Setting(clock, random.Random(1), {"noughts": RULES}, Limits(), b"seal")


@pytest.fixture
def store() -> DoorStore:
    return DoorStore()


@pytest.fixture
async def core(store: DoorStore, setting: Setting) -> AsyncIterator[Core]:
    """A core whose ledger is at work, with the games `free` and `noughts` and the guests 1 and 2."""
    core = await Core.recover(store, setting)
    work = asyncio.create_task(core.ledger.run())
    for tag in ("free", "noughts"):
        await core.do(add_game, tag=tag, max_players=8)
    for name in ("Ada", "Grace"):
        await core.do(sign_in_guest, name=name)
    store.batches.clear()
    yield core
    store.open_door()
    core.ledger.close()
    await asyncio.wait([work])
    if store.fault is None:
        work.result()
