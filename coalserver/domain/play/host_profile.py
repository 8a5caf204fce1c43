"""Host profiles: the guests that each host of the hosts API admits."""

from dataclasses import dataclass, replace

from coalserver.domain.errors import DomainError, ErrorCode

#: Friends, and banned players, of one host.
MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class HostProfile:
    """A host's admission settings. Methods return a new HostProfile or raise DomainError."""

    #: Id of the host's player.
    id: int
    #: The host's uuid in the hosts API.
    code: str
    only_friends: bool = True
    #: Whether guests without a name are admitted.
    allow_nonames: bool = False
    #: Ids of players.
    friends: tuple[int, ...] = ()
    banlist: tuple[int, ...] = ()
    #: The room that the host launched last.
    room: int | None = None
    #: Whether fetching a token requires the host's secret; otherwise the uuid is enough.
    secret_required: bool = False

    def admits(self, guest: int | None) -> bool:
        """Return whether a guest is admitted; None: a guest without a name.

        Hosts are always admitted to their own rooms.
        """
        if guest == self.id:
            return True
        if guest is None and not self.allow_nonames:
            return False
        if self.only_friends and guest not in self.friends:
            return False
        return guest not in self.banlist

    def add_friend(self, player: int) -> "HostProfile":
        """Return the profile with a friend added, unchanged for a friend.

        Raises SELF_NOT_ALLOWED or TOO_MANY_LISTED.
        """
        self._check_not_self(player)
        if player in self.friends:
            return self
        _check_not_full(self.friends)
        return replace(self, friends=(*self.friends, player))

    def remove_friend(self, player: int) -> "HostProfile":
        """Return the profile with a friend removed. Raises TARGET_NOT_FOUND."""
        return replace(self, friends=_without(self.friends, player))

    def ban(self, player: int) -> "HostProfile":
        """Return the profile with a player on the ban list, which overrules `friends`.

        Unchanged for a banned player. Raises SELF_NOT_ALLOWED or TOO_MANY_LISTED.
        """
        self._check_not_self(player)
        if player in self.banlist:
            return self
        _check_not_full(self.banlist)
        return replace(self, banlist=(*self.banlist, player))

    def unban(self, player: int) -> "HostProfile":
        """Return the profile with a player removed from the ban list. Raises TARGET_NOT_FOUND."""
        return replace(self, banlist=_without(self.banlist, player))

    def _check_not_self(self, player: int) -> None:
        if player == self.id:
            raise DomainError(ErrorCode.SELF_NOT_ALLOWED)


def _check_not_full(players: tuple[int, ...]) -> None:
    if len(players) >= MAX_LISTED:
        raise DomainError(ErrorCode.TOO_MANY_LISTED, limit="listed_per_host", maximum=MAX_LISTED)


def _without(players: tuple[int, ...], removed: int) -> tuple[int, ...]:
    if removed not in players:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return tuple(player for player in players if player != removed)
