"""Ingestion: repeated lines, restarts and slow stores give the same history."""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core import topics
from coalserver.core.commands.ingest import log_batch
from coalserver.core.commands.worlds import create_world
from coalserver.core.engine import Core
from coalserver.core.ingest import ingest_lines
from coalserver.core.ports import LineQuery, VisitQuery
from coalserver.core.queries.worlds import active_worlds, visitors_of_world
from coalserver.core.state import RecentDigests
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.minecraft.events import LineLogged
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite.store import SqliteStore
from tests.core.stores import DelayingStore
from tests.core.worlds import DAY, chat, log_line, login, logout, parse_all

NOON = DAY + 12 * 3600
LOG = [
    log_line("10:00:00", "Starting minecraft server version 1.21.4"),
    login("10:05:00"),
    log_line("10:05:00", "Ada joined the game"),
    chat("10:05:30", "anybody here?"),
    login("10:06:00", "Bob"),
    chat("10:06:01", "hi", "Bob"),
    chat("10:06:02", "hi"),
    log_line("10:07:00", "Ada was slain by Bob"),
    log_line("10:07:30", "Bob has made the advancement [Monster Hunter]"),
    logout("10:08:00"),
    log_line("10:08:00", "Ada left the game"),
    "java.lang.NullPointerException: nothing",
    "    at net.minecraft.Thing.tick(Thing.java:7)",
    log_line("10:09:00", "Stopping server"),
    log_line("10:10:00", "Starting minecraft server version 1.21.5"),
    login("10:11:00"),
    chat("10:12:00", "so?"),
]


@asynccontextmanager
async def run_core(store):
    """Run a core over a store, with one world."""
    core = await Core.recover(store, CoreContext(lambda: NOON, random.Random(1)))
    writing = asyncio.create_task(core.writer.run())
    try:
        if not core.query(active_worlds):
            await core.execute(create_world, name="World")
        yield core
    finally:
        core.writer.close()
        await writing
        await store.close()


async def history(core):
    """Return everything stored of a world, without ids, which depend on the order of arrival."""
    lines = await core.history.lines(LineQuery(1), 1000)
    words = [
        await core.history.lines(LineQuery(1, words=one), 1000) for one in ("hi", "thing", "bob")
    ]
    visits = await core.history.visits(VisitQuery(1), 1000)
    visitors = core.query(visitors_of_world, world=1)
    entries, _ = await core.entries([topics.world(1)], -1, 1000)
    logged = sorted(one.event.line.line for one in entries if isinstance(one.event, LineLogged))
    return (
        [(one.line, one.tags, one.username) for one in lines],
        [[one.line for one in found] for found in words],
        [(one.visit.username, one.visit.login.at, one.visit.ended_at) for one in visits],
        [(one.name, one.online, one.last_login) for one in visitors],
        logged,
    )


async def expected_history(store):
    async with run_core(store) as core:
        assert await ingest_lines(core, world_id=1, parsed_lines=parse_all(LOG)) == [True] * len(
            LOG
        )
        return await history(core)


@pytest.fixture(params=["memory", "sqlite"])
def open_store(request, tmp_path):
    """A function that opens the same store again."""
    memory = MemoryStore()
    if request.param == "memory":
        return lambda: memory
    return lambda: SqliteStore(tmp_path / "store.sqlite3")


async def test_log_gives_lines_visits_and_visitors(open_store):
    lines, words, visits, visitors, logged = await expected_history(open_store())
    assert len(lines) == len(LOG) - 2
    assert len(words[0]) == 2
    assert sorted(logged) == sorted(LOG)
    assert visits == [
        ("Ada", DAY + 10 * 3600 + 660, None),
        ("Bob", DAY + 10 * 3600 + 360, DAY + 10 * 3600 + 540),
        ("Ada", DAY + 10 * 3600 + 300, DAY + 10 * 3600 + 480),
    ]
    assert visitors == [
        ("Ada", True, DAY + 10 * 3600 + 660),
        ("Bob", False, DAY + 10 * 3600 + 360),
    ]


async def test_lines_repeated_after_a_restart_are_duplicates(open_store):
    expected = await expected_history(open_store())
    async with run_core(open_store()) as core:
        assert await ingest_lines(core, world_id=1, parsed_lines=parse_all(LOG)) == [False] * len(
            LOG
        )
        assert await history(core) == expected


