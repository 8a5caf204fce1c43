"""Finding: what nearly every command begins with. Each gives the value or refuses."""

from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Ban, Player
from coalserver.domain.play.room import Room


def get_game(uow: UnitOfWork, tag: str) -> Game:
    game = uow.first(Game, "tag", tag)
    if game is None:
        raise DomainError(ErrorCode.GAME_NOT_FOUND)
    return game


def get_player(uow: UnitOfWork, id: int) -> Player:
    player = uow.get(Player, id)
    if player is None:
        raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    return player


def get_lobby(uow: UnitOfWork, id: int) -> Lobby:
    """A lobby, also one that is gone and still remembered."""
    lobby = uow.get(Lobby, id)
    if lobby is None:
        raise DomainError(ErrorCode.LOBBY_NOT_FOUND)
    return lobby


def get_room(uow: UnitOfWork, id: int) -> Room:
    """A room, also one that is over and still remembered."""
    room = uow.get(Room, id)
    if room is None:
        raise DomainError(ErrorCode.ROOM_NOT_FOUND)
    return room


def check_can_play(uow: UnitOfWork, game: Game, player: Player) -> None:
    """Refuse a player whom the game does not take: bound elsewhere, or banned."""
    player.check_can_play(game.tag, game.open)
    ban = find_active_ban(uow, game.tag, player.id)
    if ban is not None:
        raise DomainError(ErrorCode.BANNED, ban=ban)


def find_active_ban(uow: UnitOfWork, game: str, player_id: int) -> Ban | None:
    """The ban that keeps a player out of a game now."""
    for ban in uow.find(Ban, "player", (game, player_id)):
        if ban.is_active(uow.now):
            return ban
    return None
