"""Hosting commands: orders to hosted worlds, what their processes report, the EULA and settings.

What the machine offers (memory, ports, disk, Java) is gathered before a command and handed in as
MachineFacts; memory and ports are reserved within the command, so that two orders cannot both get the
last of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from coalserver.core import topics
from coalserver.core.commands.audit import check_admin, record_audit_entry
from coalserver.core.commands.worlds import archive_world, log_out_everyone, save_world
from coalserver.core.queries.hosting import (
    get_run,
    get_settings,
    hosted_worlds,
    version_of_world,
)
from coalserver.core.queries.worlds import count_online
from coalserver.core.state import Reader
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import TIME, AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.hosting.events import HostedWorldChanged
from coalserver.domain.minecraft.hosting.hosted_world import (
    AT_REST,
    SAVABLE,
    HostedWorld,
    Trouble,
    Wanted,
    cost_mib,
)
from coalserver.domain.minecraft.hosting.refusals import RefusalCode, RefusedOrder, trouble_of
from coalserver.domain.minecraft.hosting.transitions import (
    Answer,
    Order,
    Run,
    answer_to,
    apply_order,
    crashed,
    exited,
    fall_asleep,
    needs_checks,
    queue_start,
    saved,
)
from coalserver.domain.minecraft.server_properties import PORT, effective_properties
from coalserver.domain.minecraft.visits import MarkKind, PresenceMark
from coalserver.domain.minecraft.world import Ping, World, WorldStatus

AUDIT_ACTIONS = {
    Order.PLAY: AuditAction.WORLD_PLAYED,
    Order.PAUSE: AuditAction.WORLD_PAUSED,
    Order.RESTART: AuditAction.WORLD_RESTARTED,
    Order.KILL: AuditAction.WORLD_KILLED,
}


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What the machine offers to a world that is to start. Sizes are in MiB."""

    #: Whether memory, bound ports, Java and the version's file were looked at.
    for_start: bool = True
    #: Whether hosting is switched on, and whether the process of coalserver is ending.
    enabled: bool = True
    ending: bool = False
    #: Memory for all hosted worlds together.
    budget: int = 0
    #: First and last port for worlds, and those of them that something is bound to.
    first_port: int = 25565
    last_port: int = 25575
    bound_ports: frozenset[int] = frozenset()
    disk_free: int = 0
    #: What the version needs and the machine has, such as `17` and `11`; empty: nothing is missing.
    missing_java: tuple[str, str, str] | None = None
    #: Why the version's file cannot be fetched; empty: it is cached or can be.
    fetch_error: str = ""


class FactsMissing(Exception):
    """An order leads to a start since the state changed, and its facts are not those of a start."""


def give_order(
    uow: UnitOfWork, *, world_id: int, order: Order, actor: int, facts: MachineFacts
) -> Answer:
    """Apply an order to a hosted world and record an audit entry; return the answer.

    Every active user may start a world, unless its option says otherwise; all other orders are for
    administrators (hosting.md, 3). Emits WorldChanged and HostedWorldChanged. Raises WORLD_NOT_FOUND,
    ADMIN_REQUIRED, ORDER_REFUSED with a RefusedOrder, and FactsMissing.
    """
    before = get_run(uow, world_id)
    _check_may(uow, before, order, actor)
    answer = answer_to(before, order)
    falls_asleep = order is Order.PAUSE and actor == TIME
    after = fall_asleep(before, uow.now) if falls_asleep else apply_order(before, order, uow.now)
    if needs_checks(before, order):
        if not facts.for_start:
            raise FactsMissing
        port = check_start(uow, before, facts)
        after = replace(after, hosted=after.hosted.reserve(port, cost_mib(before.world.properties)))
    save_run(uow, before, after)
    if answer is Answer.ACCEPTED:
        record_audit_entry(uow, actor=actor, action=AUDIT_ACTIONS[order], subject=before.world.name)
    return answer


