"""Players: those who play. Bound to one game, or to none and free to play in any."""

from dataclasses import dataclass, replace

from coalserver.domain.refusal import Refusal, Why


@dataclass(frozen=True, slots=True)
class Player:
    """One who plays. `key` is a digest of the secret that proves it, where a game hands one out."""

    id: int
    name: str
    created: float
    updated: float
    #: The tag of the game it is bound to, or empty.
    game: str = ""
    key: str = ""
    #: Signed in without a password; gone when its token ends.
    guest: bool = False
    #: What is kept for the player: a JSON object, as bytes.
    data: bytes = b"{}"
    data_version: int = 0
    last_login: float | None = None
    last_logout: float | None = None

    def plays(self, game: str, open_to_all: bool) -> None:
        """Refuse a player of another game, or of none where the game is not open."""
        if self.game != game and not open_to_all:
            raise Refusal(Why.GAME_CLOSED)

    def rename(self, name: str, now: float) -> "Player":
        return replace(self, name=name, updated=now)


@dataclass(frozen=True, slots=True)
class Token:
    """What a client shows to prove who calls. Only its SHA-256 digest is kept."""

    id: int
    digest: str
    player: int
    created: float
    #: Seconds after the last sign of its player until it ends.
    lasts: float
    account: int = 0

    def ended(self, last_sign: float, now: float) -> bool:
        return now - max(last_sign, self.created) > self.lasts


@dataclass(frozen=True, slots=True)
class Ban:
    """Shut out of a game until a time, or for ever (None)."""

    id: int
    code: str
    game: str
    player: int
    duration: str
    reason: str
    since: float
    until: float | None

    def holds(self, now: float) -> bool:
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one request did, kept so that repeating it does nothing again."""

    id: int
    key: str
    digest: str
    #: The ids it made, as JSON.
    made: bytes
    at: float
