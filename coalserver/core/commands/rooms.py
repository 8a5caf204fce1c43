"""Room commands: start, join, play, leave, end."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.finding import (
    may_play,
    the_game,
    the_lobby,
    the_player,
    the_room,
)
from coalserver.core.commands.lobbies import bounds, part, say_closed
from coalserver.core.commands.members import (
    free_for_room,
    in_no_lobby,
    in_no_room,
    left_behind,
    note_seat,
)
from coalserver.core.ports import Entry, Topic
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.actions import Action
from coalserver.domain.play.game import dumped
from coalserver.domain.play.lobby import Ending, Lobby, Phase
from coalserver.domain.play.message_events import ActionAnswered
from coalserver.domain.play.room import Room
from coalserver.domain.play.room_events import (
    PlayerEntered,
    PlayerLeft,
    RoomChat,
    RoomClosed,
    RoomHostChanged,
    RoomLocked,
    RoomOpened,
    TurnTaken,
)
from coalserver.domain.play.roster import Roster

#: Seldom enough that a busy exchange does not rewrite its room, often enough to be no idle one.
TOUCH_SECONDS = 3600


def heard_at(room: Room) -> tuple[Topic, Topic]:
    """Where it is heard what happens in a room."""
    return topics.room(room.id), topics.rooms(room.game)


def start_lobby(
    unit: Unit,
    *,
    lobby_id: int,
    by: int,
    name: str | None = None,
    only_present: bool = False,
    hand_over: bool | None = None,
    keep_seats: bool = False,
) -> Room:
    """Begin play with the members of a lobby.

    `only_present` leaves behind who is away; whoever plays elsewhere and may not play twice stays
    behind too. `keep_seats` means that silence never costs a seat; `hand_over` and `name` are the
    lobby's own unless given.
    """
    lobby = the_lobby(unit, lobby_id)
    low, high = bounds(unit, the_game(unit, lobby.game))
    behind = left_behind(unit, lobby, by, only_present)
    coming = lobby.roster.only([player for player in lobby.roster if player not in behind])
    lobby.may_start(by, low, high, coming)
    in_no_room(unit, the_player(unit, by))
    lobby = lobby.back(by)
    for player, how in behind.items():
        lobby = part(unit, lobby, lobby.drop(player, unit.now), player, how)
    rules = unit.rules(lobby.game)
    roster = lobby.roster.numbered(unit.now)
    roster = replace(
        roster,
        capacity=len(roster) if rules else roster.capacity,
        hand_over=roster.hand_over if hand_over is None else hand_over,
        grace=None if keep_seats else unit.limits.seat_grace,
    )
    room = Room(
        unit.new_id(Room),
        unit.new_code(),
        lobby.game,
        lobby.name if name is None else name,
        roster,
        unit.now,
        unit.now,
        password=lobby.password,
        options=lobby.options,
        realtime=lobby.realtime,
        lobby=lobby.id,
    )
    if rules is not None:
        room = room.set_up(rules, unit.chance)
    unit.put(room)
    lobby = unit.put(lobby.start(room.id, unit.now))
    unit.say(RoomOpened(room.game, room.id, lobby.id), *heard_at(room))
    say_closed(unit, lobby)
    return room


def open_room(
    unit: Unit,
    *,
    game: str,
    player: int,
    name: str,
    capacity: int,
    unnamed: str = "",
    password: str = "",
    options: bytes = b"{}",
    hand_over: bool = False,
    can_leave: bool = True,
    realtime: bool = False,
    authority: str = "",
    grace: float | None = None,
    data: bytes = b"null",
) -> Room:
    """Begin play without a lobby: a room with its host in it, which others may join.

    A game with rules begins play with everyone in their seats: it refuses this. Without a name the
    room is called `unnamed`, with six digits of its code behind.
    """
    played = the_game(unit, game)
    host = the_player(unit, player)
    may_play(unit, played, host)
    if unit.rules(game) is not None:
        raise Refusal(Why.TOO_FEW_PLAYERS, least=bounds(unit, played)[0])
    free_for_room(unit, host)
    in_no_lobby(unit, host)
    roster = Roster(
        min(capacity, played.max_players),
        player,
        hand_over=hand_over,
        can_leave=can_leave,
        grace=unit.limits.seat_grace if grace is None else grace,
    )
    code = unit.new_code()
    room = unit.put(
        Room(
            unit.new_id(Room),
            code,
            game,
            name or (unnamed and f"{unnamed}{code[:6]}"),
            roster.seat(player, unit.now, data=data),
            unit.now,
            unit.now,
            password=unit.sealed(password),
            options=options,
            realtime=realtime,
            authority=authority,
        )
    )
    unit.say(RoomOpened(game, room.id), *heard_at(room))
    note_seat(unit, host, game)
    return room


def join_room(
    unit: Unit, *, room_id: int, player: int, password: str = "", data: bytes = b"null"
) -> Room:
    """Take a free seat in a room that runs."""
    room = the_room(unit, room_id)
    room.running()
    if player in room.roster:
        raise Refusal(Why.ALREADY_HERE)
    newcomer = the_player(unit, player)
    may_play(unit, the_game(unit, room.game), newcomer)
    free_for_room(unit, newcomer)
    seal = unit.sealed(password)
    joined = unit.put(room.admit(player, unit.now, password=seal, data=data))
    seat = joined.roster.of(player).number
    entered = PlayerEntered(room.game, room.id, player, newcomer.name, seat)
    unit.say(entered, *heard_at(room), topics.player(player))
    _say_after(unit, room, joined)
    note_seat(unit, newcomer, room.game)
    return joined


def take_turn(unit: Unit, *, room_id: int, player: int, turn: dict[str, object]) -> Room:
    """Play a turn, if it is the player's and the rules allow it; without rules any turn is said."""
    room = the_room(unit, room_id)
    played = unit.put(room.play(player, turn, unit.rules(room.game), unit.now))
    taken = TurnTaken(
        room.game,
        room.id,
        player,
        room.roster.of(player).number,
        dumped(turn),
        played.state,
        played.current,
        played.turns,
    )
    unit.say(taken, topics.room(room.id))
    _say_after(unit, room, played)
    return played


