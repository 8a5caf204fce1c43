"""Worlds of a server in its own process: signals, kill -9 and restarts (hosting.md, 6)."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

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
from tests.processes import TIMEOUT_SECONDS, ServerProcess, run_server


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
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while (found := self.hosting)["state"] != state:
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return found

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
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while sum(part in text for text in self.texts()) < count:
            assert time.monotonic() < deadline, self.texts()
            time.sleep(0.02)

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


@pytest.fixture
async def box(tmp_path: Path) -> Any:
    machine = Machine(tmp_path)
    yield machine
    await machine.end()


async def test_sigterm_stops_the_world_and_the_next_server_starts_it(box: Machine) -> None:
    await box.prepare()
    with box.serve() as server:
        assert box.order("play") == 202
        box.wait_for("RUNNING")
        assert server.stop() == 0
    assert box.state.members() == []
    assert sum("Stopping server" in text for text in box.texts()) == 1
    await box.check_history()
    with box.serve() as server:
        assert box.wait_for("RUNNING")["wanted"] == "play"
        assert box.order("pause") == 202
        box.wait_for("STOPPED")
        assert server.stop() == 0
    await box.check_history()
    with box.serve():
        assert box.hosting["state"] == "STOPPED"


@pytest.mark.parametrize("moment", ["LOADED", "RUNNING", "QUEUED_STOP"])
async def test_world_goes_on_when_the_server_is_killed(box: Machine, moment: str) -> None:
    await box.prepare(*(("--start-seconds", "2") if moment == "LOADED" else ("--hang-on-stop",)))
    with box.serve():
        box.order("play")
        box.wait_for("LOADED" if moment == "LOADED" else "RUNNING")
        if moment == "QUEUED_STOP":
            box.order("pause")
            box.wait_for_text("Stopping the server")
        first = box.state
        assert first.child_lives
    # Killed by now.
    assert first.child_lives
    with box.serve("--hosting-stop-seconds", "1") as server:
        if moment == "QUEUED_STOP":
            box.wait_for("STOPPED")
        else:
            shown = box.wait_for("RUNNING")
            assert shown["pid"] == (first.child or {}).get("pid")
            assert shown["crashes"] == 0
            assert box.call("console", "POST", command="/say hello")[0] == 202
            box.wait_for_text("[Server] hello")
            box.order("kill")
            box.wait_for("STOPPED")
        assert server.stop() == 0
    assert first.members() == []
    await box.check_history()


@pytest.mark.parametrize("killed", [("keeper",), ("child",), ("keeper", "child")])
async def test_world_is_found_ended_after_the_server_was_killed(
    box: Machine, killed: tuple[str, ...]
) -> None:
    await box.prepare("--save-seconds", "0.2")
    with box.serve():
        box.order("play")
        box.wait_for("RUNNING")
        first = box.state
    for name in killed:
        process = first.keeper if name == "keeper" else first.child
        os.kill((process or {})["pid"], signal.SIGKILL)
    with box.serve() as server:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while box.state.run == first.run:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        box.wait_for("RUNNING")
        assert first.members() == []
        assert server.stop() == 0
    await box.check_history()


async def test_server_killed_again_and_again_loses_no_line(box: Machine) -> None:
    await box.prepare("--then", "fork")
    for round_ in range(3):
        with box.serve():
            if not round_:
                box.order("play")
            box.wait_for("RUNNING")
            last = len(box.texts())
            box.wait_for_text("fork line", last // 2 + 20)
    with box.serve() as server:
        box.wait_for("RUNNING")
        box.order("pause")
        box.wait_for("STOPPED")
        assert server.stop() == 0
    await box.check_history()


@pytest.mark.parametrize("way", ["second signal", "hosting_leave"])
async def test_world_is_left_to_its_keeper(box: Machine, way: str) -> None:
    await box.prepare("--hang-on-stop", "--ignore-term")
    flags = ("--hosting-leave", "yes") if way == "hosting_leave" else ()
    with box.serve(*flags) as server:
        box.order("play")
        box.wait_for("RUNNING")
        first = box.state
        server.process.send_signal(signal.SIGTERM)
        if way == "second signal":
            box.wait_for_text("Stopping the server")
            server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_SECONDS) == 0
    assert first.child_lives
    with box.serve():
        box.order("kill")
        box.wait_for("STOPPED")


async def test_no_order_while_the_server_ends(box: Machine) -> None:
    await box.prepare("--save-seconds", "2")
    with box.serve() as server:
        box.order("play")
        box.wait_for("RUNNING")
        server.process.send_signal(signal.SIGTERM)
        box.wait_for("QUEUED_STOP")
        status, document = box.call("queue/restart", "POST")
        assert (status, document) == (400, {"errors": "The server is shutting down."})
        assert server.process.wait(TIMEOUT_SECONDS) == 0


async def test_without_hosting_nothing_is_started_and_what_runs_is_stopped(box: Machine) -> None:
    await box.prepare()
    with box.serve():
        box.order("play")
        box.wait_for("RUNNING")
        first = box.state
    with box.serve("--hosting", "no"):
        box.wait_for("STOPPED")
        assert first.members() == []
        status, document = box.call("queue/play", "POST")
        assert (status, document) == (
            400,
            {"errors": "World hosting is switched off on this server."},
        )


async def test_version_of_the_configuration_goes_with_its_section(box: Machine) -> None:
    await box.prepare()
    box.settings.write_text("[coalserver]\n")
    with box.serve():
        status, document = box.call("queue/play", "POST")
        assert (status, document) == (400, {"errors": "There is no version fake any more."})


async def test_console_is_read_by_numbers(box: Machine) -> None:
    await box.prepare()
    with box.serve():
        assert box.call("console")[1] == {"lines": [], "next": 0}
        refused = (400, {"errors": "The world is not running."})
        assert box.call("console", "POST", command="list") == refused
        box.order("play")
        box.wait_for("RUNNING")
        assert box.call("console", "POST", command="x" * 4097)[0] == 400
        assert box.call("console", "POST", command="/say one\ntwo")[0] == 202
        box.wait_for_text("[Server] one two")
        first = box.call("console?after=0&size=2")[1]
        assert [line["number"] for line in first["lines"]] == [1, 2]
        assert first["next"] == 2
        rest = box.call("console?after=2&size=1000")[1]
        assert rest["lines"][0]["number"] == 3
        assert rest["lines"][-1]["text"].endswith("[Server] one two")
        newest = box.call("console?size=1")[1]
        assert newest["lines"] == rest["lines"][-1:]
        assert box.call("console?size=1001")[0] == 400
