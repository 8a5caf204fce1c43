"""A data directory and a backup that an earlier version has written: all that is in them is there today.

They were made by `tests/fixtures/data_fd447df/make.py`. Everything here goes through the command line, HTTP and files.
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
from tests.storage.interface_views import shown, shown_of_backup

KEPT = ROOT / "tests" / "fixtures" / "data_fd447df"
EXPECTED: dict[str, Any] = json.loads((KEPT / "expected.json").read_text("utf-8"))
DATABASE = "coalserver.sqlite3"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the kept data directory."""
    with tarfile.open(KEPT / "data.tar.gz") as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "data"


def run(asked: Callable[[], Awaitable[Any]]) -> Any:
    async def within() -> Any:
        async with forks():
            return await asked()

    return asyncio.run(within())


def same(steps: list[dict[str, Any]], name: str = "shown") -> None:
    """What is shown now is what was shown then."""
    recorded = EXPECTED[name]
    found = [
        f"{before['step'][:200]}\n    {one}"
        for before, now in zip(recorded, steps, strict=False)
        for one in differences(before, now)
    ]
    assert not found, f"{len(found)} differences:\n" + "\n".join(found[:20])
    assert len(steps) == len(recorded)


def rows(database: Path) -> dict[str, Any]:
    """Every row whose document is expected."""
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
    same(run(lambda: shown(data, EXPECTED["secrets"])))


async def restored(data: Path, folder: Path) -> Path:
    """Back a data directory up and put the backup into an empty one."""
    file, place = folder / "backup.tar", folder / "restored"
    made = await call("backup", str(file), "--json", "--data", str(data))
    assert made.status == 0, made
    done = await call("restore", str(file), "--json", "--data", str(place))
    assert done.status == 0, done
    return place


async def round_trip(data: Path, folder: Path) -> list[dict[str, Any]]:
    return await shown(await restored(data, folder), EXPECTED["secrets"])


@pytest.mark.xfail(
    sqlite3.sqlite_version_info < (3, 41),
    reason="quick_check of this SQLite reports a false NULL in table mark, so a backup with rows there is refused",
    strict=True,
)
def test_backup_of_old_data_is_restored_elsewhere(data: Path, tmp_path: Path) -> None:
    same(run(lambda: round_trip(data, tmp_path)))


def test_backup_without_marks_is_restored_elsewhere(data: Path, tmp_path: Path) -> None:
    with sqlite3.connect(data / DATABASE) as db:
        db.execute("DELETE FROM mark")
    db.close()
    same(run(lambda: round_trip(data, tmp_path)))


def test_old_backup_is_restored(tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    with gzip.open(KEPT / "backup.tar.gz") as packed, file.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)

    async def asked() -> list[dict[str, Any]]:
        done = await call("restore", str(file), "--json", "--data", str(tmp_path / "data"))
        assert done.status == 0, done
        return await shown_of_backup(tmp_path / "data")

    same(run(asked), "shown of the backup")
