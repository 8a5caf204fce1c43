"""Events of accounts: revoked tokens and logouts. All fields of each event are stored."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenRevoked:
    """A token was revoked; streams that were opened with it are closed.

    `token` 0 is the secret of a player who belongs to one game.
    """

    player: int
    token: int


@dataclass(frozen=True, slots=True)
class PlayerLoggedOut:
    """A player logged out; their open streams are closed, their tokens stay valid."""

    player: int
