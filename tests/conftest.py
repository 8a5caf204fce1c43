"""Fixtures: the command line, and a server inside the process of the test."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from coalserver.cli import main
from coalserver.storage.sqlite.store import SqliteStore
from tests.apis.app import TestApp, run_test_app
from tests.processes import CliResult, CommandLine, run_server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The path of a data directory that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def line(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command line on the data directory of the test."""
    for name in [name for name in os.environ if name.startswith("COAL_")]:
        monkeypatch.delenv(name)

    def call(*args: str) -> CliResult:
        status = main.main(["--data", str(data), *args])
        return CliResult(status, *capsys.readouterr())

    return call


@pytest.fixture(params=["on the file", "by a server"])
def either(request: pytest.FixtureRequest, line: CommandLine, data: Path) -> Iterator[CommandLine]:
    """The command line without a running server, and with one."""
    if request.param == "by a server":
        with run_server(data):
            yield line
    else:
        yield line


@pytest.fixture
async def test_app() -> AsyncIterator[TestApp]:
    """A server whose data stays in memory, also across a restart."""
    async with run_test_app() as app:
        yield app


@pytest.fixture
async def persistent_test_app(tmp_path: Path) -> AsyncIterator[TestApp]:
    """A server whose data is in a file, which a restart reads again."""
    path = tmp_path / "data.sqlite"
    async with run_test_app(SqliteStore(path), reopen_store=lambda store: SqliteStore(path)) as app:
        yield app
