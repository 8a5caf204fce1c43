"""Actions, the requests that members of a room send each other, and the recipients of messages."""

from dataclasses import dataclass
from enum import StrEnum

from coalserver.domain.construction import quickly_made, replace
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.roster import Roster


class Target(StrEnum):
    """The recipients of a message, relative to its sender."""

    ALL = "all"
    HOST = "host"
    OTHERS = "others"
    SPECIFIC = "specific"


class ActionStatus(StrEnum):
    """Progress of an action: pending -> processing -> completed or failed."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


#: The final statuses.
FINISHED_STATUSES = (ActionStatus.COMPLETED, ActionStatus.FAILED)
#: How long the sender can fetch a finished action.
FINISHED_ACTION_SECONDS = 3600


@quickly_made
@dataclass(frozen=True, slots=True)
class Action:
    """A request of one member to another. Methods return a new Action or raise DomainError."""

    id: int
    code: str
    room: int
    sender: int
    target: int
    type: str
    #: Request and response: any JSON.
    request: bytes
    requested_at: float
    status: ActionStatus = ActionStatus.PENDING
    response: bytes = b"null"
    finished_at: float | None = None

    @property
    def finished(self) -> bool:
        """Whether the status is final."""
        return self.status in FINISHED_STATUSES

    def update_status(self, by: int, status: ActionStatus, response: bytes, now: float) -> "Action":
        """Return the action with the status and response that the target `by` reported.

        Raises ACTION_NOT_FOUND for anyone but the target and for a finished action.
        """
        if by != self.target or self.finished:
            raise DomainError(ErrorCode.ACTION_NOT_FOUND)
        finished_at = now if status in FINISHED_STATUSES else None
        return replace(self, status=status, response=response, finished_at=finished_at)

    def fail(self, now: float) -> "Action":
        """Return the action as failed, for a target who left the room."""
        return replace(self, status=ActionStatus.FAILED, finished_at=now)


def recipients(
    roster: Roster,
    sender: int,
    target: Target,
    named_players: tuple[int, ...] = (),
    *,
    with_away: bool = False,
) -> tuple[int, ...]:
    """Return the ids of the members that a target addresses, without duplicates.

    Away members are left out unless `with_away`; the sender counts as present.
    Raises NOT_MEMBER if the sender has no seat, NO_TARGETS if SPECIFIC names no present member.
    """
    present = []
    for seat in roster.seats:
        if with_away or not seat.away or seat.player == sender:
            present.append(seat.player)
    if sender not in present:
        raise DomainError(ErrorCode.NOT_MEMBER)
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
