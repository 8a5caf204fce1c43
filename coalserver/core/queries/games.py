"""Questions about games and what they keep."""

from coalserver.core.state import State
from coalserver.domain.game import Datum, Game
from coalserver.domain.refusal import Refusal, Why


def listed_games(state: State) -> list[Game]:
    """Every game that shows itself, oldest first."""
    return [game for game in state.find(Game, "all", "") if game.listed]


def all_games(state: State) -> list[Game]:
    return state.find(Game, "all", "")


def game_tagged(state: State, *, tag: str) -> Game:
    game = state.one(Game, "tag", tag)
    if game is None:
        raise Refusal(Why.GAME_NOT_FOUND)
    return game


def datum(state: State, *, game: str, player: int, key: str) -> bytes:
    """What a game keeps for a player under a key: JSON."""
    found = state.one(Datum, "slot", (game, player, key))
    if found is None:
        raise Refusal(Why.DATUM_NOT_FOUND)
    return found.value
