"""A data directory and a backup of an earlier version are read without loss.

`tests/fixtures/data_fd447df/make.py` wrote them. The tests use the command line, HTTP and files.
"""

import asyncio
import gzip
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.program import ROOT, call, forks
from tests.contracts.test_contracts import differences
from tests.storage.interface_views import backup_views, interface_views

STORED = ROOT / "tests" / "fixtures" / "data_fd447df"
EXPECTED: dict[str, Any] = json.loads((STORED / "expected.json").read_text("utf-8"))
DATABASE = "coalserver.sqlite3"
#: In the description of a difference: a member that the recording does not have.
ADDED = 'was "(missing)"'
#: Answers that later decisions have changed: banned players are not ranked, an away player is not online and is
#: replaced as the host after two minutes only, and pages ask before each request that deletes or ends something.
CHANGED = (
    ".answer.json.leaderboard",
    ".answer.json.total",
    ".is_online",
    ".is_host",
    ".pending_requests",
    "/api/matchmaking.php/players",
    ".page.forms",
    ".page.links",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the stored data directory."""
    with tarfile.open(STORED / "data.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "data"


def run(request_views: Callable[[], Awaitable[Any]]) -> Any:
    async def within() -> Any:
        async with forks():
            return await request_views()

    return asyncio.run(within())


def check_unchanged(steps: list[dict[str, Any]], name: str = "shown") -> None:
    """Assert that the answers equal the recorded ones. Members that later versions have added are allowed."""
    recorded = EXPECTED[name]
    found = [
        f"{before['step'][:200]}\n    {one}"
        for before, now in zip(recorded, steps, strict=False)
        for one in differences(before, now)
        if ADDED not in one
    ]
    found = [one for one in found if not any(changed in one for changed in CHANGED)]
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:20])
    assert len(steps) == len(recorded)


def rows(database: Path) -> dict[str, Any]:
    """Return all rows with documents, counters and the sizes of other tables."""
    with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True) as db:
        entities = db.execute("SELECT kind, id, doc FROM entity ORDER BY kind, id")
        events = db.execute("SELECT id, name, topics, doc FROM event ORDER BY id")
        found = {
            "entities": [
                {"kind": kind, "id": id, "doc": json.loads(doc)} for kind, id, doc in entities
            ],
            "events": [
                {"id": id, "name": name, "topics": json.loads(topics), "doc": json.loads(doc)}
                for id, name, topics, doc in events
            ],
            "counters": dict(db.execute("SELECT name, value FROM counter ORDER BY name")),
            "tables": {
                name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in EXPECTED["tables"]
            },
        }
    db.close()
    return found


def test_expected_values_cover_every_stored_row(data: Path) -> None:
    assert all(EXPECTED["tables"].values())
    found = rows(data / DATABASE)
    assert {name: EXPECTED[name] for name in found} == found


def test_old_data_directory_is_shown_unchanged(data: Path) -> None:
    check_unchanged(run(lambda: interface_views(data, EXPECTED["secrets"])))


async def back_up_and_restore(data: Path, folder: Path) -> Path:
    """Back up a data directory and restore the backup into an empty one."""
    file, place = folder / "backup.tar", folder / "restored"
    backup = await call("backup", str(file), "--json", "--data", str(data))
    assert backup.status == 0, backup
    result = await call("restore", str(file), "--json", "--data", str(place))
    assert result.status == 0, result
    return place


async def round_trip(data: Path, folder: Path) -> list[dict[str, Any]]:
    return await interface_views(await back_up_and_restore(data, folder), EXPECTED["secrets"])


def test_backup_of_old_data_is_restored_elsewhere(data: Path, tmp_path: Path) -> None:
    check_unchanged(run(lambda: round_trip(data, tmp_path)))


def test_backup_without_marks_is_restored_elsewhere(data: Path, tmp_path: Path) -> None:
    with sqlite3.connect(data / DATABASE) as db:
        db.execute("DELETE FROM mark")
    db.close()
    check_unchanged(run(lambda: round_trip(data, tmp_path)))


def test_old_backup_is_restored(tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    with gzip.open(STORED / "backup.tar.gz") as packed, file.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)

    async def views() -> list[dict[str, Any]]:
        result = await call("restore", str(file), "--json", "--data", str(tmp_path / "data"))
        assert result.status == 0, result
        return await backup_views(tmp_path / "data")

    check_unchanged(run(views), "shown of the backup")
