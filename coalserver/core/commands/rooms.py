"""Room commands: start, join, play, leave, end."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.lobbies import emit_lobby_closed, player_limits, remove_lobby_member
from coalserver.core.commands.members import (
    check_can_join_room,
    check_can_play,
    check_in_no_lobby,
    check_in_no_room,
    members_not_joining,
    record_seat,
)
from coalserver.core.ports import Entry, Topic
from coalserver.core.queries.games import get_game
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.queries.players import get_player
from coalserver.core.queries.rooms import get_room
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Action
from coalserver.domain.play.events import (
    ActionFinished,
    RoomChat,
    RoomClosed,
    RoomHostChanged,
    RoomMemberJoined,
    RoomMemberLeft,
    RoomOpened,
    RoomPasswordChanged,
    TurnTaken,
)
from coalserver.domain.play.game import dump_json
from coalserver.domain.play.lobby import CloseReason, Lobby, LobbyState
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster

#: Seldom enough that a busy exchange does not rewrite its room, often enough to be no idle one.
TOUCH_SECONDS = 3600


def topics_of(room: Room) -> tuple[Topic, Topic]:
    """Where it is heard what happens in a room."""
    return topics.room(room.id), topics.rooms(room.game)


def start_lobby(
    uow: UnitOfWork,
    *,
    lobby_id: int,
    by: int,
    name: str | None = None,
    only_present: bool = False,
    transfer_host: bool | None = None,
    keep_seats: bool = False,
) -> Room:
    """Begin play with the members of a lobby.

    `only_present` leaves behind who is away; whoever plays elsewhere and may not play twice stays
    behind too. `keep_seats` means that silence never costs a seat; `transfer_host` and `name` are the
    lobby's own unless given.
    """
    lobby = get_lobby(uow, lobby_id)
    low, high = player_limits(uow, get_game(uow, lobby.game))
    not_joining = members_not_joining(uow, lobby, by, only_present)
    joining = lobby.roster.limited_to(
        [player for player in lobby.roster if player not in not_joining]
    )
    lobby.check_can_start(by, low, high, joining)
    check_in_no_room(uow, get_player(uow, by))
    lobby = lobby.mark_back(by)
    for player, reason in not_joining.items():
        lobby = remove_lobby_member(
            uow, lobby, lobby.remove_member(player, uow.now), player, reason
        )
    rules = uow.rules(lobby.game)
    roster = lobby.roster.renumbered(uow.now)
    roster = replace(
        roster,
        capacity=len(roster) if rules else roster.capacity,
        transfer_host=roster.transfer_host if transfer_host is None else transfer_host,
        grace=None if keep_seats else uow.limits.seat_grace,
    )
    room = Room(
        uow.new_id(Room),
        uow.new_code(),
        lobby.game,
        lobby.name if name is None else name,
        roster,
        uow.now,
        uow.now,
        password=lobby.password,
        options=lobby.options,
        realtime=lobby.realtime,
        lobby=lobby.id,
    )
    if rules is not None:
        room = room.set_up(rules, uow.rng)
    uow.save(room)
    lobby = uow.save(lobby.start(room.id, uow.now))
    uow.emit(RoomOpened(room.game, room.id, lobby.id), *topics_of(room))
    emit_lobby_closed(uow, lobby)
    return room


def open_room(
    uow: UnitOfWork,
    *,
    game: str,
    player_id: int,
    name: str,
    capacity: int,
    default_name: str = "",
    password: str = "",
    options: bytes = b"{}",
    transfer_host: bool = False,
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
    game_entity = get_game(uow, game)
    host = get_player(uow, player_id)
    check_can_play(uow, game_entity, host)
    if uow.rules(game) is not None:
        raise DomainError(ErrorCode.TOO_FEW_PLAYERS, minimum=player_limits(uow, game_entity)[0])
    check_can_join_room(uow, host)
    check_in_no_lobby(uow, host)
    roster = Roster(
        min(capacity, game_entity.max_players),
        player_id,
        transfer_host=transfer_host,
        can_leave=can_leave,
        grace=uow.limits.seat_grace if grace is None else grace,
    )
    code = uow.new_code()
    room = uow.save(
        Room(
            uow.new_id(Room),
            code,
            game,
            name or (default_name and f"{default_name}{code[:6]}"),
            roster.add(player_id, uow.now, data=data),
            uow.now,
            uow.now,
            password=uow.password_digest(password),
            options=options,
            realtime=realtime,
            authority=authority,
        )
    )
    uow.emit(RoomOpened(game, room.id), *topics_of(room))
    record_seat(uow, host, game)
    return room


def join_room(
    uow: UnitOfWork, *, room_id: int, player_id: int, password: str = "", data: bytes = b"null"
) -> Room:
    """Take a free seat in a room that runs."""
    room = get_room(uow, room_id)
    room.check_running()
    if player_id in room.roster:
        raise DomainError(ErrorCode.ALREADY_MEMBER)
    newcomer = get_player(uow, player_id)
    check_can_play(uow, get_game(uow, room.game), newcomer)
    check_can_join_room(uow, newcomer)
    password_digest = uow.password_digest(password)
    joined = uow.save(room.add_member(player_id, uow.now, password=password_digest, data=data))
    seat = joined.roster.get_seat(player_id).number
    entered = RoomMemberJoined(room.game, room.id, player_id, newcomer.name, seat)
    uow.emit(entered, *topics_of(room), topics.player(player_id))
    _emit_changes(uow, room, joined)
    record_seat(uow, newcomer, room.game)
    return joined


def take_turn(uow: UnitOfWork, *, room_id: int, player_id: int, turn: dict[str, object]) -> Room:
    """Play a turn, if it is the player's and the rules allow it; without rules any turn is said."""
    room = get_room(uow, room_id)
    played = uow.save(room.play(player_id, turn, uow.rules(room.game), uow.now))
    taken = TurnTaken(
        room.game,
        room.id,
        player_id,
        room.roster.get_seat(player_id).number,
        dump_json(turn),
        played.state,
        played.current,
        played.turns,
    )
    uow.emit(taken, topics.room(room.id))
    _emit_changes(uow, room, played)
    return played


