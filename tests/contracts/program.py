"""The program from outside: a server process and calls of the command line."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests import processes
from tests.processes import ROOT, CliResult

#: The command that starts the program; replaced for another checkout.
RUN = os.environ.get("CONTRACTS_RUN", str(ROOT / "run.py"))
#: Seconds for a process to start, answer or end on a busy machine.
TIMEOUT_SECONDS = 60


def environment(**variables: str) -> dict[str, str]:
    """Return the environment without the developer's settings, with wide help output."""
    wide = {"COLUMNS": "1000", "NO_COLOR": "1", "PYTHON_COLORS": "0"}
    return processes.environment(**{**wide, **variables})


class Forks:
    """A process that has loaded the command line and forks for each call, which saves the start of Python."""

    def __init__(self, process: "asyncio.subprocess.Process", folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._reading = asyncio.create_task(self._read())

    async def call(self, args: Sequence[str], cwd: Path, variables: Mapping[str, str]) -> CliResult:
        number = next(self._numbers)
        out, err = (self._folder / f"{number}.{end}" for end in ("out", "err"))
        request = {
            "id": number, "args": args, "cwd": str(cwd), "variables": environment(**variables),
            "out": str(out), "err": str(err),
        }  # fmt: skip
        status_future = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        status = await asyncio.wait_for(status_future, TIMEOUT_SECONDS)
        result = CliResult(status, out.read_text("utf-8"), err.read_text("utf-8"))
        out.unlink()
        err.unlink()
        return result

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            result = json.loads(line)
            self._waiting.pop(result["id"]).set_result(result["status"])


_forks: Forks | None = None


@asynccontextmanager
async def forks() -> AsyncIterator[None]:
    """Run calls of the command line in a process that has loaded it."""
    global _forks
    script = str(Path(__file__).with_name("forks.py"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, RUN, cwd=ROOT, env=environment(),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        _forks = Forks(process, Path(folder))
        try:
            yield
        finally:
            _forks = None
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def call(*args: str, cwd: Path = ROOT, **variables: str) -> CliResult:
    """Call the command line."""
    if _forks is not None:
        return await _forks.call(args, cwd, variables)
    process = await asyncio.create_subprocess_exec(
        sys.executable, RUN, *args, cwd=cwd, env=environment(**variables),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    return CliResult(process.returncode or 0, out.decode(), err.decode())


@dataclass
class Server:
    """A running server."""

    process: "asyncio.subprocess.Process"
    started: dict[str, Any]
    data: Path

    @property
    def url(self) -> str:
        return str(self.started["listening"])

    async def run_command(self, *args: str) -> Any:
        """Return the JSON output of a command that must succeed."""
        result = await call(*args, "--json", "--data", str(self.data))
        assert result.status == 0, result
        return result.document

    async def stop(self) -> int:
        """Stop the server as an operator does and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), TIMEOUT_SECONDS)


@asynccontextmanager
async def run_server(data: Path, *flags: str) -> AsyncIterator[Server]:
    """Run a server on a free port and always stop it afterwards."""
    log = data.parent / f"{data.name}.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, RUN, "serve", "--json", "--port", "0", "--data", str(data), *flags, cwd=ROOT,
            env=environment(), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        document = b""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while not document.endswith(b"}\n"):
                line = await process.stdout.readline()
                assert line, f"the server ended: {log.read_text()}"
                document += line
        yield Server(process, json.loads(document), data)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
