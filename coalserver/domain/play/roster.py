"""Rosters: seats, capacity, the host and who follows him. Lobbies and rooms each have one."""

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace

from coalserver.domain.errors import DomainError, ErrorCode

#: The host of a roster that nobody leads any more. No player has this id.
NO_HOST = 0


@dataclass(frozen=True, slots=True)
class Seat:
    """One player's place. `number` counts from 0 and stays his while he sits."""

    player: int
    number: int
    joined: float
    ready: bool = True
    away: bool = False
    #: What the player brought along: any JSON, as bytes.
    data: bytes = b"null"


@dataclass(frozen=True, slots=True)
class Roster:
    """Who sits where. Every method returns the next roster or refuses."""

    capacity: int
    host: int
    seats: tuple[Seat, ...] = ()
    #: True: the longest-joined follows a host who leaves or goes silent; False: nobody does.
    transfer_host: bool = False
    #: False: only the host may leave by himself.
    can_leave: bool = True
    #: Seconds after a silent member's last sign until the seat is freed; None keeps it.
    grace: float | None = None

    def __contains__(self, player: int) -> bool:
        return any(seat.player == player for seat in self.seats)

    def __len__(self) -> int:
        return len(self.seats)

    def __iter__(self) -> Iterator[int]:
        return (seat.player for seat in self.seats)

    @property
    def full(self) -> bool:
        return len(self.seats) >= self.capacity

    @property
    def has_host(self) -> bool:
        """Whether somebody who sits here leads."""
        return self.host != NO_HOST and self.host in self

    def get_seat(self, player: int) -> Seat:
        """The player's seat; refuses who has none."""
        for seat in self.seats:
            if seat.player == player:
                return seat
        raise DomainError(ErrorCode.NOT_MEMBER)

    def check_host(self, player: int) -> None:
        """Refuse anyone but the host."""
        if player != self.host:
            raise DomainError(ErrorCode.NOT_MEMBER if player not in self else ErrorCode.NOT_HOST)

    def add(
        self, player: int, now: float, *, ready: bool = True, data: bytes = b"null"
    ) -> "Roster":
        """Give the player the lowest free seat, unless he has one or there is none."""
        if player in self:
            raise DomainError(ErrorCode.ALREADY_MEMBER)
        if self.full:
            raise DomainError(ErrorCode.LOBBY_FULL)
        taken = {seat.number for seat in self.seats}
        number = next(free for free in range(self.capacity) if free not in taken)
        seats = (*self.seats, Seat(player, number, now, ready, data=data))
        return replace(self, seats=seats, host=self.host or player).with_host()

    def leave(self, player: int) -> "Roster":
        """Leave by one's own will."""
        self.get_seat(player)
        if not self.can_leave and player != self.host:
            raise DomainError(ErrorCode.CANNOT_LEAVE)
        return self.without(player)

    def kick(self, by: int, player: int) -> "Roster":
        """The host puts somebody out."""
        self.check_host(by)
        if by == player:
            raise DomainError(ErrorCode.CANNOT_KICK_SELF)
        if player not in self:
            raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
        return self.without(player)

    def without(self, player: int) -> "Roster":
        """The player is gone for whatever reason; a host's place is handed on or lost."""
        self.get_seat(player)
        seats = tuple(seat for seat in self.seats if seat.player != player)
        host = NO_HOST if player == self.host else self.host
        return replace(self, seats=seats, host=host).with_host()

    def with_host(self) -> "Roster":
        """Where the host may be followed: somebody present leads, whenever anybody is present."""
        if not self.transfer_host or (self.has_host and not self.get_seat(self.host).away):
            return self
        candidates = sorted(self.seats, key=lambda seat: (seat.away, seat.joined, seat.number))
        if not candidates or (self.has_host and candidates[0].away):
            return self
        return replace(self, host=candidates[0].player)

    def set_ready(self, player: int, ready: bool) -> "Roster":
        """Set a member's ready mark."""
        return self._with_seat(replace(self.get_seat(player), ready=ready))

    def mark_away(self, player: int) -> "Roster":
        """Mark a member silent; where the host may be followed, he is followed now."""
        return self._with_seat(replace(self.get_seat(player), away=True)).with_host()

    def mark_back(self, player: int) -> "Roster":
        """A silent member gave a sign of life, and leads where nobody else who may is present."""
        return self._with_seat(replace(self.get_seat(player), away=False)).with_host()

    def limited_to(self, players: Container[int]) -> "Roster":
        """The same roster without all the others."""
        return replace(self, seats=tuple(seat for seat in self.seats if seat.player in players))

    def renumbered(self, now: float) -> "Roster":
        """Everyone takes a seat anew: the host number 0, the rest in the order they joined."""
        ordered = sorted(self.seats, key=lambda seat: seat.player != self.host)
        seats = tuple(
            replace(seat, number=n, joined=now, ready=True) for n, seat in enumerate(ordered)
        )
        return replace(self, seats=seats)

    def _with_seat(self, seat: Seat) -> "Roster":
        seats = tuple(seat if old.player == seat.player else old for old in self.seats)
        return replace(self, seats=seats)