def stop_all_worlds(uow: UnitOfWork, *, order: Order, actor: int) -> dict[int, Answer]:
    """Pause or kill all hosted worlds, and record that beside the orders; return the answer for each.

    Raises ADMIN_REQUIRED.
    """
    check_admin(uow, actor)
    record_audit_entry(
        uow, actor=actor, action=AuditAction.ALL_WORLDS_STOPPED, subject="", detail=str(order)
    )
    params: dict[str, Any] = {"order": order, "actor": actor, "facts": MachineFacts()}
    return {world.id: give_order(uow, world_id=world.id, **params) for world in hosted_worlds(uow)}


def order_next_start(
    uow: UnitOfWork, *, world_id: int, order: Order, actor: int, facts: MachineFacts
) -> Answer:
    """Order a play or a pause while the server is not running: it is carried out when it starts.

    Only stored data is checked: the server finds out at its start what the machine has. Raises what `give_order`
    raises.
    """
    before = get_run(uow, world_id)
    if order is Order.PAUSE and before.hosted.wanted is Wanted.PLAY and before.status in AT_REST:
        # Its start was ordered while the server was not running.
        check_admin(uow, actor)
        save_run(uow, before, before.wanting(Wanted.PAUSE))
    elif order is Order.PLAY and before.status in AT_REST:
        _check_may(uow, before, order, actor)
        check_definition(uow, before, facts)
        if before.hosted.wanted is Wanted.PLAY:
            return Answer.ALREADY
        hosted = replace(before.hosted, wanted=Wanted.PLAY, trouble=None, crashes=())
        save_run(uow, before, replace(before, hosted=hosted))
    elif order is Order.PLAY and answer_to(before, order) is Answer.ACCEPTED:
        _check_may(uow, before, order, actor)
        check_definition(uow, before, facts)
        save_run(uow, before, apply_order(before, order, uow.now))
    else:
        return give_order(uow, world_id=world_id, order=order, actor=actor, facts=facts)
    record_audit_entry(uow, actor=actor, action=AUDIT_ACTIONS[order], subject=before.world.name)
    return Answer.ACCEPTED


