"""Kill -9 of coalserver, the keeper, the child, or several of them, in every state and at every step of a save.

The rows are those of the tables in hosting.md, sections 2 and 9. After each: no line of the console is lost or stored
twice, no process is left, saving by itself is on, the world is whole, and `wanted` is reached again.
"""

import os
import signal
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from coalserver.core.commands.hosting_settings import add_version, set_properties
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.keeper_client import RunState, read_run
from coalserver.hosting.level import read_level
from coalserver.server.admin import open_offline
from coalserver.storage.data_directory import DataDirectory
from tests.hosting.fake_child import is_torn
from tests.hosting.machine import Machine
from tests.hosting.stand_in_java import FAKE, JarServer, hosting_flags, make_java, run_jar_server
from tests.hosting.test_saves_of_killed_servers import add_large_file, parts
from tests.processes import wait_until

SERVER, KEEPER, CHILD = "coalserver", "keeper", "child"
#: Of those that are there while a process runs.
KILLS = (
    (SERVER,), (KEEPER,), (CHILD,), (SERVER, KEEPER), (SERVER, CHILD), (KEEPER, CHILD),
    (SERVER, KEEPER, CHILD),
)  # fmt: skip
#: A file of this size, of zeros, takes a moment to be packed.
LARGE = 1 << 26
PLAYED = ("--then", "join Ada", "--then", "leave Ada")


