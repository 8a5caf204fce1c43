"""Moderation commands: bans, and admins who kick players and close lobbies or rooms of any host."""

from coalserver.core import topics
from coalserver.core.commands.lobbies import force_close_lobby, remove_lobby_member
from coalserver.core.commands.presence import leave_all
from coalserver.core.commands.rooms import force_close_room, remove_room_member
from coalserver.core.queries.admin import find_active_ban
from coalserver.core.queries.games import get_game
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.queries.players import get_player
from coalserver.core.queries.rooms import get_room
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import PlayerBanned, PlayerUnbanned
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.player import Ban, Player, ban_expiry
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


def ban(uow: UnitOfWork, *, game: str, player_id: int, duration: str, reason: str = "") -> Ban:
    """Shut a player out, for one of the named durations: every seat he has in the game is freed.

    A new ban takes the place of an older one.
    """
    banned = _get_player_of_game(uow, game, player_id)
    until = ban_expiry(duration, uow.now)
    _delete_bans(uow, game, player_id)
    leave_all(uow, player_id=banned.id, reason="banned", game=game)
    uow.emit(PlayerBanned(game, player_id, reason, until), topics.player(player_id))
    id, code = uow.new_id(Ban), uow.new_code()
    return uow.save(Ban(id, code, game, player_id, duration, reason, uow.now, until))


def unban(uow: UnitOfWork, *, game: str, player_id: int) -> int:
    """Let a player in again; gives how many bans that lifted."""
    _get_player_of_game(uow, game, player_id)
    was_banned = find_active_ban(uow, game=game, player=player_id, now=uow.now) is not None
    _delete_bans(uow, game, player_id)
    if was_banned:
        uow.emit(PlayerUnbanned(game, player_id), topics.player(player_id))
    return int(was_banned)


def _get_player_of_game(uow: UnitOfWork, game: str, id: int) -> Player:
    """A player of the game, or one who has sat in it."""
    get_game(uow, game)
    player = get_player(uow, id)
    if not player.has_joined(game):
        raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    return player


def _delete_bans(uow: UnitOfWork, game: str, player_id: int) -> None:
    for old in uow.find(Ban, "player", (game, player_id)):
        uow.delete(old)
