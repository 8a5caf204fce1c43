"""A machine with a world, and a server that fails as it is told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.fake_server import FakeServer
from tests.agent.machine import Log, Machine


@pytest.fixture
def coal() -> Iterator[FakeServer]:
    one = FakeServer()
    one.start()
    yield one
    one.close()


@pytest.fixture
def machine(tmp_path: Path, coal: FakeServer) -> Iterator[Machine]:
    """Its agents end before the server does."""
    one = Machine(tmp_path / "minecraft")
    yield one
    one.end()


@pytest.fixture
def log(machine: Machine) -> Log:
    """The log of a world that has run before."""
    machine.log.write_bytes(b"2026-09-25 11:00:00 [INFO] from before\n")
    return machine.log
