"""Processes: the servers under test, started and stopped, pinned to a core, and what they use."""

import asyncio
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
PAGE = os.sysconf("SC_PAGE_SIZE")
CORES = sorted(os.sched_getaffinity(0))
#: The load has the last core for itself; on a machine with one, nobody has.
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
#: Games that are there in every data directory: rooms of two without rules, and one for lists.
GAMES = ("bench", "list")


@dataclass(slots=True)
class Server:
    """One process under test."""

    name: str
    pid: int
    host: str
    port: int
    process: "subprocess.Popen[bytes]"

    def cpu(self) -> float:
        """Seconds of processor time it has used, all threads together."""
        # How clock_getcpuclockid(3) names another process's clock; exact where /proc counts in 10 ms.
        return time.clock_gettime(~self.pid << 3 | 2)

    def rss(self) -> int:
        """Bytes of memory it holds. What the kernel keeps for its sockets is not among them."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()


def prepare() -> None:
    """Make this process the load: its core, and files enough for 5,000 connections and more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {LOAD_CORE})


def start_ours(data: Path) -> Server:
    """This server as the README starts it, over a data directory."""
    command = ("run.py", "serve", "--data", str(data), "--port", "0", "--json")
    return _start("coalserver", (*command, "--log-level", "warning"))


def start_bare(*arguments: str) -> Server:
    """The same answers from aiohttp, uvloop and a few dictionaries."""
    return _start("bare", ("-m", "benchmarks.bare", *arguments))


def furnish(data: Path) -> None:
    """A data directory with the games that are measured in."""
    for tag in GAMES:
        command = ("run.py", "game", "add", tag, "--max", "2", "--data", str(data), "--json")
        subprocess.run((sys.executable, *command), cwd=ROOT, env=_environment(), check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip


@asynccontextmanager
async def both(under: Path | None) -> AsyncIterator[tuple[Server, Server]]:
    """Ours and the bare one, side by side; ours over a fresh directory that goes afterwards."""
    with fresh_directory(under) as data:
        furnish(data)
        ours = start_ours(data)
        try:
            bare = start_bare()
            try:
                yield ours, bare
            finally:
                bare.stop()
        finally:
            ours.stop()


class fresh_directory:
    """A directory of its own, removed at the end."""

    def __init__(self, under: Path | None) -> None:
        self._under = under

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix="coalserver-bench-", dir=self._under))
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path)


def in_turn(servers: Sequence[Server], run: int) -> Sequence[Server]:
    """Who is measured first changes with every run."""
    return servers if run % 2 == 0 else servers[::-1]


def machine() -> dict[str, str]:
    """Where this runs, for the table."""
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.processor(),
    )  # fmt: skip
    return {
        "cpu": f"{cpu}, {len(CORES)} cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "aiohttp": version("aiohttp"),
        "uvloop": version("uvloop"),
    }


def _start(name: str, command: Sequence[str]) -> Server:
    process = subprocess.Popen(
        (sys.executable, *command),
        cwd=ROOT,
        env=_environment(),
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    url = urlsplit(_told(process)["listening"])
    return Server(name, process.pid, url.hostname or "", url.port or 0, process)


def _told(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """The JSON document a server prints once it listens."""
    assert process.stdout is not None
    said = b""
    while line := process.stdout.readline():
        said += line
        try:
            told: dict[str, Any] = json.loads(said)
        except ValueError:
            continue
        return told
    raise RuntimeError(f"{process.args!r} ended with {process.wait()} before it listened")


def _environment() -> dict[str, str]:
    """No setting of whoever runs this reaches the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COAL_")}


async def quiet(seconds: float = 0.3) -> None:
    """Let a server finish what it has to do after a crowd has gone."""
    await asyncio.sleep(seconds)
