"""Data directories and backups: names, modes, and the schema of the database."""

import json
import re
import sqlite3
import stat
import tarfile
from pathlib import Path
from typing import Any

from tests.contracts.coal import png
from tests.contracts.program import call, run_server

#: Random parts of file names, with their placeholders.
RANDOM = re.compile(r"[0-9a-f]{12,}|\d{8}T\d{6}Z|(?<=screenshots/)[\w-]{16,}")


def list_files(folder: Path) -> list[str]:
    """Return each file with its mode."""
    rows = []
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        kind = "directory" if stat.S_ISDIR(mode) else "socket" if stat.S_ISSOCK(mode) else "file"
        name = RANDOM.sub("<random>", str(path.relative_to(folder)))
        rows.append(f"{kind} {stat.S_IMODE(mode):o} {name}")
    return sorted(set(rows))


def schema(file: Path) -> dict[str, Any]:
    """Return the schema of the database."""
    with sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True) as db:
        tables = db.execute(
            "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
        ).fetchall()
        found = {
            name: db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version", "journal_mode")
        }
    return {**found, "schema": [f"{kind} {name}: {sql}" for kind, name, sql in tables]}


async def record_filled_directory(folder: Path, data: Path) -> list[dict[str, Any]]:
    """Record a data directory with a picture while a server runs, and a backup made meanwhile."""
    import aiohttp

    steps = []
    async with run_server(data) as server:
        await server.run_command(
            "account",
            "add",
            "ann@example.org",
            "--password",
            "correct horse",
            "--active",
            "--admin",
        )
        token = (await server.run_command("token", "add", "ann@example.org"))["access_token"]
        await server.run_command("world", "add", "The Mill", "--short-name", "mill")
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            async with http.get(f"{server.url}/api/v1/servers") as response:
                key = (await response.json())["servers"][0]["key"]
            url = f"{server.url}/api/v1/servers/{key}/screenshots"
            async with http.post(
                url, data=png(), headers={"Content-Type": "image/png"}
            ) as response:
                assert response.status == 201, await response.text()
        await server.run_command("backup", str(folder / "backup.tar"))
        steps.append({"step": "files while a server runs", "answer": list_files(data)})
        assert await server.stop() == 0
    return steps


def describe_backup(file: Path) -> dict[str, Any]:
    with tarfile.open(file, "r:") as tar:
        members = [
            (RANDOM.sub("<random>", one.name), f"{one.mode:o}", one.isreg())
            for one in tar.getmembers()
        ]
        first = tar.extractfile("manifest.json")
        assert first is not None
        manifest = json.loads(first.read())
    names = sorted({RANDOM.sub("<random>", name) for name in manifest["files"]})
    row = next(iter(manifest["files"].values()))
    return {
        "first": members[0][0], "members": sorted({" ".join(map(str, one)) for one in members}),
        "manifest": sorted(manifest),
        "format": manifest["format"], "files": names, "row": sorted(row),
    }  # fmt: skip


async def record(folder: Path) -> list[dict[str, Any]]:
    folder.mkdir()
    data = folder / "data"
    steps = await record_filled_directory(folder, data)
    steps.append({"step": "files after a server has ended", "answer": list_files(data)})
    steps.append(
        {"step": "mode of the data directory", "answer": f"{stat.S_IMODE(data.stat().st_mode):o}"}
    )
    steps.append({"step": "the database", "answer": schema(data / "coalserver.sqlite3")})
    steps.append(
        {
            "step": "a backup",
            "answer": {
                "mode": f"{stat.S_IMODE((folder / 'backup.tar').stat().st_mode):o}",
                **describe_backup(folder / "backup.tar"),
            },
        }
    )
    result = await call("restore", str(folder / "backup.tar"), "--data", str(data), "--json")
    assert result.status == 0, result
    steps.append({"step": "files after a restore", "answer": list_files(data)})
    return steps
