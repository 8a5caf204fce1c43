"""Players, their tokens and their bans."""

from collections.abc import Mapping
from dataclasses import dataclass

from coalserver.domain.construction import quickly_made, replace
from coalserver.domain.errors import DomainError, ErrorCode

#: Why a player lost a seat, where it was not their own decision.
REMOVAL_REASONS = ("kicked", "timeout")


@quickly_made
@dataclass(frozen=True, slots=True)
class Removal:
    """The removal of a player from a lobby or room, of which `code` is the code."""

    code: str
    #: One of REMOVAL_REASONS.
    reason: str
    at: float


@quickly_made
@dataclass(frozen=True, slots=True)
class Player:
    """A participant, bound to one game or to none. Methods return a new Player or raise DomainError."""

    id: int
    name: str
    created: float
    updated: float
    #: Tag of the game that the player is bound to; empty: none.
    game: str = ""
    #: SHA-256 of the player's private key, which only some games issue; else empty.
    secret_digest: str = ""
    #: Logged in without a password; deleted when their token expires.
    guest: bool = False
    #: The player's own data: a JSON object.
    data: bytes = b"{}"
    data_version: int = 0
    last_login: float | None = None
    last_logout: float | None = None
    #: Tags of games in which the player has had a seat without being bound to them.
    other_games: tuple[str, ...] = ()
    #: How a player of one game left their last lobby and room; None: by their own decision.
    lobby_removal: Removal | None = None
    room_removal: Removal | None = None

    @property
    def always_ready(self) -> bool:
        """Whether the player counts as ready: the API of players of one game has no call for it."""
        return bool(self.game)

    def check_can_play(self, game: str, open_to_all: bool) -> None:
        """Raise GAME_CLOSED if the player may not play the game.

        A bound player may play only their own game, an unbound one every open game.
        """
        if self.game != game and (self.game or not open_to_all):
            raise DomainError(ErrorCode.GAME_CLOSED)

    def has_joined(self, game: str) -> bool:
        """Return whether the player is bound to the game or has ever had a seat in it."""
        return self.game == game or game in self.other_games

    def with_game(self, game: str) -> "Player":
        """Return the player with a game recorded in which they have taken a seat."""
        return (
            self if self.has_joined(game) else replace(self, other_games=(*self.other_games, game))
        )

    def rename(self, name: str, now: float) -> "Player":
        """Return the player with another name."""
        return replace(self, name=name, updated=now)

    def update_data(self, data: bytes, expected_version: int | None, now: float) -> "Player":
        """Return the player with other data (a JSON object).

        Raises VERSION_CONFLICT unless `expected_version` is None or the current version.
        """
        if expected_version is not None and expected_version != self.data_version:
            raise DomainError(ErrorCode.VERSION_CONFLICT, version=self.data_version)
        return replace(self, data=data, data_version=self.data_version + 1, updated=now)


@quickly_made
@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token of a player. Only its SHA-256 digest is stored."""

    id: int
    digest: str
    player: int
    created: float
    #: Seconds from the player's last activity until the token expires.
    lifetime: float
    #: Id of the account that logged in; 0: none.
    account: int = 0
    #: Whether `lifetime` counts from creation instead of the last activity.
    fixed_lifetime: bool = False
    #: Seconds after expiry in which the token can be exchanged for a new one.
    refresh_seconds: float = 0

    def is_expired(self, last_seen: float, now: float) -> bool:
        """Return whether the token has expired. `last_seen` is the player's last activity."""
        start = self.created
        if not self.fixed_lifetime and last_seen > start:
            start = last_seen
        return now - start > self.lifetime

    def is_fully_expired(self, last_seen: float, now: float) -> bool:
        """Return whether the token has expired and can no longer be refreshed."""
        return self.is_expired(last_seen, now - self.refresh_seconds)


#: The named durations of bans, in seconds; None: permanent.
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
    """Return when a ban of a named duration expires; None: never.

    Raises INVALID_REQUEST (field `duration`) for an unknown name.
    """
    if duration not in BAN_DURATIONS:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"duration": "unknown"})
    seconds = BAN_DURATIONS[duration]
    return None if seconds is None else now + seconds


@quickly_made
@dataclass(frozen=True, slots=True)
class Ban:
    """The exclusion of a player from a game, until a time or permanently (None)."""

    id: int
    code: str
    game: str
    player: int
    duration: str
    reason: str
    created_at: float
    until: float | None

    def is_active(self, now: float) -> bool:
        """Return whether the ban has not yet expired."""
        return self.until is None or now < self.until
