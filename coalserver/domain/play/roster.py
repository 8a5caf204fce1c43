"""Rosters: the members of a lobby or room, their seats, the host and host transfer."""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from operator import attrgetter

from coalserver.domain.construction import copier, quickly_made, replace
from coalserver.domain.errors import DomainError, ErrorCode

#: `host` of a roster without a host. No player has this id.
NO_HOST = 0

_player_of = attrgetter("player")
_number_of = attrgetter("number")


@quickly_made
@dataclass(frozen=True, slots=True)
class Seat:
    """The seat of one member. Its number, from 0, stays the same until the member leaves."""

    player: int
    number: int
    joined: float
    ready: bool = True
    away: bool = False
    #: Away for so long that the member does not stay the host; see Roster.with_host.
    overdue: bool = False
    #: The member's own data: any JSON.
    data: bytes = b"null"


@quickly_made
@dataclass(frozen=True, slots=True)
class Roster:
    """The members with their seats. Methods return a new Roster or raise DomainError."""

    capacity: int
    #: Id of the host's player, or NO_HOST.
    host: int
    #: In the order of joining.
    seats: tuple[Seat, ...] = ()
    #: Whether the longest-standing member replaces a host who leaves or is away for long.
    transfer_host: bool = False
    #: Whether members other than the host may leave.
    can_leave: bool = True
    #: Seconds from an away member's last activity until their seat is freed; None: never.
    grace: float | None = None

    def __contains__(self, player: int) -> bool:
        return player in map(_player_of, self.seats)

    def __len__(self) -> int:
        return len(self.seats)

    def __iter__(self) -> Iterator[int]:
        return map(_player_of, self.seats)

    @property
    def full(self) -> bool:
        """Whether all seats are taken."""
        return len(self.seats) >= self.capacity

    @property
    def has_host(self) -> bool:
        """Whether the host is a member."""
        return self.host != NO_HOST and self.host in self

    @property
    def host_away(self) -> bool:
        """Whether the host is away, or there is none."""
        for seat in self.seats:
            if seat.player == self.host:
                return seat.away
        return True

    def get_seat(self, player: int) -> Seat:
        """Return the player's seat. Raises NOT_MEMBER."""
        for seat in self.seats:
            if seat.player == player:
                return seat
        raise DomainError(ErrorCode.NOT_MEMBER)

    def check_host(self, player: int) -> None:
        """Raise NOT_MEMBER or, for a member, NOT_HOST unless the player is the host."""
        if player != self.host:
            raise DomainError(ErrorCode.NOT_MEMBER if player not in self else ErrorCode.NOT_HOST)

    def add(
        self, player: int, now: float, *, ready: bool = True, data: bytes = b"null"
    ) -> "Roster":
        """Return the roster with the player on the free seat with the lowest number.

        The first member becomes the host. Raises ALREADY_MEMBER or LOBBY_FULL.
        """
        if player in self:
            raise DomainError(ErrorCode.ALREADY_MEMBER)
        if self.full:
            raise DomainError(ErrorCode.LOBBY_FULL)
        taken = set(map(_number_of, self.seats))
        number = 0
        while number in taken:
            number += 1
        seats = (*self.seats, Seat(player, number, now, ready, data=data))
        return _with_seats(self, seats, self.host or player).with_host()

    def leave(self, player: int) -> "Roster":
        """Return the roster without a member who leaves. Raises NOT_MEMBER or CANNOT_LEAVE."""
        self.get_seat(player)
        if not self.can_leave and player != self.host:
            raise DomainError(ErrorCode.CANNOT_LEAVE)
        return self.without(player)

    def kick(self, by: int, player: int) -> "Roster":
        """Return the roster without a member whom the host kicks.

        Raises what check_host raises, CANNOT_KICK_SELF or TARGET_NOT_MEMBER.
        """
        self.check_host(by)
        if by == player:
            raise DomainError(ErrorCode.CANNOT_KICK_SELF)
        if player not in self:
            raise DomainError(ErrorCode.TARGET_NOT_MEMBER)
        return self.without(player)

    def without(self, player: int) -> "Roster":
        """Return the roster without a member, however they left. Raises NOT_MEMBER.

        A removed host is replaced if `transfer_host` is set; otherwise the roster has no host.
        """
        self.get_seat(player)
        seats = tuple(seat for seat in self.seats if seat.player != player)
        host = NO_HOST if player == self.host else self.host
        return _with_seats(self, seats, host).with_host()

    def with_host(self) -> "Roster":
        """Return the roster with the host transferred, if that is enabled and necessary.

        The successor of a missing or overdue host is the present member who joined first. A missing
        host is replaced by an away member if nobody is present.
        """
        if not self.transfer_host or (self.has_host and not self.get_seat(self.host).overdue):
            return self
        candidates = sorted(self.seats, key=lambda seat: (seat.away, seat.joined, seat.number))
        if not candidates or (self.has_host and candidates[0].away):
            return self
        return replace(self, host=candidates[0].player)

    def set_ready(self, player: int, ready: bool) -> "Roster":
        """Return the roster with a member's ready flag set. Raises NOT_MEMBER."""
        return self._with_seat(replace(self.get_seat(player), ready=ready))

    def mark_away(self, player: int) -> "Roster":
        """Return the roster with a member away, who stays the host. Raises NOT_MEMBER."""
        return self._with_seat(replace(self.get_seat(player), away=True))

    def mark_overdue(self, player: int) -> "Roster":
        """Return the roster with a member away for long. Raises NOT_MEMBER.

        With `transfer_host`, a host is replaced by a present member.
        """
        return self._with_seat(replace(self.get_seat(player), away=True, overdue=True)).with_host()

    def mark_back(self, player: int) -> "Roster":
        """Return the roster with a member present again. Raises NOT_MEMBER.

        With `transfer_host`, the member replaces an overdue host.
        """
        seat = replace(self.get_seat(player), away=False, overdue=False)
        return self._with_seat(seat).with_host()

    def limited_to(self, players: Container[int]) -> "Roster":
        """Return the roster with these players' seats only."""
        return replace(self, seats=tuple(seat for seat in self.seats if seat.player in players))

    def renumbered(self, now: float) -> "Roster":
        """Return the roster as it starts play: all ready, seats renumbered, `joined` set to now.

        The host has seat 0; the others follow in the order of joining.
        """
        ordered = sorted(self.seats, key=lambda seat: seat.player != self.host)
        seats = tuple(
            replace(seat, number=n, joined=now, ready=True) for n, seat in enumerate(ordered)
        )
        return replace(self, seats=seats)

    def _with_seat(self, seat: Seat) -> "Roster":
        seats = tuple(seat if old.player == seat.player else old for old in self.seats)
        return replace(self, seats=seats)


_with_seats: Callable[[Roster, tuple[Seat, ...], int], Roster] = copier(Roster, "seats", "host")
