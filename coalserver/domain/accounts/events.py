"""Events of players: bans, tokens and goings. The whole dataclass is kept of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """A token is no longer good; who listens with it is sent away.

    `token` 0 is the private key of a player of one game.
    """

    player: int
    token: int


@dataclass(frozen=True, slots=True)
class PlayerLoggedOut:
    """A player has gone by his own will; what he holds open is closed, his tokens stay good."""

    player: int
