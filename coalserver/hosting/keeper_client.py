"""The client side of a keeper: start it, find it again after a restart, and talk to it.

The protocol and the files are described in `keeper`, the console's files are read with `segments`.
"""

import asyncio
import enum
import json
import os
import signal
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

from coalserver.hosting import keeper
from coalserver.hosting.processes import (
    ProcessStat,
    boot_id,
    find_members,
    is_alive,
    read_stat,
    reap,
    wait_for_end,
)

#: Whether this system has what keepers need.
SUPPORTED = sys.platform == "linux"
#: PATH of hosted worlds.
PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOG_NAME = "keeper.log"
START_SECONDS = 30.0
CALL_SECONDS = 10.0
#: Answers hold argv and marks.
MAX_ANSWER_BYTES = 1 << 20
LOG_TAIL_BYTES = 2_000


#: What the codes of a keeper mean.
KEEPER_ERRORS = {
    "locked": "another keeper runs in the folder of the world",
    "child_alive": "processes of its last run are alive",
    "spawn": "the program cannot be run",
    "disk": "the keeper cannot write to the disk",
    "spec": "the keeper does not understand the order",
    "failed": "the keeper has ended",
    "timeout": "the keeper does not answer in time",
    "other_run": "the keeper watches another run of the world",
    "closed": "the console of the world is closed",
    "full": "the console of the world does not take in what was sent before",
    "id": "the keeper does not understand the line",
    "text": "the line cannot be sent to the console",
    "ended": "the process of the world has ended",
    "request": "the keeper does not understand the request",
}


class KeeperError(Exception):
    """A start or request that the keeper refuses, by its code.

    Of a start: `locked` (another keeper runs), `child_alive` (processes of the last run live), `spawn` (the program
    cannot be run), `disk`, `spec`, `failed` (the keeper itself ended), `timeout`, `other_run` (the keeper has another
    run id). Of a request: see `keeper`.
    """

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        """Return the error in words, for the log and for troubles of the world."""
        words = KEEPER_ERRORS.get(self.code, "the keeper refuses it")
        return f"{words}: {self.message}" if self.message else words


class KeeperGone(Exception):
    """There is no keeper, or it has ended. state.json tells how the child ended, if the keeper could write it."""


class Situation(enum.Enum):
    """What is left of the last run of a world."""

    #: The keeper lives: it can be adopted.
    KEPT = "kept"
    #: The keeper is gone, processes of the child live: they are to be ended.
    ORPHANED = "orphaned"
    #: Neither lives. With an exit in the state the keeper saw the end, without one it was killed or the machine
    #: was rebooted.
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Launch:
    """What a keeper is to run."""

    #: Id of the run, unique among all runs of the world.
    run: str
    #: Program and arguments; run without a shell.
    argv: tuple[str, ...]
    #: Working folder, and HOME of the child.
    cwd: Path
    #: PATH of the child.
    path: str = PROGRAM_PATH
    timezone: str | None = None
    java_home: str | None = None
    #: The text that stops the child, or `SIGINT` or `SIGTERM`; kept in state.json.
    stop: str = "stop"
    #: Number of the last line that was taken in: new lines have higher numbers.
    after: int = 0
    #: User and group id of the child, if it is to be another user's. Only root can do that.
    user: tuple[int, int] | None = None
    #: Folder of a cgroup (v2) that only this world uses; the child enters it, the keeper does not.
    cgroup: Path | None = None
    orphan_seconds: float = keeper.ORPHAN_SECONDS
    term_seconds: float = keeper.TERM_SECONDS
    segment_bytes: int = keeper.SEGMENT_BYTES
    console_bytes: int = keeper.CONSOLE_BYTES

    def document(self) -> dict[str, Any]:
        """Return the JSON document that `keeper.read_spec` reads."""
        environment = {"PATH": self.path, "HOME": str(self.cwd), "LANG": "C.UTF-8"}
        optional = {"TZ": self.timezone, "JAVA_HOME": self.java_home}
        environment |= {name: value for name, value in optional.items() if value}
        return {
            "run": self.run,
            "argv": list(self.argv),
            "cwd": str(self.cwd),
            "env": environment,
            "stop": self.stop,
            "after": self.after,
            "user": self.user,
            "cgroup": str(self.cgroup) if self.cgroup else None,
            "orphan_seconds": self.orphan_seconds,
            "term_seconds": self.term_seconds,
            "segment_bytes": self.segment_bytes,
            "console_bytes": self.console_bytes,
        }


