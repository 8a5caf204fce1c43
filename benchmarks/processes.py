"""Processes: start, stop and pin the servers under test, and measure what they use."""

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
#: The load generator has the last core for itself if there is more than one.
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
#: Games in every data directory: rooms of two without rules, and one for lists.
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
        """Return the seconds of processor time used by all threads."""
        # The clock id of another process, as clock_getcpuclockid(3) forms it; /proc counts in steps of 10 ms.
        return time.clock_gettime(~self.pid << 3 | 2)

    def rss(self) -> int:
        """Return the resident bytes, without kernel memory of sockets."""
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
    """Pin this process to the load's core and raise its limit of open files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {LOAD_CORE})


def start_ours(data: Path, *, exempt: bool = True) -> Server:
    """Start coalserver on a data directory as the README does; `exempt` leaves this machine out of limits of use."""
    command = ("run.py", "serve", "--data", str(data), "--port", "0", "--json")
    limits = ("--limits-exempt", "127.0.0.0/8,::1") if exempt else ()
    return start("coalserver", (*command, *limits, "--log-level", "warning"))


def start_bare(*arguments: str) -> Server:
    """Start the minimal server."""
    return start("bare", ("-m", "benchmarks.bare", *arguments))


def furnish(data: Path) -> None:
    """Create a data directory with the games of the benchmarks."""
    for tag in GAMES:
        command = ("run.py", "game", "add", tag, "--max", "2", "--data", str(data), "--json")
        subprocess.run((sys.executable, *command), cwd=ROOT, env=_environment(), check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip


@asynccontextmanager
async def both(under: Path | None) -> AsyncIterator[tuple[Server, Server]]:
    """Run coalserver on a temporary data directory, and the minimal server."""
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
    """Create a temporary directory."""

    def __init__(self, under: Path | None) -> None:
        self._under = under

    def __enter__(self) -> Path:
        self._path = Path(tempfile.mkdtemp(prefix="coalserver-bench-", dir=self._under))
        return self._path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._path)


def in_turn(servers: Sequence[Server], run: int) -> Sequence[Server]:
    """Alternate which server is measured first."""
    return servers if run % 2 == 0 else servers[::-1]


def machine() -> dict[str, str]:
    """Describe this machine for the table."""
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


def start(name: str, command: Sequence[str], *, checkout: Path = ROOT) -> Server:
    """Start a server of a checkout on its core; return when it listens."""
    process = subprocess.Popen(
        (sys.executable, *command),
        cwd=checkout,
        env=_environment(),
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    url = urlsplit(_told(process)["listening"])
    return Server(name, process.pid, url.hostname or "", url.port or 0, process)


def _told(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Return the JSON document that a server prints when it listens."""
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
    """Return an environment without settings of coalserver."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COAL_")}


async def quiet(seconds: float = 0.3) -> None:
    """Wait until a server has finished its work after clients disconnected."""
    await asyncio.sleep(seconds)
