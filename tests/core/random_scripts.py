"""Random scripts of commands by a few players in a few lobbies and rooms; many are refused.

A script gives the same commands in the same order in each run with the same context.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as some

from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.cleanup import close_idle_rooms
from coalserver.core.commands.games import add_game, save_storage_item
from coalserver.core.commands.join_requests import answer_join_request, request_to_join
from coalserver.core.commands.lobbies import (
    join_lobby,
    open_lobby,
    quick_join,
    set_options,
    set_ready,
)
from coalserver.core.commands.messages import send_update
from coalserver.core.commands.moderation import ban, unban
from coalserver.core.commands.players import register_player
from coalserver.core.commands.presence import (
    leave_all,
    mark_away,
    mark_back,
    release_away_seats,
)
from coalserver.core.commands.rooms import (
    join_room,
    open_room,
    start_lobby,
    take_turn,
)
from coalserver.core.engine import Core
from coalserver.core.ports import Store
from coalserver.core.unit_of_work import CoreContext, Limits
from coalserver.domain.errors import DomainError
from coalserver.domain.play.actions import Target
from coalserver.domain.play.join_requests import JoinRequest
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.games.noughts import RULES
from tests.core.stores import Clock

GAMES = ("free", "noughts")
PLAYERS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Step:
    """One command with its parameters; which of them count depends on the command."""

    name: str
    player: int
    other_player: int
    group: int
    #: Whether the group is open and the player may execute the command.
    permitted: bool
    flag: bool
    number: int
    #: Whether the command starts before the previous one has ended.
    concurrent: bool

    @property
    def game(self) -> str:
        return GAMES[self.flag]


@dataclass(frozen=True, slots=True)
class GroupContext:
    """The group of a step and the players that may take it there."""

    id: int
    host: int
    member: int
    guest: int
    other: int


def group_context(core: Core, step: Step, kind: type[Lobby] | type[Room]) -> GroupContext:
    """Return the numbers of the step, or those for which it is permitted."""
    open_groups: list[Any] = [each for each in core.state.all(kind) if not each.closed]
    if not step.permitted or not open_groups:
        return GroupContext(step.group, step.player, step.player, step.player, step.other_player)
    group = open_groups[step.group % len(open_groups)]
    members = list(group.roster)
    guests = [player for player in PLAYERS if player not in members] or [step.player]
    others = [player for player in members if player != group.roster.host] or [step.other_player]
    return GroupContext(
        group.id,
        group.roster.host,
        members[step.player % len(members)],
        guests[step.player % len(guests)],
        others[step.other_player % len(others)],
    )


Kwargs = dict[str, Any]
CommandStep = tuple[Callable[..., Any], Callable[[Step], Kwargs]]
GroupCommandStep = tuple[Callable[..., Any], Callable[[Step, GroupContext], Kwargs]]

#: Commands without a group.
COMMANDS: dict[str, CommandStep] = {
    "open": (
        open_lobby,
        lambda step: {
            "game": step.game,
            "player_id": step.player,
            "name": "lobby",
            "password": "pass" if step.number == 7 else "",
            "capacity": 2 + step.number % 3,
            "ready_check": step.number in (1, 5),
            "requires_approval": step.number == 3,
            "transfer_host": step.number % 2 == 0,
            "can_leave": step.number != 6,
        },
    ),
    "quick": (quick_join, lambda step: {"game": step.game, "player_id": step.player, "name": "q"}),
    "room": (
        open_room,
        lambda step: {
            "game": "free",
            "player_id": step.player,
            "name": "room",
            "capacity": 2 + step.number % 3,
            "transfer_host": step.number % 2 == 0,
        },
    ),
    "away": (mark_away, lambda step: {"player_id": step.player}),
    "back": (mark_back, lambda step: {"player_id": step.player}),
    "leave all": (leave_all, lambda step: {"player_id": step.player, "reason": "left"}),
    "ban": (ban, lambda step: {"game": step.game, "player_id": step.player, "duration": "hour"}),
    "unban": (unban, lambda step: {"game": step.game, "player_id": step.player}),
    "save item": (
        save_storage_item,
        lambda step: {
            "game": "free", "player_id": step.player, "by": step.player, "storage_key": "k", "value": b"[1]",
        },
    ),
}  # fmt: skip

#: Commands in a lobby.
LOBBY_COMMANDS: dict[str, GroupCommandStep] = {
    "join": (join_lobby, lambda step, at: {"player_id": at.guest, "password": "pass"}),
    "request": (request_to_join, lambda step, at: {"player_id": at.guest}),
    "leave": (members.leave, lambda step, at: {"player_id": at.member}),
    "kick": (members.kick, lambda step, at: {"by": at.host, "player_id": at.other}),
    "ready": (set_ready, lambda step, at: {"player_id": at.member, "ready": step.flag}),
    "set options": (
        set_options,
        lambda step, at: {"by": at.host, "options": b'{"n":%d}' % step.number},
    ),
    "set password": (
        members.set_join_password,
        lambda step, at: {"by": at.host, "password": "pass" * step.flag},
    ),
    "close": (members.close, lambda step, at: {"by": at.host, "open_only": step.flag}),
    "chat": (members.chat, lambda step, at: {"player_id": at.member, "text": "hello"}),
    "start": (
        start_lobby,
        lambda step, at: {
            "by": at.host,
            "only_present": step.flag,
            "transfer_host": (None, True, False)[step.number % 3],
            "keep_seats": step.number == 4,
        },
    ),
}

#: Commands in a room.
ROOM_COMMANDS: dict[str, GroupCommandStep] = {
    "join room": (join_room, lambda step, at: {"player_id": at.guest, "password": "pass"}),
    "turn": (take_turn, lambda step, at: {"player_id": at.member, "turn": {"cell": step.number}}),
    "update": (
        send_update,
        lambda step, at: {"sender": at.member, "target": Target.ALL, "type": "hello"},
    ),
    "leave room": (members.leave, lambda step, at: {"player_id": at.member}),
    "kick from room": (members.kick, lambda step, at: {"by": at.host, "player_id": at.other}),
    "set room password": (
        members.set_join_password,
        lambda step, at: {"by": at.host, "password": "pass" * step.flag},
    ),
    "close room": (members.close, lambda step, at: {"by": at.host}),
}

#: The passage of time, and answers to join requests.
OTHER_STEPS = ("wait", "answer", "time out", "idle")

#: Steps that other steps depend on are more frequent.
FREQUENT_STEPS = (
    "open",
    "join",
    "join",
    "start",
    "room",
    "join room",
    "turn",
    "turn",
    "away",
    "back",
)

steps = some.builds(
    Step,
    name=some.sampled_from(
        [*COMMANDS, *LOBBY_COMMANDS, *ROOM_COMMANDS, *OTHER_STEPS, *FREQUENT_STEPS, *FREQUENT_STEPS]
    ),
    player=some.sampled_from(PLAYERS),
    other_player=some.sampled_from(PLAYERS),
    group=some.integers(1, 3),
    permitted=some.sampled_from([True, True, True, False]),
    flag=some.booleans(),
    number=some.integers(0, 8),
    concurrent=some.booleans(),
)
scripts = some.lists(steps, min_size=15, max_size=80)


def make_context() -> CoreContext:
    """Return a context with a fixed seed, equal for every run."""
    return CoreContext(Clock(), random.Random(1), {"noughts": RULES}, Limits(), b"signing key")


async def begin(store: Store, tail: int = 20_000) -> tuple[Core, "asyncio.Task[None]"]:
    """Return a running core with lobbies, rooms and five players, three of them bound to `free`."""
    core = await Core.recover(store, make_context(), tail)
    writing = asyncio.create_task(core.writer.run())
    for tag in GAMES:
        await core.execute(add_game, tag=tag, max_players=8)
    for name in ("Ada", "Grace"):
        await core.execute(create_guest, name=name)
    for name in ("Edsger", "Barbara", "Alan"):
        await core.execute(register_player, game="free", name=name)
    for game, host, *others in (("free", 1, 2, 3), ("noughts", 2, 1), ("free", 2, 1)):
        params = {"game": game, "player_id": host, "name": "lobby", "transfer_host": host == 1}
        lobby = await core.execute(open_lobby, **params)
        for player in others:
            await core.execute(join_lobby, lobby_id=lobby.id, player_id=player)
    await core.execute(start_lobby, lobby_id=2, by=2)
    await core.execute(
        open_room, game="free", player_id=4, name="room", capacity=3, transfer_host=True
    )
    await core.execute(join_room, room_id=2, player_id=1)
    return core, writing


async def run_step(core: Core, step: Step) -> Any:
    """Run a step; return its result or the error code."""
    try:
        return await _run(core, step)
    except DomainError as error:
        return error.code


async def _run(core: Core, step: Step) -> Any:
    if step.name in COMMANDS:
        command, kwargs = COMMANDS[step.name]
        return await core.execute(command, **kwargs(step))
    if step.name in LOBBY_COMMANDS:
        command, group_kwargs = LOBBY_COMMANDS[step.name]
        at = group_context(core, step, Lobby)
        return await core.execute(
            command, **_group_kwargs(command, Lobby, at.id), **group_kwargs(step, at)
        )
    if step.name in ROOM_COMMANDS:
        command, group_kwargs = ROOM_COMMANDS[step.name]
        at = group_context(core, step, Room)
        return await core.execute(
            command, **_group_kwargs(command, Room, at.id), **group_kwargs(step, at)
        )
    if step.name == "wait":
        core.context.clock.now += step.number  # type: ignore[attr-defined]
        return None
    if step.name == "time out":
        silent = core.now - 100 * step.number
        return await core.execute(release_away_seats, player_id=step.player, last_seen=silent)
    if step.name == "idle":
        return await core.execute(close_idle_rooms, idle_seconds=10.0 * step.number)
    pending = [each for each in core.state.all(JoinRequest) if each.pending]
    if not pending:
        return None
    request = pending[step.group % len(pending)]
    by = core.state.get(Lobby, request.lobby).roster.host if step.permitted else step.player  # type: ignore[union-attr]
    return await core.execute(answer_join_request, code=request.code, by=by, approve=step.flag)


def _group_kwargs(command: Callable[..., Any], kind: type, id: int) -> dict[str, Any]:
    """Return the arguments that name the lobby or room of a command."""
    if command.__module__ == members.__name__:
        return {"kind": kind, "id": id}
    return {"lobby_id" if kind is Lobby else "room_id": id}


async def run_script(core: Core, script: Sequence[Step]) -> list[Any]:
    """Run all steps; return their results in order."""
    outcomes: list[Any] = []
    batch: list[Step] = []
    for step in (*script, None):
        if step is None or not step.concurrent:
            outcomes += await asyncio.gather(*(run_step(core, each) for each in batch))
            batch = []
        if step is not None:
            batch.append(step)
    return outcomes


async def finish(core: Core, writing: "asyncio.Task[None]") -> None:
    core.feed.close()
    core.writer.close()
    await writing
