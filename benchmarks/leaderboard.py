"""Leaderboard: the top 100, a rank and an update with a million players, beside Redis' sorted set.

Measured: microseconds for one of each. coalserver is measured by the calls that the API makes, in this process: the top
100 as players with their data, and an update from the player's new data on, JSON included. Redis is
asked over a Unix socket, one request after the other, by a minimal client; it runs on its own core, stores nothing on
disk, and returns numbers and names only. `redis-server` (Debian's) must be there; without it this is left out.

Not measured: HTTP, which is the same for both; the disk, on which coalserver has an update before it answers. The first
request builds the order; its seconds are printed separately.
"""

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import processes
from benchmarks.plan import Plan
from benchmarks.report import Row, cost_row

#: Requests of each kind in one run, and in one section of it.
REQUESTS, STRETCH = 4_000, 50
GAME, FIELD = "bench", "score"


async def run(plan: Plan) -> list[Row]:
    program = shutil.which("redis-server")
    if program is None:
        print("leaderboard: left out, for there is no redis-server", file=sys.stderr)
        return []
    chance = random.Random(1)
    scores = [chance.randrange(10**7) for _ in range(plan.players)]
    ours = await Ours.made(scores)
    times: dict[str, tuple[list[float], list[float]]] = {}
    with processes.fresh_directory(plan.under) as data, redis(program, data) as other:
        other.load(scores)
        for _ in range(plan.runs):
            some = [chance.randrange(plan.players) + 1 for _ in range(REQUESTS)]
            for what, mine, theirs in (
                ("top 100", ours.top, other.top),
                ("rank", ours.rank, other.rank),
                ("update", ours.update, other.update),
            ):
                both = times.setdefault(what, ([], []))
                both[0].append(timed(mine, some))
                both[1].append(timed(theirs, some))
        if [ours.rank(id) for id in some] != [other.rank(id) for id in some]:
            raise RuntimeError("the two orders differ")
    name = f"leaderboard of {plan.players:,}, beside Redis"
    return [cost_row(f"{name}: {what}", "µs", *both, most=1.0) for what, both in times.items()]


def timed(request: Callable[[int], Any], ids: list[int]) -> float:
    """Return microseconds a request: the median of several sections, which excludes other processes."""
    times = []
    for start in range(0, len(ids), STRETCH):
        began = time.perf_counter()
        for id in ids[start : start + STRETCH]:
            request(id)
        times.append((time.perf_counter() - began) / STRETCH * 1e6)
    return median(times)


def score_of(id: int, turn: int) -> int:
    """Return the next score of a player. Scores are distinct, since Redis orders equal scores by name."""
    return (id * 7919 + turn) % 10**7


class Ours:
    """Create players in a state and their leaderboard."""

    def __init__(self, state: Any, ranking: Any) -> None:
        self.state, self.ranking = state, ranking
        self.turn = 0

    @classmethod
    async def made(cls, scores: list[int]) -> "Ours":
        from coalserver.core.leaderboards import Leaderboards
        from coalserver.core.state import State
        from coalserver.domain.play.player import Player

        state = State(
            Player(id, f"Player {id}", 0, 0, game=GAME, secret_digest=str(id), data=written(score))
            for id, score in enumerate(scores, 1)
        )
        began, longest = time.perf_counter(), 0.0
        making = asyncio.ensure_future(Leaderboards(state).get(GAME, (FIELD,)))
        while not making.done():
            slept = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - slept)
        print(
            f"leaderboard: made in {time.perf_counter() - began:.1f} s, during which others "
            f"waited {longest * 1000:.0f} ms at most",
            file=sys.stderr,
        )
        return cls(state, making.result())

    def top(self, id: int) -> Any:
        from coalserver.core.queries.games import leaderboard_page

        return leaderboard_page(self.state, leaderboard=self.ranking, start=0, limit=100)

    def rank(self, id: int) -> int:
        return int(self.ranking.before(id))

    def update(self, id: int) -> None:
        from coalserver.domain.play.player import Player

        self.turn += 1
        player = self.state.get(Player, id)
        data = written(score_of(id, self.turn))
        self.state.set(Player, id, replace(player, data=data))


def written(score: int) -> bytes:
    return b'{"level":7,"score":%d,"role":"player"}' % score


class Redis:
    """A client for the needed part of the Redis protocol."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._read = self._socket.makefile("rb")
        self.turn = 0

    def load(self, scores: list[int]) -> None:
        for start in range(0, len(scores), 1000):
            some = scores[start : start + 1000]
            pairs = [
                text
                for id, score in enumerate(some, start + 1)
                for text in (b"%d" % -score, b"%09d" % id)
            ]
            self.ask(b"ZADD", b"z", *pairs)

    def top(self, id: int) -> Any:
        return self.ask(b"ZRANGE", b"z", b"0", b"99")

    def rank(self, id: int) -> Any:
        return self.ask(b"ZRANK", b"z", b"%09d" % id)

    def update(self, id: int) -> Any:
        self.turn += 1
        return self.ask(b"ZADD", b"z", b"%d" % -score_of(id, self.turn), b"%09d" % id)

    def ask(self, *words: bytes) -> Any:
        parts = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        self._socket.sendall(b"*%d\r\n%b" % (len(words), parts))
        return self._answer()

    def _answer(self) -> Any:
        line = self._read.readline()
        kind, said = line[:1], line[1:-2]
        if kind == b":":
            return int(said)
        if kind == b"$":
            return self._read.read(int(said) + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(said))]
        raise RuntimeError(f"Redis says {line!r}")

    def close(self) -> None:
        self._read.close()
        self._socket.close()


@contextmanager
def redis(program: str, data: Path) -> Iterator[Redis]:
    """Run a temporary Redis server in memory."""
    path = data / "redis.socket"
    command = (
        program,
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--appendonly",
        "no",
    )
    process = subprocess.Popen(
        command,
        cwd=data,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {processes.SERVER_CORE}),
    )
    try:
        until = time.monotonic() + 10
        while not path.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("Redis does not start")
            time.sleep(0.01)
        opened = Redis(path)
        try:
            yield opened
        finally:
            opened.close()
    finally:
        process.terminate()
        process.wait()
