"""The exchange inside a room: actions (asked and answered) and to whom things are sent."""

from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.roster import Roster


class Target(StrEnum):
    """To whom, seen from the sender."""

    ALL = "all"
    HOST = "host"
    OTHERS = "others"
    SPECIFIC = "specific"


class Progress(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


#: An action in one of these states is answered for good.
DONE = (Progress.COMPLETED, Progress.FAILED)
#: How long its sender is told of an answered action.
ANSWERED_SECONDS = 3600


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
    asked: float
    progress: Progress = Progress.PENDING
    response: bytes = b"null"
    answered: float | None = None

    @property
    def done(self) -> bool:
        return self.progress in DONE

    def answer(self, by: int, progress: Progress, response: bytes, now: float) -> "Action":
        """The target says how far it is. An action answered for good stays as it is."""
        if by != self.target or self.done:
            raise Refusal(Why.ACTION_NOT_FOUND)
        answered = now if progress in DONE else None
        return replace(self, progress=progress, response=response, answered=answered)

    def give_up(self, now: float) -> "Action":
        """Its target is gone: nobody will answer any more."""
        return replace(self, progress=Progress.FAILED, answered=now)


def recipients(
    roster: Roster,
    sender: int,
    target: Target,
    named: tuple[int, ...] = (),
    *,
    with_away: bool = False,
) -> tuple[int, ...]:
    """The members meant by a target. `specific` refuses when nobody named is there.

    Who is away is left out, unless `with_away`; the sender never is.
    """
    roster.of(sender)
    there = [
        seat.player for seat in roster.seats if with_away or not seat.away or seat.player == sender
    ]
    if target is Target.ALL:
        return tuple(there)
    if target is Target.HOST:
        return tuple(player for player in there if player == roster.host)
    if target is Target.OTHERS:
        return tuple(player for player in there if player != sender)
    chosen = tuple(player for player in dict.fromkeys(named) if player in there)
    if not chosen:
        raise Refusal(Why.NO_TARGETS)
    return chosen


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Asking the host to be let in. Pending -> approved | rejected."""

    id: int
    code: str
    lobby: int
    player: int
    asked: float
    data: bytes = b"null"
    approved: bool | None = None
    answered: float | None = None
    answered_by: int | None = None

    @property
    def pending(self) -> bool:
        return self.approved is None

    def answer(self, by: int, approve: bool, now: float) -> "JoinRequest":
        """The host decides, once."""
        if not self.pending:
            raise Refusal(Why.REQUEST_ANSWERED)
        return replace(self, approved=approve, answered=now, answered_by=by)

    def reject(self, now: float) -> "JoinRequest":
        """It can never be granted; nobody decided."""
        return replace(self, approved=False, answered=now)
