"""Expiry by due times: the same results as a look at everything, and work only for what is due."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from coalserver.core.commands import cleanup, join_requests, members, rooms
from coalserver.core.commands.accounts import create_guest, revoke_token
from coalserver.core.commands.games import add_game, save_storage_item
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.commands.messages import answer_action, send_action
from coalserver.core.commands.moderation import ban
from coalserver.core.commands.presence import leave_all
from coalserver.core.due_times import DueTimes
from coalserver.core.engine import Core
from coalserver.core.expiry import MAX_WORK, MORE_WORK, Expiry
from coalserver.core.ports import Batch
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.errors import DomainError
from coalserver.domain.play.actions import Action, ActionStatus, Target
from coalserver.domain.play.game import StorageItem
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player, Token
from coalserver.domain.play.room import Room
from coalserver.storage.memory import MemoryStore
from tests.core.stepped_clock import SteppedClock

DAY = 86400.0
CLOSED_SECONDS, IDLE_SECONDS = DAY, 7 * DAY
KINDS = (Room, Lobby, Action, JoinRequest, Ban, Token, Player)


class World:
    """A core with its expiry, which can be started again over the same store."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.store = MemoryStore()

    async def start(self) -> None:
        context = CoreContext(self.clock.wall, monotonic=self.clock.steady)
        self.core = await Core.recover(self.store, context)
        self.writing = asyncio.create_task(self.core.writer.run())
        self.expiry = Expiry(self.core, closed_seconds=CLOSED_SECONDS, idle_seconds=IDLE_SECONDS)

    async def stop(self) -> None:
        self.core.writer.close()
        await self.writing

    async def sweep(self) -> None:
        if self.core.clocks.check():
            self.expiry.restart()
        await self.expiry.run_once()
        await self.expiry.delete_expired_guests()

    async def scan(self) -> dict[str, int]:
        """Run the commands over everything; return how many each has handled."""
        core, kept = self.core, {"retention_seconds": CLOSED_SECONDS}
        last_seen = {"last_seen": {id: core.last_seen_at(id) for id in core.state.table(Player)}}
        return {
            command.__name__: await core.execute(command, **arguments)
            for command, arguments in (
                (cleanup.delete_expired_actions, {}),
                (join_requests.expire_join_requests, {}),
                (cleanup.delete_expired_join_requests, kept),
                (cleanup.delete_expired_bans, {}),
                (cleanup.delete_expired_rooms, kept),
                (cleanup.delete_expired_lobbies, kept),
                (cleanup.close_idle_rooms, {"idle_seconds": IDLE_SECONDS}),
                (cleanup.revoke_expired_tokens, last_seen),
            )
        }

    def counts(self) -> list[int]:
        return [self.core.state.count(kind) for kind in KINDS]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.start()
    await world.core.execute(add_game, tag="free")
    yield world
    await world.stop()


async def act(world: World, rng: random.Random) -> None:
    """Do something that starts or changes what expires; what is refused has no effect."""
    core = world.core

    def some(kind: type) -> int:
        ids = list(core.state.table(kind))
        return rng.choice(ids) if ids else 0

    player, lobby, room = some(Player), some(Lobby), some(Room)
    codes = [action.code for action in core.state.all(Action)] or [""]
    commands = (
        (create_guest, {"name": ""}),
        (open_lobby, {"game": "free", "player_id": player, "name": "x"}),
        (join_lobby, {"lobby_id": lobby, "player_id": player}),
        (join_requests.request_to_join, {"lobby_id": lobby, "player_id": player}),
        (rooms.open_room, {"game": "free", "player_id": player, "name": "r", "capacity": 4}),
        (rooms.start_lobby, {"lobby_id": lobby, "by": player}),
        (rooms.join_room, {"room_id": room, "player_id": player}),
        (members.close, {"kind": Lobby, "id": lobby, "by": player}),
        (members.close, {"kind": Room, "id": room, "by": player}),
        (leave_all, {"player_id": player, "reason": "left"}),
        (ban, {"game": "free", "player_id": player, "duration": rng.choice(("hour", "day"))}),
        (revoke_token, {"token_id": some(Token)}),
        (
            send_action,
            {"room_id": room, "sender": player, "target": Target.OTHERS, "type": "move"},
        ),
        (
            answer_action,
            {"code": rng.choice(codes), "by": player, "status": ActionStatus.COMPLETED},
        ),
    )
    command, arguments = rng.choice(commands)
    try:
        await core.execute(command, **arguments)
    except DomainError:
        pass
    if player and rng.random() < 0.3:
        core.record_activity(player)


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_that_is_due_is_left_by_a_sweep(world: World, seed: int) -> None:
    rng = random.Random(seed)
    handled = 0
    for _ in range(60):
        for _ in range(rng.randrange(20)):
            await act(world, rng)
            world.clock.monotonic += rng.choice((0, 1, 60))
        world.clock.monotonic += rng.choice((1, 60, 301, 3600, DAY, 8 * DAY))
        if rng.random() < 0.1:
            world.clock.offset += rng.choice((-DAY, -3600, 3600, DAY))
        if rng.random() < 0.1:
            await world.stop()
            await world.start()
        before = world.counts()
        await world.sweep()
        handled += before != world.counts()
        assert not any((await world.scan()).values())
    assert handled >= 10


