"""Player commands: those who belong to one game and prove themselves with a key of their own."""

from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.presence import mark_away
from coalserver.core.queries.games import get_game
from coalserver.core.queries.players import get_player
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.events import PlayerLoggedOut, TokenRevoked
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game
from coalserver.domain.play.player import Player
from coalserver.domain.text import secret_digest

#: Random bytes in a private key: 36 hex digits.
PRIVATE_KEY_BYTES = 18


def register_player(
    uow: UnitOfWork, *, game: str, name: str, data: bytes = b"{}"
) -> tuple[Player, str]:
    """Make a player of one game; gives it and its private key, this once."""
    get_game(uow, game)
    secret = uow.new_code(PRIVATE_KEY_BYTES)
    id = uow.new_id(Player)
    player = Player(
        id, name, uow.now, uow.now, game=game, secret_digest=secret_digest(secret), data=data
    )
    return uow.save(player), secret


def rotate_private_key(uow: UnitOfWork, *, player_id: int) -> str:
    """Give a player of one game a new private key; the old one stops at once."""
    player = get_player(uow, player_id)
    if not player.secret_digest:
        raise DomainError(ErrorCode.INVALID_TOKEN)
    secret = uow.new_code(PRIVATE_KEY_BYTES)
    uow.save(replace(player, secret_digest=secret_digest(secret), updated=uow.now))
    uow.emit(TokenRevoked(player_id, 0), topics.player(player_id))
    return secret


def rename_player(uow: UnitOfWork, *, player_id: int, name: str) -> Player:
    """Call a player something else from now on."""
    return uow.save(get_player(uow, player_id).rename(name, uow.now))


def record_login(uow: UnitOfWork, *, player_id: int) -> Player:
    """A player has come."""
    return uow.save(replace(get_player(uow, player_id), last_login=uow.now))


def record_logout(uow: UnitOfWork, *, player_id: int) -> Player:
    """A player has gone: away at once for the others; his seats wait as for anyone silent."""
    player = uow.save(replace(get_player(uow, player_id), last_logout=uow.now))
    mark_away(uow, player_id=player_id)
    uow.emit(PlayerLoggedOut(player_id), topics.player(player_id))
    return player


def save_player_data(
    uow: UnitOfWork, *, player_id: int, data: bytes, expected: int | None = None
) -> Player:
    """Replace what is kept for a player; `expected` is the version the caller last saw."""
    return uow.save(get_player(uow, player_id).update_data(data, expected, uow.now))


def save_game_data(uow: UnitOfWork, *, game: str, data: bytes, expected: int | None = None) -> Game:
    """Replace the shared data of a game; `expected` is the version the caller last saw."""
    return uow.save(get_game(uow, game).update_data(data, expected, uow.now))
