"""Presence commands: who goes silent is away; who stays silent loses the seats that do not wait."""

from coalserver.core.commands import lobbies, rooms
from coalserver.core.commands.join_requests import withdraw_requests
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.play.events import LobbyMemberAway, RoomHostChanged, RoomMemberAway
from coalserver.domain.play.lobby import CloseReason, Lobby
from coalserver.domain.play.room import Room


def mark_away(uow: UnitOfWork, *, player_id: int) -> None:
    """A player has gone silent: the others see it, and a host who may be followed is followed."""
    _set_away(uow, player_id, True)


def mark_back(uow: UnitOfWork, *, player_id: int) -> None:
    """A silent player gave a sign of life."""
    _set_away(uow, player_id, False)


def release_away_seats(uow: UnitOfWork, *, player_id: int, last_seen: float) -> int:
    """Free the seats whose grace is over; gives how many may still be freed later."""
    silent_seconds = uow.now - last_seen
    waiting = 0
    for room in uow.find(Room, "member", player_id):
        if room.roster.grace is None:
            continue
        if silent_seconds < room.roster.grace:
            waiting += 1
            continue
        left = room.remove_member(player_id, uow.rules(room.game), uow.now)
        rooms.remove_room_member(uow, room, left, player_id, "timeout")
    for lobby in uow.find(Lobby, "member", player_id):
        if not lobby.open or lobby.roster.grace is None:
            continue
        if silent_seconds < lobby.roster.grace:
            waiting += 1
            continue
        left_lobby = lobby.remove_member(player_id, uow.now, CloseReason.EXPIRED)
        lobbies.remove_lobby_member(uow, lobby, left_lobby, player_id, "timeout")
    return waiting


def leave_all(uow: UnitOfWork, *, player_id: int, reason: str, game: str = "") -> None:
    """Give up every seat a player has or has asked for, everywhere or in one game.

    His token has ended, or a ban has begun.
    """
    withdraw_requests(uow, player_id=player_id, game=game)
    for room in uow.find(Room, "member", player_id):
        if game in ("", room.game):
            left = room.remove_member(player_id, uow.rules(room.game), uow.now)
            rooms.remove_room_member(uow, room, left, player_id, reason)
    for lobby in uow.find(Lobby, "member", player_id):
        if game in ("", lobby.game):
            lobbies.remove_lobby_member(
                uow, lobby, lobby.remove_member(player_id, uow.now), player_id, reason
            )


def _set_away(uow: UnitOfWork, player_id: int, away: bool) -> None:
    for lobby in uow.find(Lobby, "member", player_id):
        if lobby.roster.get_seat(player_id).away is away:
            continue
        marked = uow.save(lobby.mark_away(player_id) if away else lobby.mark_back(player_id))
        if not lobby.open:
            continue
        name = get_player(uow, player_id).name
        uow.emit(
            LobbyMemberAway(lobby.game, lobby.id, player_id, name, away),
            *lobbies.topics_of(lobby),
        )
        lobbies.emit_lobby_host_changed(uow, lobby, marked)
    for room in uow.find(Room, "member", player_id):
        if room.roster.get_seat(player_id).away is away:
            continue
        changed = uow.save(room.mark_away(player_id) if away else room.mark_back(player_id))
        name = get_player(uow, player_id).name
        uow.emit(RoomMemberAway(room.game, room.id, player_id, name, away), *rooms.topics_of(room))
        _emit_room_host_changed(uow, room, changed)


def _emit_room_host_changed(uow: UnitOfWork, before: Room, after: Room) -> None:
    host = after.roster.host
    if host != before.roster.host:
        name = get_player(uow, host).name
        uow.emit(RoomHostChanged(after.game, after.id, host, name), *rooms.topics_of(after))
