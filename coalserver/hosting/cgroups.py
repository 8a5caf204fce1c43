"""Limits of the processes of hosted worlds: a cgroup (v2) for each run (hosting.md, 6).

On a machine with systemd the cgroup is a scope unit of its own, so that stopping or restarting the unit of coalserver
does not touch it. Elsewhere, as in a container, it is a folder below the cgroup of coalserver, if that may be written.
Where neither works, worlds run without limits, which is logged once. The kernel's rules are in its document
`admin-guide/cgroup-v2`. Everything here blocks; call it in a thread.
"""

import logging
import os
import select
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

CONTROLLERS = ("cpu", "memory", "pids")
#: A world's limit of memory, as a multiple of what it is expected to need.
MEMORY_FACTOR = 1.25
MAX_TASKS = 4096
#: All our cgroups have names that begin so; nothing else is removed.
PREFIX = "coalserver-"
#: The cgroup that coalserver moves to: a cgroup with processes of its own cannot limit those below it.
OWN_NAME = "coalserver-own"
SYSTEMD_SECONDS = 5.0
REMOVE_SECONDS = 2.0
#: Runs in a new scope: prints its cgroup, and holds the scope until its input ends.
_HOLD = ("/bin/sh", "-c", "grep ^0:: /proc/self/cgroup; read -r line")


class Unavailable(Exception):
    """Raised where no cgroup can be made. The argument is the reason."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a world may use: bytes of memory, a weight of 1 to 10,000 where 100 is usual, and tasks."""

    memory: int
    cpu_weight: int
    tasks: int = MAX_TASKS

    @classmethod
    def for_cost(cls, mib: int, cpu_weight: int) -> "Limits":
        """Return the limits of a world that is expected to need `mib` MiB of memory."""
        return cls(int(mib * MEMORY_FACTOR) << 20, cpu_weight)

    def files(self) -> dict[str, tuple[str, str]]:
        """Return for each controller the file of a cgroup and what is written to it."""
        return {
            "cpu": ("cpu.weight", str(self.cpu_weight)),
            "memory": ("memory.max", str(self.memory)),
            "pids": ("pids.max", str(self.tasks)),
        }


@dataclass(frozen=True, slots=True)
class CgroupPlaces:
    """Where cgroups are found; tests use others."""

    #: The mounted hierarchy; None: found in `mounts`.
    root: Path | None = None
    own: Path = Path("/proc/self/cgroup")
    mounts: Path = Path("/proc/self/mountinfo")
    #: Exists where systemd manages the machine.
    systemd: Path = Path("/run/systemd/system")
    systemd_run: str = "systemd-run"
    #: Controllers of the limits; a cgroup needs at least one of them.
    controllers: tuple[str, ...] = CONTROLLERS


