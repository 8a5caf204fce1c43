"""Questions about players, accounts and the tokens that prove them."""

import hashlib
from collections.abc import Iterable

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Player, Token


def token_shown(state: State, *, secret: str) -> Token | None:
    """The token with this secret, if there is one."""
    return state.one(Token, "digest", _digest(secret))


def player_keyed(state: State, *, secret: str) -> Player | None:
    """The player of one game whose private key this is, if there is one."""
    return state.one(Player, "key", _digest(secret))


def player_called(state: State, *, id: int) -> Player:
    player = state.get(Player, id)
    if player is None:
        raise Refusal(Why.PLAYER_NOT_FOUND)
    return player


def players_of(state: State, *, game: str) -> list[Player]:
    """The players that belong to a game, oldest first."""
    return state.find(Player, "game", game)


def known_players(state: State, *, ids: Iterable[int]) -> list[int]:
    """Those of these ids that are somebody's."""
    return [id for id in ids if state.get(Player, id) is not None]


def name_of(state: State, *, id: int) -> str:
    """What a player is called; empty for one who is no more."""
    player = state.get(Player, id)
    return player.name if player else ""


def account_with(state: State, *, email: str) -> Account | None:
    return state.one(Account, "email", email.strip().lower())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
