"""Queries about games, the values they store and their leaderboards."""

from collections.abc import Collection, Iterable
from itertools import islice

from coalserver.core.leaderboards import Leaderboard
from coalserver.core.state import Reader, State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Game, StorageItem
from coalserver.domain.play.player import Player
from coalserver.domain.text import constant_time_equals, secret_digest


def get_game(reader: Reader, tag: str) -> Game:
    """Return the game with this tag. Raises GAME_NOT_FOUND."""
    game = reader.first(Game, "tag", tag)
    if game is None:
        raise DomainError(ErrorCode.GAME_NOT_FOUND)
    return game


def get_listed_game(reader: Reader, tag: str) -> Game:
    """Return the game with this tag. Raises GAME_NOT_FOUND, also for a game that is not listed."""
    game = get_game(reader, tag)
    if not game.listed:
        raise DomainError(ErrorCode.GAME_NOT_FOUND)
    return game


def all_games(reader: Reader) -> list[Game]:
    """Return all games, oldest first."""
    return reader.find(Game, "all", "")


def games_by_age(state: State, *, limit: int, offset: int = 0) -> tuple[list[Game], int]:
    """Return a page of all games, oldest first, and their number."""
    return list(islice(state.all(Game), offset, offset + limit)), state.count(Game)


def listed_games(state: State) -> list[Game]:
    """Return the games that are shown in lists, oldest first."""
    return state.in_order(Game, "listed")


def listed_games_of(reader: Reader, *, tags: Iterable[str]) -> list[Game]:
    """Return those of the games with these tags that are shown in lists."""
    found = (reader.first(Game, "tag", tag) for tag in tags)
    return [game for game in found if game is not None and game.listed]


def listed_games_besides(
    state: State, *, tags: Collection[str], limit: int, offset: int = 0
) -> tuple[list[Game], int]:
    """Return a page of the listed games but those with a few tags, oldest first, and the number of all of them."""
    left_out = sorted(game.id for game in listed_games_of(state, tags=tags))
    start = offset
    for id in left_out:
        if state.count_keys(Game, "listed", after=(), before=(id,)) <= start:
            start += 1
    found, total = state.page_in_order(Game, "listed", limit=limit + len(left_out), offset=start)
    rows = [game for game in found if game.id not in left_out]
    return rows[:limit], total - len(left_out)


def game_by_token(reader: Reader, *, secret: str) -> Game | None:
    """Return the game with this API token, or None."""
    return reader.first(Game, "api_token", secret_digest(secret))


def game_by_tokens(reader: Reader, *, api: str, private: str) -> Game | None:
    """Return the game with both of these tokens, or None."""
    game = game_by_token(reader, secret=api)
    if game is None or not constant_time_equals(secret_digest(private), game.private_token):
        return None
    return game


def storage_item(reader: Reader, *, game: str, player: int, storage_key: str) -> bytes:
    """Return the JSON value that a game stores for a player. Raises STORAGE_ITEM_NOT_FOUND."""
    item = reader.first(StorageItem, "owner_and_key", (game, player, storage_key))
    if item is None:
        raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
    return item.value


def leaderboard_page(
    reader: Reader, *, leaderboard: Leaderboard, start: int, limit: int, around: int | None = None
) -> tuple[list[Player], int]:
    """Return the players from a rank on, and the rank of the first of them. Ranks count from 0.

    `around`, the id of a player, takes the place of `start`: the page has that player in its middle,
    or as near to it as the end of the leaderboard allows. Raises PLAYER_NOT_FOUND for a player who
    is not ranked.
    """
    if around is not None:
        rank = leaderboard.rank_of(around)
        if rank is None:
            raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
        start = max(0, min(rank - limit // 2, len(leaderboard) - limit))
    ids = leaderboard.players(start, limit)
    return [player for id in ids if (player := reader.get(Player, id))], start