class KillMachine(Machine):
    """A machine that remembers every run, and is looked over at the end."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.runs: dict[str, RunState] = {}

    def remember(self) -> RunState | None:
        state = read_run(self.files.run)
        if state is not None:
            self.runs[state.run] = state
        return state

    def start(self) -> None:
        assert self.order("play") == 202
        self.wait_for("RUNNING")

    def kill(self, names: tuple[str, ...]) -> None:
        """Kill these at once, coalserver first."""
        state = self.remember()
        processes = {SERVER: self.server.process.pid}
        if state is not None:
            assert state.child is not None
            processes |= {KEEPER: state.keeper["pid"], CHILD: state.child["pid"]}
        for name in (SERVER, KEEPER, CHILD):
            if name in names:
                os.kill(processes[name], signal.SIGKILL)

    def left_processes(self) -> list[psutil.Process]:
        """Return the processes of the world: those that run in its folders, or name them."""
        folder = str(self.files.folder)
        found = []
        for process in psutil.process_iter(["cmdline", "cwd", "status"]):
            words = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
            if process.info["status"] != psutil.STATUS_ZOMBIE and any(
                folder in word for word in words
            ):
                found.append(process)
        return found

    async def use_jar(self, url: str) -> None:
        """Let the world run a jar that is fetched first."""
        home = DataDirectory(self.data)
        with home.lock():
            async with open_offline(self.config, home) as context:
                version = Version(0, "jar", VersionKind.URL, 0.0, url=url)
                await context.core.execute(add_version, version=version)
                changes = {"version": "jar"}
                await context.core.execute(set_properties, world_id=self.world, changes=changes)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[KillMachine]:
    machine = KillMachine(tmp_path)
    yield machine
    await machine.end()


@pytest.fixture
def jars() -> Iterator[JarServer]:
    with run_jar_server() as server:
        yield server


def assert_saves_by_itself(box: KillMachine) -> None:
    """Check that a running world saves by itself, and that no mark says otherwise."""
    wait_until(lambda: box.state.marks == {})
    assert box.call("console", "POST", command="save-on")[0] == 202
    box.wait_for_text("Saving is already turned on")


async def assert_sound(box: KillMachine, state: str) -> None:
    """Wait for a state, stop the world in good order, and look at everything that it has left."""
    shown = box.wait_for(state)
    assert shown["wanted"] == ("play" if state == "RUNNING" else "pause")
    wait_until(lambda: parts(box) == [])
    if state == "RUNNING":
        assert_saves_by_itself(box)
        assert box.order("pause") == 202
        box.wait_for("STOPPED")
    box.remember()
    assert box.server.stop() == 0
    assert [stat.pid for run in box.runs.values() for stat in run.members()] == []
    wait_until(lambda: box.left_processes() == [])
    if box.runs:
        await box.check_history()
    world = box.files.server / "world"
    if world.exists():
        read_level(world)


async def go_on(
    box: KillMachine, killed: tuple[str, ...], state: str, *flags: str, ends: bool = True
) -> None:
    """Kill, and see that the world comes to a state, with another server if coalserver was killed.

    `ends`: the run of before comes to its end.
    """
    before = box.remember()
    box.kill(killed)
    if SERVER in killed:
        box.server.process.wait()
        with box.serve(*flags):
            await settle(box, before if ends else None, state)
    else:
        await settle(box, before if ends else None, state)


async def settle(box: KillMachine, before: RunState | None, state: str) -> None:
    """Wait until the run of before the kill has ended, and another one is there if it has to, then look over all."""
    if before is not None:
        wait_until(lambda: before.members() == [])
        if state == "RUNNING":
            wait_until(lambda: box.state.run != before.run)
    await assert_sound(box, state)


def names(killed: tuple[str, ...]) -> str:
    return "+".join(killed)


# Section 2: states without a process


@pytest.mark.parametrize("state", ["UNKNOWN", "STOPPED"])
async def test_world_at_rest(box: KillMachine, state: str) -> None:
    await box.prepare()
    with box.serve():
        if state == "STOPPED":
            box.start()
            assert box.order("pause") == 202
        box.wait_for(state)
        box.kill((SERVER,))
    with box.serve():
        await assert_sound(box, state)


async def test_queued_start(box: KillMachine) -> None:
    await box.prepare()
    with box.serve("--hosting-crash-wait", "2"):
        box.start()
        assert box.call("console", "POST", command="fake crash")[0] == 202
        box.wait_for("QUEUED_START")
        box.kill((SERVER,))
    with box.serve():
        await assert_sound(box, "RUNNING")
    assert len(box.runs) == 2


async def test_loading(box: KillMachine, jars: JarServer, tmp_path: Path) -> None:
    await box.prepare()
    await box.use_jar(jars.url)
    flags = hosting_flags(make_java(tmp_path / "jdk", FAKE))
    jars.hold()
    with box.serve(*flags):
        assert box.order("play") == 202
        box.wait_for("LOADING")
        wait_until(lambda: list((box.data / "hosting" / "versions").glob("*.part")))
        box.kill((SERVER,))
    jars.release()
    with box.serve(*flags):
        await assert_sound(box, "RUNNING")
    assert list((box.data / "hosting" / "versions").glob("*.part")) == []


@pytest.mark.parametrize("wanted", ["pause", "play"])
async def test_saving(box: KillMachine, wanted: str) -> None:
    await box.prepare(*PLAYED)
    with box.serve():
        box.start()
        box.wait_for_text("Ada left")
        add_large_file(box, LARGE)
        assert box.order("pause") == 202
        box.wait_for("SAVING")
        if wanted == "play":
            assert box.order("play") == 202
        box.kill((SERVER,))
    with box.serve():
        await assert_sound(box, "RUNNING" if wanted == "play" else "STOPPED")


# Section 2: states with a process


@pytest.mark.parametrize("killed", KILLS, ids=names)
async def test_loaded(box: KillMachine, killed: tuple[str, ...]) -> None:
    await box.prepare("--start-seconds", "2")
    with box.serve():
        assert box.order("play") == 202
        box.wait_for("LOADED")
        box.wait_for_text("Starting minecraft server")
        if killed == (SERVER,):
            await go_on(box, killed, "RUNNING", ends=False)
        else:
            # An end before ready is a trouble, and there is no other try; the end of a keeper counts as a crash.
            await go_on(box, killed, "RUNNING" if KEEPER in killed else "STOPPED")


@pytest.mark.parametrize("killed", KILLS, ids=names)
async def test_running(box: KillMachine, killed: tuple[str, ...]) -> None:
    await box.prepare()
    with box.serve():
        box.start()
        await go_on(box, killed, "RUNNING", ends=killed != (SERVER,))
    assert len(box.runs) == (1 if killed == (SERVER,) else 2)
    assert not is_torn(box.files.server / "world")


@pytest.mark.parametrize("order", ["pause", "restart"])
@pytest.mark.parametrize("killed", KILLS, ids=names)
async def test_stopping(box: KillMachine, killed: tuple[str, ...], order: str) -> None:
    await box.prepare("--hang-on-stop")
    # Without a kill the stop takes so long.
    with box.serve("--hosting-stop-seconds", "5"):
        box.start()
        assert box.order(order) == 202
        box.wait_for_text("Stopping the server")
        state = {"pause": "STOPPED", "restart": "RUNNING"}[order]
        box.define()
        await go_on(box, killed, state, "--hosting-stop-seconds", "1")


# Section 9: a save of a running world


def reach(box: KillMachine, step: int) -> None:
    """Order a saved game, and wait until it is at a step of the table."""
    if step >= 5:
        add_large_file(box, LARGE)
    assert box.order("save") == 202
    if step == 2:
        wait_until(lambda: box.state.marks)
    elif step in (3, 4):
        # The game writes for half a second.
        box.wait_for_text("Automatic saving is now disabled" if step == 3 else "Saving the game")
    elif step == 5:
        wait_until(lambda: parts(box))
    elif step in (6, 7):
        box.wait_for_text("Automatic saving is now enabled")
        if step == 7:
            wait_until(lambda: box.state.marks == {})
    elif step == 8:
        wait_until(lambda: list((box.files.folder / "saves").glob("*.zip")))


def assert_saved_games_are_whole(box: KillMachine, folder: Path) -> None:
    """Check that each saved game that is there can be unpacked and was not copied in the middle of a write."""
    for path in (box.files.folder / "saves").glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            archive.extractall(folder, [one for one in archive.namelist() if "world/" in one])
        assert not is_torn(folder / "world")
        read_level(folder / "world")
    if undescribed(box):
        # A server that is stopped at once leaves the description to the next start.
        with box.serve():
            wait_until(lambda: not undescribed(box))


def undescribed(box: KillMachine) -> list[Path]:
    """Return the saved games without a description."""
    saves = (box.files.folder / "saves").glob("*.zip")
    return [path for path in saves if not path.with_suffix(".json").exists()]


SAVE_KILLS = [
    *((step, (name,)) for step in range(1, 9) for name in (SERVER, KEEPER, CHILD)),
    *((step, KILLS[-1]) for step in (2, 5)),
    (5, (SERVER, KEEPER)),
    (5, (SERVER, CHILD)),
    (5, (KEEPER, CHILD)),
]


@pytest.mark.parametrize(
    ("step", "killed"), SAVE_KILLS, ids=[f"{step}-{names(killed)}" for step, killed in SAVE_KILLS]
)
async def test_save_of_a_running_world(
    box: KillMachine, tmp_path: Path, step: int, killed: tuple[str, ...]
) -> None:
    await box.prepare(*(("--save-seconds", "0.5") if step in (3, 4) else ()))
    with box.serve():
        box.start()
        reach(box, step)
        await go_on(box, killed, "RUNNING", ends=killed != (SERVER,))
    assert not is_torn(box.files.server / "world")
    assert_saved_games_are_whole(box, tmp_path / "unpacked")
