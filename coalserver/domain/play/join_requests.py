"""Join requests: players ask the host of a lobby for admission."""

from dataclasses import dataclass, replace

from coalserver.domain.errors import DomainError, ErrorCode


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
    #: Id of the host who answered; None for a request that was rejected automatically.
    answered_by: int | None = None

    @property
    def pending(self) -> bool:
        """Whether the request is unanswered."""
        return self.approved is None

    def answer(self, by: int, approved: bool, now: float) -> "JoinRequest":
        """Return the request with the host's decision. Raises JOIN_REQUEST_ANSWERED."""
        if not self.pending:
            raise DomainError(ErrorCode.JOIN_REQUEST_ANSWERED)
        return replace(self, approved=approved, answered_at=now, answered_by=by)

    def reject(self, now: float) -> "JoinRequest":
        """Return the request rejected automatically: the lobby closed or started."""
        return replace(self, approved=False, answered_at=now)
