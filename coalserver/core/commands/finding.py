"""Finding: what nearly every command begins with. Each gives the value or refuses."""

from coalserver.core.unit import Unit
from coalserver.domain.game import Game
from coalserver.domain.lobby import Lobby
from coalserver.domain.player import Ban, Player
from coalserver.domain.refusal import Refusal, Why
from coalserver.domain.room import Room


def the_game(unit: Unit, tag: str) -> Game:
    game = unit.one(Game, "tag", tag)
    if game is None:
        raise Refusal(Why.GAME_NOT_FOUND)
    return game


def the_player(unit: Unit, id: int) -> Player:
    player = unit.get(Player, id)
    if player is None:
        raise Refusal(Why.PLAYER_NOT_FOUND)
    return player


def the_lobby(unit: Unit, id: int) -> Lobby:
    """A lobby, also one that is gone and still remembered."""
    lobby = unit.get(Lobby, id)
    if lobby is None:
        raise Refusal(Why.LOBBY_NOT_FOUND)
    return lobby


def the_room(unit: Unit, id: int) -> Room:
    """A room, also one that is over and still remembered."""
    room = unit.get(Room, id)
    if room is None:
        raise Refusal(Why.ROOM_NOT_FOUND)
    return room


def may_play(unit: Unit, game: Game, player: Player) -> None:
    """Refuse a player whom the game does not take: bound elsewhere, or banned."""
    player.plays(game.tag, game.open)
    ban = ban_of(unit, game.tag, player.id)
    if ban is not None:
        raise Refusal(Why.BANNED, ban=ban)


def ban_of(unit: Unit, game: str, player: int) -> Ban | None:
    """The ban that keeps a player out of a game now."""
    for ban in unit.find(Ban, "player", (game, player)):
        if ban.holds(unit.now):
            return ban
    return None


def free_for_lobby(unit: Unit, player: Player) -> None:
    """Refuse another lobby to a player of one game who is in one, and to anyone with too many seats."""
    if player.game and unit.find(Lobby, "member", player.id):
        raise Refusal(Why.IN_A_LOBBY)
    _not_too_many(unit, player)


def free_for_room(unit: Unit, player: Player) -> None:
    """Refuse another room to a player of one game who is in one, and to anyone with too many seats."""
    in_no_room(unit, player)
    _not_too_many(unit, player)


def in_no_room(unit: Unit, player: Player) -> None:
    """Refuse a player of one game who is in a room; others may play side by side."""
    if player.game and unit.find(Room, "member", player.id):
        raise Refusal(Why.IN_A_ROOM)


def _not_too_many(unit: Unit, player: Player) -> None:
    seats = sum(lobby.open for lobby in unit.find(Lobby, "member", player.id))
    seats += len(unit.find(Room, "member", player.id))
    if seats >= unit.limits.seats_at_once:
        raise Refusal(Why.TOO_MANY_SEATS, most=unit.limits.seats_at_once)
