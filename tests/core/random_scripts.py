"""Random scripts: what a few players do in a few lobbies and rooms, most of it at the wrong moment.

The same script over the same setting always means the same commands in the same order.
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
    """One thing that somebody does. Which of the numbers matter depends on what."""

    what: str
    who: int
    whom: int
    where: int
    #: It is done where it can be done, by one who may do it.
    apt: bool
    yes: bool
    how: int
    #: Begun while the step before is still on its way.
    at_once: bool

    @property
    def game(self) -> str:
        return GAMES[self.yes]


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a step is taken and by whom, as things stand when its turn comes."""

    place: int
    host: int
    member: int
    guest: int
    other: int


def scene(core: Core, step: Step, kind: type[Lobby] | type[Room]) -> Scene:
    """The numbers of the step as they are, or who and what they would fit."""
    going: list[Any] = [each for each in core.state.all(kind) if not each.closed]
    if not step.apt or not going:
        return Scene(step.where, step.who, step.who, step.who, step.whom)
    place = going[step.where % len(going)]
    members = list(place.roster)
    guests = [player for player in PLAYERS if player not in members] or [step.who]
    others = [player for player in members if player != place.roster.host] or [step.whom]
    return Scene(
        place.id,
        place.roster.host,
        members[step.who % len(members)],
        guests[step.who % len(guests)],
        others[step.whom % len(others)],
    )


Kwargs = dict[str, Any]
CommandStep = tuple[Callable[..., Any], Callable[[Step], Kwargs]]
PlacedCommandStep = tuple[Callable[..., Any], Callable[[Step, Scene], Kwargs]]

#: What somebody does anywhere.
COMMANDS: dict[str, CommandStep] = {
    "open": (
        open_lobby,
        lambda step: {
            "game": step.game,
            "player_id": step.who,
            "name": "here",
            "password": "pass" if step.how == 7 else "",
            "capacity": 2 + step.how % 3,
            "ready_check": step.how in (1, 5),
            "requires_approval": step.how == 3,
            "transfer_host": step.how % 2 == 0,
            "can_leave": step.how != 6,
        },
    ),
    "quick": (quick_join, lambda step: {"game": step.game, "player_id": step.who, "name": "q"}),
    "room": (
        open_room,
        lambda step: {
            "game": "free",
            "player_id": step.who,
            "name": "there",
            "capacity": 2 + step.how % 3,
            "transfer_host": step.how % 2 == 0,
        },
    ),
    "away": (mark_away, lambda step: {"player_id": step.who}),
    "back": (mark_back, lambda step: {"player_id": step.who}),
    "forsake": (leave_all, lambda step: {"player_id": step.who, "reason": "left"}),
    "ban": (ban, lambda step: {"game": step.game, "player_id": step.who, "duration": "hour"}),
    "unban": (unban, lambda step: {"game": step.game, "player_id": step.who}),
    "keep": (
        save_storage_item,
        lambda step: {
            "game": "free", "player_id": step.who, "by": step.who, "storage_key": "k", "value": b"[1]",
        },
    ),
}  # fmt: skip

#: What somebody does in a lobby.
LOBBY_COMMANDS: dict[str, PlacedCommandStep] = {
    "join": (join_lobby, lambda step, at: {"player_id": at.guest, "password": "pass"}),
    "ask": (request_to_join, lambda step, at: {"player_id": at.guest}),
    "leave": (members.leave, lambda step, at: {"player_id": at.member}),
    "kick": (members.kick, lambda step, at: {"by": at.host, "player_id": at.other}),
    "ready": (set_ready, lambda step, at: {"player_id": at.member, "ready": step.yes}),
    "choose": (
        set_options,
        lambda step, at: {"by": at.host, "options": b'{"n":%d}' % step.how},
    ),
    "lock": (
        members.set_join_password,
        lambda step, at: {"by": at.host, "password": "pass" * step.yes},
    ),
    "close": (members.close, lambda step, at: {"by": at.host, "open_only": step.yes}),
    "chat": (members.chat, lambda step, at: {"player_id": at.member, "text": "hello"}),
    "start": (
        start_lobby,
        lambda step, at: {
            "by": at.host,
            "only_present": step.yes,
            "transfer_host": (None, True, False)[step.how % 3],
            "keep_seats": step.how == 4,
        },
    ),
}

#: What somebody does in a room.
ROOM_COMMANDS: dict[str, PlacedCommandStep] = {
    "enter": (join_room, lambda step, at: {"player_id": at.guest, "password": "pass"}),
    "turn": (take_turn, lambda step, at: {"player_id": at.member, "turn": {"cell": step.how}}),
    "update": (
        send_update,
        lambda step, at: {"sender": at.member, "target": Target.ALL, "type": "hello"},
    ),
    "part": (members.leave, lambda step, at: {"player_id": at.member}),
    "eject": (members.kick, lambda step, at: {"by": at.host, "player_id": at.other}),
    "bar": (
        members.set_join_password,
        lambda step, at: {"by": at.host, "password": "pass" * step.yes},
    ),
    "end": (members.close, lambda step, at: {"by": at.host}),
}

