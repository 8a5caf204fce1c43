"""Rosters: seats, capacity, the host and who follows him. Lobbies and rooms each have one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from coalserver.domain.refusal import Refusal, Why

#: The host of a roster that nobody leads any more.
NOBODY = 0


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
    #: True: the host's place goes to the longest-joined; False: without its host a roster is led by nobody.
    hand_over: bool = False
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
    def led(self) -> bool:
        """Whether somebody who sits here leads."""
        return self.host != NOBODY and self.host in self

    def of(self, player: int) -> Seat:
        """The player's seat; refuses who has none."""
        for seat in self.seats:
            if seat.player == player:
                return seat
        raise Refusal(Why.NOT_HERE)

    def only_host(self, player: int) -> None:
        """Refuse anyone but the host."""
        if player != self.host:
            raise Refusal(Why.NOT_HERE if player not in self else Why.NOT_HOST)

    def seat(
        self, player: int, now: float, *, ready: bool = True, data: bytes = b"null"
    ) -> "Roster":
        """Give the player the lowest free seat. Who is already here, or finds no place, is refused."""
        if player in self:
            raise Refusal(Why.ALREADY_HERE)
        if self.full:
            raise Refusal(Why.LOBBY_FULL)
        taken = {seat.number for seat in self.seats}
        number = next(n for n in range(self.capacity) if n not in taken)
        seats = (*self.seats, Seat(player, number, now, ready, data=data))
        return replace(self, seats=seats, host=self.host or player)

    def leave(self, player: int) -> "Roster":
        """Leave by one's own will."""
        self.of(player)
        if not self.can_leave and player != self.host:
            raise Refusal(Why.CANNOT_LEAVE)
        return self.without(player)

    def kick(self, by: int, player: int) -> "Roster":
        """The host puts somebody out."""
        self.only_host(by)
        if by == player:
            raise Refusal(Why.KICK_SELF)
        if player not in self:
            raise Refusal(Why.TARGET_NOT_HERE)
        return self.without(player)

    def without(self, player: int) -> "Roster":
        """The roster after the player is gone for whatever reason; a host's place is handed on or lost."""
        self.of(player)
        seats = tuple(seat for seat in self.seats if seat.player != player)
        left = replace(self, seats=seats)
        if player != self.host:
            return left
        return replace(left, host=left.heir() if self.hand_over else NOBODY)

    def heir(self) -> int:
        """Who would lead next: the longest-joined who is present, else the longest-joined."""
        line = sorted(self.seats, key=lambda seat: (seat.away, seat.joined, seat.number))
        return line[0].player if line else NOBODY

    def ready(self, player: int, flag: bool) -> "Roster":
        """Set a member's ready mark."""
        return self._with(replace(self.of(player), ready=flag))

    def bring(self, player: int, data: bytes) -> "Roster":
        """Replace what a member brought along."""
        return self._with(replace(self.of(player), data=data))

    def away(self, player: int) -> "Roster":
        """Mark a member silent; where the host may be followed, the first present member follows now."""
        next_ = self._with(replace(self.of(player), away=True))
        if player == self.host and self.hand_over:
            heir = next_.heir()
            if not next_.of(heir).away:
                return replace(next_, host=heir)
        return next_

    def back(self, player: int) -> "Roster":
        """A silent member gave a sign of life."""
        return self._with(replace(self.of(player), away=False))

    def present(self) -> "Roster":
        """Only those who are not away."""
        return replace(self, seats=tuple(seat for seat in self.seats if not seat.away))

    def numbered(self) -> "Roster":
        """The same members with seats 0, 1, 2, … in the order they joined, everyone ready."""
        seats = tuple(
            replace(seat, number=n, ready=True) for n, seat in enumerate(self.seats)
        )
        return replace(self, seats=seats)

    def _with(self, seat: Seat) -> "Roster":
        seats = tuple(seat if old.player == seat.player else old for old in self.seats)
        return replace(self, seats=seats)
