"""The Java installations of this machine: finding them, their versions, and the choice of one."""

import asyncio
import os
import re
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coalserver.hosting.versions.errors import VersionError, VersionErrorCode

#: Folders in which packages and installers put Java, one folder for each version.
USUAL_FOLDERS = (
    Path("/usr/lib/jvm"),
    Path("/usr/lib64/jvm"),
    Path("/usr/java"),
    Path("/opt"),
    Path("/opt/java"),
    Path("/usr/local"),
)
#: Below the home folder.
HOME_FOLDERS = (
    ".sdkman/candidates/java",
    ".jdks",
    ".asdf/installs/java",
    ".local/share/mise/installs/java",
)
#: `java -version` takes 0.1 s, and much longer on a busy machine.
ANSWER_SECONDS = 10
MAX_ANSWER_BYTES = 65_536
MAX_PROGRAMS = 64
#: Programs that are asked at a time.
CONCURRENT = 4

#: What programs for Java 8 run with (hosting.md 4): later versions removed what they need.
INSTEAD_OF_8 = (8, 11, 17)

_VERSION = re.compile(rb'version "(\d+)(?:\.(\d+))?')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java program and its version, such as 17."""

    path: Path
    version: int

    @property
    def home(self) -> Path:
        """The folder of the installation, for JAVA_HOME."""
        return self.path.resolve().parent.parent


@dataclass(frozen=True, slots=True)
class JavaPlaces:
    """Where Java is searched, in this order."""

    #: The setting `hosting_java`: programs or folders, separated by commas.
    configured: str = ""
    #: JAVA_HOME and PATH of the environment.
    java_home: str = ""
    path: str = ""
    usual: tuple[Path, ...] = USUAL_FOLDERS
    #: Home folder; None: not searched.
    home: Path | None = None

    def programs(self) -> Iterator[Path]:
        """Yield paths where a program `java` may be."""
        for named in (*self.configured.split(","), self.java_home):
            if named.strip():
                yield from _programs_at(Path(named.strip()).expanduser())
        for folder in self.path.split(os.pathsep):
            # A program in whatever folder coalserver was started in is not Java.
            if folder.startswith("/"):
                yield Path(folder) / "java"
        in_home = [self.home / name for name in HOME_FOLDERS] if self.home else []
        for place in (*self.usual, *in_home):
            with suppress(OSError):
                for one in sorted(place.iterdir()):
                    yield one / "bin" / "java"


class JavaFinder:
    """Finds the Java installations, and remembers the versions of programs that have not changed."""

    def __init__(self, places: JavaPlaces, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._places, self._answer_seconds = places, answer_seconds
        #: Versions by path, time of change and size; None: it did not say one.
        self._versions: dict[tuple[Path, int, int], int | None] = {}

    async def find(self) -> tuple[Java, ...]:
        """Return the installations, those that were named first in front."""
        keys = await asyncio.to_thread(self._find_programs)
        limit = asyncio.Semaphore(CONCURRENT)
        new = [key for key in keys if key not in self._versions]
        answers = await asyncio.gather(*(self._ask(key[0], limit) for key in new))
        known = self._versions | dict(zip(new, answers, strict=True))
        # Programs that are gone are forgotten.
        self._versions = {key: known[key] for key in keys}
        return tuple(
            Java(key[0], version) for key, version in self._versions.items() if version is not None
        )

    def _find_programs(self) -> list[tuple[Path, int, int]]:
        found: dict[Path, tuple[Path, int, int]] = {}
        for path in self._places.programs():
            with suppress(OSError, RuntimeError, ValueError):
                target = path.resolve(strict=True)
                if target not in found and target.is_file() and os.access(target, os.X_OK):
                    status = target.stat()
                    found[target] = (target, status.st_mtime_ns, status.st_size)
            if len(found) == MAX_PROGRAMS:
                break
        return list(found.values())

    async def _ask(self, program: Path, limit: asyncio.Semaphore) -> int | None:
        async with limit:
            return await ask_version(program, self._answer_seconds)


class _AnswerProtocol(asyncio.SubprocessProtocol):
    """Collects what a program writes to its standard error, until a version or too much is there."""

    def __init__(self) -> None:
        self.answer = b""
        self.answered, self.exited = asyncio.Event(), asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.answer += data[: MAX_ANSWER_BYTES - len(self.answer)]
        if len(self.answer) == MAX_ANSWER_BYTES or _VERSION.search(self.answer):
            self.answered.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.answered.set()

    def process_exited(self) -> None:
        self.exited.set()


async def ask_version(program: Path, seconds: float = ANSWER_SECONDS) -> int | None:
    """Return the version that `java -version` prints, None if it prints none in time."""
    try:
        transport, protocol = await asyncio.get_running_loop().subprocess_exec(
            _AnswerProtocol,
            program,
            "-version",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"LANG": "C.UTF-8"},
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(protocol.answered.wait(), seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        # A process that left the group may hold the pipe, which is closed here.
        with suppress(TimeoutError):
            await asyncio.wait_for(protocol.exited.wait(), 1)
        transport.close()
    return parse_version(protocol.answer)


def parse_version(answer: bytes) -> int | None:
    """Return the version in the output of `java -version`: 8 for `1.8.0_312`, 17 for `17.0.15`."""
    match = _VERSION.search(answer)
    if match is None:
        return None
    first = int(match[1])
    return int(match[2]) if first == 1 and match[2] else first


def choose_java(javas: Iterable[Java], needed: int) -> Java | None:
    """Return the Java for a program that needs this version, None if there is none.

    It is the smallest that is at least `needed`; for 8 and older the first that is there of 8, 11 and 17; the newest if
    what the program needs is not known (0).
    """
    by_version: dict[int, Java] = {}
    for java in javas:
        by_version.setdefault(java.version, java)
    if not needed:
        return by_version.get(max(by_version, default=0))
    if needed <= INSTEAD_OF_8[0]:
        return next((by_version[one] for one in INSTEAD_OF_8 if one in by_version), None)
    return by_version.get(min((one for one in by_version if one >= needed), default=0))


def require_java(javas: Sequence[Java], needed: int, minecraft: str) -> Java:
    """Return the Java for a program. Raises NO_JAVA."""
    java = choose_java(javas, needed)
    if java is None:
        reason = f"Minecraft {minecraft} needs Java {needed}; this machine has {describe(javas)}"
        raise VersionError(VersionErrorCode.NO_JAVA, reason)
    return java


def describe(javas: Iterable[Java]) -> str:
    """Return the versions of installations for a sentence: `8, 17` or `no Java`."""
    versions = sorted({java.version for java in javas})
    return ", ".join(map(str, versions)) if versions else "no Java"


def _programs_at(place: Path) -> Iterator[Path]:
    """Yield the programs of a configured path: a program, a home folder, or a folder of home folders."""
    yield place
    yield place / "bin" / "java"
    yield place / "java"
    with suppress(OSError):
        for one in sorted(place.iterdir()):
            yield one / "bin" / "java"
