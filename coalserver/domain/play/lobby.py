"""Lobbies: where players gather until the host starts. Open -> started | gone."""

import hmac
from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.roster import Roster


class LobbyState(StrEnum):
    OPEN = "open"
    STARTED = "started"
    CLOSED = "gone"


class CloseReason(StrEnum):
    """Why a lobby or room is no more."""

    HOST_LEFT = "host_left"
    STARTED = "started"
    EXPIRED = "expired"
    CLOSED = "closed"
    EMPTY = "empty"
    FINISHED = "finished"


def constant_time_equals(presented: str, stored: str) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(presented.encode(), stored.encode())


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
    requires_approval: bool = False
    #: The room that starts from here relays realtime frames.
    realtime: bool = False
    state: LobbyState = LobbyState.OPEN
    close_reason: CloseReason | None = None
    #: The room that was started from here.
    room: int | None = None
    closed: float | None = None

    @property
    def open(self) -> bool:
        return self.state is LobbyState.OPEN

    def check_open(self) -> None:
        """Refuse anything that wants a gathering that has not ended."""
        if self.state is LobbyState.CLOSED:
            raise DomainError(ErrorCode.LOBBY_CLOSED)
        if self.state is LobbyState.STARTED:
            raise DomainError(ErrorCode.LOBBY_STARTED)

    def add_member(
        self,
        player: int,
        now: float,
        *,
        password: str = "",
        approved: bool = False,
        data: bytes = b"null",
    ) -> "Lobby":
        """Seat the player, unless gone, full, invitation is needed or the password is wrong."""
        self.check_open()
        if player in self.roster:
            raise DomainError(ErrorCode.ALREADY_MEMBER)
        if self.requires_approval and not approved:
            raise DomainError(ErrorCode.APPROVAL_REQUIRED)
        if self.roster.full:
            raise DomainError(ErrorCode.LOBBY_FULL)
        if self.password and not approved and not constant_time_equals(password, self.password):
            raise DomainError(ErrorCode.WRONG_PASSWORD)
        return replace(
            self,
            roster=self.roster.add(player, now, ready=not self.ready_check, data=data),
        )

    def leave(self, player: int, now: float) -> "Lobby":
        """Leave by one's own will. Anybody may before the start; then the roster's word counts."""
        if self.state is LobbyState.CLOSED:
            raise DomainError(ErrorCode.LOBBY_CLOSED)
        roster = self.roster.leave(player) if not self.open else self.roster.without(player)
        return self.without(roster, now)

    def kick(self, by: int, player: int, now: float) -> "Lobby":
        """The host puts a member out before the start."""
        if self.state is LobbyState.CLOSED:
            raise DomainError(ErrorCode.LOBBY_CLOSED)
        self.roster.check_host(by)
        self.check_open()
        return self.without(self.roster.kick(by, player), now)

    def remove_member(
        self, player: int, now: float, reason: CloseReason = CloseReason.HOST_LEFT
    ) -> "Lobby":
        """Free the seat of someone who has gone silent, was banned or whose room has moved on."""
        return self.without(self.roster.without(player), now, reason)

    def without(
        self, roster: Roster, now: float, reason: CloseReason = CloseReason.HOST_LEFT
    ) -> "Lobby":
        """This lobby with fewer members; without a host it is gone."""
        lobby = replace(self, roster=roster)
        if roster.has_host or self.state is not LobbyState.OPEN:
            return lobby
        return lobby.close(reason, now)

    def set_options(self, by: int, options: bytes) -> "Lobby":
        """The host says what the game shall be like."""
        self.check_open()
        self.roster.check_host(by)
        return replace(self, options=options)

    def set_password(self, by: int, password: str) -> "Lobby":
        """The host sets a password (a digest), or removes it with an empty one."""
        if self.state is LobbyState.CLOSED:
            raise DomainError(ErrorCode.LOBBY_CLOSED)
        self.roster.check_host(by)
        self.check_open()
        return replace(self, password=password)

    def set_ready(self, player: int, ready: bool) -> "Lobby":
        """A member says whether he is ready."""
        self.check_open()
        return replace(self, roster=self.roster.set_ready(player, ready))

    def mark_away(self, player: int) -> "Lobby":
        return replace(self, roster=self.roster.mark_away(player))

    def mark_back(self, player: int) -> "Lobby":
        return replace(self, roster=self.roster.mark_back(player))

    def check_can_request(self, player: int, password: str = "") -> None:
        """Refuse a request to be let in that could not be granted."""
        self.check_open()
        if player in self.roster:
            raise DomainError(ErrorCode.ALREADY_MEMBER)
        if self.roster.full:
            raise DomainError(ErrorCode.LOBBY_FULL)
        if self.password and not constant_time_equals(password, self.password):
            raise DomainError(ErrorCode.WRONG_PASSWORD)

    def check_can_start(
        self, by: int, min_players: int, max_players: int, participants: Roster
    ) -> None:
        """Refuse a start by anyone but the host, or before all that it needs is there.

        `coming` is the part of the roster that would play.
        """
        self.check_open()
        self.roster.check_host(by)
        if self.strict_full and not participants.full:
            raise DomainError(ErrorCode.LOBBY_NOT_FULL)
        if len(participants) < min_players:
            raise DomainError(ErrorCode.TOO_FEW_PLAYERS, least=min_players)
        if len(participants) > max_players:
            raise DomainError(ErrorCode.TOO_MANY_PLAYERS, most=max_players)
        if not all(seat.ready for seat in participants.seats):
            raise DomainError(ErrorCode.MEMBERS_NOT_READY)

    def start(self, room: int, now: float) -> "Lobby":
        """The gathering has become a room; the roster stays until that room ends."""
        return replace(
            self, state=LobbyState.STARTED, close_reason=CloseReason.STARTED, room=room, closed=now
        )

    def close(self, reason: CloseReason, now: float) -> "Lobby":
        """No more gathering: nobody sits here."""
        return replace(
            self,
            state=LobbyState.CLOSED,
            close_reason=reason,
            closed=now,
            roster=replace(self.roster, seats=()),
        )
