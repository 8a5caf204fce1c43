"""Lobbies: where players gather until the host starts. Open -> started | gone."""

import hmac
from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.roster import Roster


class Phase(StrEnum):
    OPEN = "open"
    STARTED = "started"
    GONE = "gone"


class Ending(StrEnum):
    """Why a lobby or room is no more."""

    HOST_LEFT = "host_left"
    STARTED = "started"
    EXPIRED = "expired"
    CLOSED = "closed"
    EMPTY = "empty"
    FINISHED = "finished"


def same(given: str, kept: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(given.encode(), kept.encode())


@dataclass(frozen=True, slots=True)
class Lobby:
    """A gathering under one host. Every method returns the next lobby or refuses."""

    id: int
    code: str
    game: str
    name: str
    roster: Roster
    opened: float
    #: A digest of the password, or empty for a lobby without one.
    password: str = ""
    #: What the game shall be like: a JSON object, as bytes.
    options: bytes = b"{}"
    #: Members must say that they are ready; otherwise everyone is.
    ready_check: bool = False
    #: Start only when every seat is taken.
    strict_full: bool = False
    #: The host approves each newcomer.
    by_request: bool = False
    #: The room that starts from here relays realtime frames.
    realtime: bool = False
    phase: Phase = Phase.OPEN
    ending: Ending | None = None
    #: The room that was started from here.
    room: int | None = None
    closed: float | None = None

    @property
    def open(self) -> bool:
        return self.phase is Phase.OPEN

    def still_open(self) -> None:
        """Refuse anything that wants a gathering that has not ended."""
        if self.phase is Phase.GONE:
            raise Refusal(Why.LOBBY_GONE)
        if self.phase is Phase.STARTED:
            raise Refusal(Why.LOBBY_STARTED)

    def admit(
        self,
        player: int,
        now: float,
        *,
        password: str = "",
        approved: bool = False,
        data: bytes = b"null",
    ) -> "Lobby":
        """Seat the player, unless gone, full, invitation is needed or the password is wrong."""
        self.still_open()
        if player in self.roster:
            raise Refusal(Why.ALREADY_HERE)
        if self.by_request and not approved:
            raise Refusal(Why.NEEDS_APPROVAL)
        if self.roster.full:
            raise Refusal(Why.LOBBY_FULL)
        if self.password and not approved and not same(password, self.password):
            raise Refusal(Why.WRONG_PASSWORD)
        return replace(
            self,
            roster=self.roster.seat(player, now, ready=not self.ready_check, data=data),
        )

    def leave(self, player: int, now: float) -> "Lobby":
        """Leave by one's own will. Anybody may before the start; then the roster's word counts."""
        if self.phase is Phase.GONE:
            raise Refusal(Why.LOBBY_GONE)
        roster = self.roster.leave(player) if not self.open else self.roster.without(player)
        return self.reduced(roster, now)

    def kick(self, by: int, player: int, now: float) -> "Lobby":
        """The host puts a member out before the start."""
        if self.phase is Phase.GONE:
            raise Refusal(Why.LOBBY_GONE)
        self.roster.only_host(by)
        self.still_open()
        return self.reduced(self.roster.kick(by, player), now)

    def drop(self, player: int, now: float, ending: Ending = Ending.HOST_LEFT) -> "Lobby":
        """Free the seat of someone who has gone silent, was banned or whose room has moved on."""
        return self.reduced(self.roster.without(player), now, ending)

    def reduced(self, roster: Roster, now: float, ending: Ending = Ending.HOST_LEFT) -> "Lobby":
        """This lobby with fewer members; without a host it is gone."""
        smaller = replace(self, roster=roster)
        if roster.led or self.phase is not Phase.OPEN:
            return smaller
        return smaller.close(ending, now)

    def choose(self, by: int, options: bytes) -> "Lobby":
        """The host says what the game shall be like."""
        self.still_open()
        self.roster.only_host(by)
        return replace(self, options=options)

    def lock(self, by: int, password: str) -> "Lobby":
        """The host sets a password (a digest), or removes it with an empty one."""
        if self.phase is Phase.GONE:
            raise Refusal(Why.LOBBY_GONE)
        self.roster.only_host(by)
        self.still_open()
        return replace(self, password=password)

    def ready(self, player: int, flag: bool) -> "Lobby":
        """A member says whether he is ready."""
        self.still_open()
        return replace(self, roster=self.roster.ready(player, flag))

    def away(self, player: int) -> "Lobby":
        return replace(self, roster=self.roster.away(player))

    def back(self, player: int) -> "Lobby":
        return replace(self, roster=self.roster.back(player))

    def may_ask(self, player: int, password: str = "") -> None:
        """Refuse a request to be let in that could not be granted."""
        self.still_open()
        if player in self.roster:
            raise Refusal(Why.ALREADY_HERE)
        if self.roster.full:
            raise Refusal(Why.LOBBY_FULL)
        if self.password and not same(password, self.password):
            raise Refusal(Why.WRONG_PASSWORD)

    def may_start(self, by: int, low: int, high: int, coming: Roster) -> None:
        """Refuse a start by anyone but the host, or before all that it needs is there.

        `coming` is the part of the roster that would play.
        """
        self.still_open()
        self.roster.only_host(by)
        if self.strict_full and not coming.full:
            raise Refusal(Why.NOT_FULL)
        if len(coming) < low:
            raise Refusal(Why.TOO_FEW_PLAYERS, least=low)
        if len(coming) > high:
            raise Refusal(Why.TOO_MANY_PLAYERS, most=high)
        if not all(seat.ready for seat in coming.seats):
            raise Refusal(Why.NOT_READY)

    def start(self, room: int, now: float) -> "Lobby":
        """The gathering has become a room; the roster stays until that room ends."""
        return replace(self, phase=Phase.STARTED, ending=Ending.STARTED, room=room, closed=now)

    def close(self, ending: Ending, now: float) -> "Lobby":
        """No more gathering: nobody sits here."""
        return replace(
            self,
            phase=Phase.GONE,
            ending=ending,
            closed=now,
            roster=replace(self.roster, seats=()),
        )
