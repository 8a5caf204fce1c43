"""Data directories of every schema version since fd447df open, and their backups are restored with every row.

`tests/fixtures/schema_versions/make.py` wrote those of versions 3 to 8 by the code of their commits.
"""

import shutil
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import pytest

from coalserver.storage.sqlite.schema import MIGRATIONS
from tests.processes import ROOT, CommandLine, run_server

FIXTURES = ROOT / "tests" / "fixtures"
STORED = {
    2: FIXTURES / "data_fd447df" / "data.tar.gz",
    3: FIXTURES / "schema_versions" / "v3.tar.gz",
    4: FIXTURES / "schema_versions" / "v4.tar.gz",
    5: FIXTURES / "schema_versions" / "v5.tar.gz",
    6: FIXTURES / "schema_versions" / "v6.tar.gz",
    7: FIXTURES / "schema_versions" / "v7.tar.gz",
    8: FIXTURES / "schema_versions" / "v8.tar.gz",
}
TABLES = (
    "entity",
    "event",
    "event_topic",
    "line",
    "tags",
    "mark",
    "visit",
    "screenshot",
    "key_file",
    "sample",
)
#: Tables that later versions have added.
ADDED = {"key_file": 3, "sample": 6}
#: Backups and restores write entries of their own into the audit log.
ENTITIES = "SELECT * FROM entity WHERE kind <> 'Deed' ORDER BY kind, id"


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def rows(data: Path, only: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """Return the rows of all tables, and the columns of each; `only` names the columns to read."""
    path = data / "coalserver.sqlite3"
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as db:
        existing = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        names = only or {table: columns(db, table) for table in TABLES if table in existing}
        found = {
            table: sorted(
                db.execute(f"SELECT {', '.join(sorted(names[table]))} FROM {table}").fetchall(),
                key=repr,
            )
            for table in names
            if table != "entity"
        }
        found["entity"] = db.execute(ENTITIES).fetchall()
        found["columns"] = names
        words = "SELECT rowid FROM line_words WHERE line_words MATCH 'chat : guys' ORDER BY rowid"
        found["words"] = db.execute(words).fetchall()
    db.close()
    return found


@pytest.fixture(params=sorted(STORED))
def old_data(request: pytest.FixtureRequest, data: Path) -> Path:
    """The data directory of a schema version, with its rows."""
    with tarfile.open(STORED[request.param]) as tar:
        tar.extractall(data.parent, filter="data")
    with sqlite3.connect(data / "coalserver.sqlite3") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (request.param,)
    db.close()
    before = rows(data)
    empty = [
        table
        for table in TABLES
        if ADDED.get(table, 0) <= request.param and not before[table] and table != "key_file"
    ]
    assert not empty, "a fixture has rows in every table"
    return data


def test_every_schema_version_has_a_fixture():
    assert sorted(STORED) == [step.version for step in MIGRATIONS[1:]]


def test_old_data_opens_with_every_row(line: CommandLine, old_data: Path):
    before = rows(old_data)
    assert line("world", "list", "--json").status == 0
    with run_server(old_data):
        pass
    after = rows(old_data, before["columns"])
    # The start itself writes default games and events, and a hosted world of version 3 waits for its start.
    lost = {
        table: [row for row in before[table] if row not in after[table]]
        for table in before["columns"]
    }
    started = [row for row in lost["entity"] if row[0] == "World" and '"queued_start"' in row[2]]
    assert {row[:2] for row in started} <= {row[:2] for row in after["entity"]}
    lost["entity"] = [row for row in lost["entity"] if row not in started]
    assert not any(lost.values()), lost
    assert after["words"] == before["words"]
    assert rows(old_data)["key_file"]


@pytest.mark.parametrize("place", ["in place", "on an empty machine"])
def test_backup_of_old_data_is_restored_with_every_row(
    line: CommandLine, old_data: Path, tmp_path: Path, place: str
):
    file = tmp_path / "backup.tar"
    assert line("backup", str(file)).status == 0
    before = rows(old_data)
    assert line("game", "add", "later").status == 0
    if place == "on an empty machine":
        shutil.rmtree(old_data)
    assert line("restore", str(file)).status == 0
    assert rows(old_data) == before
    with run_server(old_data):
        pass
    assert "later" not in line("game", "list", "--json").out
    again = tmp_path / "again.tar"
    assert line("backup", str(again)).status == 0
