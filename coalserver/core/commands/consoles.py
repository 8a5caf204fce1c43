"""Commands about the consoles of hosted worlds: what is written to them, and the lines that come from them."""

from collections.abc import Sequence
from dataclasses import replace

from coalserver.core import topics
from coalserver.core.commands.audit import check_admin, record_audit_entry
from coalserver.core.commands.hosting import refuse
from coalserver.core.commands.ingest import IngestResult, find_source, store_lines
from coalserver.core.commands.worlds import queue_console_command, save_sent_chat
from coalserver.core.queries.hosting import get_run
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.events import ConsoleCommandsDelivered
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.log.parser import ParsedLine
from coalserver.domain.minecraft.visitor import ConsoleCommand, LogSource
from coalserver.domain.minecraft.world import World, WorldStatus

#: Source of the lines of a hosted world's console; its sequences are their numbers.
CONSOLE = "console"


def finish_console_commands(
    uow: UnitOfWork,
    *,
    world_id: int,
    written: Sequence[ConsoleCommand],
    dropped: Sequence[int] = (),
) -> None:
    """Remove commands from the queue of a hosted world.

    `written` are those that its process was sent, with the text that it was sent; `dropped` are the
    ids of others. Emits ConsoleCommandsDelivered.
    """
    for id in dropped:
        command = uow.get(ConsoleCommand, id)
        if command is not None:
            uow.delete(command)
    for command in written:
        queued = uow.get(ConsoleCommand, command.id)
        if queued is not None:
            uow.delete(queued)
            # A chat message that the log has shown has no account any more.
            if queued.account:
                save_sent_chat(uow, command)
    if written:
        event = ConsoleCommandsDelivered(world_id, tuple(command.id for command in written))
        uow.emit(event, topics.world(world_id))


def send_console_command(
    uow: UnitOfWork, *, world_id: int, text: str, actor: int
) -> ConsoleCommand | None:
    """Queue a command for the console of a running hosted world and record an audit entry; None for a blank one.

    Raises WORLD_NOT_FOUND, ADMIN_REQUIRED, ORDER_REFUSED for a world that is not running, and
    INVALID_REQUEST.
    """
    run = get_run(uow, world_id)
    check_admin(uow, actor)
    if run.status is not WorldStatus.RUNNING:
        refuse(RefusalCode.NOT_RUNNING)
    command = queue_console_command(uow, world_id=world_id, text=text)
    if command is not None:
        record_audit_entry(
            uow,
            actor=actor,
            action=AuditAction.CONSOLE_COMMAND_SENT,
            subject=run.world.name,
            detail=command.text,
        )
    return command


def log_console(
    uow: UnitOfWork,
    *,
    world_id: int,
    parsed_lines: Sequence[ParsedLine],
    sequences: Sequence[int],
    up_to: int,
    alive: float = 0.0,
    chat: LogLine | None = None,
) -> IngestResult:
    """Store lines of a hosted world's console, each number once; all numbers up to `up_to` count as stored.

    The numbers of lines that are not stored are left out of `sequences`. The arguments are those of `log_batch`. The
    lines of an archived world are stored too, until its process has ended. Raises WORLD_NOT_FOUND.
    """
    world = uow.get(World, world_id)
    if world is None:
        raise DomainError(ErrorCode.WORLD_NOT_FOUND)
    result = store_lines(
        uow,
        world=world,
        source=CONSOLE,
        parsed_lines=parsed_lines,
        sequences=sequences,
        alive=alive,
        chat=chat,
    )
    source = find_source(uow, world_id=world_id, source=CONSOLE)
    if source.sequence < up_to:
        id = source.id or uow.new_id(LogSource)
        uow.save(replace(source, id=id, sequence=up_to))
    return IngestResult(max(result.stored, up_to), result.new)
