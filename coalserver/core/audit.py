"""Audited commands of a caller: what an admin does is recorded with the change itself."""

from collections.abc import Callable
from typing import Any, TypeVar

from coalserver.core.caller import Caller
from coalserver.core.commands.audit import execute_audited
from coalserver.core.engine import Core
from coalserver.domain.audit import AuditAction

T = TypeVar("T")


async def run_audited(
    core: Core,
    caller: Caller,
    action: AuditAction,
    subject: str,
    command: Callable[..., T],
    /,
    detail: str = "",
    **kwargs: Any,
) -> T:
    """Run a command as the calling admin and add an audit entry, both or neither.

    Raises ADMIN_REQUIRED and what the command raises.
    """
    entry = {"actor": caller.account_id, "action": action, "subject": subject}
    return await core.execute(execute_audited, **entry, detail=detail, command=command, **kwargs)
