"""Questions about what admins have done."""

from coalserver.core.state import State
from coalserver.domain.audit import AuditEntry


def list_audit_entries(
    state: State, *, limit: int, offset: int = 0
) -> tuple[list[AuditEntry], int]:
    """What was done, the newest first, and how much there is."""
    entries = list(state.all(AuditEntry))
    return entries[::-1][offset : offset + limit], len(entries)
