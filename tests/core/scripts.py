"""Random scripts: what a few players do in a few lobbies and rooms, most of it at the wrong moment.

The same script over the same setting always means the same commands in the same order.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as some

from coalserver.core.commands.accounts import sign_in_guest
from coalserver.core.commands.bans import ban, unban
from coalserver.core.commands.cleanup import abandon_idle_rooms
from coalserver.core.commands.games import add_game, keep_datum
from coalserver.core.commands.join_requests import answer_join, ask_to_join
from coalserver.core.commands.lobbies import (
    chat_in_lobby,
    choose_options,
    close_lobby,
    join_lobby,
    kick_from_lobby,
    leave_lobby,
    lock_lobby,
    open_lobby,
    quick_join,
    set_ready,
)
from coalserver.core.commands.messages import send_update
from coalserver.core.commands.players import register_player
from coalserver.core.commands.presence import (
    free_silent_seats,
    leave_everything,
    mark_away,
    mark_back,
)
from coalserver.core.commands.rooms import (
    close_room,
    join_room,
    kick_from_room,
    leave_room,
    lock_room,
    open_room,
    start_lobby,
    take_turn,
)
from coalserver.core.engine import Core
from coalserver.core.ports import Store
from coalserver.core.unit_of_work import Limits, Setting
from coalserver.domain.errors import Refusal
from coalserver.domain.play.actions import JoinRequest, Target
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


Asked = dict[str, Any]
Deed = tuple[Callable[..., Any], Callable[[Step], Asked]]
DeedThere = tuple[Callable[..., Any], Callable[[Step, Scene], Asked]]

#: What somebody does anywhere.
DEEDS: dict[str, Deed] = {
    "open": (
        open_lobby,
        lambda step: {
            "game": step.game,
            "player": step.who,
            "name": "here",
            "password": "pass" if step.how == 7 else "",
            "capacity": 2 + step.how % 3,
            "ready_check": step.how in (1, 5),
            "by_request": step.how == 3,
            "hand_over": step.how % 2 == 0,
            "can_leave": step.how != 6,
        },
    ),
    "quick": (quick_join, lambda step: {"game": step.game, "player": step.who, "name": "q"}),
    "room": (
        open_room,
        lambda step: {
            "game": "free",
            "player": step.who,
            "name": "there",
            "capacity": 2 + step.how % 3,
            "hand_over": step.how % 2 == 0,
        },
    ),
    "away": (mark_away, lambda step: {"player": step.who}),
    "back": (mark_back, lambda step: {"player": step.who}),
    "forsake": (leave_everything, lambda step: {"player": step.who, "how": "left"}),
    "ban": (ban, lambda step: {"game": step.game, "player": step.who, "duration": "hour"}),
    "unban": (unban, lambda step: {"game": step.game, "player": step.who}),
    "keep": (
        keep_datum,
        lambda step: {
            "game": "free", "player": step.who, "by": step.who, "key": "k", "value": b"[1]",
        },
    ),
}  # fmt: skip

#: What somebody does in a lobby.
IN_LOBBIES: dict[str, DeedThere] = {
    "join": (join_lobby, lambda step, at: {"player": at.guest, "password": "pass"}),
    "ask": (ask_to_join, lambda step, at: {"player": at.guest}),
    "leave": (leave_lobby, lambda step, at: {"player": at.member}),
    "kick": (kick_from_lobby, lambda step, at: {"by": at.host, "player": at.other}),
    "ready": (set_ready, lambda step, at: {"player": at.member, "ready": step.yes}),
    "choose": (
        choose_options,
        lambda step, at: {"by": at.host, "options": b'{"n":%d}' % step.how},
    ),
    "lock": (lock_lobby, lambda step, at: {"by": at.host, "password": "pass" * step.yes}),
    "close": (close_lobby, lambda step, at: {"by": at.host, "only_open": step.yes}),
    "chat": (chat_in_lobby, lambda step, at: {"player": at.member, "text": "hello"}),
    "start": (
        start_lobby,
        lambda step, at: {
            "by": at.host,
            "only_present": step.yes,
            "hand_over": (None, True, False)[step.how % 3],
            "keep_seats": step.how == 4,
        },
    ),
}

#: What somebody does in a room.
IN_ROOMS: dict[str, DeedThere] = {
    "enter": (join_room, lambda step, at: {"player": at.guest, "password": "pass"}),
    "turn": (take_turn, lambda step, at: {"player": at.member, "turn": {"cell": step.how}}),
    "update": (
        send_update,
        lambda step, at: {"sender": at.member, "target": Target.ALL, "type": "hello"},
    ),
    "part": (leave_room, lambda step, at: {"player": at.member}),
    "eject": (kick_from_room, lambda step, at: {"by": at.host, "player": at.other}),
    "bar": (lock_room, lambda step, at: {"by": at.host, "password": "pass" * step.yes}),
    "end": (close_room, lambda step, at: {"by": at.host}),
}

#: What time does, and who answers a request.
OTHERWISE = ("wait", "answer", "time out", "idle")

#: What makes scripts worth reading comes up more often than the rest.
OFTEN = ("open", "join", "join", "start", "room", "enter", "turn", "turn", "away", "back")

steps = some.builds(
    Step,
    what=some.sampled_from([*DEEDS, *IN_LOBBIES, *IN_ROOMS, *OTHERWISE, *OFTEN, *OFTEN]),
    who=some.sampled_from(PLAYERS),
    whom=some.sampled_from(PLAYERS),
    where=some.integers(1, 3),
    apt=some.sampled_from([True, True, True, False]),
    yes=some.booleans(),
    how=some.integers(0, 8),
    at_once=some.booleans(),
)
scripts = some.lists(steps, min_size=15, max_size=80)


def a_setting() -> Setting:
    """The same for every run: what is random comes out the same."""
    return Setting(Clock(), random.Random(1), {"noughts": RULES}, Limits(), b"seal")


async def begin(store: Store, tail: int = 20_000) -> tuple[Core, "asyncio.Task[None]"]:
    """A core at work, with a few players, of whom two may only play `free`, lobbies and rooms."""
    core = await Core.recover(store, a_setting(), tail)
    work = asyncio.create_task(core.ledger.run())
    for tag in GAMES:
        await core.do(add_game, tag=tag, max_players=8)
    for name in ("Ada", "Grace"):
        await core.do(sign_in_guest, name=name)
    for name in ("Edsger", "Barbara", "Alan"):
        await core.do(register_player, game="free", name=name)
    for game, host, *members in (("free", 1, 2, 3), ("noughts", 2, 1), ("free", 2, 1)):
        opened = {"game": game, "player": host, "name": "here", "hand_over": host == 1}
        lobby = await core.do(open_lobby, **opened)
        for player in members:
            await core.do(join_lobby, lobby_id=lobby.id, player=player)
    await core.do(start_lobby, lobby_id=2, by=2)
    await core.do(open_room, game="free", player=4, name="there", capacity=3, hand_over=True)
    await core.do(join_room, room_id=2, player=1)
    return core, work


async def take(core: Core, step: Step) -> Any:
    """What came of a step: the answer, or why it was refused."""
    try:
        return await _do(core, step)
    except Refusal as refusal:
        return refusal.why


async def _do(core: Core, step: Step) -> Any:
    if step.what in DEEDS:
        command, asked = DEEDS[step.what]
        return await core.do(command, **asked(step))
    if step.what in IN_LOBBIES:
        command, asked_there = IN_LOBBIES[step.what]
        at = scene(core, step, Lobby)
        return await core.do(command, lobby_id=at.place, **asked_there(step, at))
    if step.what in IN_ROOMS:
        command, asked_there = IN_ROOMS[step.what]
        at = scene(core, step, Room)
        return await core.do(command, room_id=at.place, **asked_there(step, at))
    if step.what == "wait":
        core.setting.clock.now += step.how  # type: ignore[attr-defined]
        return None
    if step.what == "time out":
        silent = core.now - 100 * step.how
        return await core.do(free_silent_seats, player=step.who, last_sign=silent)
    if step.what == "idle":
        return await core.do(abandon_idle_rooms, idle=10.0 * step.how)
    pending = [each for each in core.state.all(JoinRequest) if each.pending]
    if not pending:
        return None
    request = pending[step.where % len(pending)]
    by = core.state.get(Lobby, request.lobby).roster.host if step.apt else step.who  # type: ignore[union-attr]
    return await core.do(answer_join, code=request.code, by=by, approve=step.yes)


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
    core.ledger.close()
    await work
