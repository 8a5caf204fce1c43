"""Membership commands, which lobbies and rooms share: leave, kick, password, chat, host change, close.

Commands take the class of the group, `kind`, and its id. What differs between the two is in `_KINDS`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from coalserver.core import topics
from coalserver.core.commands.storage_limits import check_game_storage
from coalserver.core.ports import Entry, Topic
from coalserver.core.queries.admin import find_active_ban
from coalserver.core.queries.players import get_player
from coalserver.core.state import Reader
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.construction import replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.actions import Action
from coalserver.domain.play.events import (
    ActionFinished,
    JoinRequestAnswered,
    LobbyChat,
    LobbyClosed,
    LobbyHostChanged,
    LobbyMemberAway,
    LobbyMemberLeft,
    LobbyPasswordChanged,
    RoomChat,
    RoomClosed,
    RoomHostChanged,
    RoomMemberAway,
    RoomMemberLeft,
    RoomPasswordChanged,
)
from coalserver.domain.play.game import Game
from coalserver.domain.play.group import Group
from coalserver.domain.play.join_requests import EndReason, JoinRequest
from coalserver.domain.play.lobby import CloseReason, Lobby, LobbyState
from coalserver.domain.play.player import REMOVAL_REASONS, Player, Removal
from coalserver.domain.play.room import Room

G = TypeVar("G", bound=Group)

#: How often messages update a room's latest activity. Rooms count as idle after days.
TOUCH_SECONDS = 3600


def leave(uow: UnitOfWork, *, kind: type[G], id: int, player_id: int, open_only: bool = False) -> G:
    """Remove a player who leaves a group; a member of a room also leaves the lobby it came from.

    Emits the member's leaving and what follows from it: another host or the group's end.
    Raises LOBBY_NOT_FOUND or ROOM_NOT_FOUND, what Lobby.leave or Room.leave raises and, with
    `open_only`, LOBBY_STARTED.
    """
    group = get_group(uow, kind, id)
    if open_only:
        group.check_open()
    after = group.leave(player_id, uow.now, uow.rules(group.game))
    return remove_member(uow, group, after, player_id, "left")


def kick(uow: UnitOfWork, *, kind: type[G], id: int, by: int, player_id: int) -> G:
    """Remove a member whom the host `by` kicks. Emits what `leave` emits.

    Raises LOBBY_NOT_FOUND or ROOM_NOT_FOUND and what Lobby.kick or Room.kick raises.
    """
    group = get_group(uow, kind, id)
    after = group.kick(by, player_id, uow.now, uow.rules(group.game))
    return remove_member(uow, group, after, player_id, "kicked")


def set_join_password(uow: UnitOfWork, *, kind: type[G], id: int, by: int, password: str) -> G:
    """Set the password that players need to join; an empty one removes it.

    Emits LobbyPasswordChanged or RoomPasswordChanged. Raises LOBBY_NOT_FOUND or ROOM_NOT_FOUND and
    what Lobby.set_password or Room.set_password raises.
    """
    group = get_group(uow, kind, id)
    changed = group.set_password(by, uow.password_digest(password))
    details = _KINDS[kind]
    event = details.password_changed(group.game, group.id, bool(password), by)
    uow.emit(event, *details.topics(group.id, group.game))
    return uow.save(changed)


def chat(
    uow: UnitOfWork, *, kind: type[Lobby] | type[Room], id: int, player_id: int, text: str
) -> Entry:
    """Send a chat message to a group's members. Emits LobbyChat or RoomChat.

    A room's members may still chat after its end. Raises LOBBY_NOT_FOUND, ROOM_NOT_FOUND,
    LOBBY_CLOSED, LOBBY_STARTED, NOT_MEMBER or GAME_STORAGE_FULL.
    """
    group: Lobby | Room = get_group(uow, kind, id)
    group.check_can_chat(player_id)
    if isinstance(group, Room):
        touch_room(uow, group)
    check_game_storage(uow, group.game)
    details = _KINDS[kind]
    name = get_player(uow, player_id).name
    event = details.chat(group.game, group.id, player_id, name, text)
    return uow.emit(event, details.chat_topic(group.id))


def close(uow: UnitOfWork, *, kind: type[G], id: int, by: int, open_only: bool = True) -> G:
    """Close a group as its host. Emits LobbyClosed or RoomClosed.

    Raises LOBBY_NOT_FOUND, ROOM_NOT_FOUND, LOBBY_CLOSED, ROOM_ENDED, NOT_MEMBER, NOT_HOST and, with
    `open_only`, LOBBY_STARTED.
    """
    group = get_group(uow, kind, id)
    group.check_not_closed()
    group.roster.check_host(by)
    if open_only:
        group.check_open()
    return force_close(uow, group, CloseReason.CLOSED)


def get_group(reader: Reader, kind: type[G], id: int) -> G:
    """Return the lobby or room with this id. Raises LOBBY_NOT_FOUND or ROOM_NOT_FOUND."""
    group = reader.get(kind, id)
    if group is None:
        raise DomainError(_KINDS[kind].not_found)
    return group


def check_can_play(uow: UnitOfWork, game: Game, player: Player) -> None:
    """Check that a game admits a player and has room for more. Raises GAME_CLOSED, GAME_STORAGE_FULL or BANNED."""
    player.check_can_play(game.tag, game.open)
    # As in `check_game_storage`, but without another call: this runs for every join.
    maximum = uow.context.limits.game_bytes
    if maximum and uow.state.game_bytes.get(game.tag, 0) >= maximum:
        check_game_storage(uow, game.tag)
    ban = find_active_ban(uow, game=game.tag, player=player.id, now=uow.now)
    if ban is not None:
        raise DomainError(ErrorCode.BANNED, ban=ban)


def check_can_join(uow: UnitOfWork, player: Player, kind: type[Lobby] | type[Room]) -> None:
    """Check that a player may have another seat in a lobby or room.

    A player of one game can be in one lobby and one room at a time.
    Raises ALREADY_IN_LOBBY, ALREADY_IN_ROOM or TOO_MANY_SEATS.
    """
    lobbies = uow.count_under(Lobby, "member", player.id)
    rooms = uow.count_under(Room, "member", player.id)
    if player.game and (lobbies if kind is Lobby else rooms):
        raise DomainError(_KINDS[kind].already_in, player=player.id)
    limit = uow.context.limits.max_seats
    if lobbies + rooms >= limit:
        # Seats in started lobbies do not count: their players have the room's seat as well.
        in_open = sum(lobby.open for lobby in uow.find(Lobby, "member", player.id))
        if in_open + rooms >= limit:
            raise DomainError(ErrorCode.TOO_MANY_SEATS, maximum=limit)


def check_not_in(uow: UnitOfWork, player: Player, kind: type[Lobby] | type[Room]) -> None:
    """Check that a player of one game is in no lobby or room. Raises ALREADY_IN_LOBBY or _ROOM."""
    if player.game and uow.count_under(kind, "member", player.id):
        raise DomainError(_KINDS[kind].already_in, player=player.id)


def record_seat(uow: UnitOfWork, player: Player, game: str, lobby_id: int = 0) -> None:
    """Record that the player has had a seat in a game: from then on its owner may ban them.

    Ends the player's join requests, those to the lobby with the seat as approved. Emits JoinRequestAnswered.
    """
    seated = player.with_game(game)
    if seated is not player:
        uow.save(seated)
    # Few players have requests, and every join comes here.
    if uow.state.ids(JoinRequest, "player", player.id):
        requests = uow.find(JoinRequest, "player", player.id)
        for request in requests:
            if request.lobby == lobby_id:
                emit_join_request_answered(uow, uow.save(request.approve(uow.now)))
        elsewhere = (request for request in requests if request.lobby != lobby_id)
        end_join_requests(uow, elsewhere, EndReason.SEATED)


def end_join_requests(uow: UnitOfWork, requests: Iterable[JoinRequest], reason: EndReason) -> None:
    """Reject those of the join requests that are pending. Emits JoinRequestAnswered."""
    for request in requests:
        if request.pending:
            emit_join_request_answered(uow, uow.save(request.reject(uow.now, reason)))


def emit_join_request_answered(uow: UnitOfWork, request: JoinRequest) -> None:
    """Emit JoinRequestAnswered to the lobby's host and to the player who sent the request."""
    event = JoinRequestAnswered(
        get_group(uow, Lobby, request.lobby).game,
        request.lobby,
        request.player,
        request.code,
        bool(request.approved),
        get_player(uow, request.player).name,
        "" if request.end_reason is None else str(request.end_reason),
    )
    uow.emit(event, topics.lobby_host(request.lobby), topics.player(request.player))


