"""Batches of numbered lines: much work is done by several commands, and nobody can tell by the result."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core import ingest
from coalserver.core.commands.ingest import stored_sequence
from coalserver.core.commands.worlds import archive_world
from coalserver.core.ingest import ingest_batch
from coalserver.core.log_import import FileImport
from coalserver.core.ports import StoreFailed
from coalserver.core.queries.worlds import count_online
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.log.parser import join_chats
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.storage import codec
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite.store import SqliteStore
from tests.core.stores import BlockingStore
from tests.core.test_ingest import LOG, history, run_core
from tests.core.worlds import chat, log_line, login, parse_all

START = log_line("11:00:00", "Starting minecraft server version 1.21.4")


def newcomers(count, first=0):
    return [log_line("10:00:00", f"N{first + one:04} joined the game") for one in range(count)]


async def send(core, lines, first=1, source="log", after=0):
    parsed_lines = parse_all(lines)
    join_chats(parsed_lines)
    return await ingest_batch(
        core,
        world_id=1,
        source=source,
        parsed_lines=parsed_lines,
        sequences=range(first, first + len(lines)),
        after=after,
    )


def sizes(store):
    """Return how many lines each batch of the store had."""
    return [len(batch.lines) for batch in store.batches if batch.lines]


async def test_many_new_players_are_stored_by_several_commands():
    store = BlockingStore()
    async with run_core(store) as core:
        assert await send(core, newcomers(1000)) == (1000, 1000)
        assert max(sizes(store)) * ingest.PLAYER_WORK <= ingest.MAX_WORK
        assert sum(sizes(store)) == 1000
        assert core.query(count_online, world=1) == 1000


async def test_lines_of_known_players_are_stored_by_one_command():
    """As the agent sends them: 500 lines, of which some are logins."""
    store = BlockingStore()
    async with run_core(store) as core:
        lines = [*newcomers(50), *[chat("10:01:00", "hi", f"N{one % 50:04}") for one in range(450)]]
        assert (await send(core, lines)).new == 500
        assert sizes(store) == [500]


async def test_long_lines_that_resemble_deaths_are_stored_by_several_commands():
    store = BlockingStore()
    async with run_core(store) as core:
        lines = [log_line("10:00:00", "Ada was slain by " + "a " * 480)] * 1000
        assert (await send(core, lines)).new == 1000
        assert max(sizes(store)) <= 150


async def test_restarts_of_a_full_world_are_stored_one_by_one():
    store = BlockingStore()
    async with run_core(store) as core:
        await send(core, newcomers(1000))
        store.batches.clear()
        # What those who are logged out by the first one cost is over before the others are counted.
        assert (await send(core, [START] * 100, first=1001)).new == 100
        assert sizes(store)[0] == 1
        assert max(sizes(store)) * ingest.WORLD_WORK <= ingest.MAX_WORK
        assert core.query(count_online, world=1) == 0


async def test_the_store_reads_only_visits_that_can_have_been_open(tmp_path, monkeypatch):
    """A restart reads no visit of the day that had ended, however it has."""
    read = []
    load = codec.history_values.load
    async with run_core(SqliteStore(tmp_path / "store.sqlite3")) as core:
        left = [log_line("10:30:00", f"N{one:04} left the game") for one in range(100)]
        await send(core, [*newcomers(150), *left, START], source="first")
        assert core.query(count_online, world=1) == 0
        here = [log_line("11:30:00", f"M{one} joined the game") for one in range(3)]
        await send(core, here, source="second")
        monkeypatch.setattr(
            codec.history_values,
            "load",
            lambda name, document: read.append(name) or load(name, document),
        )
        stop = log_line("11:40:00", "Stopping server")
        await send(core, [stop, stop, stop], source="third")
        # Once to find them, and once for each to end it.
        assert read == ["Visit"] * 6


async def test_a_restart_looks_only_at_those_who_were_there(monkeypatch):
    """A world can have a hundred thousand players who left long ago."""
    looked_at = []
    is_affected_by = Visitor.is_affected_by
    async with run_core(MemoryStore()) as core:
        await send(core, newcomers(300))
        await send(core, [START], source="console")
        await send(core, [log_line("11:30:00", f"M{one} joined the game") for one in range(3)], 301)
        monkeypatch.setattr(
            Visitor,
            "is_affected_by",
            lambda self, mark: looked_at.append(self.name) or is_affected_by(self, mark),
        )
        await send(core, [log_line("11:40:00", "Stopping server")], 304)
        assert sorted(looked_at) == ["M0", "M1", "M2"]
        looked_at.clear()
        # An old one: all visits began later.
        await send(core, [log_line("09:00:00", "Stopping server")], source="old")
        assert looked_at == []
        # Between the logins and the restart that ended those visits.
        await send(core, [log_line("10:30:00", "Stopping server")], source="older")
        assert len(looked_at) == 300


@pytest.fixture
def single_lines(monkeypatch):
    """Each line is a part, if it has a header."""
    monkeypatch.setattr(ingest, "MAX_WORK", 1)


LINES = [
    *LOG,
    chat("10:13:00", "first"),
    "  at second.Thing",
    "third",
    login("10:13:30", "Cyd"),
    log_line("10:14:00", "Cyd joined the game"),
    log_line("10:14:10", "Starting minecraft server version 1.21.5"),
    log_line("10:14:20", "Dan joined the game"),
    chat("10:14:20", "so?"),
    "no header",
]


@settings(deadline=None, max_examples=60)
@given(some.lists(some.integers(1, 8), max_size=8), some.integers(1, 60))
async def test_parts_give_what_one_command_gives(cuts, max_work):
    """Whatever lines come together, and however much one command does."""
    found, first = [], 1
    stores = MemoryStore(), MemoryStore()
    before = ingest.MAX_WORK
    try:
        async with run_core(stores[0]) as one, run_core(stores[1]) as many:
            for size in [*cuts, len(LINES)]:
                some_lines = LINES[first - 1 : first - 1 + size]
                results = []
                for core, work in ((one, 1 << 60), (many, max_work)):
                    ingest.MAX_WORK = work
                    results.append(await send(core, some_lines, first))
                assert results[0] == results[1]
                first += len(some_lines)
            for core in (one, many):
                found.append(await history(core))
    finally:
        ingest.MAX_WORK = before
    assert found[0] == found[1]


@settings(deadline=None, max_examples=30)
@given(some.permutations(LINES))
async def test_parts_in_any_order_give_what_batches_of_their_own_give(lines):
    """Late lines move the ends of visits that a start has ended, if they come after it."""
    lines = [line for line in lines if line.startswith("2024")]
    found = []
    before, ingest.MAX_WORK = ingest.MAX_WORK, 1
    try:
        for size in (1, len(lines)):
            async with run_core(MemoryStore()) as core:
                for start in range(0, len(lines), size):
                    await send(core, lines[start : start + size], start + 1)
                found.append(await history(core))
    finally:
        ingest.MAX_WORK = before
    assert found[0] == found[1]


async def test_a_crash_between_two_commands_loses_and_doubles_nothing(single_lines):
    whole = MemoryStore()
    async with run_core(whole) as core:
        await send(core, LINES)
        expected = await history(core)
    store = FailingStore(5)
    with pytest.raises(OSError, match="full"):
        async with run_core(store) as core:
            with pytest.raises(StoreFailed):
                await send(core, LINES)
    async with run_core(store) as core:
        stored = core.query(stored_sequence, world_id=1, source="log")
        assert 0 < stored < len(LINES)
        assert await send(core, LINES) == (len(LINES), len(LINES) - stored)
        assert await history(core) == expected


class FailingStore(BlockingStore):
    """A store that fails once, at the given write of lines."""

    def __init__(self, write):
        super().__init__()
        self._left = write

    async def write(self, batch):
        self._left -= bool(batch.lines)
        if not self._left:
            self._left -= 1
            raise OSError("disk full")
        await super().write(batch)


async def test_other_requests_run_between_two_parts_and_the_next_batch_waits(single_lines):
    """A later batch of the source must not overtake the rest of this one, which would count as stored."""
    store = BlockingStore()
    async with run_core(store) as core:
        store.block_writes()
        first = asyncio.create_task(send(core, newcomers(20)))
        second = asyncio.create_task(send(core, newcomers(5, 20), first=21))
        other = asyncio.create_task(send(core, newcomers(1, 30), source="other"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        store.unblock_writes()
        await other
        assert not first.done()
        assert await first == (20, 20)
        assert await second == (25, 5)
        assert core.query(count_online, world=1) == 26


async def test_an_invalid_number_at_the_end_leaves_nothing_stored(single_lines):
    store = BlockingStore()
    async with run_core(store) as core:
        with pytest.raises(DomainError) as caught:
            await ingest_batch(
                core,
                world_id=1,
                source="log",
                parsed_lines=parse_all(newcomers(3)),
                sequences=[1, 2, 2],
            )
        assert caught.value.code is ErrorCode.INVALID_REQUEST
        assert sizes(store) == []


async def test_a_batch_after_lines_that_are_lost_is_not_stored(single_lines):
    store = BlockingStore()
    async with run_core(store) as core:
        assert await send(core, newcomers(3), first=11, after=10) == (0, 0)
        assert sizes(store) == []


async def test_a_later_part_that_fails_raises_as_if_all_had_come_later(single_lines):
    store = BlockingStore()
    async with run_core(store) as core:
        store.block_writes()
        sending = asyncio.create_task(send(core, newcomers(3)))
        await asyncio.sleep(0.01)
        archived = asyncio.create_task(core.execute(archive_world, world_id=1))
        await asyncio.sleep(0)
        store.unblock_writes()
        await archived
        with pytest.raises(DomainError) as caught:
            await sending
        assert caught.value.code is ErrorCode.WORLD_NOT_FOUND
        assert core.query(stored_sequence, world_id=1, source="log") == 1


async def test_an_imported_file_is_stored_by_several_commands():
    store = BlockingStore()
    async with run_core(store) as core:
        file = FileImport(1)
        lines = parse_all(newcomers(1000))
        await file.add(core, lines, [False] * len(lines))
        assert max(sizes(store)) * ingest.PLAYER_WORK <= ingest.MAX_WORK
        assert sum(sizes(store)) == 1000
        again = FileImport(1)
        await again.add(core, lines, [False] * len(lines))
        assert again.counts.known == 1000
