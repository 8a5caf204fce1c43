"""Finding: what nearly every command begins with. Each gives the value or refuses."""

from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player
from coalserver.domain.play.room import Room


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
