"""A machine with a Minecraft server, as far as the agent sees it, and the agent."""

import gzip
import importlib.util
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from tests.processes import TIMEOUT_SECONDS, environment, wait_until

AGENT = Path(__file__).parent.parent.parent / "static" / "mc" / "mc_coal_agent.py"
#: Start of a dated log line.
LINE_PREFIX = "2026-09-25 12:00:00 [INFO] "


def make_lines(count: int, first: int = 0) -> list[str]:
    """Return distinct chat lines."""
    return [f"{LINE_PREFIX}<bob> {index}" for index in range(first, first + count)]


def load_agent() -> ModuleType:
    """Import the agent as a module."""
    spec = importlib.util.spec_from_file_location("mc_coal_agent", AGENT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    # dataclasses look up their module there.
    sys.modules["mc_coal_agent"] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Log:
    """A log that Minecraft writes and rotates. `lines` has all lines written, in order."""

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
        """Rename the log after a day and start a new one, as log4j does."""
        self.rolled += 1
        old = self.path.rename(self.folder / f"{day}-{self.rolled}.log")
        if then:
            self.write(then)
        else:
            self.path.touch()
        return pack_file(old) if pack else old


def pack_file(path: Path) -> Path:
    """Compress a file as log4j does: write the new file beside it, then delete the old one."""
    to = path.with_name(path.name + ".gz")
    with gzip.open(to, "wb") as file:
        file.write(path.read_bytes())
    path.unlink()
    return to


class Agent:
    """The agent as a process. Its folder is kept when it ends."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.folder = folder
        self.flags = flags
        self._out = folder / "out.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def command_line(self, *more: str) -> list[str]:
        return [sys.executable, "-X", "dev", "-W", "error", str(AGENT), *self.flags, *more]

    def start(self, *more: str, under: Sequence[str] = ()) -> None:
        with self._out.open("ab") as out:
            self._process = subprocess.Popen(
                [*under, *self.command_line(*more)],
                cwd=self.folder,
                env=environment(),
                stdout=out,
                stderr=out,
            )

    def run_once(self, *more: str) -> int:
        """Run with --once and return the exit status."""
        with self._out.open("ab") as out:
            line = self.command_line("--once", *more)
            return subprocess.run(
                line,
                cwd=self.folder,
                env=environment(),
                stdout=out,
                stderr=out,
                timeout=TIMEOUT_SECONDS,
            ).returncode

    def send(self, signal_number: int) -> None:
        assert self._process is not None
        self._process.send_signal(signal_number)

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.send(signal_number)
        assert self._process is not None
        status = self._process.wait(TIMEOUT_SECONDS)
        self._process = None
        return status

    def kill(self) -> None:
        if self._process is not None:
            self.stop(signal.SIGKILL)

    @property
    def output(self) -> str:
        return self._out.read_text("utf-8", "replace") if self._out.exists() else ""


@dataclass
class Machine:
    """The folder of a Minecraft server, with its processes and agents."""

    folder: Path

    def __post_init__(self) -> None:
        self.home = self.folder / "mc-coal"
        self.home.mkdir(parents=True)
        (self.folder / "logs").mkdir()
        self.log = Log(self.folder / "logs" / "latest.log")
        self._agents: list[Agent] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def agent(self, url: str, *flags: str) -> Agent:
        """Return an agent with credentials that is not started yet."""
        known = ("--agent_client_id", "mc-coal-agent-1", "--agent_secret", "5ecret")
        return self.bare_agent("--url", url, *known, "--mc_timezone", "UTC", *flags)

    def bare_agent(self, *flags: str) -> Agent:
        agent = Agent(self.home, *flags)
        self._agents.append(agent)
        return agent

    def start_process(self) -> "subprocess.Popen[bytes]":
        """Start a process in place of Minecraft and write its pid file."""
        process = subprocess.Popen(["sleep", "1000"])
        self._processes.append(process)
        (self.folder / "server.pid").write_text(f"{process.pid}\n")
        return process

    def open_pipe(self) -> int:
        """Create the command pipe and return its open end for reading."""
        path = self.folder / "command-fifo"
        if not path.exists():
            os.mkfifo(path)
        assert stat.S_ISFIFO(path.stat().st_mode)
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def close(self) -> None:
        for agent in self._agents:
            agent.kill()
        for process in self._processes:
            process.kill()
            process.wait()


def start_monitoring(agent: Agent) -> None:
    """Start an agent and wait until it reads the log."""
    agent.start()
    wait_until(lambda: "Monitoring" in agent.output)


def read_lines(pipe: int) -> Iterator[str]:
    """Yield the lines read from a pipe."""
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
    raise AssertionError("no line was written to the pipe")
