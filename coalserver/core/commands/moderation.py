"""Moderation commands: bans, and kicks and closures by administrators or the owner of a game."""

from typing import TypeVar

from coalserver.core import topics
from coalserver.core.commands.members import force_close, get_group, remove_member
from coalserver.core.commands.presence import leave_all
from coalserver.core.queries.admin import find_active_ban
from coalserver.core.queries.games import get_game
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.events import PlayerBanned, PlayerUnbanned
from coalserver.domain.play.group import Group
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.player import Ban, Player, ban_expiry

G = TypeVar("G", bound=Group)


def admin_kick(uow: UnitOfWork, *, kind: type[G], id: int, player_id: int) -> G:
    """Remove a member from an open lobby or a running room, whoever its host is.

    `kind` is Lobby or Room. Emits what `members.leave` emits, with the reason `kicked`.
    Raises LOBBY_NOT_FOUND, ROOM_NOT_FOUND, LOBBY_CLOSED, LOBBY_STARTED, ROOM_ENDED or
    TARGET_NOT_MEMBER.
    """
    group = get_group(uow, kind, id)
    group.check_open()
    if player_id not in group.roster:
        raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
    rules = uow.rules(group.game)
    after = group.remove_member(player_id, uow.now, rules, CloseReason.CLOSED)
    return remove_member(uow, group, after, player_id, "kicked", by_admin=True)


def admin_close(uow: UnitOfWork, *, kind: type[G], id: int) -> G:
    """Close an open lobby or a running room, whoever its host is.

    `kind` is Lobby or Room. Emits LobbyClosed or RoomClosed. Raises LOBBY_NOT_FOUND,
    ROOM_NOT_FOUND, LOBBY_CLOSED, LOBBY_STARTED or ROOM_ENDED.
    """
    group = get_group(uow, kind, id)
    group.check_open()
    return force_close(uow, group, CloseReason.CLOSED)


def ban(uow: UnitOfWork, *, game: str, player_id: int, duration: str, reason: str = "") -> Ban:
    """Ban a player from a game and free their seats in it. Replaces an earlier ban.

    `duration` is a name in BAN_DURATIONS. Emits PlayerBanned and what `presence.leave_all` emits.
    Raises GAME_NOT_FOUND, INVALID_REQUEST and PLAYER_NOT_FOUND, also for a player who has never had
    a seat in the game.
    """
    banned = _get_player_of_game(uow, game, player_id)
    until = ban_expiry(duration, uow.now)
    _delete_bans(uow, game, player_id)
    leave_all(uow, player_id=banned.id, reason="banned", game=game)
    uow.emit(PlayerBanned(game, player_id, reason, until), topics.player(player_id))
    id, code = uow.new_id(Ban), uow.new_code()
    return uow.save(Ban(id, code, game, player_id, duration, reason, uow.now, until))


def unban(uow: UnitOfWork, *, game: str, player_id: int) -> int:
    """Remove a player's ban from a game; return the number of active bans removed, 0 or 1.

    Emits PlayerUnbanned where there was one. Raises GAME_NOT_FOUND or PLAYER_NOT_FOUND.
    """
    _get_player_of_game(uow, game, player_id)
    active = find_active_ban(uow, game=game, player=player_id, now=uow.now)
    _delete_bans(uow, game, player_id)
    if active is not None:
        uow.emit(PlayerUnbanned(game, player_id), topics.player(player_id))
    return int(active is not None)


def _get_player_of_game(uow: UnitOfWork, game: str, id: int) -> Player:
    """Return a player who is bound to the game or has had a seat in it."""
    get_game(uow, game)
    player = get_player(uow, id)
    if not player.has_joined(game):
        raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    return player


def _delete_bans(uow: UnitOfWork, game: str, player_id: int) -> None:
    for previous in uow.find(Ban, "player", (game, player_id)):
        uow.delete(previous)
