"""Welcomes: whom a host lets in."""

from dataclasses import dataclass, replace

from coalserver.domain.errors import Refusal, Why


@dataclass(frozen=True, slots=True)
class Welcome:
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
    closed: bool = False

    def welcomes(self, guest: int | None) -> bool:
        """Whether a guest is let in; None is one without a name. A host may always come home."""
        if guest == self.id:
            return True
        if guest is None and not self.allow_nonames:
            return False
        if self.only_friends and guest not in self.friends:
            return False
        return guest not in self.banlist

    def befriend(self, other: int) -> "Welcome":
        """Another is a friend; again is no change."""
        self._not_oneself(other)
        return self if other in self.friends else replace(self, friends=(*self.friends, other))

    def unfriend(self, other: int) -> "Welcome":
        """Another is no friend any more."""
        return replace(self, friends=_without(self.friends, other))

    def ban(self, other: int) -> "Welcome":
        """Another is not let in, friend or not; again is no change."""
        self._not_oneself(other)
        return self if other in self.banlist else replace(self, banlist=(*self.banlist, other))

    def unban(self, other: int) -> "Welcome":
        """Another is not shut out any more."""
        return replace(self, banlist=_without(self.banlist, other))

    def _not_oneself(self, other: int) -> None:
        if other == self.id:
            raise Refusal(Why.ONESELF)


def _without(listed: tuple[int, ...], other: int) -> tuple[int, ...]:
    if other not in listed:
        raise Refusal(Why.OTHER_NOT_FOUND)
    return tuple(player for player in listed if player != other)
