"""Queries about players and the tokens that prove them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from coalserver.core.state import Reader, State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Player, Token
from coalserver.domain.text import secret_digest

#: Players in one piece of all players of a game: rendering them takes about half a millisecond.
PIECE_SIZE = 128
#: The most ids that are copied at once.
MAX_COPIED_IDS = 20_000


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


def players_of_game(
    state: State, *, game: str, size: int = PIECE_SIZE
) -> tuple[int, Iterator[list[Player]]]:
    """Return the number of players that are bound to a game, and these players, oldest first, in pieces.

    Other commands may run between two pieces, each of which has at most `size` players and looks at as many ids. The
    pieces have each player once that there is now, as they are when their piece is taken, and none that comes later.
    Such players are never deleted.
    """
    ids = cast(dict[int, None], state.ids(Player, "game", game))
    some: Sequence[int]
    if len(ids) <= MAX_COPIED_IDS:
        some = list(ids)
    else:
        # A copy of a million ids would take too long. They ascend: none is outside of the first and the last.
        some = range(next(iter(ids)), next(reversed(ids)) + 1)
    return len(ids), _pieces(state, game, some, size)


def _pieces(state: State, game: str, ids: Sequence[int], size: int) -> Iterator[list[Player]]:
    get = state.table(Player).get
    for start in range(0, len(ids), size):
        found = map(get, ids[start : start + size])
        yield [player for player in found if player is not None and player.game == game]


def existing_player_ids(reader: Reader, *, ids: Iterable[int]) -> list[int]:
    """Return those of these ids that belong to players."""
    return [id for id in ids if reader.get(Player, id) is not None]


def player_name(reader: Reader, *, id: int) -> str:
    """Return a player's name, or an empty text for a deleted player."""
    player = reader.get(Player, id)
    return player.name if player else ""
