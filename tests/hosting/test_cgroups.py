"""Limits of the processes of worlds (hosting.md, 6): where cgroups can be made, and what happens where they cannot."""

import errno
import logging
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coalserver.hosting import world_task
from coalserver.hosting.cgroups import OWN_NAME, Cgroup, CgroupPlaces, Cgroups, Limits, remove
from coalserver.hosting.keeper_client import KeeperClient, KeeperError
from tests.hosting.worlds import Worlds, run_worlds

LIMITS = Limits.for_cost(1424, 200)
MIB = 1 << 20


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class FakeHierarchy:
    """Folders and files as the kernel shows them. What is written to them stays as it is written."""

    def __init__(self, folder: Path, own: str = "/", controllers: str = "cpu memory pids") -> None:
        self.root = folder / "cgroup"
        self.base = self.root / own.lstrip("/")
        self.places = CgroupPlaces(
            root=self.root, own=folder / "own", systemd=folder / "no systemd"
        )
        write(folder / "own", f"1:name=systemd:/other\n0::{own}\n")
        for path in {self.root, self.base}:
            write(path / "cgroup.controllers", f"{controllers}\n")
            write(path / "cgroup.subtree_control", "")
            write(path / "cgroup.procs", "41\n42\n")

    @property
    def cgroups(self) -> Cgroups:
        return Cgroups(self.places)

    def enabled(self) -> str:
        return (self.base / "cgroup.subtree_control").read_text()


def test_cgroup_has_the_limits_of_its_world(tmp_path: Path) -> None:
    fake = FakeHierarchy(tmp_path, "/box")
    cgroup = fake.cgroups.create("abc", LIMITS)
    assert cgroup is not None
    assert cgroup.path == fake.base / "coalserver-abc"
    found = {path.name: path.read_text() for path in cgroup.path.iterdir()}
    # The probe that tries to enter it wrote a 0.
    assert found == {
        "memory.max": str(1780 * MIB),
        "cpu.weight": "200",
        "pids.max": "4096",
        "cgroup.procs": "0\n",
    }
    assert fake.enabled() == "+cpu +memory +pids"


def test_processes_of_ours_leave_the_cgroup_above(tmp_path: Path) -> None:
    fake = FakeHierarchy(tmp_path, "/box")
    write(fake.base / "cgroup.type", "domain\n")
    assert fake.cgroups.create("abc", LIMITS)
    # A file of the kernel takes one id at a time.
    assert (fake.base / OWN_NAME / "cgroup.procs").read_text() in ("41", "42")


def test_coalserver_that_has_moved_finds_the_cgroup_above(tmp_path: Path) -> None:
    fake = FakeHierarchy(tmp_path, "/box")
    write(fake.base / "cgroup.subtree_control", "cpu memory pids\n")
    write(tmp_path / "own", f"0::/box/{OWN_NAME}\n")
    cgroup = fake.cgroups.create("abc", LIMITS)
    assert cgroup is not None and cgroup.path.parent == fake.base
    assert not (fake.base / OWN_NAME).exists()


def test_only_delegated_controllers_are_used(tmp_path: Path) -> None:
    fake = FakeHierarchy(tmp_path, "/box", "cpuset memory")
    cgroup = fake.cgroups.create("abc", LIMITS)
    assert cgroup is not None
    assert fake.enabled() == "+memory"
    assert {path.name for path in cgroup.path.iterdir()} == {"memory.max", "cgroup.procs"}


def hybrid(fake: FakeHierarchy) -> None:
    write(fake.root / "cgroup.controllers", "\n")


def not_delegated(fake: FakeHierarchy) -> None:
    write(fake.base / "cgroup.controllers", "cpuset\n")


def no_v2(fake: FakeHierarchy) -> None:
    write(fake.places.own, "1:memory:/x\n")


def no_own(fake: FakeHierarchy) -> None:
    fake.places.own.unlink()


def control_is_refused(fake: FakeHierarchy) -> None:
    (fake.base / "cgroup.subtree_control").unlink()
    (fake.base / "cgroup.subtree_control").mkdir()


def name_is_taken(fake: FakeHierarchy) -> None:
    (fake.base / "coalserver-abc").mkdir()


@pytest.mark.parametrize(
    "spoil", [hybrid, not_delegated, no_v2, no_own, control_is_refused, name_is_taken]
)
def test_missing_cgroups_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil
) -> None:
    fake = FakeHierarchy(tmp_path, "/box")
    spoil(fake)
    cgroups = fake.cgroups
    assert [cgroups.create("abc", LIMITS) for _ in range(3)] == [None] * 3
    [message] = caplog.messages
    assert message.startswith("Hosted worlds run without limits of memory and CPU time: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to every folder")
