"""Seating: what every way to a seat has in common. Who is free for one, and that he had it."""

from coalserver.core.queries.admin import find_active_ban
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.domain.play.room import Room


def check_can_join_lobby(uow: UnitOfWork, player: Player) -> None:
    """Refuse another lobby to who may be in one only and is, and to who has too many seats."""
    check_in_no_lobby(uow, player)
    _check_seat_limit(uow, player)


def check_can_join_room(uow: UnitOfWork, player: Player) -> None:
    """Refuse another room to who may be in one only and is, and to who has too many seats."""
    check_in_no_room(uow, player)
    _check_seat_limit(uow, player)


def check_in_no_lobby(uow: UnitOfWork, player: Player) -> None:
    """Refuse a player of one game who is in a lobby; others may gather side by side."""
    if player.game and uow.find(Lobby, "member", player.id):
        raise DomainError(ErrorCode.ALREADY_IN_LOBBY, player=player.id)


def check_in_no_room(uow: UnitOfWork, player: Player) -> None:
    """Refuse a player of one game who is in a room; others may play side by side."""
    if is_in_room(uow, player):
        raise DomainError(ErrorCode.ALREADY_IN_ROOM, player=player.id)


def is_in_room(uow: UnitOfWork, player: Player) -> bool:
    """Whether a player of one game is in a room: he plays in no other."""
    return bool(player.game and uow.find(Room, "member", player.id))


def members_not_joining(
    uow: UnitOfWork, lobby: Lobby, by: int, only_present: bool
) -> dict[int, str]:
    """Who of a lobby does not come along into its room, and how he leaves. `by` always comes."""
    not_joining: dict[int, str] = {}
    for seat in lobby.roster.seats:
        if seat.player == by:
            continue
        if only_present and seat.away:
            not_joining[seat.player] = "timeout"
        elif is_in_room(uow, get_player(uow, seat.player)):
            not_joining[seat.player] = "left"
    return not_joining


def record_seat(uow: UnitOfWork, player: Player, game: str) -> None:
    """Remember that the player had a seat in a game: from then on its owner may ban him."""
    seated = player.with_game(game)
    if seated is not player:
        uow.save(seated)


def _check_seat_limit(uow: UnitOfWork, player: Player) -> None:
    seats = sum(lobby.open for lobby in uow.find(Lobby, "member", player.id))
    seats += len(uow.find(Room, "member", player.id))
    if seats >= uow.limits.max_seats:
        raise DomainError(ErrorCode.TOO_MANY_SEATS, maximum=uow.limits.max_seats)


def check_can_play(uow: UnitOfWork, game: Game, player: Player) -> None:
    """Refuse a player whom the game does not take: bound elsewhere, or banned."""
    player.check_can_play(game.tag, game.open)
    ban = find_active_ban(uow, game=game.tag, player=player.id, now=uow.now)
    if ban is not None:
        raise DomainError(ErrorCode.BANNED, ban=ban)
