"""Deed commands: what an admin asks for is done and noted in one unit, or neither."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import COMMAND_LINE, AuditAction, AuditEntry
from coalserver.domain.errors import DomainError, ErrorCode

T = TypeVar("T")
#: Of what a deed was about, and of what it has changed.
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
    """Do what an admin or the command line asks for, and keep that they did."""
    check_admin(uow, actor)
    result = command(uow, **kwargs)
    record_audit_entry(uow, actor=actor, action=action, subject=subject, detail=detail)
    return result


class AuditedCommand(NamedTuple):
    """One of several things that are done together."""

    action: AuditAction
    subject: str
    command: Callable[..., Any]
    kwargs: Mapping[str, Any]
    detail: str = ""


def execute_audited_batch(
    uow: UnitOfWork, *, actor: int, commands: Sequence[AuditedCommand]
) -> None:
    """Do several things at once, each a deed of its own; where one is refused, none is done."""
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
    """Keep what an admin had done that no command does."""
    check_admin(uow, actor)
    return record_audit_entry(uow, actor=actor, action=action, subject=subject)


def record_audit_entry(
    uow: UnitOfWork, *, actor: int, action: AuditAction, subject: str, detail: str = ""
) -> AuditEntry:
    """Keep that this was done."""
    account = uow.get(Account, actor)
    name = account.display_name if account is not None else ""
    id = uow.new_id(AuditEntry)
    return uow.save(
        AuditEntry(
            id, uow.now, actor, name, action, subject[:MAX_TEXT_LENGTH], detail[:MAX_TEXT_LENGTH]
        )
    )


def check_admin(uow: UnitOfWork, actor: int) -> None:
    """Refuse who is no admin, or is none any more."""
    if actor == COMMAND_LINE:
        return
    account = uow.get(Account, actor)
    if account is None or not (account.admin and account.active):
        raise DomainError(ErrorCode.ADMIN_REQUIRED)
