"""Fixtures: the command line, and a server within the test's own process."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from coalserver.cli import main
from coalserver.storage.sqlite.store import SqliteStore
from tests.apis.app import TestApp, run_test_app
from tests.running import Line, Said, running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a data directory may be made."""
    return tmp_path / "data"


@pytest.fixture
def line(data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    """Calls `main` with the test's own data directory."""
    for name in [name for name in os.environ if name.startswith("COAL_")]:
        monkeypatch.delenv(name)

    def call(*args: str) -> Said:
        status = main.main(["--data", str(data), *args])
        return Said(status, *capsys.readouterr())

    return call


@pytest.fixture(params=["on the file", "by a server"])
def either(request: pytest.FixtureRequest, line: Line, data: Path) -> Iterator[Line]:
    """The command line without a server, and with one."""
    if request.param == "by a server":
        with running(data):
            yield line
    else:
        yield line


@pytest.fixture
async def test_app() -> AsyncIterator[TestApp]:
    """A server that keeps everything in memory, also across a restart."""
    async with run_test_app() as one:
        yield one


@pytest.fixture
async def persistent_test_app(tmp_path: Path) -> AsyncIterator[TestApp]:
    """A server that keeps everything in a file, which a restart reads again."""
    path = tmp_path / "data.sqlite"
    async with run_test_app(SqliteStore(path), reopen_store=lambda store: SqliteStore(path)) as one:
        yield one
