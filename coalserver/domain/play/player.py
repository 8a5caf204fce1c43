"""Players: those who play. Bound to one game, or to none and free to play in any."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from coalserver.domain.errors import Refusal, Why


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
    #: Games of which it is none, but in which it has had a seat.
    played: tuple[str, ...] = ()

    def plays(self, game: str, open_to_all: bool) -> None:
        """Refuse a player of another game; and of none, where the game is not open."""
        if self.game != game and (self.game or not open_to_all):
            raise Refusal(Why.GAME_CLOSED)

    def known_to(self, game: str) -> bool:
        """Whether it is a player of the game, or has ever had a seat in it."""
        return self.game == game or game in self.played

    def seated(self, game: str) -> "Player":
        """Has a seat in a game, and is known to it from now on."""
        return self if self.known_to(game) else replace(self, played=(*self.played, game))

    def rename(self, name: str, now: float) -> "Player":
        return replace(self, name=name, updated=now)

    def keep(self, data: bytes, expected: int | None, now: float) -> "Player":
        """Replace what is kept for the player, unless it is not what the caller last saw."""
        if expected is not None and expected != self.data_version:
            raise Refusal(Why.DATA_CHANGED, version=self.data_version)
        return replace(self, data=data, data_version=self.data_version + 1, updated=now)


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
    #: It ends that long after it was made, whatever its player does.
    fixed: bool = False
    #: Seconds after its end in which it still buys another.
    renewal: float = 0

    def ended(self, last_sign: float, now: float) -> bool:
        """Whether it proves nothing any more."""
        return now - self._since(last_sign) > self.lasts

    def spent(self, last_sign: float, now: float) -> bool:
        """Whether it cannot even be renewed any more."""
        return now - self._since(last_sign) > self.lasts + self.renewal

    def _since(self, last_sign: float) -> float:
        return self.created if self.fixed else max(last_sign, self.created)


#: How long each of the named bans lasts, in seconds; None is for ever.
BAN_SECONDS: Mapping[str, float | None] = {
    "hour": 3600,
    "day": 86400,
    "week": 7 * 86400,
    "month": 30 * 86400,
    "quarter": 90 * 86400,
    "year": 365 * 86400,
    "forever": None,
}


def ban_until(duration: str, now: float) -> float | None:
    """When a ban of one of the named durations ends; None is never."""
    if duration not in BAN_SECONDS:
        raise Refusal(Why.MALFORMED, fields={"duration": "unknown"})
    lasts = BAN_SECONDS[duration]
    return None if lasts is None else now + lasts


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
