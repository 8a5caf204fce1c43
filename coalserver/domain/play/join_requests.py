"""Join requests: a player asks the host to be let in."""

from dataclasses import dataclass, replace

from coalserver.domain.errors import DomainError, ErrorCode


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Asking the host to be let in. Pending -> approved | rejected."""

    id: int
    code: str
    lobby: int
    player: int
    requested_at: float
    data: bytes = b"null"
    approved: bool | None = None
    answered_at: float | None = None
    answered_by: int | None = None

    @property
    def pending(self) -> bool:
        return self.approved is None

    def answer(self, by: int, approved: bool, now: float) -> "JoinRequest":
        """The host decides, once."""
        if not self.pending:
            raise DomainError(ErrorCode.JOIN_REQUEST_ANSWERED)
        return replace(self, approved=approved, answered_at=now, answered_by=by)

    def reject(self, now: float) -> "JoinRequest":
        """It can never be granted; nobody decided."""
        return replace(self, approved=False, answered_at=now)
