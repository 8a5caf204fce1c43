"""A machine with a world, and a server that fails as it is told to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.machine import Machine
from tests.agent.toy_coal import ToyCoal


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    one = Machine(tmp_path / "minecraft")
    yield one
    one.end()


@pytest.fixture
def coal() -> Iterator[ToyCoal]:
    one = ToyCoal()
    one.start()
    yield one
    one.close()