def test_read_only_hierarchy_is_not_used(tmp_path: Path) -> None:
    fake = FakeHierarchy(tmp_path, "/box")
    fake.base.chmod(0o500)
    assert fake.cgroups.create("abc", LIMITS) is None


def test_hierarchy_that_may_not_be_written_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeHierarchy(tmp_path, "/box")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert fake.cgroups.create("abc", LIMITS) is None
    assert f"{fake.base} may not be written" in caplog.text


def test_mounted_hierarchy_is_found(tmp_path: Path) -> None:
    fake = FakeHierarchy(tmp_path / "a b")
    mounted = str(fake.root).replace(" ", r"\040")
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"29 24 0:25 / /sys rw - sysfs sysfs rw\n30 29 0:26 / {mounted} rw - cgroup2 cgroup2 rw\n"
    )
    places = CgroupPlaces(mounts=mounts, own=fake.places.own, systemd=fake.places.systemd)
    cgroup = Cgroups(places).create("abc", LIMITS)
    assert cgroup is not None and cgroup.path == fake.root / "coalserver-abc"


def test_cgroups_of_others_are_not_removed(tmp_path: Path) -> None:
    (tmp_path / "system.slice").mkdir()
    remove(tmp_path / "system.slice")
    assert (tmp_path / "system.slice").exists()
    (tmp_path / "coalserver-abc" / "made by the world").mkdir(parents=True)
    remove(tmp_path / "coalserver-abc")
    remove(tmp_path / "coalserver-abc")
    remove(None)
    assert os.listdir(tmp_path) == ["system.slice"]


# With the kernel's own cgroups


def real_root() -> Path | None:
    """Return a mounted cgroup v2 in which folders may be made, or None."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        root = Path(before.split()[4])
        if after.startswith("cgroup2 ") and os.access(root, os.W_OK):
            try:
                (root / "coalserver-probe").mkdir()
            except OSError:
                continue
            (root / "coalserver-probe").rmdir()
            return root
    return None


@pytest.fixture
def real_places(tmp_path: Path) -> CgroupPlaces:
    """Places of the machine's own hierarchy, whatever controllers it has."""
    root = real_root()
    if root is None:
        pytest.skip("no cgroup v2 may be made here")
    return CgroupPlaces(root=root, systemd=tmp_path / "no systemd", controllers=())


def ours(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.name.startswith("coalserver-")}


#: Stands in for systemd-run: it moves itself to a new cgroup, as systemd would, then becomes the program.
SYSTEMD_RUN = r"""#!/bin/sh
echo "$@" > "$0.arguments"
for word; do
    shift
    case $word in
    --unit=*) name=${word#*=};;
    --) break;;
    esac
done
mkdir "ROOT/$name.scope"
echo 0 > "ROOT/$name.scope/cgroup.procs"
exec "$@"
"""


@pytest.fixture(params=["folder", "scope"])
def places(
    request: pytest.FixtureRequest, tmp_path: Path, real_places: CgroupPlaces
) -> CgroupPlaces:
    if request.param == "folder":
        return real_places
    program = tmp_path / "systemd-run"
    program.write_text(SYSTEMD_RUN.replace("ROOT", str(real_places.root)))
    program.chmod(0o755)
    systemd = tmp_path / "systemd"
    systemd.touch()
    return CgroupPlaces(
        root=real_places.root, systemd=systemd, systemd_run=str(program), controllers=()
    )


@pytest.fixture
def root(places: CgroupPlaces) -> Iterator[Path]:
    assert places.root is not None
    before = ours(places.root)
    yield places.root
    assert ours(places.root) == before


async def test_child_is_in_a_cgroup_until_it_ends(
    tmp_path: Path, places: CgroupPlaces, root: Path
) -> None:
    before = ours(root)
    async with run_worlds(tmp_path / "hosting", cgroups=places) as worlds:
        world = await worlds.add("--then", "fork")
        await worlds.play(world)
        [name] = ours(root) - before
        assert worlds.hosted(world).run_id in name
        state = worlds.state(world)
        assert state.cgroup == str(root / name)
        await worlds.wait_for_text(world, "forked")
        pids = {int(pid) for pid in (root / name / "cgroup.procs").read_text().split()}
        assert pids == {stat.pid for stat in state.members()}
        assert worlds.child(world) in pids and len(pids) == 2
        assert state.keeper["pid"] not in pids

        # Another coalserver takes it over and removes it in the end.
        await worlds.restart()
        assert worlds.status(world) == "running"
        assert ours(root) - before == {name}
        await worlds.order(world, "restart")
        await worlds.wait_for(world, "queued_restart")
        await worlds.wait_for(world, "running")
        [second] = ours(root) - before
        assert second != name
        await worlds.order(world, "kill")
        await worlds.wait_for(world, "stopped")
        assert ours(root) == before


