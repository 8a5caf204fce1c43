"""A data directory with a hosted world, and servers in their own processes on it."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from coalserver.config import Config
from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.consoles import CONSOLE
from coalserver.core.commands.hosting_settings import (
    agree_to_eula,
    define_configured_versions,
    set_properties,
)
from coalserver.core.commands.ingest import stored_sequence
from coalserver.core.commands.oauth import create_personal_token
from coalserver.core.commands.worlds import create_world
from coalserver.core.ports import LineQuery
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.keeper_client import RunState, read_run
from coalserver.hosting.processes import end_processes
from coalserver.hosting.segments import ConsoleReader
from coalserver.hosting.world_files import WorldFiles
from coalserver.server.admin import open_offline
from coalserver.storage.data_directory import DataDirectory
from tests.hosting.worlds import fake_command, free_ports
from tests.processes import TIMEOUT_SECONDS, ServerProcess, run_server, wait_until


class Machine:
    """A data directory with one hosted world, and the servers that run on it one after another."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.config = Config(data=self.data)
        self.settings = folder / "coal.ini"
        self.ports = free_ports(2)
        self.token = self._key = ""
        self.world = 0
        self.server: ServerProcess

    def define(self, *args: str) -> None:
        self.settings.write_text(f"[version fake]\ncommand = {fake_command(*args)}\n")

    async def prepare(self, *args: str) -> None:
        """Create the data directory with an admin and a world."""
        self.define(*args)
        home = DataDirectory(self.data)
        with home.lock():
            async with open_offline(self.config, home) as context:
                core = context.core
                admin = await core.execute(
                    create_account,
                    email="a@example.org",
                    password="correct horse battery",
                    admin=True,
                )
                self.token = await core.execute(
                    create_personal_token, account_id=admin.id, lifetime=None
                )
                world = await core.execute(create_world, name="World", hosted=True)
                self.world = world.id
                version = Version(0, "fake", VersionKind.COMMAND, 0.0, command=fake_command(*args))
                await core.execute(define_configured_versions, versions=[version])
                changes = {"version": "fake", "memory": "256M", "idle_timeout": 0}
                await core.execute(set_properties, world_id=world.id, changes=changes)
                await core.execute(agree_to_eula, world_id=world.id, actor_id=0, agree=True)

    @contextmanager
    def serve(self, *flags: str) -> Iterator[ServerProcess]:
        """Run a server; it is killed at the end."""
        options = (
            "--config", str(self.settings), "--hosting-ports", f"{self.ports}-{self.ports + 1}",
            "--hosting-bind", "127.0.0.1", "--hosting-memory", "4000", "--hosting-crash-wait", "1",
        )  # fmt: skip
        with run_server(self.data, *options, *flags) as server:
            self.server = server
            yield server

    def call(self, path: str, method: str = "GET", **body: Any) -> tuple[int, Any]:
        """Send a request of the COAL API about the world; return status and document."""
        request = urllib.request.Request(
            f"{self.server.url}/api/v1/servers/{self.key}/{path}",
            method=method,
            data=json.dumps(body).encode() if method == "POST" else None,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                text = response.read()
                return response.status, json.loads(text) if text else None
        except HTTPError as error:
            with error:
                text = error.read()
            return error.code, json.loads(text) if text else None

    @property
    def key(self) -> str:
        """The world's key in the API, which stays."""
        if self._key:
            return self._key
        request = urllib.request.Request(
            f"{self.server.url}/api/v1/servers", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            document = json.loads(response.read())
        self._key = str(document["servers"][0]["key"])
        return self._key

    @property
    def hosting(self) -> dict[str, Any]:
        status, document = self.call("hosting")
        assert status == 200
        return document  # type: ignore[no-any-return]

    def order(self, order: str) -> int:
        return self.call(f"queue/{order}", "POST")[0]

    def wait_for(self, state: str) -> dict[str, Any]:
        def find() -> dict[str, Any]:
            found = self.hosting
            return found if found["state"] == state else {}

        return wait_until(find, found=lambda: self.hosting)

    @property
    def files(self) -> WorldFiles:
        return WorldFiles(self.data / "hosting", self.world)

    @property
    def state(self) -> RunState:
        state = read_run(self.files.run)
        assert state is not None
        return state

    def texts(self) -> list[str]:
        return [line.text for line in ConsoleReader(self.files.run).read(0, 1_000_000)]

    def wait_for_text(self, part: str, count: int = 1) -> None:
        wait_until(lambda: sum(part in text for text in self.texts()) >= count, found=self.texts)

    async def check_history(self) -> None:
        """Check, while no server runs, that each line with a time is stored once and in its order."""
        home = DataDirectory(self.data)
        with home.lock():
            async with open_offline(self.config, home) as context:
                core = context.core
                lines = await core.history.lines(LineQuery(self.world, ascending=True), 100_000)
                stored = core.query(stored_sequence, world_id=self.world, source=CONSOLE)
        console = ConsoleReader(self.files.run).read(0, 1_000_000)
        assert stored == console[-1].number
        sequences = sorted(line.sequence for line in lines)
        texts = {line.number: line.text for line in console}
        assert sequences == [number for number, text in texts.items() if text.startswith("[")]
        assert all(texts[line.sequence] == line.line for line in lines)

    async def end(self) -> None:
        if (state := read_run(self.files.run)) is None:
            return
        await end_processes(state.members, term_seconds=0)
        if state.keeper_lives:
            with suppress(ProcessLookupError):
                os.kill(state.keeper["pid"], signal.SIGKILL)