def _record_removal(uow: UnitOfWork, player_id: int, group: Lobby | Room, reason: str) -> None:
    """Record how a player of one game lost a seat, which they can ask for later."""
    player = get_player(uow, player_id)
    if not player.game:
        return
    removal = Removal(group.code, reason, uow.now) if reason in REMOVAL_REASONS else None
    if isinstance(group, Lobby):
        changed = replace(player, lobby_removal=removal)
    else:
        changed = replace(player, room_removal=removal)
    if changed != player:
        uow.save(changed)


def remove_member(
    uow: UnitOfWork, before: G, after: G, player_id: int, reason: str, *, by_admin: bool = False
) -> G:
    """Save a group that a member has left. Emits the leaving and what follows from it.

    `reason` is left, kicked, timeout or banned; `by_admin`: kicked by an administrator.
    """
    _KINDS[type(before)].remove(uow, before, after, player_id, reason, by_admin)
    return after


def force_close(uow: UnitOfWork, group: G, reason: CloseReason) -> G:
    """Close a group that is not closed, without a check. Emits LobbyClosed or RoomClosed."""
    closed = uow.save(group.close(reason, uow.now))
    if group.open:
        _KINDS[type(group)].emit_closed(uow, closed)
    return closed


def emit_host_changed(uow: UnitOfWork, before: Group, after: Group) -> None:
    """Emit LobbyHostChanged or RoomHostChanged where the group has another host."""
    host = after.roster.host
    if host == before.roster.host or not after.roster.has_host:
        return
    details = _KINDS[type(after)]
    name = get_player(uow, host).name
    event = details.host_changed(after.game, after.id, host, name)
    # Only the host receives join requests: the feeds of both players change.
    players = (topics.player(host), topics.player(before.roster.host))
    uow.emit(event, *details.topics(after.id, after.game), *players)


