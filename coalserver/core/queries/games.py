"""Questions about games and what they keep."""

import hashlib

from coalserver.core.leaderboards import Leaderboard
from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game, StorageItem
from coalserver.domain.play.player import Player
from coalserver.domain.text import constant_time_equals


def listed_games(state: State) -> list[Game]:
    """Every game that shows itself, oldest first."""
    return [game for game in state.find(Game, "all", "") if game.listed]


def all_games(state: State) -> list[Game]:
    return state.find(Game, "all", "")


def game_by_tag(state: State, *, tag: str) -> Game:
    """A game that shows itself; one that does not is not there for those who ask by its tag."""
    game = state.first(Game, "tag", tag)
    if game is None or not game.listed:
        raise DomainError(ErrorCode.GAME_NOT_FOUND)
    return game


def game_by_token(state: State, *, secret: str) -> Game | None:
    """The game with this API token, if there is one."""
    return state.first(Game, "api_token", _digest(secret))


def game_by_tokens(state: State, *, api: str, private: str) -> Game | None:
    """The game of which these are both tokens, if there is one."""
    game = game_by_token(state, secret=api)
    if game is None or not constant_time_equals(_digest(private), game.private_token):
        return None
    return game


def storage_item(state: State, *, game: str, player: int, storage_key: str) -> bytes:
    """What a game keeps for a player under a key: JSON."""
    item = state.first(StorageItem, "owner_and_key", (game, player, storage_key))
    if item is None:
        raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
    return item.value


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def leaderboard_page(
    state: State, *, leaderboard: Leaderboard, start: int, limit: int, around: int | None = None
) -> tuple[list[Player], int]:
    """Players from a place on, the first place being 0; and which place the first of them has.

    `around` a player: he is in the middle, or as near to it as the end of the ranking lets him.
    """
    if around is not None:
        rank = leaderboard.rank_of(around)
        if rank is None:
            raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
        start = max(0, min(rank - limit // 2, len(leaderboard) - limit))
    ids = leaderboard.players(start, limit)
    return [player for id in ids if (player := state.get(Player, id))], start
