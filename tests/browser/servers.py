"""Servers that a test can kill and restart at the same address."""

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
from tempfile import TemporaryFile
from typing import Any

from coalserver.cli import main
from coalserver.hosting.low_priority import Progress
from coalserver.hosting.saves import SavedGames
from tests.hosting.zips import world_zip
from tests.processes import ServerProcess, run_server

#: Below the ephemeral ports, one of which could be taken while the server is down.
#: Each is used once, because a browser stores data by address.
PORTS = iter(random.sample(range(20_000, 32_000), 12_000))


#: No test asks the lists of versions of others: these are refused before a connection is made.
NO_LISTS = (
    "--hosting-manifests",
    ", ".join(f"{name}=http://127.0.0.1:9/{name}" for name in ("mojang", "paper", "fabric")),
)


class Server:
    """The server of one data directory, at one port. `{port}` in the flags is this port."""

    def __init__(self, data: Path, flags: Sequence[str] = ()) -> None:
        self._data, self._port = data, free_port()
        self._flags = [flag.replace("{port}", str(self._port)) for flag in flags]
        self._processes = ExitStack()
        self._running = self._run()

    @property
    def url(self) -> str:
        return self._running.url

    @property
    def port(self) -> int:
        return self._port

    @property
    def start_code(self) -> str:
        """The code that the server printed for its first administrator."""
        return str(self._running.started["admin_code"])

    def kill(self) -> None:
        """Kill the process without a clean shutdown, as a power cut does."""
        self._running.stop(signal.SIGKILL)

    def restart(self) -> None:
        self._running = self._run()

    def delete_data(self) -> None:
        """Delete the data directory. The server must not be running."""
        shutil.rmtree(self._data)

    def create_backup(self, name: str) -> None:
        """Create a backup with this name in the folder that the admin pages list."""
        folder = self._data / "backups"
        folder.mkdir(exist_ok=True)
        self.run_command("backup", str(folder / name))

    def add_saved_game(self, world_id: int, save_id: str) -> None:
        """Put an uploaded world among the saved games of a hosted world, with this id."""
        games = SavedGames(self._data / "hosting" / "worlds" / str(world_id))
        games.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile() as file:
            file.write(world_zip())
            file.seek(0)
            limits = {"max_bytes": 1 << 20, "disk_free": 0}
            saved = games.add_upload(file, Progress(), note="Old server", **limits)
        for path in games.saves.glob(f"{saved.id}.*"):
            path.rename(path.with_name(f"{save_id}{path.suffix}"))

    def close(self) -> None:
        self._processes.close()

    def run_command(self, *arguments: str) -> None:
        """Run a command of the command line."""
        with redirect_stdout(io.StringIO()):
            assert main.main([*arguments, "--data", str(self._data)]) == 0

    def run_json_command(self, *arguments: str) -> Any:
        """Run a command with --json and return its output."""
        output = io.StringIO()
        with redirect_stdout(output):
            assert main.main(["--json", *arguments, "--data", str(self._data)]) == 0
        return json.loads(output.getvalue())

    def _run(self) -> ServerProcess:
        flags = ("--port", str(self._port), "--log-level", "warning", *NO_LISTS, *self._flags)
        return self._processes.enter_context(run_server(self._data, *flags))


class Servers:
    """Servers for tests. The next one starts while the current test runs."""

    def __init__(self, directory: Callable[[], Path], executor: ThreadPoolExecutor) -> None:
        self._directory, self._executor = directory, executor
        self._prepared = executor.submit(self._start)

    def next(self, flags: Sequence[str] = ()) -> Server:
        if flags:
            return self._start(flags)
        started, self._prepared = self._prepared, self._executor.submit(self._start)
        return started.result()

    def close(self) -> None:
        self._prepared.result().close()

    def _start(self, flags: Sequence[str] = ()) -> Server:
        return Server(self._directory(), flags)


@contextmanager
def servers_in(directory: Callable[[], Path]) -> Iterator[Servers]:
    """Yield servers with one data directory each."""
    with ThreadPoolExecutor(1) as executor, closing(Servers(directory, executor)) as servers:
        yield servers


def free_port() -> int:
    for port in PORTS:
        with socket.socket() as candidate:
            # The server binds with this option, too.
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("No port is free.")
