"""Welcomes: whom a host lets in."""

from dataclasses import dataclass, replace

from coalserver.domain.errors import DomainError, ErrorCode


@dataclass(frozen=True, slots=True)
class HostProfile:
    """What a host has said about guests. Every method returns the next welcome or refuses."""

    #: That of the host's player.
    id: int
    code: str
    only_friends: bool = True
    allow_nonames: bool = False
    friends: tuple[int, ...] = ()
    banlist: tuple[int, ...] = ()
    #: The room the host launched last.
    room: int | None = None
    #: Only the host's secret opens it any more; its code alone once did.
    secret_required: bool = False

    def admits(self, guest: int | None) -> bool:
        """Whether a guest is let in; None is one without a name. A host may always come home."""
        if guest == self.id:
            return True
        if guest is None and not self.allow_nonames:
            return False
        if self.only_friends and guest not in self.friends:
            return False
        return guest not in self.banlist

    def add_friend(self, player: int) -> "HostProfile":
        """Another is a friend; again is no change."""
        self._check_not_self(player)
        return self if player in self.friends else replace(self, friends=(*self.friends, player))

    def remove_friend(self, player: int) -> "HostProfile":
        """Another is no friend any more."""
        return replace(self, friends=_without(self.friends, player))

    def ban(self, player: int) -> "HostProfile":
        """Another is not let in, friend or not; again is no change."""
        self._check_not_self(player)
        return self if player in self.banlist else replace(self, banlist=(*self.banlist, player))

    def unban(self, player: int) -> "HostProfile":
        """Another is not shut out any more."""
        return replace(self, banlist=_without(self.banlist, player))

    def _check_not_self(self, player: int) -> None:
        if player == self.id:
            raise DomainError(ErrorCode.SELF_NOT_ALLOWED)


def _without(players: tuple[int, ...], removed: int) -> tuple[int, ...]:
    if removed not in players:
        raise DomainError(ErrorCode.TARGET_NOT_FOUND)
    return tuple(player for player in players if player != removed)
