"""A server that dies as often as a test likes, and is found at the same address again."""

import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.running import ROOT, Running, command, environment, running

#: Below those that systems give to connections: one of these could take ours while we are dead.
#: Each is used once, since what a browser keeps it keeps for an address.
PORTS = iter(random.sample(range(20_000, 32_000), 12_000))


class Server:
    """The server of one data directory, at one port."""

    def __init__(self, data: Path, lives: ExitStack) -> None:
        self._data, self._lives = data, lives
        self._port = free_port()
        self._running = self._run()

    @classmethod
    @contextmanager
    def in_directory(cls, data: Path) -> Iterator["Server"]:
        with ExitStack() as lives:
            yield cls(data, lives)

    @property
    def url(self) -> str:
        return self._running.url

    def kill(self) -> None:
        """As a power cut would: it has no time for anything."""
        self._running.stop(signal.SIGKILL)

    def start_again(self) -> None:
        self._running = self._run()

    def told(self, *order: str) -> None:
        """An order from the command line."""
        args = command(*order, "--data", str(self._data), "--json")
        subprocess.run(args, check=True, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)

    def _run(self) -> Running:
        flags = ("--port", str(self._port), "--log-level", "warning")
        return self._lives.enter_context(running(self._data, *flags))


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as trying:
            # As the server itself will bind it.
            trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trying.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("No port is free.")