def leave_room(uow: UnitOfWork, *, room_id: int, player_id: int) -> Room:
    """Give up one's seat, and that in the lobby the room came from."""
    room = get_room(uow, room_id)
    left = room.leave(player_id, uow.rules(room.game), uow.now)
    return remove_room_member(uow, room, left, player_id, "left")


def kick_from_room(uow: UnitOfWork, *, room_id: int, by: int, player_id: int) -> Room:
    """The host puts a member out."""
    room = get_room(uow, room_id)
    left = room.kick(by, player_id, uow.rules(room.game), uow.now)
    return remove_room_member(uow, room, left, player_id, "kicked")


def set_room_password(uow: UnitOfWork, *, room_id: int, by: int, password: str) -> Room:
    """The host sets a password, or removes it with an empty one."""
    room = get_room(uow, room_id)
    changed = room.set_password(by, uow.password_digest(password))
    uow.emit(RoomPasswordChanged(room.game, room.id, bool(password)), *topics_of(room))
    return uow.save(changed)


def close_room(uow: UnitOfWork, *, room_id: int, by: int) -> Room:
    """The host ends play for everyone."""
    room = get_room(uow, room_id)
    room.check_running()
    room.roster.check_host(by)
    return force_close_room(uow, room, CloseReason.CLOSED)


def force_close_room(uow: UnitOfWork, room: Room, reason: CloseReason) -> Room:
    """End a room that runs, whoever wants it."""
    closed = uow.save(room.close(reason, uow.now))
    _emit_changes(uow, room, closed)
    return closed


def chat_in_room(uow: UnitOfWork, *, room_id: int, player_id: int, text: str) -> Entry:
    """A member says something to the others; also after the end, while the room is remembered."""
    room = get_room(uow, room_id)
    room.roster.get_seat(player_id)
    touch_room(uow, room)
    name = get_player(uow, player_id).name
    event = RoomChat(room.game, room.id, player_id, name, text)
    return uow.emit(event, topics.room_chat(room.id))


def touch_room(uow: UnitOfWork, room: Room) -> None:
    """Something that leaves the room as it is happened there: it is not idle."""
    if not room.ended and uow.now - room.touched >= TOUCH_SECONDS:
        uow.save(room.touch(uow.now))


def remove_room_member(
    uow: UnitOfWork, before: Room, after: Room, player_id: int, reason: str
) -> Room:
    """Put a room that a member has left, and say what follows from it."""
    uow.save(after)
    seat = before.roster.get_seat(player_id).number
    name = get_player(uow, player_id).name
    event = RoomMemberLeft(after.game, after.id, player_id, name, seat, reason)
    uow.emit(event, *topics_of(after), topics.player(player_id))
    for action in uow.find(Action, "target", (after.id, player_id)):
        emit_action_finished(uow, uow.save(action.fail(uow.now)), after)
    lobby = uow.get(Lobby, after.lobby) if after.lobby is not None else None
    if lobby is not None and player_id in lobby.roster:
        remove_lobby_member(uow, lobby, lobby.remove_member(player_id, uow.now), player_id, reason)
    _emit_changes(uow, before, after)
    return after


def emit_action_finished(uow: UnitOfWork, action: Action, room: Room) -> None:
    """Tell the sender that an action was answered for good."""
    event = ActionFinished(
        room.game, room.id, action.code, action.sender, action.target, str(action.status)
    )
    uow.emit(event, topics.actions(room.id, action.sender))


def _emit_changes(uow: UnitOfWork, before: Room, after: Room) -> None:
    if after.close_reason is not None and before.close_reason is None:
        closed = RoomClosed(after.game, after.id, str(after.close_reason), after.outcome)
        uow.emit(closed, *topics_of(after))
        _clean_up(uow, after)
    elif after.roster.host != before.roster.host:
        host = after.roster.host
        name = get_player(uow, host).name
        uow.emit(RoomHostChanged(after.game, after.id, host, name), *topics_of(after))


def _clean_up(uow: UnitOfWork, room: Room) -> None:
    """A room is over: its actions end, and so does the lobby it came from."""
    for action in uow.find(Action, "room", room.id):
        uow.delete(action)
    lobby = uow.get(Lobby, room.lobby) if room.lobby is not None else None
    if lobby is not None and lobby.state is LobbyState.STARTED:
        uow.save(lobby.close(CloseReason.STARTED, uow.now))
