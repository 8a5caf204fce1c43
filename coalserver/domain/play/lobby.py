"""Lobbies, where players gather until the host starts a room. Open -> started or closed."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from coalserver.domain.construction import copier, quickly_made, replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.game import Rules
from coalserver.domain.play.roster import Roster
from coalserver.domain.text import constant_time_equals


class LobbyState(StrEnum):
    """The state of a lobby. A started lobby keeps its roster until its room ends."""

    OPEN = "open"
    STARTED = "started"
    CLOSED = "gone"


class CloseReason(StrEnum):
    """Why a lobby or room was closed."""

    HOST_LEFT = "host_left"
    STARTED = "started"
    EXPIRED = "expired"
    CLOSED = "closed"
    EMPTY = "empty"
    FINISHED = "finished"


@quickly_made
@dataclass(frozen=True, slots=True)
class Lobby:
    """A lobby with its host. Methods return a new Lobby or raise DomainError.

    `rules` parameters are part of the Group protocol; a lobby does not use them.
    """

    id: int
    code: str
    game: str
    name: str
    roster: Roster
    opened: float
    #: Digest of the password; empty: none.
    password: str = ""
    #: Options of the game: a JSON object.
    options: bytes = b"{}"
    #: Whether members must set their ready flag before the start; otherwise all are ready.
    ready_check: bool = False
    #: Whether the start requires that all seats are taken.
    strict_full: bool = False
    #: Whether the host approves each new member.
    requires_approval: bool = False
    #: Whether the room started from this lobby relays realtime messages.
    realtime: bool = False
    state: LobbyState = LobbyState.OPEN
    close_reason: CloseReason | None = None
    #: Id of the room started from this lobby.
    room: int | None = None
    #: When it was started or closed.
    closed: float | None = None

    @property
    def open(self) -> bool:
        """Whether the lobby is neither started nor closed."""
        return self.state is LobbyState.OPEN

    def check_open(self) -> None:
        """Raise LOBBY_CLOSED or LOBBY_STARTED unless the lobby is open."""
        self.check_not_closed()
        if self.state is LobbyState.STARTED:
            raise DomainError(ErrorCode.LOBBY_STARTED, lobby=self.id)

    def check_not_closed(self) -> None:
        """Raise LOBBY_CLOSED if the lobby is closed; a started one is not."""
        if self.state is LobbyState.CLOSED:
            raise DomainError(ErrorCode.LOBBY_CLOSED, lobby=self.id)

    def check_can_chat(self, player: int) -> None:
        """Check that a player may send chat messages.

        Raises LOBBY_CLOSED, LOBBY_STARTED or NOT_MEMBER.
        """
        self.check_open()
        self.roster.get_seat(player)

    def add_member(
        self,
        player: int,
        now: float,
        *,
        password: str = "",
        approved: bool = False,
        always_ready: bool = False,
        data: bytes = b"null",
    ) -> "Lobby":
        """Return the lobby with a player added. `approved` members need no password.

        With a ready check only players who are `always_ready` are ready from the start.

        Raises LOBBY_CLOSED, LOBBY_STARTED, ALREADY_MEMBER, APPROVAL_REQUIRED, LOBBY_FULL or
        WRONG_PASSWORD.
        """
        self.check_open()
        if (self.requires_approval or self.password) and not approved:
            # `Roster.add` checks the rest in this order, too.
            if player in self.roster:
                raise DomainError(ErrorCode.ALREADY_MEMBER)
            if self.requires_approval:
                raise DomainError(ErrorCode.APPROVAL_REQUIRED)
            if self.roster.full:
                raise DomainError(ErrorCode.LOBBY_FULL)
            if not constant_time_equals(password, self.password):
                raise DomainError(ErrorCode.WRONG_PASSWORD)
        ready = always_ready or not self.ready_check
        return _with_roster(self, self.roster.add(player, now, ready=ready, data=data))

    def leave(self, player: int, now: float, rules: Rules | None = None) -> "Lobby":
        """Return the lobby without a member who leaves.

        Raises LOBBY_CLOSED or NOT_MEMBER and, once started, CANNOT_LEAVE (see Roster.leave).
        """
        self.check_not_closed()
        roster = self.roster.leave(player) if not self.open else self.roster.without(player)
        return self.without(roster, now)

    def kick(self, by: int, player: int, now: float, rules: Rules | None = None) -> "Lobby":
        """Return the lobby without a member whom the host kicks.

        Raises LOBBY_CLOSED, LOBBY_STARTED or what Roster.kick raises.
        """
        self.check_not_closed()
        self.roster.check_host(by)
        self.check_open()
        return self.without(self.roster.kick(by, player), now)

    def remove_member(
        self,
        player: int,
        now: float,
        rules: Rules | None = None,
        close_reason: CloseReason = CloseReason.HOST_LEFT,
    ) -> "Lobby":
        """Return the lobby without a member who was kicked by an administrator or banned.

        Closes an open lobby without a host for `close_reason`. Raises NOT_MEMBER.
        """
        return self.without(self.roster.without(player), now, close_reason)

    def time_out_member(self, player: int, now: float, rules: Rules | None = None) -> "Lobby":
        """Return the lobby without a member who was away for too long.

        An open lobby without a host is closed as expired. Raises NOT_MEMBER.
        """
        return self.without(self.roster.without(player), now, CloseReason.EXPIRED)

    def without(
        self, roster: Roster, now: float, reason: CloseReason = CloseReason.HOST_LEFT
    ) -> "Lobby":
        """Return the lobby with a smaller roster; an open lobby without a host is closed."""
        lobby = _with_roster(self, roster)
        if roster.has_host or self.state is not LobbyState.OPEN:
            return lobby
        return lobby.close(reason, now)

    def set_options(self, by: int, options: bytes) -> "Lobby":
        """Return the lobby with other options (a JSON object), chosen by the host `by`.

        Raises LOBBY_CLOSED, LOBBY_STARTED, NOT_MEMBER or NOT_HOST.
        """
        self.check_open()
        self.roster.check_host(by)
        return replace(self, options=options)

    def set_password(self, by: int, password: str) -> "Lobby":
        """Return the lobby with another password, chosen by the host `by`.

        `password` is a digest; empty removes the password.
        Raises LOBBY_CLOSED, LOBBY_STARTED, NOT_MEMBER or NOT_HOST.
        """
        self.check_not_closed()
        self.roster.check_host(by)
        self.check_open()
        return replace(self, password=password)

    def set_ready(self, player: int, ready: bool) -> "Lobby":
        """Return the lobby with a member's ready flag set.

        Raises LOBBY_CLOSED, LOBBY_STARTED or NOT_MEMBER.
        """
        self.check_open()
        return replace(self, roster=self.roster.set_ready(player, ready))

    def mark_away(self, player: int) -> "Lobby":
        """Return the lobby with a member away; see Roster.mark_away."""
        return replace(self, roster=self.roster.mark_away(player))

    def mark_overdue(self, player: int) -> "Lobby":
        """Return the lobby with a member away for long; see Roster.mark_overdue."""
        return replace(self, roster=self.roster.mark_overdue(player))

    def mark_back(self, player: int) -> "Lobby":
        """Return the lobby with a member present again; see Roster.mark_back."""
        return replace(self, roster=self.roster.mark_back(player))

    def check_can_request(self, player: int, password: str = "") -> None:
        """Check that a player may request to join.

        Raises LOBBY_CLOSED, LOBBY_STARTED, ALREADY_MEMBER, LOBBY_FULL or WRONG_PASSWORD.
        """
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
        """Check that `by` may start a room with the participants, a part of this roster.

        Raises LOBBY_CLOSED, LOBBY_STARTED, NOT_MEMBER, NOT_HOST, LOBBY_NOT_FULL, TOO_FEW_PLAYERS,
        TOO_MANY_PLAYERS or MEMBERS_NOT_READY.
        """
        self.check_open()
        self.roster.check_host(by)
        if self.strict_full and not participants.full:
            raise DomainError(ErrorCode.LOBBY_NOT_FULL)
        if len(participants) < min_players:
            raise DomainError(ErrorCode.TOO_FEW_PLAYERS, minimum=min_players)
        if len(participants) > max_players:
            raise DomainError(ErrorCode.TOO_MANY_PLAYERS, maximum=max_players)
        if not all(seat.ready for seat in participants.seats):
            raise DomainError(ErrorCode.MEMBERS_NOT_READY)

    def start(self, room: int, now: float) -> "Lobby":
        """Return the lobby as started with the id of its room; the roster stays."""
        return replace(
            self, state=LobbyState.STARTED, close_reason=CloseReason.STARTED, room=room, closed=now
        )

    def close(self, reason: CloseReason, now: float) -> "Lobby":
        """Return the lobby as closed, without members."""
        return replace(
            self,
            state=LobbyState.CLOSED,
            close_reason=reason,
            closed=now,
            roster=replace(self.roster, seats=()),
        )


_with_roster: Callable[[Lobby, Roster], Lobby] = copier(Lobby, "roster")
