"""A machine on which a world runs: Minecraft that writes a log, as far as it is seen from outside, and our agent."""

import gzip
import importlib.util
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from tests.processes import TIMEOUT_SECONDS, environment

AGENT = Path(__file__).parent.parent.parent / "static" / "mc" / "mc_coal_agent.py"
#: What a line begins with.
DATED = "2026-09-25 12:00:00 [INFO] "


def make_lines(number: int, first: int = 0) -> list[str]:
    """So many lines of what Bob says, each another."""
    return [f"{DATED}<bob> {one}" for one in range(first, first + number)]


def wait_until(condition: Callable[[], object], *, seconds: float = TIMEOUT_SECONDS) -> None:
    """Look again until this holds."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last, "it did not come to that"
        time.sleep(0.01)


def loaded() -> ModuleType:
    """The agent as a module."""
    spec = importlib.util.spec_from_file_location("mc_coal_agent", AGENT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look themselves up there.
    sys.modules["mc_coal_agent"] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Log:
    """A log that Minecraft writes and rolls. `lines` has all that was written, in order."""

    path: Path
    lines: list[str] = field(default_factory=list)
    rolled: int = 0

    @property
    def folder(self) -> Path:
        return self.path.parent

    def write(self, *lines: str, end: str = "\n") -> None:
        self.lines += lines
        self.write_bytes("".join(line + end for line in lines).encode())

    def write_bytes(self, raw: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(raw)

    def roll(self, day: str = "2026-09-25", *, pack: bool = True, then: str = "") -> Path:
        """Give the log the name of a day, and go on in a new file, as log4j does."""
        self.rolled += 1
        old = self.path.rename(self.folder / f"{day}-{self.rolled}.log")
        if then:
            self.write(then)
        else:
            self.path.touch()
        return packed(old) if pack else old


def packed(path: Path) -> Path:
    """The file packed, as log4j does: the packed one grows beside it, then the other is removed."""
    to = path.with_name(path.name + ".gz")
    with gzip.open(to, "wb") as file:
        file.write(path.read_bytes())
    path.unlink()
    return to


class Agent:
    """The agent as a process. Its folder is kept when it ends, as on any machine."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.flags = flags
        self._out = folder / "out.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def line(self, *more: str) -> list[str]:
        return [sys.executable, "-X", "dev", "-W", "error", str(AGENT), *self.flags, *more]

    def start(self, *more: str, under: Sequence[str] = ()) -> None:
        with self._out.open("ab") as out:
            self._process = subprocess.Popen(
                [*under, *self.line(*more)],
                cwd=self.folder,
                env=environment(),
                stdout=out,
                stderr=out,
            )

    def once(self, *more: str) -> int:
        """Run until all is done; gives its exit status."""
        with self._out.open("ab") as out:
            line = self.line("--once", *more)
            return subprocess.run(
                line,
                cwd=self.folder,
                env=environment(),
                stdout=out,
                stderr=out,
                timeout=TIMEOUT_SECONDS,
            ).returncode

    def send(self, how: int) -> None:
        assert self._process is not None
        self._process.send_signal(how)

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it; gives its exit status."""
        self.send(how)
        assert self._process is not None
        status = self._process.wait(TIMEOUT_SECONDS)
        self._process = None
        return status

    def kill(self) -> None:
        if self._process is not None:
            self.stop(signal.SIGKILL)

    @property
    def said(self) -> str:
        return self._out.read_text("utf-8", "replace") if self._out.exists() else ""


@dataclass
class Machine:
    """The folder of a Minecraft server."""

    folder: Path

    def __post_init__(self) -> None:
        self.home = self.folder / "mc-coal"
        self.home.mkdir(parents=True)
        (self.folder / "logs").mkdir()
        self.log = Log(self.folder / "logs" / "latest.log")
        self._agents: list[Agent] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def agent(self, url: str, *flags: str) -> Agent:
        """An agent with credentials, not started yet."""
        known = ("--agent_client_id", "mc-coal-agent-1", "--agent_secret", "5ecret")
        return self.bare_agent("--url", url, *known, "--mc_timezone", "UTC", *flags)

    def bare_agent(self, *flags: str) -> Agent:
        agent = Agent(self.home, *flags)
        self._agents.append(agent)
        return agent

    def running(self) -> "subprocess.Popen[bytes]":
        """Have a process that stands for Minecraft, with its number where it belongs."""
        process = subprocess.Popen(["sleep", "1000"])
        self._processes.append(process)
        (self.folder / "server.pid").write_text(f"{process.pid}\n")
        return process

    def fifo(self) -> int:
        """A pipe that somebody reads: gives its end for reading."""
        path = self.folder / "command-fifo"
        if not path.exists():
            os.mkfifo(path)
        assert stat.S_ISFIFO(path.stat().st_mode)
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def end(self) -> None:
        for agent in self._agents:
            agent.kill()
        for process in self._processes:
            process.kill()
            process.wait()


def started_agent(agent: Agent) -> None:
    """It runs, and reads the log."""
    agent.start()
    wait_until(lambda: "Monitoring" in agent.said)


def read_lines(pipe: int) -> Iterator[str]:
    """What comes through a pipe."""
    raw = b""
    last = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < last:
        try:
            raw += os.read(pipe, 4096)
        except BlockingIOError:
            pass
        *whole, raw = raw.split(b"\n")
        yield from (line.decode() for line in whole)
        time.sleep(0.01)
    raise AssertionError("nothing came")
