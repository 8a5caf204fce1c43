"""Search: the newest ten of a million chats that contain some words, compared with a plain FTS5 query.

Measured: milliseconds for one search through the port that an API uses, from words as people type them to log lines as
values, in a world of its own beside a larger one. Medians; all in the page cache.

The raw one is FTS5 as it comes, asked by one statement through aiosqlite, which does not block the loop: one
table of the same chats with their worlds, one index of their texts, both newest last, so that the newest are found by
walking down. It gives rows.

Not measured: HTTP, JSON; search by rank, which this server does not offer.
"""

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import aiosqlite

from benchmarks import logs, processes
from benchmarks.plan import Plan
from benchmarks.report import Row, cost_row

#: Searches of each kind in a run, and lines returned by each.
REQUESTS, LIMIT = 200, 10
#: Lines written at once.
BATCH = 5_000
#: Worlds by their share of the lines; the small one has every tenth line.
LARGE, SMALL = 1, 2
TENTH = 10
MOST = 2.0
_RAW = (
    "SELECT line.* FROM words CROSS JOIN line ON line.id = words.rowid"
    " WHERE words MATCH ? AND line.world = ? ORDER BY words.rowid DESC LIMIT ?"
)


async def run(plan: Plan) -> list[Row]:
    with processes.fresh_directory(plan.under) as data:
        with closing(sqlite3.connect(data / "raw.sqlite3", isolation_level=None)) as db:
            store = await _filled(data, db, plan.chats)
        try:
            async with aiosqlite.connect(data / "raw.sqlite3") as raw:
                return [
                    await _row(
                        store, raw, f"search of {plan.chats:,} chats: {name}", words, world, plan
                    )
                    for name, words, world in _searches()
                ]
        finally:
            await store.close()


def _searches() -> list[tuple[str, str, int]]:
    """Return the searched words by their frequency."""
    words = logs.vocabulary(random.Random(1))
    return [
        ("a word of every fourth line", words[0], LARGE),
        ("the same in the small world", words[0], SMALL),
        ("a word of one line in a hundred", words[20], LARGE),
        ("a word of few lines", words[9_000], LARGE),
        ("two words", f"{words[3]} {words[40]}", LARGE),
        ("two words seldom together", f"{words[0]} {words[9_000]}", SMALL),
        ("a word that nobody says", "zzyzx", LARGE),
    ]


async def _row(
    store: Any, raw: aiosqlite.Connection, name: str, words: str, world: int, plan: Plan
) -> Row:
    from coalserver.core.ports import LineCategory, LineQuery

    wanted = LineQuery(world, LineCategory.CHAT, words)
    match = " AND ".join(f'"{word}"' for word in words.split())
    mine, plain = [], []
    for _ in range(plan.runs):
        times, others = [], []
        for _ in range(REQUESTS):
            began = time.perf_counter()
            found = await store.lines(wanted, LIMIT)
            times.append(time.perf_counter() - began)
            began = time.perf_counter()
            rows = list(await raw.execute_fetchall(_RAW, (match, world, LIMIT)))
            others.append(time.perf_counter() - began)
        if [line.id for line in found] != [row[0] for row in rows]:
            raise RuntimeError(f"the two find different lines of {words!r}")
        mine.append(median(times) * 1000)
        plain.append(median(others) * 1000)
    return cost_row(name, "ms", mine, plain, most=MOST)


async def _filled(data: Path, raw: sqlite3.Connection, count: int) -> Any:
    """Write the same chats to a store and to plain tables, some thousands at a time."""
    from coalserver.core.ports import Batch, NewLogLine
    from coalserver.domain.minecraft.history import LogLine
    from coalserver.domain.minecraft.log.kinds import LineKind
    from coalserver.storage.sqlite.store import SqliteStore

    raw.execute("PRAGMA synchronous = OFF")
    raw.execute(
        "CREATE TABLE line (id INTEGER PRIMARY KEY, world INTEGER, at REAL, name TEXT, text TEXT)"
    )
    raw.execute("CREATE VIRTUAL TABLE words USING fts5 (text, content='', tokenize=unicode61)")
    store = SqliteStore(data / "kept.sqlite3")
    await store.open()
    tags, start = ("timestamp", "chat"), 1.7e9
    filed: list[NewLogLine] = []

    async def flush() -> None:
        await store.write(Batch(lines=list(filed)))
        lines = [one.line for one in filed]
        raw.execute("BEGIN")
        rows = ((one.id, one.world, one.at, one.username, one.chat) for one in lines)
        raw.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", rows)
        raw.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", ((one.id, one.chat) for one in lines)
        )
        raw.execute("COMMIT")
        filed.clear()

    for id, (second, name, text) in enumerate(logs.chats(count), 1):
        world = LARGE if id % TENTH else SMALL
        line = LogLine(
            id, world, f"[12:00:00] [Server thread/INFO]: <{name}> {text}", LineKind.CHAT, tags, start,
            start + second, username=name, chat=text,
        )  # fmt: skip
        filed.append(NewLogLine(line, id.to_bytes(16, "big")))
        if len(filed) == BATCH:
            await flush()
    await flush()
    return store
