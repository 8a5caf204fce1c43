"""Queries about players and the tokens that prove them."""

from collections.abc import Iterable

from coalserver.core.state import Reader
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Player, Token
from coalserver.domain.text import secret_digest


def get_player(reader: Reader, id: int) -> Player:
    """Return the player with this id. Raises PLAYER_NOT_FOUND."""
    player = reader.get(Player, id)
    if player is None:
        raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    return player


def token_by_secret(reader: Reader, *, secret: str) -> Token | None:
    """Return the token with this secret, expired or not, or None."""
    return reader.first(Token, "digest", secret_digest(secret))


def player_by_key(reader: Reader, *, secret: str) -> Player | None:
    """Return the player of one game with this private key, or None."""
    return reader.first(Player, "key", secret_digest(secret))


def players_of_game(reader: Reader, *, game: str) -> list[Player]:
    """Return the players that are bound to a game, oldest first."""
    return reader.find(Player, "game", game)


def existing_player_ids(reader: Reader, *, ids: Iterable[int]) -> list[int]:
    """Return those of these ids that belong to players."""
    return [id for id in ids if reader.get(Player, id) is not None]


def player_name(reader: Reader, *, id: int) -> str:
    """Return a player's name, or an empty text for a deleted player."""
    player = reader.get(Player, id)
    return player.name if player else ""
