"""`world import`: old logs of a hosted world, offline and by a running server (hosting.md, 12)."""

import gzip
import os
import sqlite3
from pathlib import Path

import pytest

from tests.processes import CommandLine

LINES = (
    "[10:00:00] [Server thread/INFO]: Ada joined the game",
    "[10:00:01] [Server thread/INFO]: <Ada> hi",
    "[10:00:02] [Server thread/INFO]: Ada left the game",
)
TEXT = "".join(f"{line}\n" for line in LINES)


def stored(data: Path) -> list[str]:
    with sqlite3.connect(f"{(data / 'coalserver.sqlite3').as_uri()}?mode=ro", uri=True) as db:
        lines = [line for (line,) in db.execute("SELECT line FROM line ORDER BY place")]
    db.close()
    return lines


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the caller, with two overlapping logs."""
    folder = tmp_path / "caller"
    folder.mkdir()
    (folder / "2024-03-05-1.log").write_text(TEXT)
    (folder / "2024-03-05-2.log.gz").write_bytes(gzip.compress(TEXT.encode()))
    monkeypatch.chdir(folder)
    return folder


def test_logs_are_imported_once(either: CommandLine, logs: Path, data: Path) -> None:
    assert either("world", "add", "Mill", "--hosted", "--short-name", "mill").status == 0
    names = ("2024-03-05-2.log.gz", "2024-03-05-1.log")
    result = either("world", "import", "mill", *names, "--timezone", "UTC", "--json")
    assert result.status == 0, result
    counts = {key: result.document[key] for key in ("lines", "new", "known", "left_out")}
    assert counts == {"lines": 6, "new": 3, "known": 3, "left_out": 0}
    assert result.document["files"] == [
        {"file": str(logs / names[1]), "lines": 3, "new": 3, "known": 0, "left_out": 0, "damaged": False},
        {"file": str(logs / names[0]), "lines": 3, "new": 0, "known": 3, "left_out": 0, "damaged": False},
    ]  # fmt: skip
    people = either("world", "import", "mill", str(logs))
    assert people.status == 0 and "0 of 6 lines were new." in people.out
    assert stored(data) == list(LINES)


def test_wrong_files_and_worlds_are_refused(either: CommandLine, logs: Path) -> None:
    either("world", "add", "Mill", "--hosted", "--short-name", "mill")
    either("world", "add", "Elsewhere", "--short-name", "elsewhere")
    result = either("world", "import", "nothing", "x.log", "--json")
    assert (result.status, result.document["why"]) == (1, "world_not_found")
    result = either("world", "import", "elsewhere", "2024-03-05-1.log", "--json")
    assert (result.status, result.document["why"]) == (1, "order_refused")
    result = either("world", "import", "mill", "missing.log", "--json")
    sentence = f"{logs / 'missing.log'} cannot be read: No such file or directory."
    assert (result.status, result.document) == (1, {"error": sentence})
    result = either("world", "import", "mill", "x.log", "--timezone", "Mars/Base", "--json")
    assert result.status == 2 and "time zone" in result.document["error"]


def test_own_logs_are_imported_without_a_file(line: CommandLine, data: Path) -> None:
    assert line("world", "add", "Mill", "--hosted", "--short-name", "mill").status == 0
    result = line("world", "import", "mill", "--json")
    assert (result.status, result.document["files"]) == (0, [])
    assert "There are no logs." in line("world", "import", "mill").out
    folder = data / "hosting" / "worlds" / "1" / "server" / "logs"
    folder.mkdir(parents=True)
    (folder / "2024-03-05-1.log").write_text(TEXT)
    os.symlink("/etc/passwd", folder / "passwd.log")
    result = line("world", "import", "mill", "--json")
    assert (result.status, result.document["new"], len(result.document["files"])) == (0, 3, 1)