def emit_member_away(uow: UnitOfWork, group: Group, player_id: int, away: bool) -> None:
    """Emit LobbyMemberAway or RoomMemberAway."""
    details = _KINDS[type(group)]
    name = get_player(uow, player_id).name
    event = details.member_away(group.game, group.id, player_id, name, away)
    uow.emit(event, *details.topics(group.id, group.game))


def emit_lobby_closed(uow: UnitOfWork, lobby: Lobby) -> None:
    """Emit LobbyClosed for a lobby that was started or closed, and end the join requests to it."""
    end_join_requests(uow, uow.find(JoinRequest, "lobby", lobby.id), EndReason.LOBBY_CLOSED)
    event = LobbyClosed(lobby.game, lobby.id, str(lobby.close_reason), lobby.room)
    uow.emit(event, *topics.of_lobby(lobby.id, lobby.game))


def emit_room_closed(uow: UnitOfWork, room: Room) -> None:
    """Emit RoomClosed, delete the room's actions and close the lobby it came from."""
    event = RoomClosed(room.game, room.id, str(room.close_reason), room.outcome)
    uow.emit(event, *topics.of_room(room.id, room.game))
    for action in uow.find(Action, "room", room.id):
        uow.delete(action)
    lobby = uow.get(Lobby, room.lobby) if room.lobby is not None else None
    if lobby is not None and lobby.state is LobbyState.STARTED:
        uow.save(lobby.close(CloseReason.STARTED, uow.now))


