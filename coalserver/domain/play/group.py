"""Groups: what lobbies and rooms have in common."""

from typing import Protocol, Self

from coalserver.domain.play.game import Rules
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.roster import Roster


class Group(Protocol):
    """A lobby or a room: members under a host, who may set a password.

    Methods return a new Group or raise DomainError. `rules` are the rules of the group's game; None
    for games without rules.
    """

    @property
    def id(self) -> int: ...
    @property
    def game(self) -> str: ...
    @property
    def roster(self) -> Roster: ...

    @property
    def open(self) -> bool:
        """Whether the group is neither started nor closed."""

    def check_open(self) -> None:
        """Raise LOBBY_CLOSED, LOBBY_STARTED or ROOM_ENDED unless the group is open."""

    def check_not_closed(self) -> None:
        """Raise LOBBY_CLOSED or ROOM_ENDED if the group is closed; a started lobby is not."""

    def check_can_chat(self, player: int) -> None:
        """Check that a player may send chat messages."""

    def leave(self, player: int, now: float, rules: Rules | None = None) -> Self:
        """Return the group without a member who leaves."""

    def kick(self, by: int, player: int, now: float, rules: Rules | None = None) -> Self:
        """Return the group without a member whom the host `by` kicks."""

    def remove_member(
        self,
        player: int,
        now: float,
        rules: Rules | None = None,
        close_reason: CloseReason = CloseReason.HOST_LEFT,
    ) -> Self:
        """Return the group without a member who was removed by others than the host.

        A group without a host is closed for `close_reason`.
        """

    def time_out_member(self, player: int, now: float, rules: Rules | None = None) -> Self:
        """Return the group without a member who was away for too long."""

    def set_password(self, by: int, password: str) -> Self:
        """Return the group with another password (a digest), chosen by the host `by`."""

    def mark_away(self, player: int) -> Self:
        """Return the group with a member away."""

    def mark_overdue(self, player: int) -> Self:
        """Return the group with a member away for long, whom another may replace as the host."""

    def mark_back(self, player: int) -> Self:
        """Return the group with a member present again."""

    def close(self, reason: CloseReason, now: float) -> Self:
        """Return the group as closed."""