@dataclass(frozen=True, slots=True)
class Exit:
    """How a child ended: by an exit status, by a signal, or it could not be run at all (`error`)."""

    at: float
    status: int | None = None
    signal: str | None = None
    error: str | None = None

    @classmethod
    def load(cls, document: dict[str, Any] | None) -> "Exit | None":
        return cls(**document) if document else None


@dataclass(frozen=True, slots=True)
class RunState:
    """What state.json says about the last run."""

    run: str
    boot: str
    argv: tuple[str, ...]
    stop: str
    started: float
    #: Processes as `{pid, start}`.
    keeper: dict[str, int]
    child: dict[str, int] | None
    cgroup: str | None
    #: Number of the first line of this run.
    first_line: int
    #: Number of the newest line, as of the last time the state was written; `exit` makes it final.
    last_line: int
    #: Lines of this run that could not be stored, and those deleted because the console was too large.
    lost: int
    dropped: int
    marks: dict[str, Any] = field(default_factory=dict)
    exit: Exit | None = None

    @classmethod
    def load(cls, document: dict[str, Any]) -> "RunState":
        """Return the state in a document. Raises KeyError, TypeError or ValueError if it is damaged."""
        return cls(
            run=document["run"],
            boot=document["boot"],
            argv=tuple(document["argv"]),
            stop=document["stop"],
            started=document["started"],
            keeper=document["keeper"],
            child=document["child"],
            cgroup=document["cgroup"],
            first_line=document["first_line"],
            last_line=document["last_line"],
            lost=document["lost"],
            dropped=document["dropped"],
            marks=document["marks"],
            exit=Exit.load(document["exit"]),
        )

    @property
    def keeper_lives(self) -> bool:
        return is_alive(self.keeper, self.boot)

    @property
    def child_lives(self) -> bool:
        """Whether the main process of the child lives."""
        return is_alive(self.child, self.boot)

    def members(self) -> list[ProcessStat]:
        """Return the living processes of the child: session, cgroup, and what descends from a living keeper."""
        if not self.child or self.boot != boot_id():
            return []
        pid = self.keeper["pid"] if self.keeper_lives else None
        return find_members(self.child, keeper=pid, cgroup=self.cgroup)

    @property
    def situation(self) -> Situation:
        if self.keeper_lives:
            return Situation.KEPT
        return Situation.ORPHANED if self.members() else Situation.ENDED


def read_run(folder: Path) -> RunState | None:
    """Return the last run in a `run` folder, or None if there was none. A damaged state counts as none.

    A state from another system, as in a copied folder, says nothing about processes of this one.
    """
    if not SUPPORTED:
        return None
    document = keeper.read_state(str(folder / keeper.STATE))
    try:
        return RunState.load(document) if document else None
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class KeeperStatus:
    """A keeper's answer to `status`."""

    state: RunState
    #: Bytes that the child has not read yet, and whether it can still be written to.
    input_pending: int
    input_open: bool
    #: Why lines cannot be stored at present.
    console_error: str | None
    #: Processes of the child, if they were asked for.
    members: tuple[int, ...]


