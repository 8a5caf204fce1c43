"""Seating: what every way to a seat has in common. Who is free for one, and that he had it."""

from coalserver.core.commands.finding import the_player
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room


def free_for_lobby(unit: Unit, player: Player) -> None:
    """Refuse another lobby to who may be in one only and is, and to who has too many seats."""
    in_no_lobby(unit, player)
    _not_too_many(unit, player)


def free_for_room(unit: Unit, player: Player) -> None:
    """Refuse another room to who may be in one only and is, and to who has too many seats."""
    in_no_room(unit, player)
    _not_too_many(unit, player)


def in_no_lobby(unit: Unit, player: Player) -> None:
    """Refuse a player of one game who is in a lobby; others may gather side by side."""
    if player.game and unit.find(Lobby, "member", player.id):
        raise Refusal(Why.IN_A_LOBBY, player=player.id)


def in_no_room(unit: Unit, player: Player) -> None:
    """Refuse a player of one game who is in a room; others may play side by side."""
    if plays_elsewhere(unit, player):
        raise Refusal(Why.IN_A_ROOM, player=player.id)


def plays_elsewhere(unit: Unit, player: Player) -> bool:
    """Whether a player of one game is in a room: he plays in no other."""
    return bool(player.game and unit.find(Room, "member", player.id))


def left_behind(unit: Unit, lobby: Lobby, by: int, only_present: bool) -> dict[int, str]:
    """Who of a lobby does not come along into its room, and how he leaves. `by` always comes."""
    behind: dict[int, str] = {}
    for seat in lobby.roster.seats:
        if seat.player == by:
            continue
        if only_present and seat.away:
            behind[seat.player] = "timeout"
        elif plays_elsewhere(unit, the_player(unit, seat.player)):
            behind[seat.player] = "left"
    return behind


def note_seat(unit: Unit, player: Player, game: str) -> None:
    """Remember that the player had a seat in a game: from then on its owner may ban him."""
    seated = player.seated(game)
    if seated is not player:
        unit.put(seated)


def _not_too_many(unit: Unit, player: Player) -> None:
    seats = sum(lobby.open for lobby in unit.find(Lobby, "member", player.id))
    seats += len(unit.find(Room, "member", player.id))
    if seats >= unit.limits.seats_at_once:
        raise Refusal(Why.TOO_MANY_SEATS, most=unit.limits.seats_at_once)
