"""A server that dies as often as a test likes, and is found at the same address again."""

import io
import json
import random
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from coalserver.cli import main
from tests.processes import ServerProcess, run_server

#: Below those that systems give to connections: one of these could take ours while we are dead.
#: Each is used once, since what a browser keeps it keeps for an address.
PORTS = iter(random.sample(range(20_000, 32_000), 12_000))


class Server:
    """The server of one data directory, at one port."""

    def __init__(self, data: Path, flags: Sequence[str] = ()) -> None:
        self._data, self._flags = data, flags
        self._port = free_port()
        self._lives = ExitStack()
        self._running = self._run()

    @property
    def url(self) -> str:
        return self._running.url

    def kill(self) -> None:
        """As a power cut would: it has no time for anything."""
        self._running.stop(signal.SIGKILL)

    def start_again(self) -> None:
        self._running = self._run()

    def forgets(self) -> None:
        """All it has kept; only while it is dead."""
        shutil.rmtree(self._data)

    def backs_up(self, name: str) -> None:
        """Make a backup of this name where its pages look for them."""
        folder = self._data / "backups"
        folder.mkdir(exist_ok=True)
        self.told("backup", str(folder / name))

    def close(self) -> None:
        self._lives.close()

    def told(self, *order: str) -> None:
        """An order from the command line."""
        with redirect_stdout(io.StringIO()):
            assert main.main([*order, "--data", str(self._data)]) == 0

    def answered(self, *order: str) -> Any:
        """What an order answers, as scripts read it."""
        said = io.StringIO()
        with redirect_stdout(said):
            assert main.main(["--json", *order, "--data", str(self._data)]) == 0
        return json.loads(said.getvalue())

    def _run(self) -> ServerProcess:
        flags = ("--port", str(self._port), "--log-level", "warning", *self._flags)
        return self._lives.enter_context(run_server(self._data, *flags))


class Servers:
    """Gives each test a server that was started while the one before still ran."""

    def __init__(self, directory: Callable[[], Path], starting: ThreadPoolExecutor) -> None:
        self._directory, self._starting = directory, starting
        self._ahead = starting.submit(self._start)

    def next(self, flags: Sequence[str] = ()) -> Server:
        if flags:
            return self._start(flags)
        started, self._ahead = self._ahead, self._starting.submit(self._start)
        return started.result()

    def close(self) -> None:
        self._ahead.result().close()

    def _start(self, flags: Sequence[str] = ()) -> Server:
        return Server(self._directory(), flags)


@contextmanager
def servers_in(directory: Callable[[], Path]) -> Iterator[Servers]:
    """Servers that each keep their data in a directory of their own."""
    with ThreadPoolExecutor(1) as starting, closing(Servers(directory, starting)) as servers:
        yield servers


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
