"""Absence: who is looked at, and how many at a time. Its results are tested in apis/rooms/test_presence.py."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from coalserver.core.absence import CHUNK_SIZE, Absence
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.presence import release_away_seats
from coalserver.core.commands.rooms import join_room, open_room
from coalserver.core.engine import Core
from coalserver.core.queries.rooms import is_seated
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.play.lobby import Lobby
from coalserver.storage.memory import MemoryStore

AWAY_AFTER, GRACE, SHORT_GRACE = 75.0, 300.0, 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A core with its absence. It counts the commands that free seats."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.looks: list[int] = []

    async def start(self) -> None:
        self.core = await Core.recover(MemoryStore(), CoreContext(self.clock))
        self.writing = asyncio.create_task(self.core.writer.run())
        self.absence = Absence(self.core, AWAY_AFTER, self.guard)
        execute = self.core.execute

        def counting(command: Callable[..., Any], /, **arguments: Any) -> Any:
            if command is release_away_seats:
                self.looks.append(arguments["player_id"])
            return execute(command, **arguments)

        self.core.execute = counting  # type: ignore[method-assign]
        await self.core.execute(add_game, tag="free")

    async def guard(self, task: Callable[..., Any], *items: Any) -> None:
        await task(*items)

    async def make_player(self) -> int:
        player: int = (await self.core.execute(create_guest, name=""))[0].id
        self.core.record_activity(player)
        return player

    async def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.now += 1
            await self.absence.run_once(self.clock.now)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    await place.start()
    yield place
    place.core.writer.close()
    await place.writing


async def test_away_players_are_looked_at_when_something_is_due(place: Place) -> None:
    for _ in range(5):
        player = await place.make_player()
        await place.core.execute(open_lobby, game="free", player_id=player, name="x")
    await place.pass_seconds(int(AWAY_AFTER))
    assert len(place.looks) == 5
    await place.pass_seconds(100)
    assert len(place.looks) <= 5 * 12, "they were looked at every second"
    await place.pass_seconds(int(GRACE - AWAY_AFTER - 100) - 1)
    assert all(lobby.open for lobby in place.core.state.all(Lobby))
    await place.pass_seconds(1)
    assert not any(lobby.open for lobby in place.core.state.all(Lobby))
    place.looks.clear()
    await place.pass_seconds(30)
    assert not place.looks


async def test_other_tasks_run_while_many_players_fall_silent(place: Place) -> None:
    for _ in range(10 * CHUNK_SIZE):
        await place.make_player()
    place.clock.now += AWAY_AFTER
    turns, done = 0, False

    async def count() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await place.absence.run_once(place.clock.now)
    done = True
    await counting
    assert turns >= 10


async def test_members_of_a_room_with_a_source_of_truth_time_out_sooner(place: Place) -> None:
    host, guest = await place.make_player(), await place.make_player()
    room = await place.core.execute(
        open_room,
        game="free",
        player_id=host,
        name="r",
        capacity=4,
        authority="digest",
        grace=SHORT_GRACE,
    )
    await place.pass_seconds(10)
    await place.core.execute(join_room, room_id=room.id, player_id=guest)
    place.core.record_activity(guest)
    place.core.presence.hold(host)
    for _ in range(3):
        await place.pass_seconds(int(SHORT_GRACE) - 1)
        assert place.core.query(is_seated, player=guest)
        place.core.record_activity(guest)
    place.looks.clear()
    await place.pass_seconds(int(SHORT_GRACE) - 1)
    assert not place.looks
    await place.pass_seconds(1)
    assert not place.core.query(is_seated, player=guest)
    assert place.core.query(is_seated, player=host)
