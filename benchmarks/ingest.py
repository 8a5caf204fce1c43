"""Ingest: log lines parsed, stored and indexed on one core, compared with plain SQLite.

The same through the API of agents, HTTP and JSON included, is in agent_lines.py.

Measured: lines a second of processor time, all threads together, from the text to the disk: parse, what each line
means, its row, its words in the index, the visits it begins and ends, its event. Batches of 500 as an agent sends them,
four on their way at once; the process has one core.

The comparison writes the same unparsed texts into one table and one FTS5 index with as few columns as possible, 500 in
a transaction, without identities or events.

Not measured: HTTP, and JSON. `python -m benchmarks.ingest DIR N ours|bare` makes one run.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import date
from pathlib import Path

from benchmarks import logs, processes
from benchmarks.plan import Plan
from benchmarks.processes import ROOT
from benchmarks.report import Row, Speed, speed_row

#: Lines in a batch, and batches in flight.
BATCH, AHEAD = 500, 4
#: Target: lines a second on one core.
LEAST = 20_000


async def run(plan: Plan) -> list[Row]:
    found: dict[str, list[Speed]] = {"ours": [], "bare": []}
    for _ in range(plan.runs):
        for name, runs in found.items():
            with processes.fresh_directory(plan.under) as data:
                command = (
                    sys.executable,
                    "-m",
                    "benchmarks.ingest",
                    str(data),
                    str(plan.lines),
                    name,
                )
                said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            seconds, cpu = json.loads(said.stdout)
            runs.append(Speed(plan.lines, seconds, cpu, 0.0))
    row = speed_row(
        f"ingest of {plan.lines:,} lines, beside raw FTS5", found["ours"], found["bare"]
    )
    assert row.cpu_ours is not None
    return [
        Row(
            *(row.name, row.unit, row.ours, row.bare, row.ratio),
            *(row.cpu_ours, row.cpu_bare, row.cpu_ratio),
            target=f"≤ {1e6 / LEAST:.0f} µs of CPU",
            met=row.cpu_ours <= 1e6 / LEAST,
        )
    ]


async def ours(data: Path, texts: list[str]) -> tuple[float, float]:
    from coalserver.core.commands.ingest import IngestResult, log_batch
    from coalserver.core.commands.worlds import create_world
    from coalserver.core.engine import Core
    from coalserver.core.unit_of_work import CoreContext
    from coalserver.domain.minecraft.log.dates import FileDates
    from coalserver.domain.minecraft.log.parser import parse_lines
    from coalserver.server.lifecycle import tune_interpreter
    from coalserver.storage.sqlite.store import SqliteStore

    store = SqliteStore(data / "kept.sqlite3")
    core = await Core.recover(store, CoreContext(time.time))
    work = asyncio.create_task(core.writer.run())
    world = await core.execute(create_world, name="World")
    tune_interpreter()
    calendar = FileDates("UTC", date(2024, 1, 1))
    began, used = time.perf_counter(), time.process_time()
    coming: list[asyncio.Future[IngestResult]] = []
    for start in range(0, len(texts), BATCH):
        readings, calendar = parse_lines(texts[start : start + BATCH], calendar)
        numbers = range(start + 1, start + 1 + len(readings))
        taking = core.execute(
            log_batch, world_id=world.id, source="log", parsed_lines=readings, sequences=numbers
        )
        coming.append(asyncio.ensure_future(taking))
        if len(coming) == AHEAD:
            await coming.pop(0)
    if (await asyncio.gather(*coming))[-1].stored != len(texts):
        raise RuntimeError("not all lines are stored")
    core.writer.close()
    await work
    taken = time.perf_counter() - began, time.process_time() - used
    await store.close()
    return taken


def bare(data: Path, texts: list[str]) -> tuple[float, float]:
    with closing(sqlite3.connect(data / "bare.sqlite3", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, world INTEGER, text TEXT)")
        db.execute("CREATE VIRTUAL TABLE words USING fts5 (text, content='', tokenize=unicode61)")
        began, used = time.perf_counter(), time.process_time()
        for start in range(0, len(texts), BATCH):
            some = list(enumerate(texts[start : start + BATCH], start + 1))
            db.execute("BEGIN")
            db.executemany("INSERT INTO line VALUES (?, 1, ?)", some)
            db.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", some)
            db.execute("COMMIT")
        return time.perf_counter() - began, time.process_time() - used


def one_run(data: Path, count: int, name: str) -> None:
    os.sched_setaffinity(0, {processes.SERVER_CORE})
    texts = list(logs.lines(count))
    taken = asyncio.run(ours(data, texts)) if name == "ours" else bare(data, texts)
    print(json.dumps(taken))


if __name__ == "__main__":
    one_run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
