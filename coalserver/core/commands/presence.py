"""Presence commands: who goes silent is away; who stays silent loses the seats that do not wait."""

from coalserver.core.commands import lobbies, rooms
from coalserver.core.commands.finding import the_player
from coalserver.core.commands.join_requests import withdraw_requests
from coalserver.core.unit_of_work import Unit
from coalserver.domain.play.lobby import Ending, Lobby
from coalserver.domain.play.lobby_events import MemberAway
from coalserver.domain.play.room import Room
from coalserver.domain.play.room_events import PlayerAway, RoomHostChanged


def mark_away(unit: Unit, *, player: int) -> None:
    """A player has gone silent: the others see it, and a host who may be followed is followed."""
    _mark(unit, player, True)


def mark_back(unit: Unit, *, player: int) -> None:
    """A silent player gave a sign of life."""
    _mark(unit, player, False)


def free_silent_seats(unit: Unit, *, player: int, last_sign: float) -> int:
    """Free the seats whose grace is over; gives how many may still be freed later."""
    silent = unit.now - last_sign
    waiting = 0
    for room in unit.find(Room, "member", player):
        if room.roster.grace is None:
            continue
        if silent < room.roster.grace:
            waiting += 1
            continue
        left = room.drop(player, unit.rules(room.game), unit.now)
        rooms.part_from_room(unit, room, left, player, "timeout")
    for lobby in unit.find(Lobby, "member", player):
        if not lobby.open or lobby.roster.grace is None:
            continue
        if silent < lobby.roster.grace:
            waiting += 1
            continue
        left_lobby = lobby.drop(player, unit.now, Ending.EXPIRED)
        lobbies.part(unit, lobby, left_lobby, player, "timeout")
    return waiting


def leave_everything(unit: Unit, *, player: int, how: str, game: str = "") -> None:
    """Give up every seat a player has or has asked for, everywhere or in one game.

    His token has ended, or a ban has begun.
    """
    withdraw_requests(unit, player=player, game=game)
    for room in unit.find(Room, "member", player):
        if game in ("", room.game):
            left = room.drop(player, unit.rules(room.game), unit.now)
            rooms.part_from_room(unit, room, left, player, how)
    for lobby in unit.find(Lobby, "member", player):
        if game in ("", lobby.game):
            lobbies.part(unit, lobby, lobby.drop(player, unit.now), player, how)


def _mark(unit: Unit, player: int, away: bool) -> None:
    for lobby in unit.find(Lobby, "member", player):
        if lobby.roster.of(player).away is away:
            continue
        marked = unit.put(lobby.away(player) if away else lobby.back(player))
        if not lobby.open:
            continue
        name = the_player(unit, player).name
        unit.say(
            MemberAway(lobby.game, lobby.id, player, name, away),
            *lobbies.heard_at(lobby),
        )
        lobbies.say_host(unit, lobby, marked)
    for room in unit.find(Room, "member", player):
        if room.roster.of(player).away is away:
            continue
        changed = unit.put(room.away(player) if away else room.back(player))
        name = the_player(unit, player).name
        unit.say(PlayerAway(room.game, room.id, player, name, away), *rooms.heard_at(room))
        _say_room_host(unit, room, changed)


def _say_room_host(unit: Unit, before: Room, after: Room) -> None:
    host = after.roster.host
    if host != before.roster.host:
        name = the_player(unit, host).name
        unit.say(RoomHostChanged(after.game, after.id, host, name), *rooms.heard_at(after))