#: What time does, and who answers a request.
OTHER_STEPS = ("wait", "answer", "time out", "idle")

#: What makes scripts worth reading comes up more often than the rest.
FREQUENT_STEPS = ("open", "join", "join", "start", "room", "enter", "turn", "turn", "away", "back")

steps = some.builds(
    Step,
    what=some.sampled_from(
        [*COMMANDS, *LOBBY_COMMANDS, *ROOM_COMMANDS, *OTHER_STEPS, *FREQUENT_STEPS, *FREQUENT_STEPS]
    ),
    who=some.sampled_from(PLAYERS),
    whom=some.sampled_from(PLAYERS),
    where=some.integers(1, 3),
    apt=some.sampled_from([True, True, True, False]),
    yes=some.booleans(),
    how=some.integers(0, 8),
    at_once=some.booleans(),
)
scripts = some.lists(steps, min_size=15, max_size=80)


def make_context() -> CoreContext:
    """The same for every run: what is random comes out the same."""
    return CoreContext(Clock(), random.Random(1), {"noughts": RULES}, Limits(), b"seal")


async def begin(store: Store, tail: int = 20_000) -> tuple[Core, "asyncio.Task[None]"]:
    """A core at work, with a few players, of whom two may only play `free`, lobbies and rooms."""
    core = await Core.recover(store, make_context(), tail)
    work = asyncio.create_task(core.writer.run())
    for tag in GAMES:
        await core.execute(add_game, tag=tag, max_players=8)
    for name in ("Ada", "Grace"):
        await core.execute(create_guest, name=name)
    for name in ("Edsger", "Barbara", "Alan"):
        await core.execute(register_player, game="free", name=name)
    for game, host, *others in (("free", 1, 2, 3), ("noughts", 2, 1), ("free", 2, 1)):
        opened = {"game": game, "player_id": host, "name": "here", "transfer_host": host == 1}
        lobby = await core.execute(open_lobby, **opened)
        for player in others:
            await core.execute(join_lobby, lobby_id=lobby.id, player_id=player)
    await core.execute(start_lobby, lobby_id=2, by=2)
    await core.execute(
        open_room, game="free", player_id=4, name="there", capacity=3, transfer_host=True
    )
    await core.execute(join_room, room_id=2, player_id=1)
    return core, work


async def take(core: Core, step: Step) -> Any:
    """What came of a step: the answer, or why it was refused."""
    try:
        return await _do(core, step)
    except DomainError as refusal:
        return refusal.code


async def _do(core: Core, step: Step) -> Any:
    if step.what in COMMANDS:
        command, asked = COMMANDS[step.what]
        return await core.execute(command, **asked(step))
    if step.what in LOBBY_COMMANDS:
        command, asked_there = LOBBY_COMMANDS[step.what]
        at = scene(core, step, Lobby)
        return await core.execute(
            command, **_place(command, Lobby, at.place), **asked_there(step, at)
        )
    if step.what in ROOM_COMMANDS:
        command, asked_there = ROOM_COMMANDS[step.what]
        at = scene(core, step, Room)
        return await core.execute(
            command, **_place(command, Room, at.place), **asked_there(step, at)
        )
    if step.what == "wait":
        core.context.clock.now += step.how  # type: ignore[attr-defined]
        return None
    if step.what == "time out":
        silent = core.now - 100 * step.how
        return await core.execute(release_away_seats, player_id=step.who, last_seen=silent)
    if step.what == "idle":
        return await core.execute(close_idle_rooms, idle_seconds=10.0 * step.how)
    pending = [each for each in core.state.all(JoinRequest) if each.pending]
    if not pending:
        return None
    request = pending[step.where % len(pending)]
    by = core.state.get(Lobby, request.lobby).roster.host if step.apt else step.who  # type: ignore[union-attr]
    return await core.execute(answer_join_request, code=request.code, by=by, approve=step.yes)


def _place(command: Callable[..., Any], kind: type, id: int) -> dict[str, Any]:
    """Return the arguments that say in which lobby or room a command acts."""
    if command.__module__ == members.__name__:
        return {"kind": kind, "id": id}
    return {"lobby_id" if kind is Lobby else "room_id": id}


async def play(core: Core, script: Sequence[Step]) -> list[Any]:
    """Take every step; gives what came of each, in order."""
    outcomes: list[Any] = []
    together: list[Step] = []
    for step in (*script, None):
        if step is None or not step.at_once:
            outcomes += await asyncio.gather(*(take(core, each) for each in together))
            together = []
        if step is not None:
            together.append(step)
    return outcomes


async def finish(core: Core, work: "asyncio.Task[None]") -> None:
    core.feed.close()
    core.writer.close()
    await work