async def test_guests_are_deleted_when_their_last_token_and_seat_are_gone(world: World) -> None:
    core = world.core
    guest, _ = await core.execute(create_guest, name="")
    (token,) = core.state.all(Token)
    world.clock.monotonic += 2 * DAY
    await world.sweep()
    await core.execute(revoke_token, token_id=token.id)
    await core.execute(open_lobby, game="free", player_id=guest.id, name="x")
    await world.sweep()
    assert core.state.get(Player, guest.id) is not None, "they have a seat"
    await core.execute(leave_all, player_id=guest.id, reason="left")
    world.clock.monotonic += 3601
    await world.sweep()
    assert core.state.get(Player, guest.id) is None


async def test_what_is_not_due_is_not_looked_at(world: World) -> None:
    looks: list[int] = []

    def due(room: Room, now: float) -> float:
        looks.append(room.id)
        return room.touched + IDLE_SECONDS

    state, host = world.core.state, (await world.core.execute(create_guest, name=""))[0].id
    times = DueTimes(state, Room, due)
    for _ in range(30):
        world.clock.monotonic += 600
        await world.core.execute(rooms.open_room, game="free", player_id=host, name="r", capacity=4)
    now = world.core.now
    while times.read(now, 7):
        pass
    assert sorted(looks) == list(range(1, 31))
    looks.clear()
    assert not times.read(now, 7)
    assert not times.take(now + IDLE_SECONDS - 30 * 600)
    assert not looks
    assert list(times.take(now + IDLE_SECONDS - 20 * 600)) == list(range(1, 11))


async def test_ids_whose_command_failed_stay_due(world: World) -> None:
    core, failing = world.core, True

    async def fail(ids: list[int]) -> None:
        if failing:
            raise RuntimeError("broken")

    for _ in range(3):
        await core.execute(create_guest, name="")
    step = world.expiry._steps[-1]
    world.expiry._steps = (step._replace(handle=fail),)
    world.clock.monotonic += 31 * DAY
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await world.expiry.run_once()
    world.expiry._steps = (step,)
    await world.expiry.run_once()
    assert core.state.count(Token) == 0


async def record_changes(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which each batch adds the number of entities that it changes."""
    changes: list[int] = []
    write = world.store.write

    async def counted(batch: Batch) -> None:
        changes.append(len(batch.values))
        await write(batch)

    monkeypatch.setattr(world.store, "write", counted)
    return changes


async def test_guests_with_much_data_are_deleted_by_several_commands(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = world.core
    for _ in range(30):
        guest, _ = await core.execute(create_guest, name="")
        for number in range(50):
            await core.execute(
                save_storage_item,
                **{"game": "free", "player_id": guest.id, "by": guest.id},
                **{"storage_key": f"k{number}", "value": b"1"},
            )
    changes = await record_changes(world, monkeypatch)
    world.clock.monotonic += 40 * DAY
    await world.sweep()
    assert core.state.count(StorageItem) == core.state.count(Player) == 0
    assert sum(changes) >= 30 * 51
    assert max(changes) <= MAX_WORK // MORE_WORK


@pytest.mark.parametrize("ends", ["rooms", "tokens"])
async def test_rooms_with_many_actions_are_closed_by_several_commands(
    world: World, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    core = world.core
    for _ in range(20):
        host, guest = [(await core.execute(create_guest, name=""))[0].id for _ in range(2)]
        room = await core.execute(
            rooms.open_room, game="free", player_id=host, name="r", capacity=4
        )
        await core.execute(rooms.join_room, room_id=room.id, player_id=guest)
        for _ in range(100):
            await core.execute(
                send_action, room_id=room.id, sender=host, target=Target.OTHERS, type="move"
            )
    assert core.state.count(Action) == 2000
    changes = await record_changes(world, monkeypatch)
    if ends == "tokens":
        # The rooms are in use, and end with their last members.
        for room in list(core.state.all(Room)):
            core.state.set(Room, room.id, replace(room, touched=core.now + 400 * DAY))
    world.clock.monotonic += IDLE_SECONDS + 1 if ends == "rooms" else 40 * DAY
    await world.sweep()
    assert core.state.count(Action) == 0
    assert max(changes) <= MAX_WORK // MORE_WORK + 100
