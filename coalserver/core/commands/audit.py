"""Audited commands: an administrator's command and its audit entry are one unit of work."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from coalserver.core.state import Reader
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import COMMAND_LINE, TIME, AuditAction, AuditEntry
from coalserver.domain.errors import DomainError, ErrorCode

T = TypeVar("T")
#: Longest subject and detail of an audit entry; the rest is cut off.
MAX_TEXT_LENGTH = 300


def execute_audited(
    uow: UnitOfWork,
    *,
    actor: int,
    action: AuditAction,
    subject: str,
    command: Callable[..., T],
    detail: str = "",
    **kwargs: Any,
) -> T:
    """Run a command for an administrator or the command line and record an audit entry.

    Emits and raises what the command does. Raises ADMIN_REQUIRED.
    """
    check_admin(uow, actor)
    result = command(uow, **kwargs)
    record_audit_entry(uow, actor=actor, action=action, subject=subject, detail=detail)
    return result


class AuditedCommand(NamedTuple):
    """One of several commands that are executed together."""

    action: AuditAction
    subject: str
    command: Callable[..., Any]
    kwargs: Mapping[str, Any]
    detail: str = ""


def execute_audited_batch(
    uow: UnitOfWork, *, actor: int, commands: Sequence[AuditedCommand]
) -> None:
    """Run several commands, each with an audit entry of its own; an error undoes all of them.

    Raises ADMIN_REQUIRED and what the commands raise.
    """
    for audited in commands:
        kwargs = {
            "subject": audited.subject,
            "command": audited.command,
            "detail": audited.detail,
            **audited.kwargs,
        }
        execute_audited(uow, actor=actor, action=audited.action, **kwargs)


def record_external_action(
    uow: UnitOfWork, *, actor: int, action: AuditAction, subject: str
) -> AuditEntry:
    """Record an action of an administrator that is not a command. Raises ADMIN_REQUIRED."""
    check_admin(uow, actor)
    return record_audit_entry(uow, actor=actor, action=action, subject=subject)


def record_audit_entry(
    uow: UnitOfWork, *, actor: int, action: AuditAction, subject: str, detail: str = ""
) -> AuditEntry:
    """Save an audit entry with the actor's present name."""
    account = uow.get(Account, actor)
    name = account.display_name if account is not None else ""
    id = uow.new_id(AuditEntry)
    return uow.save(
        AuditEntry(
            id, uow.now, actor, name, action, subject[:MAX_TEXT_LENGTH], detail[:MAX_TEXT_LENGTH]
        )
    )


def check_admin(reader: Reader, actor: int) -> None:
    """Raise ADMIN_REQUIRED unless the actor is the command line, a schedule or an active administrator."""
    if actor in (COMMAND_LINE, TIME):
        return
    account = reader.get(Account, actor)
    if account is None or not (account.admin and account.active):
        raise DomainError(ErrorCode.ADMIN_REQUIRED)