def start_wanted(uow: UnitOfWork, *, world_id: int, facts: MachineFacts) -> Run:
    """Queue the start of a world at rest that is wanted to play, or record why it cannot start.

    Raises WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id)
    try:
        port = check_start(uow, before, facts)
    except DomainError as error:
        trouble = trouble_of(error.details["refusal"], uow.now)
        return save_run(uow, before, before.at_rest(uow.now, trouble))
    after = queue_start(before, uow.now)
    hosted = after.hosted.reserve(port, cost_mib(before.world.properties))
    return save_run(uow, before, replace(after, hosted=hosted))


def check_start(uow: UnitOfWork, run: Run, facts: MachineFacts) -> int:
    """Return the port with which a world can start.

    Raises ORDER_REFUSED for the first condition that is not met, in the order of hosting.md 3.
    """
    name = check_definition(uow, run, facts)
    if facts.missing_java is not None:
        minecraft, needed, found = facts.missing_java
        refuse(RefusalCode.NO_JAVA, minecraft=minecraft, needed=needed, found=found)
    _check_memory(uow, run, facts)
    port = _choose_port(uow, run, facts)
    check_disk(uow, facts)
    if facts.fetch_error:
        refuse(RefusalCode.NOT_FETCHED, version=name, reason=facts.fetch_error.rstrip("."))
    return port


def check_definition(uow: UnitOfWork, run: Run, facts: MachineFacts) -> str:
    """Return the name of a world's version, if what is stored about the world lets it start.

    Raises ORDER_REFUSED.
    """
    world, hosted = run.world, run.hosted
    check_server_open(facts)
    version = version_of_world(uow, world)
    name = str(effective_properties(world.properties)["version"] or "")
    if not name:
        refuse(RefusalCode.NO_VERSION)
    if version is None:
        refuse(RefusalCode.UNKNOWN_VERSION, version=name)
    if hosted.eula is None and not version.no_eula:
        refuse(RefusalCode.EULA)
    if hosted.restoring:
        refuse(RefusalCode.BUSY)
    return name


def check_server_open(facts: MachineFacts) -> None:
    """Raise ORDER_REFUSED where hosting is switched off or the process of coalserver is ending."""
    if not facts.enabled:
        refuse(RefusalCode.HOSTING_OFF)
    if facts.ending:
        refuse(RefusalCode.ENDING)


def check_disk(reader: Reader, facts: MachineFacts) -> None:
    """Raise ORDER_REFUSED where less space is free than the settings keep free."""
    kept = get_settings(reader).disk_free
    if facts.disk_free < kept:
        refuse(RefusalCode.DISK, free=str(facts.disk_free), kept=str(kept))


def _check_memory(uow: UnitOfWork, run: Run, facts: MachineFacts) -> None:
    needed = cost_mib(run.world.properties)
    reserved = sum(one.reserved_mib for one in _others(uow, run.world))
    free = max(0, facts.budget - reserved)
    if needed > free:
        refuse(RefusalCode.MEMORY, needed=str(needed), free=str(free), budget=str(facts.budget))


def _choose_port(uow: UnitOfWork, run: Run, facts: MachineFacts) -> int:
    """Return the fixed port, or the lowest that no world has and nothing is bound to."""
    held = {one.port for one in _others(uow, run.world)}
    own = run.hosted.port
    fixed = effective_properties(run.world.properties)[PORT]
    if isinstance(fixed, int):
        if fixed in held or (fixed in facts.bound_ports and fixed != own):
            refuse(RefusalCode.PORT_TAKEN, port=str(fixed))
        return fixed
    # The range may have been set since the last start.
    if own is not None and facts.first_port <= own <= facts.last_port:
        return own
    others = (world for world in uow.find(World, "active", "") if world.id != run.world.id)
    fixed_elsewhere = {effective_properties(other.properties)[PORT] for other in others}
    taken = held | fixed_elsewhere | facts.bound_ports
    asleep = run.hosted.asleep_port
    if asleep is not None and facts.first_port <= asleep <= facts.last_port and asleep not in taken:
        # Players know the world by this port.
        return asleep
    for port in range(facts.first_port, facts.last_port + 1):
        if port not in taken:
            return port
    refuse(RefusalCode.NO_PORT, first=str(facts.first_port), last=str(facts.last_port))


def _others(uow: UnitOfWork, world: World) -> list[HostedWorld]:
    """Return the other worlds that hold memory or a port."""
    return [one for one in uow.find(HostedWorld, "reserved", "") if one.id != world.id]


def _check_may(uow: UnitOfWork, run: Run, order: Order, actor: int) -> None:
    account = uow.get(Account, actor)
    is_member = account is not None and account.active
    if not (is_member and order is Order.PLAY and run.hosted.members_may_start):
        check_admin(uow, actor)


def refused(code: RefusalCode, **values: str) -> DomainError:
    """Return ORDER_REFUSED with the sentence of a code."""
    refusal = RefusedOrder(code, tuple(values.items()))
    return DomainError(ErrorCode.ORDER_REFUSED, refusal=refusal)


def refuse(code: RefusalCode, **values: str) -> NoReturn:
    """Raise ORDER_REFUSED with the sentence of a code."""
    raise refused(code, **values)


def update_run(uow: UnitOfWork, *, world_id: int, transition: Callable[[Run, float], Run]) -> Run:
    """Apply what a process reports to a hosted world, such as that it is ready.

    `transition` is a function of transitions.py with its further arguments bound. Emits WorldChanged
    and HostedWorldChanged. Raises WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id, archived=True)
    return save_run(uow, before, transition(before, uow.now))


