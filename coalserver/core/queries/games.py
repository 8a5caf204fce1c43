"""Questions about games and what they keep."""

import hashlib

from coalserver.core.state import State
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.game import Datum, Game
from coalserver.domain.play.lobby import same


def listed_games(state: State) -> list[Game]:
    """Every game that shows itself, oldest first."""
    return [game for game in state.find(Game, "all", "") if game.listed]


def all_games(state: State) -> list[Game]:
    return state.find(Game, "all", "")


def game_tagged(state: State, *, tag: str) -> Game:
    """A game that shows itself; one that does not is not there for those who ask by its tag."""
    game = state.one(Game, "tag", tag)
    if game is None or not game.listed:
        raise Refusal(Why.GAME_NOT_FOUND)
    return game


def game_shown(state: State, *, secret: str) -> Game | None:
    """The game with this API token, if there is one."""
    return state.one(Game, "api_token", _digest(secret))


def game_owned(state: State, *, api: str, private: str) -> Game | None:
    """The game of which these are both tokens, if there is one."""
    game = game_shown(state, secret=api)
    if game is None or not same(_digest(private), game.private_token):
        return None
    return game


def datum(state: State, *, game: str, player: int, key: str) -> bytes:
    """What a game keeps for a player under a key: JSON."""
    found = state.one(Datum, "slot", (game, player, key))
    if found is None:
        raise Refusal(Why.DATUM_NOT_FOUND)
    return found.value


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
