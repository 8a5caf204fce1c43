"""Acknowledged changes survive `kill -9` at any moment, and ids are never issued twice."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from coalserver.storage.sqlite.store import SqliteStore

ROOT = Path(__file__).parents[2]
KILLS = 5


def run_and_kill(path: Path, after: int) -> list[dict[str, Any]]:
    """Run the program until it printed this many results, kill it and return all results."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.kill_server", str(path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert server.stdout is not None
    with server, server.stdout as output:
        printed = b"".join(line for _, line in zip(range(after), output, strict=False))
        server.kill()
        printed += output.read()
    *lines, _cut_off = printed.split(b"\n")
    return [orjson.loads(line) for line in lines]


async def test_acknowledged_changes_survive_a_kill_and_ids_are_unique(tmp_path):
    path = tmp_path / "store.sqlite3"
    answers: list[dict[str, Any]] = []
    for _ in range(KILLS):
        answers += run_and_kill(path, after=random.randrange(60, 400))
        store = SqliteStore(path)
        known = await store.open()
        stored = {(type(value).__name__, value.id): value for value in known.values}
        for answer in answers:
            if "entry" in answer:
                lobby, id = answer["lobby"], answer["entry"]
                (entry,) = await store.entries([("lobby-chat", lobby)], id - 1, 1)
                assert entry.id == id
                assert known.head >= id
            else:
                value = stored[answer["created"], answer["id"]]
                assert known.counters[type(value)] > value.id
                assert getattr(value, "code", None) == answer.get("code")
        await store.close()
    created = [
        (each.get("created", "entry"), each.get("id", each.get("entry"))) for each in answers
    ]
    assert len(created) == len(set(created))
    assert {Player.__name__, Lobby.__name__, "entry"} == {kind for kind, _ in created}