class Cgroup:
    """A cgroup that no process of a world has entered yet."""

    def __init__(self, path: Path, holder: "subprocess.Popen[bytes] | None" = None) -> None:
        self.path, self._holder = path, holder

    def release(self) -> None:
        """End the process that holds the scope; systemd removes a scope without processes."""
        if self._holder is None:
            return
        for pipe in (self._holder.stdin, self._holder.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        _wait(self._holder)

    def delete(self) -> None:
        """Remove the cgroup, which no process of a world will enter."""
        self.release()
        remove(self.path)


class Cgroups:
    """Creates the cgroups of worlds."""

    def __init__(self, places: CgroupPlaces | None = None) -> None:
        self._places = places or CgroupPlaces()
        self._has_warned = False

    def create(self, name: str, limits: Limits) -> Cgroup | None:
        """Return a new cgroup with limits, or None where there cannot be one. `name`: letters and digits."""
        try:
            cgroup = self._create(f"{PREFIX}{name}", limits)
            try:
                self._check_entry(cgroup)
            except BaseException:
                cgroup.delete()
                raise
            return cgroup
        except (OSError, Unavailable, subprocess.SubprocessError) as error:
            if not self._has_warned:
                self._has_warned = True
                log.warning("Hosted worlds run without limits of memory and CPU time: %s", error)
            return None

    def _create(self, name: str, limits: Limits) -> Cgroup:
        root = self._root()
        usable = _words(root / "cgroup.controllers")
        if self._places.controllers and not usable.intersection(self._places.controllers):
            raise Unavailable("the controllers of this machine are not those of cgroup v2")
        if self._places.systemd.exists():
            return self._create_scope(root, name, limits)
        return self._create_folder(root, name, limits)

    def _root(self) -> Path:
        if self._places.root is not None:
            return self._places.root
        for line in self._places.mounts.read_text("utf-8", "replace").splitlines():
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                # Spaces and the like are octal numbers in this file.
                return Path(before.split()[4].encode().decode("unicode_escape"))
        raise Unavailable("there is no cgroup v2")

    # With systemd

    def _create_scope(self, root: Path, name: str, limits: Limits) -> Cgroup:
        program = shutil.which(self._places.systemd_run)
        if program is None:
            raise Unavailable("there is no systemd-run")
        line = [
            program,
            *(() if os.geteuid() == 0 else ("--user",)),
            "--scope",
            "--quiet",
            "--collect",
            "--no-ask-password",
            f"--unit={name}",
            "--description=Minecraft world of coalserver",
            f"--property=MemoryMax={limits.memory}",
            f"--property=CPUWeight={limits.cpu_weight}",
            f"--property=TasksMax={limits.tasks}",
            *self._order(),
            "--",
            *_HOLD,
        ]
        pipe = subprocess.PIPE
        holder = subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        cgroup = Cgroup(root, holder)
        try:
            text = _read_line(holder)
            if not text.startswith("0::/") or PREFIX not in text:
                raise Unavailable("systemd-run makes no scope")
            cgroup.path = root / text.removeprefix("0::/")
        except BaseException:
            cgroup.release()
            raise
        return cgroup

    def _order(self) -> tuple[str, ...]:
        """Return the option for a scope to end after coalserver, which stops its worlds when the machine shuts down."""
        unit = (self._own_path() or "").rpartition("/")[2]
        # Units are stopped in the reverse order of their start.
        return (f"--property=Before={unit}",) if unit.endswith(".service") else ()

    def _own_path(self) -> str | None:
        """Return the path of the cgroup of coalserver, from the root of the hierarchy; None if it is in none."""
        for line in self._places.own.read_text("utf-8").splitlines():
            if line.startswith("0::/"):
                return line.removeprefix("0::/")
        return None

    # Without systemd

    def _create_folder(self, root: Path, name: str, limits: Limits) -> Cgroup:
        base = self._base(root)
        usable = _words(base / "cgroup.controllers").intersection(self._places.controllers)
        if self._places.controllers and not usable:
            raise Unavailable("no controllers are delegated to coalserver")
        _enable(base, usable)
        folder = base / name
        folder.mkdir()
        try:
            for controller, (file, value) in limits.files().items():
                if controller in usable:
                    (folder / file).write_text(value, "ascii")
        except OSError:
            remove(folder)
            raise
        return Cgroup(folder)

    def _base(self, root: Path) -> Path:
        """Return the cgroup of coalserver, or the one above if it has moved to one of its own."""
        own = self._own_path()
        if own is None:
            raise Unavailable("coalserver is in no cgroup of v2")
        path = root / own
        path = path.parent if path.name == OWN_NAME else path
        if not os.access(path, os.W_OK):
            raise Unavailable(f"{path} may not be written")
        return path

    @staticmethod
    def _check_entry(cgroup: Cgroup) -> None:
        """Raise Unavailable unless a process of ours may enter the cgroup."""
        procs = str(cgroup.path / "cgroup.procs")
        line = ["/bin/sh", "-c", 'echo 0 > "$0"', procs]
        probe = subprocess.run(line, check=False, timeout=SYSTEMD_SECONDS, capture_output=True)
        if probe.returncode:
            raise Unavailable(f"processes may not enter {cgroup.path}")


def remove(cgroup: str | Path | None) -> None:
    """Remove a cgroup of ours whose processes have ended, with those below it. One that is gone is no error."""
    if cgroup is None or not Path(cgroup).name.startswith(PREFIX):
        return
    deadline = time.monotonic() + REMOVE_SECONDS
    while True:
        try:
            for folder, _, _ in os.walk(cgroup, topdown=False):
                os.rmdir(folder)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            # The kernel takes a moment to notice that the last process has ended.
            if time.monotonic() > deadline:
                log.warning("The cgroup %s is not removed: %s", cgroup, error.strerror)
                return
        time.sleep(0.05)


def _enable(base: Path, controllers: "set[str]") -> None:
    """Let the cgroups below one use controllers. Raises OSError."""
    missing = controllers - _words(base / "cgroup.subtree_control")
    if not missing:
        return
    text = " ".join(f"+{one}" for one in sorted(missing))
    # Only the root of the whole hierarchy, which has no type, may have processes of its own beside that.
    if (base / "cgroup.type").exists():
        own = base / OWN_NAME
        own.mkdir(exist_ok=True)
        _move(_words(base / "cgroup.procs"), own)
    (base / "cgroup.subtree_control").write_text(text, "ascii")


def _move(pids: "set[str]", target: Path) -> None:
    for pid in pids:
        # One that has ended need not be moved.
        with suppress(ProcessLookupError):
            (target / "cgroup.procs").write_text(pid, "ascii")


def _words(path: Path) -> set[str]:
    return set(path.read_text("ascii").split())


def _read_line(process: "subprocess.Popen[bytes]") -> str:
    """Return the first line of a process's output, empty if there is none in time."""
    pipe = process.stdout
    if pipe is None or not select.select([pipe], [], [], SYSTEMD_SECONDS)[0]:
        return ""
    return pipe.readline().decode("utf-8", "replace").strip()


def _wait(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(SYSTEMD_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