async def test_batches_repeated_after_a_restart_are_duplicates(open_store):
    params = {"world_id": 1, "source": "log", "parsed_lines": parse_all(LOG)}
    numbers = range(1, len(LOG) + 1)
    async with run_core(open_store()) as core:
        assert await core.execute(log_batch, **params, sequences=numbers) == (len(LOG), len(LOG))
        expected = await history(core)
    async with run_core(open_store()) as core:
        assert await core.execute(log_batch, **params, sequences=numbers) == (len(LOG), 0)
        assert await history(core) == expected


sends = some.lists(some.tuples(some.integers(0, len(LOG)), some.integers(1, 8)), max_size=12)


@settings(deadline=None, max_examples=30)
@given(sends, some.integers(0, 3), some.integers())
async def test_any_order_of_repeats_and_restarts_gives_the_same_history(
    tmp_path_factory, repeats, restarts, seed
):
    """Lines are first sent in order; lines that are stored may be repeated at any time.

    Not those in flight: a start reads the last line before it, and a later line would overtake it.
    """
    expected = await expected_history(MemoryStore())
    rng = random.Random(seed)
    path = tmp_path_factory.mktemp("intake") / "store.sqlite3"
    sent, pending_repeats = 0, list(repeats)
    for round in range(restarts + 1):
        async with run_core(SqliteStore(path)) as core:
            last = len(LOG) if round == restarts else rng.randrange(sent, len(LOG) + 1)
            while sent < last or (round == restarts and pending_repeats):
                batches, stored_before = [], sent
                if sent < last:
                    size = rng.randrange(1, 5)
                    batches.append(LOG[sent : min(last, sent + size)])
                    sent = min(last, sent + size)
                if pending_repeats:
                    start, size = pending_repeats.pop()
                    batches.append(LOG[:stored_before][start : start + size])
                await asyncio.gather(
                    *(
                        ingest_lines(core, world_id=1, parsed_lines=parse_all(some))
                        for some in batches
                    )
                )
            stored = await history(core)
    assert stored == expected


@settings(deadline=None, max_examples=30)
@given(some.integers(), some.integers(2, 6))
async def test_concurrent_senders_of_the_same_lines_give_one_history(seed, senders):
    """While the history is queried for one sender, lines of the others are stored: none twice."""
    expected = await expected_history(MemoryStore())
    async with run_core(DelayingHistory(random.Random(seed))) as core:
        core.state.recent = RecentDigests(max_size=4)
        for start in range(0, len(LOG), 4):
            chunk = parse_all(LOG[start : start + 4])
            found = await asyncio.gather(
                *(ingest_lines(core, world_id=1, parsed_lines=chunk) for _ in range(senders))
            )
            assert [sum(new) for new in zip(*found, strict=True)] == [1] * len(chunk)
        assert await history(core) == expected


async def test_numbered_lines_do_not_displace_the_digests_of_single_ones():
    """They are told by their numbers: a batch of them must not make each single line ask the history again."""
    async with run_core(MemoryStore()) as core:
        core.state.recent = RecentDigests(max_size=4)
        assert await ingest_lines(core, world_id=1, parsed_lines=parse_all(LOG[:3])) == [True] * 3
        digests, written = {*core.state.recent.digests}, core.state.recent.written
        numbered = parse_all(LOG[3:9])
        result = await core.execute(
            log_batch, world_id=1, source="file", parsed_lines=numbered, sequences=range(1, 7)
        )
        assert result.new == 6
        assert core.state.recent.covers(written)
        assert core.state.recent.digests == digests
        assert await ingest_lines(core, world_id=1, parsed_lines=parse_all(LOG[:3])) == [False] * 3
        assert core.state.recent.written == written == 3


class DelayingHistory(DelayingStore):
    """A store that delays queries of the history as well."""

    async def existing_digests(self, digests):
        await self._delay()
        found = await super().existing_digests(digests)
        await self._delay()
        return found


async def test_older_log_received_last_keeps_newer_visits(open_store):
    async with run_core(open_store()) as core:
        await ingest_lines(core, world_id=1, parsed_lines=parse_all(LOG))
        now = await history(core)
        old = [line.replace("2024-01-01", "2023-06-01") for line in LOG if line.startswith("2024")]
        await ingest_lines(core, world_id=1, parsed_lines=parse_all(old))
        then = await history(core)
        assert then[3] == now[3]
        assert then[0][: len(now[0])] == now[0]
        assert [visit[:1] for visit in then[2]] == [("Ada",), ("Bob",), ("Ada",)] * 2
        assert [visit[2] is None for visit in then[2]] == [True] + [False] * 5
