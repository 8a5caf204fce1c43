"""Fixtures of the command line."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coalserver import cli
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
        status = cli.main(["--data", str(data), *args])
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