async def test_cgroup_of_a_world_that_ended_alone_is_removed(
    tmp_path: Path, places: CgroupPlaces, root: Path
) -> None:
    async with run_worlds(tmp_path / "hosting", cgroups=places) as worlds:
        world = await worlds.add()
        await worlds.play(world)
        state = worlds.state(world)
        await worlds.close()
        for pid in (state.keeper["pid"], worlds.child(world)):
            os.kill(pid, 9)
        await worlds.until(lambda: not state.members())
        await worlds.open()
        await worlds.until(lambda: str(state.cgroup) not in map(str, root.iterdir()))
        await worlds.wait_for(world, "running")
        await worlds.order(world, "kill")
        await worlds.wait_for(world, "stopped")


async def test_program_that_cannot_be_run_leaves_no_cgroup(
    tmp_path: Path, places: CgroupPlaces, root: Path
) -> None:
    async with run_worlds(tmp_path / "hosting", cgroups=places) as worlds:
        world = await worlds.add()
        worlds.files(world).create()
        blocked = worlds.files(world).run
        blocked.rmdir()
        blocked.touch()
        await worlds.order(world, "play")
        await worlds.wait_for(world, "stopped")


@pytest.mark.parametrize(
    ("own", "order"),
    [
        ("0::/system.slice/coalserver.service\n", {"--property=Before=coalserver.service"}),
        ("1:cpu:/x.service\n0::/user.slice/session-1.scope\n", set()),
    ],
)
def test_scope_is_asked_for_with_its_limits(
    tmp_path: Path, own: str, order: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "cgroup"
    write(root / "cgroup.controllers", "cpu memory pids\n")
    write(tmp_path / "own", own)
    program = tmp_path / "systemd-run"
    program.write_text('#!/bin/sh\necho "$@" > "$0.arguments"\nexit 1\n')
    program.chmod(stat.S_IRWXU)
    systemd = tmp_path / "systemd"
    systemd.touch()
    places = CgroupPlaces(root, tmp_path / "own", systemd=systemd, systemd_run=str(program))
    with caplog.at_level(logging.WARNING):
        assert Cgroups(places).create("abc", LIMITS) is None
    assert "systemd-run makes no scope" in caplog.text
    words = (tmp_path / "systemd-run.arguments").read_text().split()
    assert "--scope" in words and "--unit=coalserver-abc" in words
    assert ("--user" in words) == (os.geteuid() != 0)
    limits = {word for word in words if word.startswith("--property=")}
    assert limits == {
        f"--property=MemoryMax={1780 * MIB}",
        "--property=CPUWeight=200",
        "--property=TasksMax=4096",
        *order,
    }


async def test_world_runs_without_limits_where_there_are_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeHierarchy(tmp_path, controllers="")
    async with run_worlds(tmp_path / "hosting", cgroups=fake.places) as worlds:
        for _ in range(2):
            world = await worlds.add()
            await worlds.play(world)
            assert worlds.state(world).cgroup is None
    assert sum("without limits" in message for message in caplog.messages) == 1


class HeldCgroups(Cgroups):
    """Makes one cgroup, in a scope whose holder keeps it from being removed, and none after it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(CgroupPlaces(root=folder / "none"))
        self.path = folder / "coalserver-abc"
        self._holder: subprocess.Popen[bytes] | None = None
        real = os.rmdir

        def rmdir(path: Any, **options: Any) -> None:
            if Path(path) == self.path and self._holder and self._holder.poll() is None:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            real(path, **options)

        monkeypatch.setattr(os, "rmdir", rmdir)

    def create(self, name: str, limits: Limits) -> Cgroup | None:
        if self._holder is not None:
            return None
        self.path.mkdir()
        self._holder = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return Cgroup(self.path, self._holder)


@pytest.mark.parametrize(
    "error",
    [KeeperError("failed"), OSError(errno.EMFILE, "Too many open files")],
    ids=["keeper", "system"],
)
async def test_keeper_that_cannot_be_started_leaves_no_scope(
    worlds: Worlds,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    monkeypatch.setattr("coalserver.hosting.service.RETRY_SECONDS", 0.01)
    cgroups = worlds.hosting._context.cgroups = HeldCgroups(tmp_path, monkeypatch)
    world = await worlds.add()
    real = world_task.start_keeper
    failures = [error]

    async def start_keeper(*args: Any, **options: Any) -> KeeperClient:
        if failures:
            raise failures.pop()
        return await real(*args, **options)

    monkeypatch.setattr(world_task, "start_keeper", start_keeper)
    await worlds.order(world, "play")
    await worlds.wait_for(world, "stopped" if isinstance(error, KeeperError) else "running")
    assert not cgroups.path.exists()
    assert not any("is not removed" in message for message in caplog.messages)
