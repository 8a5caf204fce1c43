"""Housekeeping: commands that are due because time has passed."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from coalserver.core.absence import Absence
from coalserver.core.commands.cleanup import mark_silent_worlds, suspend_quiet_visits
from coalserver.core.engine import Core
from coalserver.core.expiry import Expiry
from coalserver.core.ingest import last_line_at
from coalserver.core.ports import StoreFailed
from coalserver.core.queries.worlds import count_online, silent_worlds, unpinged_worlds
from coalserver.core.steps import portions

log = logging.getLogger(__name__)

#: Seconds between two checks of presence, of expired values, and of events and guests.
PRESENCE_INTERVAL = 1.0
#: Seconds between two checks of presence after which the process counts as interrupted.
INTERRUPTION_SECONDS = 10.0
SWEEP_INTERVAL = 60.0
#: Visitors whom one command logs out, and how many of them a world counts as.
MAX_WORK, WORLD_WORK = 300, 3
#: Microseconds in which searches are prepared after a check of presence, about.
PREPARING_WORK = 50_000
RETENTION_INTERVAL = 3600.0
#: An import of old lines that adds no newer one for this long has ended, or waits.
IMPORT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long values are kept, in seconds; `min_event_count` events are kept whatever their age."""

    away_after: float = 75
    closed_seconds: float = 86400
    idle_room_seconds: float = 7 * 86400
    event_seconds: float = 7 * 86400
    min_event_count: int = 10_000


class Housekeeping:
    """Runs until cancelled. A failure is logged and does not stop the other steps."""

    def __init__(self, core: Core, retention: RetentionPolicy) -> None:
        self._core = core
        self._retention = retention
        self._absence = Absence(core, retention.away_after, self._run_logged)
        self._expiry = Expiry(
            core,
            closed_seconds=retention.closed_seconds,
            idle_seconds=retention.idle_room_seconds,
        )
        self._swept_at = self._retention_applied_at = core.clocks.steady()
        #: Of worlds without pings: the time of the newest line, and since when it has been the newest.
        self._newest_lines: dict[int, tuple[float, float]] = {}

    async def run(self) -> None:
        """Call `run_once` every second."""
        steady = self._core.clocks.steady
        while True:
            before = steady()
            await asyncio.sleep(PRESENCE_INTERVAL)
            if steady() - before >= INTERRUPTION_SECONDS:
                # A paused process or virtual machine: no request could arrive meanwhile.
                await self._resume_all(steady())
            await self.run_once()

    async def run_once(self) -> None:
        """Execute everything that is due now."""
        clocks = self._core.clocks
        now = clocks.steady()
        if clocks.check():
            log.warning("The clock was changed. All players count as present for now.")
            await self._resume_all(now)
            self._absence.restart()
            self._expiry.restart()
        await self._absence.run_once(now)
        await self._core.prepare_searches(PREPARING_WORK)
        if clocks.in_doubt:
            # A wrong time may be corrected again; what is deleted by it is lost.
            return
        if now - self._swept_at >= SWEEP_INTERVAL:
            self._swept_at = now
            await self._run_logged(self._expiry.run_once)
            await self._run_logged(self._check_worlds)
        if now - self._retention_applied_at >= RETENTION_INTERVAL:
            self._retention_applied_at = now
            retention = self._retention
            await self._core.delete_expired_entries(
                self._core.now - retention.event_seconds, retention.min_event_count
            )
            await self._run_logged(self._core.delete_expired_samples)
            await self._run_logged(self._expiry.delete_expired_guests)

    async def _resume_all(self, now: float) -> None:
        for _ in self._core.presence.resume_all(now):
            await asyncio.sleep(0)

    async def _check_worlds(self) -> None:
        """Note the worlds whose agents are silent, and suspend the visits to them."""
        core = self._core
        last_lines = await self._last_lines(await core.query_in_steps(silent_worlds, now=core.now))
        for some in portions(last_lines, self._work_of, MAX_WORK):
            lines = {id: last_lines[id] for id in some}
            await core.execute(mark_silent_worlds, last_lines=lines, ids=some)
        quiet = await self._quiet_worlds()
        for some in portions(quiet, self._work_of, MAX_WORK):
            await core.execute(suspend_quiet_visits, last_lines={id: quiet[id] for id in some})

    def _work_of(self, world: int) -> int:
        return WORLD_WORK + self._core.query(count_online, world=world)

    async def _quiet_worlds(self) -> dict[int, float]:
        """Return the newest lines of worlds without pings that have had no newer one for IMPORT_SECONDS.

        Old lines come while a history is imported: their times do not tell that it has ended.
        """
        steady = self._core.clocks.steady()
        worlds = await self._core.query_in_steps(unpinged_worlds, now=self._core.now)
        newest = await self._last_lines(worlds)
        self._newest_lines = {
            world: known
            if (known := self._newest_lines.get(world)) and known[0] == last_line
            else (last_line, steady)
            for world, last_line in newest.items()
        }
        return {
            world: last_line
            for world, (last_line, since) in self._newest_lines.items()
            if steady - since >= IMPORT_SECONDS
        }

    async def _last_lines(self, worlds: Iterable[int]) -> dict[int, float]:
        """Return the times of the newest lines of worlds, without lines of the future."""
        core = self._core
        return {world: await last_line_at(core, world, before=core.now + 1) for world in worlds}

    async def _run_logged(self, task: Callable[..., Any], *items: Any) -> None:
        try:
            await task(*items)
        except (StoreFailed, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("Housekeeping failed: %s %s", task.__name__.strip("_"), items or "")
