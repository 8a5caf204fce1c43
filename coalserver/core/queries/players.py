"""Questions about players, accounts and the tokens that prove them."""

import hashlib
from collections.abc import Iterable

from coalserver.core.state import State
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Player, Token


def token_by_secret(state: State, *, secret: str) -> Token | None:
    """The token with this secret, if there is one."""
    return state.first(Token, "digest", _digest(secret))


def player_by_key(state: State, *, secret: str) -> Player | None:
    """The player of one game whose private key this is, if there is one."""
    return state.first(Player, "key", _digest(secret))


def player_by_id(state: State, *, id: int) -> Player:
    player = state.get(Player, id)
    if player is None:
        raise DomainError(ErrorCode.PLAYER_NOT_FOUND)
    return player


def players_of_game(state: State, *, game: str) -> list[Player]:
    """The players that belong to a game, oldest first."""
    return state.find(Player, "game", game)


def existing_player_ids(state: State, *, ids: Iterable[int]) -> list[int]:
    """Those of these ids that are somebody's."""
    return [id for id in ids if state.get(Player, id) is not None]


def player_name(state: State, *, id: int) -> str:
    """What a player is called; empty for one who is no more."""
    player = state.get(Player, id)
    return player.name if player else ""


def find_account_by_email(state: State, *, email: str) -> Account | None:
    return state.first(Account, "email", email.strip().lower())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
