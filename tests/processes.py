"""A server in its own process, and results of the command line."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_any
from pathlib import Path
from typing import Any, TypeVar

from coalserver.cli.main import main

T = TypeVar("T")

#: Starts processes by forking one that has imported the server; see ForkedServer.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["coalserver.cli.serve", "uvloop", "tests.processes"])
#: Each start looks for processes that have ended, and reads their exit status, which only one thread can do.
FORKS_LOCK = threading.Lock()

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


class ForkedServer:
    """A server process with the attributes of a Popen that tests use.

    It is forked from a process that has imported the server, once for each process of tests, which saves two thirds of
    the processor time of a start. `command` starts the program itself.
    """

    def __init__(self, args: Sequence[str], cwd: Path) -> None:
        reader, writer = FORKS.Pipe(duplex=False)
        options = (writer, args, str(cwd), environment())
        self._process = FORKS.Process(target=serve_in_fork, args=options, daemon=True)
        with FORKS_LOCK:
            self._process.start()
        writer.close()
        #: What the server prints.
        self.stdout = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")
        reader.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit status, the negative number of a signal, or None while the process runs."""
        with FORKS_LOCK:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        wait_for_any([self._process.sentinel], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("serve", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> "ForkedServer":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stdout.close()
        self.wait()


def serve_in_fork(
    output: Connection, args: Sequence[str], cwd: str, variables: dict[str, str]
) -> None:
    """Run the command line with this output, as `python run.py` in a new process does."""
    os.dup2(output.fileno(), 1)
    output.close()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["run.py", *args]
    sys.exit(main())


@dataclass
class ServerProcess:
    """A listening server and the document that it printed at the start."""

    process: "subprocess.Popen[str] | ForkedServer"
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
    data: Path, *flags: str, cwd: Path = ROOT, run: Sequence[str] = ()
) -> Iterator[ServerProcess]:
    """Run a server on any free port; it is killed at the end.

    `run` are the arguments that start the program, if it is not that of this checkout.
    """
    args = ["serve", "--json", "--port", "0", "--data", str(data), *LIMITS, *flags]
    with (
        subprocess.Popen(
            [*run, *args], stdout=subprocess.PIPE, text=True, cwd=cwd, env=environment()
        )
        if run
        else ForkedServer(args, cwd)
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
