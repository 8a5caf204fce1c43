"""Fixtures of the command line."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.hosted import Hosted
from tests.processes import CommandLine


@pytest.fixture
def hosted(tmp_path: Path, line: CommandLine) -> Iterator[Hosted]:
    """A hosted world, whose processes end with the test."""
    machine = Hosted(tmp_path, line)
    asyncio.run(machine.prepare())
    yield machine
    asyncio.run(machine.end())
