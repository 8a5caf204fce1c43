"""Measure, and print a table; see the package."""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.bodies import __doc__ as description
from benchmarks.bodies.client import Case
from benchmarks.bodies.documents import (
    agent_bodies,
    coal_bodies,
    hosts_bodies,
    multiplayer_bodies,
    oauth_bodies,
    rooms_bodies,
)
from benchmarks.bodies.forms import heads, site_forms
from benchmarks.bodies.reads import reads
from benchmarks.bodies.sockets import event_sockets, realtime_messages, sync_messages
from benchmarks.bodies.stage import Stage
from benchmarks.bodies.transports import transports, uploads

ROOT = Path(__file__).parents[2]
#: Repetitions of what is above the least time.
BEST_OF = 5


class Longest:
    """The longest callback of the event loop since `clear`, in seconds of processor time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        run = asyncio.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            began = time.thread_time()
            run(handle)
            self.seconds = max(self.seconds, time.thread_time() - began)

        asyncio.Handle._run = timed  # type: ignore[method-assign]


AREAS: dict[str, Callable[[Stage], Iterator[Case]]] = {
    "rooms": rooms_bodies,
    "multiplayer": multiplayer_bodies,
    "hosts": hosts_bodies,
    "oauth": oauth_bodies,
    "coal": coal_bodies,
    "agents": agent_bodies,
    "forms": site_forms,
    "heads": heads,
    "sync": sync_messages,
    "realtime": realtime_messages,
    "sockets": event_sockets,
    "transports": transports,
    "uploads": uploads,
    "reads": reads,
}


class Result(NamedTuple):
    milliseconds: float
    area: str
    case: Case
    answer: str


async def measure_case(case: Case, longest: Longest, least: float) -> tuple[float, str]:
    """Return the longest piece in milliseconds, the best of five, and the answer."""
    best, answer = float("inf"), ""
    for _ in range(BEST_OF):
        if case.before is not None:
            await asyncio.to_thread(case.before)
        longest.seconds = 0.0
        answer = await asyncio.to_thread(case.send)
        await asyncio.sleep(0)
        best = min(best, longest.seconds * 1000)
        if best < least:
            break
    return best, answer


async def measure(
    areas: Iterable[str],
    least: float,
    run_app: Callable[[], AbstractAsyncContextManager[Any]],
    end: float,
) -> list[Result]:
    longest = Longest()
    found: list[Result] = []
    for area in areas:
        async with run_app() as app:
            stage = await Stage(app).prepare()
            gc.collect()
            gc.freeze()
            gc.disable()
            count, worst = 0, 0.0
            cases = AREAS[area](stage)
            # In a thread, since some requests come before the first case.
            while (case := await asyncio.to_thread(next, cases, None)) is not None:
                milliseconds, answer = await measure_case(case, longest, least)
                count, worst = count + 1, max(worst, milliseconds)
                if milliseconds >= least:
                    found.append(Result(milliseconds, area, case, answer))
                if time.monotonic() > end:
                    print(f"{area}: stopped after {count} requests", file=sys.stderr)
                    break
            gc.enable()
            gc.unfreeze()
        print(f"{area}: {count} requests, longest {worst:.1f} ms", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bodies", description=description)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=", ".join(AREAS))
    parser.add_argument(
        "--min", type=float, default=5.0, metavar="MS", help="least time that is printed"
    )
    parser.add_argument("--checkout", type=Path, default=ROOT, help="folder of the code to measure")
    parser.add_argument("--only", default="", help="part of the name and shape of what is measured")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    options = parser.parse_args()
    sys.path.insert(0, str(options.checkout.resolve()))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("coalserver", "tests")]:
        del sys.modules[name]
    from coalserver.storage.sqlite.store import SqliteStore
    from tests.apis.app import run_test_app

    @asynccontextmanager
    async def run_app() -> AsyncIterator[Any]:
        with TemporaryDirectory() as folder:
            async with run_test_app(SqliteStore(Path(folder) / "store.sqlite3")) as app:
                yield app

    if options.only:
        select(options.only)
    end = time.monotonic() + options.seconds
    found = asyncio.run(measure(options.areas or AREAS, options.min, run_app, end))
    for result in sorted(found, key=lambda one: -one.milliseconds):
        case = result.case
        print(
            f"{result.milliseconds:7.2f}  {result.area:12}{case.name:44}  {case.shape:44}  {result.answer}"
        )
    return 0


def select(part: str) -> None:
    """Measure only cases with a part in their name and shape."""
    for area, cases in list(AREAS.items()):
        AREAS[area] = lambda stage, cases=cases: (  # type: ignore[misc]
            case for case in cases(stage) if part in f"{case.name} {case.shape}"
        )


if __name__ == "__main__":
    sys.exit(main())
