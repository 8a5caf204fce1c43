"""Players: those who play. Bound to one game, or to none and free to play in any."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from coalserver.domain.errors import DomainError, ErrorCode


@dataclass(frozen=True, slots=True)
class Player:
    """One who plays. `key` is a digest of the secret that proves it, where a game hands one out."""

    id: int
    name: str
    created: float
    updated: float
    #: The tag of the game it is bound to, or empty.
    game: str = ""
    secret_digest: str = ""
    #: Signed in without a password; gone when its token ends.
    guest: bool = False
    #: What is kept for the player: a JSON object, as bytes.
    data: bytes = b"{}"
    data_version: int = 0
    last_login: float | None = None
    last_logout: float | None = None
    #: Games of which it is none, but in which it has had a seat.
    other_games: tuple[str, ...] = ()

    def check_can_play(self, game: str, open_to_all: bool) -> None:
        """Refuse a player of another game; and of none, where the game is not open."""
        if self.game != game and (self.game or not open_to_all):
            raise DomainError(ErrorCode.GAME_CLOSED)

    def has_joined(self, game: str) -> bool:
        """Whether it is a player of the game, or has ever had a seat in it."""
        return self.game == game or game in self.other_games

    def with_game(self, game: str) -> "Player":
        """Has a seat in a game, and is known to it from now on."""
        return (
            self if self.has_joined(game) else replace(self, other_games=(*self.other_games, game))
        )

    def rename(self, name: str, now: float) -> "Player":
        return replace(self, name=name, updated=now)

    def update_data(self, data: bytes, expected_version: int | None, now: float) -> "Player":
        """Replace what is kept for the player, unless it is not what the caller last saw."""
        if expected_version is not None and expected_version != self.data_version:
            raise DomainError(ErrorCode.VERSION_CONFLICT, version=self.data_version)
        return replace(self, data=data, data_version=self.data_version + 1, updated=now)


@dataclass(frozen=True, slots=True)
class Token:
    """What a client shows to prove who calls. Only its SHA-256 digest is kept."""

    id: int
    digest: str
    player: int
    created: float
    #: Seconds after the last sign of its player until it ends.
    lifetime: float
    account: int = 0
    #: It ends that long after it was made, whatever its player does.
    fixed_lifetime: bool = False
    #: Seconds after its end in which it still buys another.
    refresh_seconds: float = 0

    def is_expired(self, last_seen: float, now: float) -> bool:
        """Whether it proves nothing any more."""
        return now - self._lifetime_start(last_seen) > self.lifetime

    def is_fully_expired(self, last_seen: float, now: float) -> bool:
        """Whether it cannot even be renewed any more."""
        return now - self._lifetime_start(last_seen) > self.lifetime + self.refresh_seconds

    def _lifetime_start(self, last_seen: float) -> float:
        return self.created if self.fixed_lifetime else max(last_seen, self.created)


#: How long each of the named bans lasts, in seconds; None is for ever.
BAN_DURATIONS: Mapping[str, float | None] = {
    "hour": 3600,
    "day": 86400,
    "week": 7 * 86400,
    "month": 30 * 86400,
    "quarter": 90 * 86400,
    "year": 365 * 86400,
    "forever": None,
}


def ban_expiry(duration: str, now: float) -> float | None:
    """When a ban of one of the named durations ends; None is never."""
    if duration not in BAN_DURATIONS:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"duration": "unknown"})
    seconds = BAN_DURATIONS[duration]
    return None if seconds is None else now + seconds


@dataclass(frozen=True, slots=True)
class Ban:
    """Shut out of a game until a time, or for ever (None)."""

    id: int
    code: str
    game: str
    player: int
    duration: str
    reason: str
    created_at: float
    until: float | None

    def is_active(self, now: float) -> bool:
        return self.until is None or now < self.until