class KeeperClient:
    """A connection to a keeper.

    Requests raise KeeperGone once the keeper has ended, and TimeoutError if it does not answer within 10 seconds.
    The process that started a keeper must call `wait_for_end`, or the keeper stays in the process table.
    """

    def __init__(
        self, folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.folder = folder
        #: How the child ended, as soon as a follower is told.
        self.exit: Exit | None = None
        self._reader, self._writer = reader, writer
        self._is_closed = self._is_following = False
        self._newest = 0
        self._news = asyncio.Event()
        self._answers: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._listening = asyncio.create_task(self._listen())
        self._keeper: dict[str, int] | None = None

    async def write(self, text: str, line_id: str | int | None = None) -> bool:
        """Write a line to the child. Returns False if a line with this id was written before.

        Raises KeeperError: `text` (more than one line, control characters or 16 KiB), `id`, `full` (the child does not
        read), `closed` (it has closed its input), `ended`.
        """
        answer = await self._call({"do": "write", "id": line_id, "text": text})
        return not answer["repeated"]

    async def signal(self, number: signal.Signals, target: str = "group") -> int:
        """Send a signal to the child's `main` process, its `group` or `all` its processes; returns to how many.

        SIGKILL to `all` is repeated by the keeper until none is left.
        """
        answer = await self._call({"do": "signal", "signal": number.name, "target": target})
        return int(answer["count"])

    async def status(self, *, members: bool = False) -> KeeperStatus:
        answer = await self._call({"do": "status", "members": members})
        return KeeperStatus(
            state=RunState.load(answer),
            input_pending=answer["input"]["pending"],
            input_open=answer["input"]["open"],
            console_error=answer["console_error"],
            members=tuple(answer.get("members", ())),
        )

    async def mark(self, name: str, value: str | int | bool | None) -> None:
        """Store a mark in state.json; it is on disk when this returns. None removes it.

        Raises KeeperError: `disk`, `request` (more than 32 marks or 1 KiB).
        """
        await self._call({"do": "mark", "name": name, "value": value})

    async def follow(self, after: int) -> AsyncIterator[int]:
        """Yield the number of the newest stored line whenever it has grown, starting above `after`.

        Ends when the child has ended and its last line was told (`exit` is set then), or when the keeper has ended.
        """
        await self._start_following()
        while True:
            self._news.clear()
            if self._newest > after:
                after = self._newest
                yield after
            elif self.exit or self._is_closed:
                return
            else:
                await self._news.wait()

    async def wait_for_exit(self) -> Exit | None:
        """Wait until the child has ended. Returns None if the keeper ended before it could tell."""
        with suppress(KeeperGone):
            await self._start_following()
        while not (self.exit or self._is_closed):
            self._news.clear()
            await self._news.wait()
        return self.exit

    async def _start_following(self) -> None:
        """Ask for events, once for all followers of this connection."""
        if self._is_following:
            return
        self._is_following = True
        try:
            answer = await self._call({"do": "follow", "after": 0})
        except BaseException:
            self._is_following = False
            raise
        self.exit = self.exit or Exit.load(answer["exit"])
        self._newest = max(self._newest, answer["number"])
        self._news.set()

    async def wait_for_end(self) -> RunState | None:
        """Wait until the keeper has ended, and return the state that it left."""
        await asyncio.wait([self._listening])
        if self._keeper:
            await wait_for_end(self._keeper["pid"], self._keeper["start"])
            reap(self._keeper["pid"])
        return read_run(self.folder)

    async def close(self) -> None:
        """Close the connection. The keeper goes on."""
        self._listening.cancel()
        await asyncio.wait([self._listening])
        # A task that is cancelled before it begins does nothing at all.
        self._disconnect()

    async def check_run(self, run: str) -> RunState:
        """Return the state. Raises KeeperError `other_run` if the keeper has another run id."""
        state = (await self.status()).state
        if state.run != run:
            raise KeeperError("other_run", f"the keeper has run {state.run}")
        self._keeper = state.keeper
        return state

    async def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._is_closed:
            raise KeeperGone
        line = json.dumps(request).encode() + b"\n"
        if len(line) > keeper.MAX_REQUEST_BYTES:
            raise KeeperError("text" if "text" in request else "request")
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._writer.write(line)
        async with asyncio.timeout(CALL_SECONDS):
            document = await answer
        if "error" in document:
            raise KeeperError(document["error"])
        return document

    async def _listen(self) -> None:
        """Read answers and events until the keeper closes the connection."""
        try:
            async for line in self._reader:
                self._handle(json.loads(line))
        except ConnectionError:
            # The keeper ended with requests unread.
            pass
        finally:
            self._disconnect()

    def _disconnect(self) -> None:
        self._is_closed = True
        self._news.set()
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(KeeperGone())
        self._answers.clear()
        self._writer.close()

    def _handle(self, document: dict[str, Any]) -> None:
        match document.get("event"):
            case "line":
                self._newest = max(self._newest, document["number"])
                self._news.set()
            case "exit":
                self.exit = Exit.load(document["exit"])
                self._news.set()
            case None:
                # Answers come in the order of the requests. After a timeout no caller waits for one any more.
                answer = self._answers.popleft()
                if not answer.done():
                    answer.set_result(document)


async def adopt_keeper(folder: Path, run: str) -> KeeperClient:
    """Connect to the keeper of a `run` folder, if it has this run id.

    Raises KeeperGone if none runs there, KeeperError `other_run`, or TimeoutError if it does not answer.
    """
    state = read_run(folder)
    if state is None or not state.keeper_lives:
        raise KeeperGone
    if state.run != run:
        raise KeeperError("other_run", f"the keeper has run {state.run}")
    client = await _connect(folder)
    try:
        await client.check_run(run)
    except BaseException:
        await client.close()
        raise
    return client


async def start_keeper(
    folder: Path, launch: Launch, *, python: str = sys.executable
) -> KeeperClient:
    """Start a keeper with its child and connect to it. `folder` is created if it is not there.

    Raises KeeperError with a code of a start; then no child runs. Raises KeeperGone if the child, and with it the
    keeper, has ended already: the state tells how.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pid, answer = _spawn(folder, launch, python)
    stat = read_stat(pid)
    identity = {"pid": pid, "start": stat.start if stat else 0}
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await _read_line(answer)
    except TimeoutError:
        # Its child, if it has one, gets SIGTERM.
        os.kill(pid, signal.SIGKILL)
        line = b'{"error": "timeout", "message": "the keeper does not answer"}'
    document = json.loads(line or b'{"error": "failed"}')
    try:
        if "error" in document:
            raise KeeperError(document["error"], document.get("message") or _log_tail(folder))
        client = await _connect(folder)
    except (KeeperError, KeeperGone):
        await wait_for_end(**identity)
        reap(pid)
        raise
    client._keeper = identity
    return client


def keeper_program(python: str = sys.executable) -> Path:
    """Return what is run as a keeper: its cached bytecode, if that is current and of this interpreter, else its file.

    Compiling the file takes 3 MB, which the process keeps.
    """
    source = Path(keeper.__file__)
    spec = keeper.__spec__
    cached = Path(spec.cached) if spec is not None and spec.cached else None
    if cached is None or python != sys.executable:
        return source
    try:
        with cached.open("rb") as file:
            magic, flags, changed, size = struct.unpack("<4sIII", file.read(16))
        status = source.stat()
    except (OSError, struct.error):
        return source
    # PEP 552: without flags, a file is current if its source has this time and size.
    written = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
    is_current = magic == MAGIC_NUMBER and flags == 0 and (changed, size) == written
    return cached if is_current else source


def _spawn(folder: Path, launch: Launch, python: str) -> tuple[int, int]:
    """Start the keeper's process. Returns its id and the pipe that its answer comes from."""
    program = keeper_program(python)
    # `-S`: without site packages it starts faster and is smaller.
    argv = [python, "-I", "-S", "-B", "-X", "utf8", str(program), str(folder.absolute())]
    spec = os.memfd_create("keeper", os.MFD_CLOEXEC)
    log = os.open(folder / LOG_NAME, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    answer, output = os.pipe2(os.O_CLOEXEC)
    try:
        os.write(spec, json.dumps(launch.document()).encode())
        os.lseek(spec, 0, os.SEEK_SET)
        # Not `subprocess`: a keeper outlives the objects of this process, and what is collected there is warned about.
        pid = os.posix_spawn(
            python,
            argv,
            {"LANG": "C.UTF-8"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, spec, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            setsigmask=(),
        )
    except OSError as error:
        os.close(answer)
        raise KeeperError("failed", str(error)) from None
    finally:
        for descriptor in (spec, log, output):
            os.close(descriptor)
    return pid, answer


async def _read_line(descriptor: int) -> bytes:
    """Read a line from a pipe, and close it."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    try:
        return await reader.readline()
    finally:
        transport.close()


def _log_tail(folder: Path) -> str:
    """Return the last line that a keeper wrote to its log: of a traceback, the error."""
    text = (folder / LOG_NAME).read_text("utf-8", "replace")[-LOG_TAIL_BYTES:].strip()
    return text.rpartition("\n")[2]


async def _connect(folder: Path) -> KeeperClient:
    """Connect to the socket of a folder. Raises KeeperGone if nothing listens."""
    # A socket's path has at most 107 bytes, a folder's may have more.
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            reader, writer = await asyncio.open_unix_connection(
                f"/proc/self/fd/{descriptor}/{keeper.SOCKET}", limit=MAX_ANSWER_BYTES
            )
    except (FileNotFoundError, ConnectionRefusedError):
        raise KeeperGone from None
    finally:
        os.close(descriptor)
    return KeeperClient(folder, reader, writer)
