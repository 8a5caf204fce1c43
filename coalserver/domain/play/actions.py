"""The exchange inside a room: actions (asked and answered) and to whom things are sent."""

from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.roster import Roster


class Target(StrEnum):
    """To whom, seen from the sender."""

    ALL = "all"
    HOST = "host"
    OTHERS = "others"
    SPECIFIC = "specific"


class ActionStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


#: An action in one of these states is answered for good.
FINISHED_STATUSES = (ActionStatus.COMPLETED, ActionStatus.FAILED)
#: How long its sender is told of an answered action.
FINISHED_ACTION_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Action:
    """A member's request to another. Pending -> processing -> completed | failed."""

    id: int
    code: str
    room: int
    sender: int
    target: int
    type: str
    request: bytes
    requested_at: float
    status: ActionStatus = ActionStatus.PENDING
    response: bytes = b"null"
    finished_at: float | None = None

    @property
    def finished(self) -> bool:
        return self.status in FINISHED_STATUSES

    def update_status(self, by: int, status: ActionStatus, response: bytes, now: float) -> "Action":
        """The target says how far it is. An action answered for good stays as it is."""
        if by != self.target or self.finished:
            raise DomainError(ErrorCode.ACTION_NOT_FOUND)
        finished_at = now if status in FINISHED_STATUSES else None
        return replace(self, status=status, response=response, finished_at=finished_at)

    def fail(self, now: float) -> "Action":
        """Its target is gone: nobody will answer any more."""
        return replace(self, status=ActionStatus.FAILED, finished_at=now)


def recipients(
    roster: Roster,
    sender: int,
    target: Target,
    named_players: tuple[int, ...] = (),
    *,
    with_away: bool = False,
) -> tuple[int, ...]:
    """The members meant by a target. `specific` refuses when nobody named is there.

    Who is away is left out, unless `with_away`; the sender never is.
    """
    roster.get_seat(sender)
    present = [
        seat.player for seat in roster.seats if with_away or not seat.away or seat.player == sender
    ]
    if target is Target.ALL:
        return tuple(present)
    if target is Target.HOST:
        return tuple(player for player in present if player == roster.host)
    if target is Target.OTHERS:
        return tuple(player for player in present if player != sender)
    chosen = tuple(player for player in dict.fromkeys(named_players) if player in present)
    if not chosen:
        raise DomainError(ErrorCode.NO_TARGETS)
    return chosen