def leave_room(unit: Unit, *, room_id: int, player: int) -> Room:
    """Give up one's seat, and that in the lobby the room came from."""
    room = the_room(unit, room_id)
    left = room.leave(player, unit.rules(room.game), unit.now)
    return part_from_room(unit, room, left, player, "left")


def kick_from_room(unit: Unit, *, room_id: int, by: int, player: int) -> Room:
    """The host puts a member out."""
    room = the_room(unit, room_id)
    left = room.kick(by, player, unit.rules(room.game), unit.now)
    return part_from_room(unit, room, left, player, "kicked")


def lock_room(unit: Unit, *, room_id: int, by: int, password: str) -> Room:
    """The host sets a password, or removes it with an empty one."""
    room = the_room(unit, room_id)
    locked = room.lock(by, unit.sealed(password))
    unit.say(RoomLocked(room.game, room.id, bool(password)), *heard_at(room))
    return unit.put(locked)


def close_room(unit: Unit, *, room_id: int, by: int) -> Room:
    """The host ends play for everyone."""
    room = the_room(unit, room_id)
    room.running()
    room.roster.only_host(by)
    return shut_room(unit, room, Ending.CLOSED)


def shut_room(unit: Unit, room: Room, ending: Ending) -> Room:
    """End a room that runs, whoever wants it."""
    closed = unit.put(room.close(ending, unit.now))
    _say_after(unit, room, closed)
    return closed


def chat_in_room(unit: Unit, *, room_id: int, player: int, text: str) -> Entry:
    """A member says something to the others; also after the end, while the room is remembered."""
    room = the_room(unit, room_id)
    room.roster.of(player)
    touch(unit, room)
    name = the_player(unit, player).name
    said = RoomChat(room.game, room.id, player, name, text)
    return unit.say(said, topics.room_chat(room.id))


def touch(unit: Unit, room: Room) -> None:
    """Something that leaves the room as it is happened there: it is not idle."""
    if not room.over and unit.now - room.touched >= TOUCH_SECONDS:
        unit.put(room.touch(unit.now))


def part_from_room(unit: Unit, before: Room, after: Room, player: int, how: str) -> Room:
    """Put a room that a member has left, and say what follows from it."""
    unit.put(after)
    seat = before.roster.of(player).number
    name = the_player(unit, player).name
    left = PlayerLeft(after.game, after.id, player, name, seat, how)
    unit.say(left, *heard_at(after), topics.player(player))
    for action in unit.find(Action, "target", (after.id, player)):
        say_answered(unit, unit.put(action.give_up(unit.now)), after)
    lobby = unit.get(Lobby, after.lobby) if after.lobby is not None else None
    if lobby is not None and player in lobby.roster:
        part(unit, lobby, lobby.drop(player, unit.now), player, how)
    _say_after(unit, before, after)
    return after


def say_answered(unit: Unit, action: Action, room: Room) -> None:
    """Tell the sender that an action was answered for good."""
    said = ActionAnswered(
        room.game, room.id, action.code, action.sender, action.target, str(action.progress)
    )
    unit.say(said, topics.actions(room.id, action.sender))


def _say_after(unit: Unit, before: Room, after: Room) -> None:
    if after.ending is not None and before.ending is None:
        closed = RoomClosed(after.game, after.id, str(after.ending), after.outcome)
        unit.say(closed, *heard_at(after))
        _let_go(unit, after)
    elif after.roster.host != before.roster.host:
        host = after.roster.host
        name = the_player(unit, host).name
        unit.say(RoomHostChanged(after.game, after.id, host, name), *heard_at(after))


def _let_go(unit: Unit, room: Room) -> None:
    """A room is over: its actions end, and so does the lobby it came from."""
    for action in unit.find(Action, "room", room.id):
        unit.drop(action)
    lobby = unit.get(Lobby, room.lobby) if room.lobby is not None else None
    if lobby is not None and lobby.phase is Phase.STARTED:
        unit.put(lobby.close(Ending.STARTED, unit.now))
