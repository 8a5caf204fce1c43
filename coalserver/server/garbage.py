"""Garbage collection without long pauses (docs/decisions/0068).

A collection stops the event loop, for about half a microsecond for each object that it looks at. So young objects are
looked at often and once. Those that survive wait for a full collection, which comes at a quiet time, and only where the
memory has grown since the last one (docs/decisions/0076).
"""

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

#: Objects that are made, less those that are freed, between two collections of the young ones.
YOUNG_OBJECTS = 5_000
#: Young objects above which they are not looked at before the next full collection: it would take too long.
MAX_YOUNG_OBJECTS = 10_000
#: Python collects older objects only when `GarbageCollection` asks for it.
NEVER = 2**31 - 1
#: Seconds between two collections of the young objects, at least and at most. Python counts the objects that are made,
#: less those that are freed: where each event takes the place of an older one, nothing is counted.
MIN_YOUNG_SECONDS, MAX_YOUNG_SECONDS = 0.01, 0.1
#: Seconds that one of these collections may take: if it takes longer, the next one comes sooner.
YOUNG_PAUSE = 0.002
#: Seconds between two looks at whether it is a quiet time.
CHECK_SECONDS = 60.0
#: Share of a processor below which the loop is quiet, from one look to the next.
QUIET_SHARE = 0.02
#: Seconds between two full collections at least: at quiet times, and if there is no quiet time.
MIN_FULL_SECONDS = 3600.0
MAX_FULL_SECONDS = 24 * 3600.0
#: Blocks of memory (`sys.getallocatedblocks`) as a share of those after the last full collection, and more than these,
#: above which the next one is due: 20,000 listeners take as many.
GROWN_SHARE, MIN_GROWN_BLOCKS = 1.5, 1_000_000
#: The same, above which it is due at any time: a flood of what leaves cycles, while the server is busy.
URGENT_SHARE, MIN_URGENT_BLOCKS = 4, 5_000_000
#: Objects frozen since the start, as a share of those of the start, above which a full collection at a quiet time looks
#: at all of them: with a million players that takes seconds.
THAW_SHARE = 0.25
#: Seconds of a collection of young objects above which it is logged.
LONG_SECONDS = 0.005


class GarbageCollection:
    """Collects the young objects by number and by time, and all objects since the start at quiet times.

    What exists at `start` is not looked at again: entities hold no cycles, and the rest lives as long as the server.
    `steady` and `busy` return seconds: the time, and the processor time of this thread. `blocks` returns how much
    memory objects take.
    """

    def __init__(
        self,
        steady: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.thread_time,
        blocks: Callable[[], int] = sys.getallocatedblocks,
    ) -> None:
        self._steady, self._busy, self._blocks = steady, busy, blocks
        self._collected_at = self._checked_at = steady()
        self._busy_at_check = busy()
        self._began_at = 0.0
        #: Seconds until the next collection of young objects.
        self._young_seconds = MAX_YOUNG_SECONDS
        #: Objects that the start has frozen, and those that were frozen since.
        self._frozen = self._frozen_since = 0
        self._former_threshold = gc.get_threshold()
        #: Blocks after the last full collection, or the fewest since.
        self._least_blocks = 0

    def start(self) -> None:
        """Free what the start has left and keep the rest out of the later collections."""
        gc.collect()
        gc.freeze()
        self._frozen, self._frozen_since = gc.get_freeze_count(), 0
        self._former_threshold = gc.get_threshold()
        gc.set_threshold(YOUNG_OBJECTS, NEVER, NEVER)
        gc.callbacks.append(self._on_collection)
        self._collected_at = self._steady()
        self._least_blocks = self._blocks()

    def stop(self) -> None:
        """Undo `start`: the next full collection looks at everything."""
        gc.callbacks.remove(self._on_collection)
        gc.set_threshold(*self._former_threshold)
        gc.unfreeze()

    async def run(self) -> None:
        """Collect until cancelled; to be called after `start`."""
        try:
            while True:
                await asyncio.sleep(self._young_seconds)
                self.run_once()
        finally:
            self.stop()

    def run_once(self) -> None:
        """Collect what is due now: the young objects or, seldom, all."""
        now = self._steady()
        if now - self._checked_at >= CHECK_SECONDS:
            busy = self._busy()
            share = (busy - self._busy_at_check) / (now - self._checked_at)
            self._checked_at, self._busy_at_check = now, busy
            quiet = share < QUIET_SHARE
            is_time = now - self._collected_at >= (MIN_FULL_SECONDS if quiet else MAX_FULL_SECONDS)
            blocks = self._blocks()
            least = self._least_blocks = min(self._least_blocks, blocks)
            is_worth_it = blocks > max(least * GROWN_SHARE, least + MIN_GROWN_BLOCKS)
            is_urgent = blocks > max(least * URGENT_SHARE, least + MIN_URGENT_BLOCKS)
            if is_urgent or (is_time and is_worth_it):
                self._collect_fully(thaw=quiet and self._frozen_since > self._frozen * THAW_SHARE)
                return
        began = time.perf_counter()
        gc.collect(0)
        pause = max(time.perf_counter() - began, 1e-6)
        self._young_seconds = min(
            max(self._young_seconds * YOUNG_PAUSE / pause, MIN_YOUNG_SECONDS), MAX_YOUNG_SECONDS
        )

    def _collect_fully(self, *, thaw: bool) -> None:
        began = time.perf_counter()
        if thaw:
            gc.unfreeze()
        freed = gc.collect()
        if thaw:
            gc.freeze()
            self._frozen_since = max(gc.get_freeze_count() - self._frozen, 0)
        self._collected_at = self._steady()
        self._least_blocks = self._blocks()
        seconds = time.perf_counter() - began
        log.info(
            "A full garbage collection took %.0f ms and freed %d objects.", seconds * 1e3, freed
        )

    def _on_collection(self, phase: str, info: dict[str, Any]) -> None:
        if info["generation"]:
            return
        if phase == "start":
            # Counted without a step of the interpreter in between: as long as the list refers to a tuple that another
            # thread is building, that thread can fail with a SystemError.
            [young] = map(len, map(gc.get_objects, (0,)))
            if young > MAX_YOUNG_OBJECTS:
                # Thousands of connections came or went at once.
                gc.freeze()
                self._frozen_since += young
            self._began_at = time.perf_counter()
            return
        seconds = time.perf_counter() - self._began_at
        if seconds > LONG_SECONDS:
            log.debug(
                "A collection of young objects took %.1f ms and freed %d.",
                *(seconds * 1e3, info["collected"]),
            )