def emit_room_changes(uow: UnitOfWork, before: Room, after: Room) -> None:
    """Emit RoomClosed or RoomHostChanged where the change from one value to the other requires it."""
    if before.open and not after.open:
        emit_room_closed(uow, after)
    elif after.roster.host != before.roster.host:
        emit_host_changed(uow, before, after)


def emit_action_finished(uow: UnitOfWork, action: Action, room: Room) -> None:
    """Emit ActionFinished to the sender of an action."""
    event = ActionFinished(
        room.game, room.id, action.code, action.sender, action.target, str(action.status)
    )
    uow.emit(event, topics.actions(room.id, action.sender))


def touch_room(uow: UnitOfWork, room: Room) -> None:
    """Record activity that leaves the room as it is, at most once an hour."""
    if room.close_reason is None and uow.now - room.touched >= TOUCH_SECONDS:
        uow.save(room.touch(uow.now))


def _remove_from_lobby(
    uow: UnitOfWork, before: Lobby, after: Lobby, player_id: int, reason: str, by_admin: bool
) -> None:
    uow.save(after)
    _record_removal(uow, player_id, after, reason)
    if not before.open:
        # The events of a started lobby are those of its room.
        return
    name = get_player(uow, player_id).name
    event = LobbyMemberLeft(after.game, after.id, player_id, name, reason, by_admin)
    uow.emit(event, *topics.of_lobby(after.id, after.game), topics.player(player_id))
    if after.open:
        emit_host_changed(uow, before, after)
    else:
        emit_lobby_closed(uow, after)


def _remove_from_room(
    uow: UnitOfWork, before: Room, after: Room, player_id: int, reason: str, by_admin: bool
) -> None:
    uow.save(after)
    _record_removal(uow, player_id, after, reason)
    seat = before.roster.get_seat(player_id).number
    name = get_player(uow, player_id).name
    event = RoomMemberLeft(after.game, after.id, player_id, name, seat, reason, by_admin)
    uow.emit(event, *topics.of_room(after.id, after.game), topics.player(player_id))
    for action in uow.find(Action, "target", (after.id, player_id)):
        emit_action_finished(uow, uow.save(action.fail(uow.now)), after)
    lobby = uow.get(Lobby, after.lobby) if after.lobby is not None else None
    if lobby is not None and player_id in lobby.roster:
        left = lobby.remove_member(player_id, uow.now)
        _remove_from_lobby(uow, lobby, left, player_id, reason, by_admin)
    emit_room_changes(uow, before, after)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What differs between lobbies and rooms."""

    not_found: ErrorCode
    already_in: ErrorCode
    topics: Callable[[int, str], tuple[Topic, Topic]]
    chat_topic: Callable[[int], Topic]
    #: Classes of events.
    chat: type
    host_changed: type
    password_changed: type
    member_away: type
    #: Saves a group that a member has left; takes the values before and after, the player, the
    #: reason, and whether an administrator kicked them.
    remove: Callable[[UnitOfWork, Any, Any, int, str, bool], None]
    emit_closed: Callable[[UnitOfWork, Any], None]


_KINDS: Mapping[type, _Kind] = {
    Lobby: _Kind(
        ErrorCode.LOBBY_NOT_FOUND,
        ErrorCode.ALREADY_IN_LOBBY,
        topics.of_lobby,
        topics.lobby_chat,
        LobbyChat,
        LobbyHostChanged,
        LobbyPasswordChanged,
        LobbyMemberAway,
        _remove_from_lobby,
        emit_lobby_closed,
    ),
    Room: _Kind(
        ErrorCode.ROOM_NOT_FOUND,
        ErrorCode.ALREADY_IN_ROOM,
        topics.of_room,
        topics.room_chat,
        RoomChat,
        RoomHostChanged,
        RoomPasswordChanged,
        RoomMemberAway,
        _remove_from_room,
        emit_room_closed,
    ),
}
