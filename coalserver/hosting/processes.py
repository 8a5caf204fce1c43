"""Processes of a world: which of them live, and how they are ended.

A process is named by its id, its start time and the id of the boot; ids alone are used again. What the keeper needs too
is in `keeper`, which imports nothing of coalserver.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coalserver.hosting.keeper import (
    ProcessStat,
    boot_id,
    cgroup_members,
    find_members,
    is_alive,
    read_stat,
    send_signal,
    signal_members,
)

__all__ = [
    "EndReport",
    "ProcessStat",
    "boot_id",
    "cgroup_members",
    "end_processes",
    "find_members",
    "is_alive",
    "read_stat",
    "reap",
    "send_signal",
    "signal_members",
    "wait_for_end",
]

#: Between two looks at processes that are being ended.
CHECK_SECONDS = 0.05
#: SIGKILL works at once, but for a process that waits for a broken disk.
KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class EndReport:
    """How processes were ended: those that needed SIGKILL, and those that live all the same."""

    killed: tuple[int, ...] = ()
    left: tuple[int, ...] = ()


async def end_processes(
    find: Callable[[], Sequence[ProcessStat]],
    *,
    term_seconds: float,
    kill_seconds: float = KILL_SECONDS,
    cgroup: str | None = None,
) -> EndReport:
    """Send SIGTERM to processes, and SIGKILL to those that live `term_seconds` later.

    `find` returns the processes that live; it is asked again and again, since they may start others. Prescribed by
    hosting.md, section 6, for what outlives a world's main process or its keeper. With `term_seconds` 0 SIGKILL is
    the first signal.
    """
    loop = asyncio.get_running_loop()
    if term_seconds > 0:
        told: set[tuple[int, int]] = set()
        deadline = loop.time() + term_seconds
        while loop.time() < deadline:
            members = find()
            if not members:
                return EndReport()
            # Each process is asked once: a second SIGTERM makes some programs end without saving.
            new = [stat for stat in members if (stat.pid, stat.start) not in told]
            signal_members(new, signal.SIGTERM)
            told.update((stat.pid, stat.start) for stat in new)
            await asyncio.sleep(CHECK_SECONDS)
    killed: set[int] = set()
    deadline = loop.time() + kill_seconds
    while members := find():
        if loop.time() >= deadline:
            break
        signal_members(members, signal.SIGKILL, cgroup)
        killed.update(stat.pid for stat in members)
        await asyncio.sleep(CHECK_SECONDS)
    return EndReport(tuple(sorted(killed)), tuple(sorted(stat.pid for stat in members)))


async def wait_for_end(pid: int, start: int) -> None:
    """Wait until a process has ended. It need not be a child of this one; returns at once if it is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        stat = read_stat(pid)
        if stat is None or stat.start != start:
            return
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        loop.add_reader(descriptor, _resolve, ended)
        try:
            await ended
        finally:
            loop.remove_reader(descriptor)
    finally:
        os.close(descriptor)


def reap(pid: int) -> None:
    """Wait for a process that has ended, if it is a child of this one: otherwise it stays in the process table."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # A keeper that was adopted is the child of another process.
        pass


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
