"""Fixtures: the command line, and a server inside the process of the test."""

import gc
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from coalserver.cli import main
from coalserver.storage.sqlite.store import SqliteStore
from coalserver.web.connections import ConnectionRunner
from tests.apis.app import ClientFactory, Server, TestApp, run_test_app
from tests.processes import CliResult, CommandLine, run_server

TESTS = Path(__file__).parent
#: On a busy machine any example may take long, and so may making it up.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
#: Folders whose tests are marked `quick`: they start no process and no browser.
QUICK_FOLDERS = frozenset(
    {"config", "core", "domain", "game", "games", "media", "observability", "security", "web"}
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no other folder for `pytest -m quick`; collecting all of them would take longer than the tests."""
    if config.getoption("markexpr") != "quick" or TESTS not in collection_path.parents:
        return None
    return collection_path.relative_to(TESTS).parts[0] not in QUICK_FOLDERS or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if TESTS in item.path.parents and item.path.relative_to(TESTS).parts[0] in QUICK_FOLDERS:
            item.add_marker(pytest.mark.quick)


def pytest_collection_finish() -> None:
    """Keep tests and modules out of later garbage collections, which would take 40 % of the time of the tests."""
    gc.collect()
    gc.freeze()
    # A test application makes 15,000 objects: with the usual threshold that is 20 collections.
    gc.set_threshold(20_000)


@pytest.fixture(params=[True, False], ids=["parked", "ordinary"])
def park_polls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Serve polls with the setting `park_polls` on and off: a test of feeds must hold either way."""
    monkeypatch.setattr(Server, "park_polls", request.param)
    return bool(request.param)


@pytest.fixture(params=[True, False], ids=["repeats", "ordinary"])
def repeat_requests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Answer repeated requests without aiohttp's, and not: a test of requests that repeat must hold either way."""
    monkeypatch.setattr(ConnectionRunner, "repeat_requests", request.param)
    return bool(request.param)


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
async def test_app(aiohttp_client: ClientFactory) -> AsyncIterator[TestApp]:
    """A server whose data stays in memory, also across a restart."""
    async with run_test_app(make_client=aiohttp_client) as app:
        yield app


@pytest.fixture
async def persistent_test_app(
    tmp_path: Path, aiohttp_client: ClientFactory
) -> AsyncIterator[TestApp]:
    """A server whose data is in a file, which a restart reads again."""
    path = tmp_path / "data.sqlite"
    async with run_test_app(
        SqliteStore(path),
        reopen_store=lambda store: SqliteStore(path),
        make_client=aiohttp_client,
    ) as app:
        yield app
