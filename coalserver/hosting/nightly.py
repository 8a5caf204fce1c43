"""The nightly saved games: of each world in which a player was since its last one (hosting.md, section 9)."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from coalserver.core.queries.hosting import get_run, hosted_worlds
from coalserver.domain.audit import TIME
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.log.dates import find_zone
from coalserver.hosting.context import HostingContext
from coalserver.hosting.log_texts import error_text
from coalserver.media.files import write_private

log = logging.getLogger(__name__)

#: File in the folder of hosting with the last time at which saves were due.
STATE = "nightly.json"
DAY = 86_400.0
#: Seconds between two looks at the clock, which can be set at any time.
MIN_WAIT_SECONDS, MAX_WAIT_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class LastNight:
    """The last time at which saves were due, and the settings that it followed from."""

    at: float
    save_at: str
    save_zone: str


def due_before(now: float, save_at: str, save_zone: str) -> float:
    """Return the latest time, not after `now`, at which saves are due: a unixtime.

    There is one a day. A time that the clocks skip in spring counts as the hour after; of one that comes twice in
    autumn the first counts.
    """
    tz = find_zone(save_zone) or UTC
    wall = time.fromisoformat(save_at)
    today = datetime.fromtimestamp(now, tz).date()
    days = (today + timedelta(days=offset) for offset in (1, 0, -1))
    moments = (datetime.combine(day, wall, tz).timestamp() for day in days)
    return max(moment for moment in moments if moment <= now)


def next_night(last: LastNight | None, now: float, save_at: str, save_zone: str) -> LastNight:
    """Return the last time at which saves were due. It differs from `last` where a round is to be made.

    At first, after a change of the settings, and where the clock was far ahead before, nothing is due.
    """
    due = LastNight(due_before(now, save_at, save_zone), save_at, save_zone)
    if last is None or (last.save_at, last.save_zone) != (save_at, save_zone):
        return due
    if last.at > now + DAY:
        return due
    return due if due.at > last.at else last


class NightlySaves:
    """Makes the nightly saved games."""

    def __init__(
        self, context: HostingContext, save: Callable[[int, int], Awaitable[object]]
    ) -> None:
        """`save` makes a saved game of a world for an actor."""
        self._context, self._core, self._save = context, context.core, save
        self._path: Path = context.options.folder / STATE
        self._last: LastNight | None = None
        self._is_read = False
        #: Worlds that were neither running nor stopped when it was time.
        self._left: set[int] = set()

    def seconds_left(self) -> float:
        """Return after how many seconds `run_due` is to be called again."""
        settings, now = self._context.settings, self._core.now
        last = due_before(now, settings.save_at, settings.save_zone)
        return min(MAX_WAIT_SECONDS, max(MIN_WAIT_SECONDS, last + DAY - now))

    async def run_due(self) -> None:
        """Make the saved games that are due."""
        if not self._context.options.enabled:
            return
        if not self._is_read:
            self._last = await asyncio.to_thread(_read, self._path)
            self._is_read = True
        settings, before = self._context.settings, self._last
        last = next_night(before, self._core.now, settings.save_at, settings.save_zone)
        if last != before:
            if _is_new_round(before, last):
                self._left = {world.id for world in self._core.query(hosted_worlds)}
            self._last = last
            try:
                await asyncio.to_thread(_write, self._path, last)
            except OSError as error:
                log.warning("%s cannot be written: %s", self._path, error)
        for world_id in sorted(self._left):
            if await self._is_done(world_id):
                self._left.discard(world_id)

    async def _is_done(self, world_id: int) -> bool:
        """Return whether nothing is left to do for a world this night."""
        try:
            run = self._core.query(get_run, world_id=world_id)
            if not run.hosted.played_since_save:
                return True
            await self._save(world_id, TIME)
        except DomainError as error:
            log.info("World %d is not saved now: %s", world_id, error_text(error))
            return "refusal" not in error.details
        return True


def _is_new_round(before: LastNight | None, after: LastNight) -> bool:
    """Return whether the time has come, rather than that the settings or the clock have changed."""
    if before is None or (before.save_at, before.save_zone) != (after.save_at, after.save_zone):
        return False
    return after.at > before.at


def _read(path: Path) -> LastNight | None:
    try:
        document = json.loads(path.read_bytes())
        return LastNight(
            float(document["at"]), str(document["save_at"]), str(document["save_zone"])
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write(path: Path, last: LastNight) -> None:
    if not path.parent.is_dir():
        return
    document = {"at": last.at, "save_at": last.save_at, "save_zone": last.save_zone}
    write_private(path, json.dumps(document).encode())
