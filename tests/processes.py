"""A server in its own process, and results of the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
#: Seconds for a process to start, answer or exit on a busy machine.
TIMEOUT_SECONDS = 90
#: Many tests do more in a second than one player may.
LIMITS = ("--limits-exempt", "127.0.0.0/8,::1")


@dataclass
class CliResult:
    """Exit status and output of one call of the command line."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on standard output."""
        return json.loads(self.out)


#: Calls the command line; see the fixture `line`.
CommandLine = Callable[..., CliResult]


def tags(line: CommandLine, *flags: str) -> list[str]:
    """Return the tags of all games."""
    result = line("game", "list", "--json", *flags)
    return [game["tag"] for game in result.document["games"]]


@dataclass
class ServerProcess:
    """A listening server and the document that it printed at the start."""

    process: "subprocess.Popen[str]"
    started: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.started["listening"])

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(signal_number)
        return self.process.wait(TIMEOUT_SECONDS)


def command(*args: str, run: Sequence[str] = (sys.executable, str(ROOT / "run.py"))) -> list[str]:
    """Return the arguments of a process that runs the command line."""
    return [*run, *args]


def environment(**variables: str) -> dict[str, str]:
    """Return this environment without settings of coalserver, and with these variables."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("COAL_")}
    return own | variables


def wait_until(
    condition: Callable[[], T],
    *,
    seconds: float = TIMEOUT_SECONDS,
    found: Callable[[], object] = lambda: "the condition did not become true",
) -> T:
    """Poll a condition until it is true, and return its value; otherwise fail with what `found` returns."""
    last = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < last, found()
        time.sleep(0.01)
    return value


@contextmanager
def run_server(
    data: Path, *flags: str, cwd: Path = ROOT, **kwargs: Sequence[str]
) -> Iterator[ServerProcess]:
    """Run a server on any free port; it is killed at the end."""
    args = command("serve", "--json", "--port", "0", "--data", str(data), *LIMITS, *flags, **kwargs)
    with subprocess.Popen(
        args, stdout=subprocess.PIPE, text=True, cwd=cwd, env=environment()
    ) as process:
        try:
            assert process.stdout is not None
            document = ""
            for line in process.stdout:
                document += line
                if line == "}\n":
                    break
            yield ServerProcess(process, json.loads(document))
        finally:
            process.kill()