def record_exit(
    uow: UnitOfWork,
    *,
    world_id: int,
    stopping_seen: bool,
    cause: Trouble | None,
    crash_wait: float,
    server_ending: bool = False,
) -> Run:
    """Record that the process of a hosted world has ended; all visits end with it.

    The arguments are those of `transitions.exited`; no saved game is made while the process of
    coalserver is ending. A crash adds an audit entry. Raises WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id, archived=True)
    save_on_pause = get_settings(uow).save_on_pause and not server_ending
    after = exited(
        before,
        uow.now,
        stopping_seen=stopping_seen,
        cause=cause,
        save_on_pause=save_on_pause,
        crash_wait=crash_wait,
    )
    return _after_end(uow, before, after)


def record_crash(uow: UnitOfWork, *, world_id: int, crash_wait: float) -> Run:
    """Record that the process of a hosted world ended with its keeper, which counts as a crash.

    Raises WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id, archived=True)
    return _after_end(uow, before, crashed(before, uow.now, crash_wait))


def _after_end(uow: UnitOfWork, before: Run, after: Run) -> Run:
    mark = PresenceMark(uow.now, uow.new_id(LogLine), MarkKind.SAVED, uow.now)
    log_out_everyone(uow, before.world.id, mark)
    uow.add_visit_mark(before.world.id, mark)
    after = replace(after, world=replace(after.world, last_emptied=mark, empty_since=None))
    if after.hosted.crashes != before.hosted.crashes:
        loops = after.status is WorldStatus.STOPPED
        action = AuditAction.WORLD_CRASH_LOOP if loops else AuditAction.WORLD_CRASHED
        record_audit_entry(uow, actor=TIME, action=action, subject=before.world.name)
    return save_run(uow, before, after)


def record_saved(
    uow: UnitOfWork, *, world_id: int, trouble: Trouble | None = None, played: bool = False
) -> Run:
    """Record that a saved game of a world was made, or was not for a trouble.

    `played`: a player was there since it was begun; players who are there now count too. Raises WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id, archived=True)
    played = played or count_online(uow, world=world_id) > 0
    return save_run(uow, before, saved(before, uow.now, trouble, played=played))


def record_level(uow: UnitOfWork, *, world_id: int, ping: Ping) -> Run:
    """Record what the files of a world say about it: day, time and weather. Raises WORLD_NOT_FOUND."""
    before = get_run(uow, world_id, archived=True)
    return save_run(uow, before, replace(before, world=before.world.with_figures(ping, uow.now)))


def record_saved_game_action(
    uow: UnitOfWork, *, world_id: int, actor: int, action: AuditAction, saved_game: str
) -> None:
    """Record an administrator's action on a saved game. Raises WORLD_NOT_FOUND and ADMIN_REQUIRED."""
    world = get_run(uow, world_id).world
    check_admin(uow, actor)
    record_audit_entry(uow, actor=actor, action=action, subject=world.name, detail=saved_game)


def resume_start(uow: UnitOfWork, *, world_id: int) -> Run:
    """Queue the start of a world that is wanted to play but has no process. Raises WORLD_NOT_FOUND."""
    before = get_run(uow, world_id)
    return save_run(uow, before, queue_start(before, uow.now))


def retry_with_next_port(uow: UnitOfWork, *, world_id: int, facts: MachineFacts) -> Run:
    """Queue the start of a world again with another port, since its own was taken meanwhile.

    Raises WORLD_NOT_FOUND, and ORDER_REFUSED if the port is fixed or no other is free.
    """
    before = get_run(uow, world_id)
    taken = before.hosted.port
    if isinstance(effective_properties(before.world.properties)[PORT], int):
        refuse(RefusalCode.PORT_TAKEN, port=str(taken))
    facts = replace(facts, bound_ports=facts.bound_ports | {taken or 0})
    without = replace(before, hosted=replace(before.hosted, port=None))
    port = _choose_port(uow, without, facts)
    after = queue_start(without, uow.now)
    return save_run(uow, before, replace(after, hosted=replace(after.hosted, port=port)))


