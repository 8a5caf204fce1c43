"""Room commands: start, open, join, take turns. members.py has leave, kick, password, chat and close."""

from coalserver.core import topics
from coalserver.core.commands.lobbies import player_limits
from coalserver.core.commands.members import (
    check_can_join,
    check_can_play,
    check_not_in,
    emit_lobby_closed,
    emit_room_changes,
    record_seat,
    remove_member,
)
from coalserver.core.commands.storage_limits import check_game_storage
from coalserver.core.queries.games import get_game
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.queries.players import get_player
from coalserver.core.queries.rooms import get_room
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.construction import replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import RoomMemberJoined, RoomOpened, TurnTaken
from coalserver.domain.play.game import dump_json
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.domain.play.roster import Roster


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
    """Open a room with a lobby's members, as its host. Emits RoomOpened and LobbyClosed.

    Members who are away (with `only_present`) or in another room of their one game leave the lobby
    first, which emits LobbyMemberLeft. `keep_seats`: seats of away members are never freed. `name`
    and `transfer_host` default to the lobby's. Raises LOBBY_NOT_FOUND, what Lobby.check_can_start
    raises, ALREADY_IN_ROOM or RULES_FAILED.
    """
    lobby = get_lobby(uow, lobby_id)
    minimum, maximum = player_limits(uow, get_game(uow, lobby.game))
    not_joining = _members_not_joining(uow, lobby, by, only_present)
    participants = lobby.roster.limited_to(
        [player for player in lobby.roster if player not in not_joining]
    )
    lobby.check_can_start(by, minimum, maximum, participants)
    check_not_in(uow, get_player(uow, by), Room)
    lobby = lobby.mark_back(by)
    for player, reason in not_joining.items():
        lobby = remove_member(uow, lobby, lobby.remove_member(player, uow.now), player, reason)
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
    uow.emit(RoomOpened(room.game, room.id, lobby.id), *topics.of_room(room.id, room.game))
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
    """Create a room without a lobby, with the player as its host, and emit RoomOpened.

    The capacity is at most the game's. A room without a name is called `default_name` and six
    digits of its code. `authority` is the digest of the source of truth's secret.
    Raises GAME_NOT_FOUND, PLAYER_NOT_FOUND, GAME_CLOSED, BANNED, ALREADY_IN_ROOM, TOO_MANY_SEATS,
    ALREADY_IN_LOBBY, and TOO_FEW_PLAYERS for a game with rules, which starts with all seats taken.
    """
    game_entity = get_game(uow, game)
    host = get_player(uow, player_id)
    check_can_play(uow, game_entity, host)
    if uow.rules(game) is not None:
        raise DomainError(ErrorCode.TOO_FEW_PLAYERS, minimum=player_limits(uow, game_entity)[0])
    check_can_join(uow, host, Room)
    check_not_in(uow, host, Lobby)
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
    uow.emit(RoomOpened(game, room.id), *topics.of_room(room.id, game))
    record_seat(uow, host, game)
    return room


def join_room(
    uow: UnitOfWork, *, room_id: int, player_id: int, password: str = "", data: bytes = b"null"
) -> Room:
    """Add a player to a running room and emit RoomMemberJoined.

    Emits RoomHostChanged where the player becomes the host. Raises ROOM_NOT_FOUND,
    PLAYER_NOT_FOUND, GAME_CLOSED, BANNED, ALREADY_IN_ROOM, TOO_MANY_SEATS and what Room.add_member
    raises.
    """
    room = get_room(uow, room_id)
    room.check_open()
    if player_id in room.roster:
        raise DomainError(ErrorCode.ALREADY_MEMBER)
    player = get_player(uow, player_id)
    check_can_play(uow, get_game(uow, room.game), player)
    check_can_join(uow, player, Room)
    password_digest = uow.password_digest(password)
    joined = uow.save(room.add_member(player_id, uow.now, password=password_digest, data=data))
    seat = joined.roster.get_seat(player_id).number
    event = RoomMemberJoined(room.game, room.id, player_id, player.name, seat)
    uow.emit(event, *topics.of_room(room.id, room.game), topics.player(player_id))
    emit_room_changes(uow, room, joined)
    record_seat(uow, player, room.game)
    return joined


def take_turn(
    uow: UnitOfWork,
    *,
    room_id: int,
    player_id: int,
    turn: dict[str, object],
    document: bytes | None = None,
    action_targets: tuple[int, ...] = (),
) -> Room:
    """Take a member's turn and emit TurnTaken; RoomClosed too where the turn ends the game.

    `document`: the turn as compact JSON, where the caller has it.
    Without rules every member may take any turn at any time. `action_targets` are members who get
    the turn as an action. Raises ROOM_NOT_FOUND, GAME_STORAGE_FULL and what Room.play raises.
    """
    room = get_room(uow, room_id)
    check_game_storage(uow, room.game)
    played = uow.save(room.play(player_id, turn, uow.rules(room.game), uow.now))
    event = TurnTaken(
        room.game,
        room.id,
        player_id,
        room.roster.get_seat(player_id).number,
        dump_json(turn) if document is None else document,
        played.state,
        played.current,
        played.turns,
        action_targets,
    )
    uow.emit(event, topics.room(room.id))
    emit_room_changes(uow, room, played)
    return played


def _members_not_joining(
    uow: UnitOfWork, lobby: Lobby, by: int, only_present: bool
) -> dict[int, str]:
    """Return the members who do not join a lobby's room, with the reason why they leave.

    `by` always joins.
    """
    not_joining: dict[int, str] = {}
    for seat in lobby.roster.seats:
        if seat.player == by:
            continue
        player = get_player(uow, seat.player)
        if only_present and seat.away:
            not_joining[seat.player] = "timeout"
        elif player.game and uow.find(Room, "member", player.id):
            not_joining[seat.player] = "left"
    return not_joining
