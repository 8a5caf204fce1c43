"""Fixtures: a machine with a Minecraft world, and a fake COAL server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.fake_server import FakeServer
from tests.agent.machine import Log, Machine


@pytest.fixture
def coal() -> Iterator[FakeServer]:
    server = FakeServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def machine(tmp_path: Path, coal: FakeServer) -> Iterator[Machine]:
    """A machine whose agents are killed before the server is closed."""
    machine = Machine(tmp_path / "minecraft")
    yield machine
    machine.close()


@pytest.fixture
def log(machine: Machine) -> Log:
    """The log of a world that has one line already."""
    machine.log.write_bytes(b"2026-09-25 11:00:00 [INFO] from before\n")
    return machine.log
