"""Long work with files, in a thread of its own with low priority."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from coalserver.hosting.save_errors import Stopped

T = TypeVar("T")

#: The lowest priority. Linux derives that of the disk from it.
NICENESS = 19


class Progress:
    """What a thread reports, and whether it is to stop. `report` gets whole percents, in the thread."""

    def __init__(self, report: Callable[[int], None] | None = None) -> None:
        self._report = report
        self._stopped = threading.Event()
        self._percent = -1
        self._from, self._to = 0, 100

    def stop(self) -> None:
        """Ask the work to stop. It raises Stopped at the next chunk of a file."""
        self._stopped.set()

    def check(self) -> None:
        """Raise Stopped if the work is to stop."""
        if self._stopped.is_set():
            raise Stopped

    def part(self, start: int, end: int) -> None:
        """Let what `update` reports from now on stand for the percents from `start` to `end`."""
        self._from, self._to = start, end

    def update(self, done: int, total: int) -> None:
        """Report how much is done, and raise Stopped if the work is to stop."""
        self.check()
        share = min(done, total) / total if total else 1.0
        percent = self._from + int(share * (self._to - self._from))
        if percent > self._percent:
            self._percent = percent
            if self._report:
                self._report(percent)


async def run_in_background(
    work: Callable[[Progress], T], report: Callable[[int], None] | None = None
) -> T:
    """Run blocking work in a new thread with low priority and return its result.

    `report` gets percents, in the event loop. A cancelled caller waits until the work has noticed it and tidied up.
    """
    loop = asyncio.get_running_loop()

    def pass_on(percent: int) -> None:
        if report:
            # The loop may have ended.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(report, percent)

    progress = Progress(pass_on)
    executor = ThreadPoolExecutor(1, "saved-games", _lower_priority)
    future = loop.run_in_executor(executor, work, progress)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        progress.stop()
        await asyncio.wait((future,))
        future.exception()
        raise
    finally:
        executor.shutdown(wait=False)


def _lower_priority() -> None:
    # On Linux this is the priority of the thread, not of the process.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