def begin_save(uow: UnitOfWork, *, world_id: int, actor: int, facts: MachineFacts) -> Answer:
    """Reserve a hosted world for a saved game; ALREADY if one is being made.

    Raises WORLD_NOT_FOUND, ADMIN_REQUIRED, and ORDER_REFUSED (ending, busy, disk, or for a world
    that is neither running nor stopped).
    """
    before = get_run(uow, world_id)
    check_admin(uow, actor)
    if before.hosted.saving or before.status is WorldStatus.SAVING:
        return Answer.ALREADY
    if before.status not in SAVABLE:
        refuse(RefusalCode.NOT_SAVABLE)
    check_server_open(facts)
    if before.hosted.restoring:
        refuse(RefusalCode.BUSY)
    check_disk(uow, facts)
    save_run(uow, before, replace(before, hosted=replace(before.hosted, saving=True)))
    record_audit_entry(uow, actor=actor, action=AuditAction.WORLD_SAVED, subject=before.world.name)
    return Answer.ACCEPTED


def begin_restore(
    uow: UnitOfWork, *, world_id: int, saved_game: str, actor: int, facts: MachineFacts
) -> None:
    """Reserve a world at rest for the restore of a saved game.

    Raises WORLD_NOT_FOUND, ADMIN_REQUIRED, and ORDER_REFUSED.
    """
    before = get_run(uow, world_id)
    check_admin(uow, actor)
    check_server_open(facts)
    if before.status not in AT_REST:
        refuse(RefusalCode.NOT_STOPPED)
    if before.hosted.restoring or before.hosted.saving:
        refuse(RefusalCode.BUSY)
    save_run(uow, before, replace(before, hosted=replace(before.hosted, restoring=True)))
    record_audit_entry(
        uow,
        actor=actor,
        action=AuditAction.SAVED_GAME_RESTORED,
        subject=before.world.name,
        detail=saved_game,
    )


def end_restore(
    uow: UnitOfWork, *, world_id: int, level_name: str = "", trouble: Trouble | None = None
) -> Run:
    """Record that a restore is over. `level_name`: the folder of the restored world.

    Raises WORLD_NOT_FOUND.
    """
    before = get_run(uow, world_id)
    hosted = replace(before.hosted, restoring=False, trouble=trouble or before.hosted.trouble)
    if level_name:
        hosted = replace(hosted, level_name=level_name)
    return save_run(uow, before, replace(before, hosted=hosted))


def begin_delete(uow: UnitOfWork, *, world_id: int, actor: int) -> None:
    """Remove a hosted world at rest from all lists, and mark its files for deletion.

    Its history stays, as with an archived world. Emits WorldChanged. Raises WORLD_NOT_FOUND,
    ADMIN_REQUIRED, and ORDER_REFUSED.
    """
    run = get_run(uow, world_id)
    check_admin(uow, actor)
    if run.status not in AT_REST:
        refuse(RefusalCode.NOT_STOPPED)
    if run.hosted.restoring or run.hosted.saving:
        refuse(RefusalCode.BUSY)
    record_audit_entry(uow, actor=actor, action=AuditAction.WORLD_DELETED, subject=run.world.name)
    archive_world(uow, world_id=world_id)
    uow.save(HostedWorld(world_id, deleting=True))


def end_delete(uow: UnitOfWork, *, world_id: int) -> None:
    """Record that no file of a deleted world is left."""
    hosted = uow.get(HostedWorld, world_id)
    if hosted is not None and hosted.deleting:
        uow.delete(hosted)


def save_run(uow: UnitOfWork, before: Run, after: Run) -> Run:
    """Save what has changed of a hosted world; emit WorldChanged and HostedWorldChanged."""
    if after == before:
        return after
    if after.hosted != before.hosted:
        uow.save(after.hosted)
    world = save_world(uow, before.world, after.world, before.hosted)
    shown = _shown(after)
    if shown != _shown(before):
        event = HostedWorldChanged(world.id, str(world.status), world.percent)
        uow.emit(event, topics.world(world.id))
    return replace(after, world=world)


def _shown(run: Run) -> tuple[object, ...]:
    """Return what pages show of a run."""
    hosted = run.hosted
    return (
        run.world.status,
        run.world.percent,
        run.world.properties,
        hosted.wanted,
        hosted.trouble,
        hosted.starts_at,
        hosted.eula,
        hosted.saving,
        hosted.restoring,
        hosted.members_may_start,
        hosted.wake_on_connect,
        hosted.killed,
    )
