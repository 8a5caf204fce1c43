"""Steward commands: an admin puts a player out, or ends a lobby or room, whoever its host is."""

from coalserver.core.commands.finding import get_lobby, get_room
from coalserver.core.commands.lobbies import force_close_lobby, remove_lobby_member
from coalserver.core.commands.rooms import force_close_room, remove_room_member
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.room import Room


def admin_kick_from_lobby(uow: UnitOfWork, *, lobby_id: int, player_id: int) -> Lobby:
    """A member has to go. Without its host a lobby that hands nothing over is gone."""
    lobby = get_lobby(uow, lobby_id)
    lobby.check_open()
    if player_id not in lobby.roster:
        raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
    return remove_lobby_member(
        uow, lobby, lobby.remove_member(player_id, uow.now), player_id, "kicked"
    )


def admin_close_lobby(uow: UnitOfWork, *, lobby_id: int) -> Lobby:
    """A gathering that has not begun to play ends for everyone."""
    lobby = get_lobby(uow, lobby_id)
    lobby.check_open()
    return force_close_lobby(uow, lobby, CloseReason.CLOSED)


def admin_kick_from_room(uow: UnitOfWork, *, room_id: int, player_id: int) -> Room:
    """A member has to go; what follows for the game is for its rules."""
    room = get_room(uow, room_id)
    room.check_running()
    if player_id not in room.roster:
        raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
    left = room.remove_member(player_id, uow.rules(room.game), uow.now)
    return remove_room_member(uow, room, left, player_id, "kicked")


def admin_close_room(uow: UnitOfWork, *, room_id: int) -> Room:
    """Play ends for everyone."""
    room = get_room(uow, room_id)
    room.check_running()
    return force_close_room(uow, room, CloseReason.CLOSED)
