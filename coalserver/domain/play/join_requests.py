"""Join requests: players ask the host of a lobby for admission."""

from dataclasses import dataclass
from enum import StrEnum

from coalserver.domain.construction import quickly_made, replace
from coalserver.domain.errors import DomainError, ErrorCode

#: Seconds in which the host can answer a request; then it expires.
MAX_PENDING_SECONDS = 600.0


class EndReason(StrEnum):
    """Why a request ended without an answer of the host."""

    #: The lobby was started or closed.
    LOBBY_CLOSED = "closed"
    #: Its sender took a seat elsewhere.
    SEATED = "seated"
    #: The host did not answer in time.
    EXPIRED = "expired"
    #: Its sender was banned, or their last token ended.
    WITHDRAWN = "withdrawn"


@quickly_made
@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A player's request to join a lobby. Pending -> approved or rejected."""

    id: int
    code: str
    lobby: int
    player: int
    requested_at: float
    #: The player's data for their seat: any JSON.
    data: bytes = b"null"
    #: None while pending.
    approved: bool | None = None
    answered_at: float | None = None
    #: Id of the host who answered; None for a request that was approved or rejected automatically.
    answered_by: int | None = None
    #: Why it was rejected automatically; None for requests ended before the reason was recorded.
    end_reason: EndReason | None = None

    @property
    def pending(self) -> bool:
        """Whether the request is unanswered."""
        return self.approved is None

    def answer(self, by: int, approved: bool, now: float) -> "JoinRequest":
        """Return the request with the host's decision.

        Raises JOIN_REQUEST_ANSWERED, also for an expired request.
        """
        if not self.pending or self.is_expired(now):
            raise DomainError(ErrorCode.JOIN_REQUEST_ANSWERED)
        return replace(self, approved=approved, answered_at=now, answered_by=by)

    def is_expired(self, now: float) -> bool:
        """Return whether the request was not answered in time."""
        return self.pending and now - self.requested_at >= MAX_PENDING_SECONDS

    def reject(self, now: float, reason: EndReason) -> "JoinRequest":
        """Return the request rejected automatically."""
        return replace(self, approved=False, answered_at=now, end_reason=reason)

    def approve(self, now: float) -> "JoinRequest":
        """Return the request approved automatically: its sender has joined the lobby without it."""
        return replace(self, approved=True, answered_at=now)
