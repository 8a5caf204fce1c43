"""The keeper: a small process between coalserver and the process of a hosted world.

It holds the pipes of the world's process (the child), so that the world goes on when coalserver is killed. coalserver
starts it as a file, `python -I keeper.py FOLDER`, with a session of its own, the `run` folder of the world as argument
and a JSON document on standard input (`read_spec`). It answers one JSON line on standard output: `{"ok": true, "run",
"keeper", "child"}` or `{"error": code, "message"}`. Prescribed by hosting.md, sections 1, 6 and 7.

Files in the folder:

- `keeper.lock`: locked (flock) as long as the keeper lives.
- `state.json`: run id, keeper and child as `{pid, start}`, boot id, argv, stop text, marks, exit; replaced atomically.
- `console-000001.log` and following: the output of the child. The first line of a segment is `unixtime.ms segment N`,
  N being the number of its next line; each further line is `unixtime.ms stream text` (stream: `out`, `err` or, for
  notes of the keeper itself, `keeper`) and has the next number. A jump between two segments means lost lines.
- `keeper.sock`: requests and answers, one JSON object a line, answered in order. Errors: `{"error": code}`.

Requests:

- `{"do": "write", "id", "text"}` writes a line to the child; a repeated id is not written again (`"repeated": true`).
  The answer means that the line is queued: it is written as soon as the child reads.
  Errors: `text`, `id`, `full` (the child does not read), `closed` (it has closed its input), `ended`.
- `{"do": "signal", "signal": "SIGTERM", "target": "main" | "group" | "all"}`. *all* is the session of the child,
  everything that descends from it, and its cgroup; SIGKILL to *all* is repeated until nothing is left.
- `{"do": "status", "members": true}`: state, last line, queued input, and with `members` the processes that live.
- `{"do": "mark", "name", "value"}` stores a value in state.json; answered when it is on disk. null removes it.
- `{"do": "follow", "after": N}`: from now on `{"event": "line", "number": N}` for new lines that are on disk (only the
  newest number is sent to a slow reader) and `{"event": "exit", "exit": …}`.

After the child's end the keeper stores how it ended, waits until no process of the child is left, and ends. Processes
that outlive the child are ended by order; if no client is connected for `orphan_seconds`, the keeper sends SIGTERM and
`term_seconds` later SIGKILL itself. SIGTERM to the keeper is passed on to the child's process group.

Only the standard library is imported, and of that what is small: a keeper has 12 MB of memory, 5 of them its own
(15 and 8 where Python could not cache its bytecode: see `keeper_client.keeper_program`).
Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import json
import os
import re
import select
import signal
import socket
import sys
import time

try:
    import fcntl
    import resource
except ImportError:
    # Not Linux: nothing is hosted there, but coalserver imports this module.
    pass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

STATE, SOCKET, LOCK = "state.json", "keeper.sock", "keeper.lock"
SEGMENT_NAME = re.compile(r"console-(\d{6,})\.log")
#: Start of a stored line. What a crash has torn apart before that is not a line.
LINE_START = re.compile(rb"\d+\.\d{3} (?:out|err|keeper) ")

SEGMENT_BYTES = 8 << 20
CONSOLE_BYTES = 1 << 30
#: A stored line with its stamp and line end. Longer ones are stored as several lines.
MAX_LINE_BYTES = 65_536
MAX_TEXT_BYTES = MAX_LINE_BYTES - 32
#: Lines in memory while the disk is full; older ones are lost, and counted.
MAX_PENDING_BYTES = 256 << 10
CHUNK_SIZE = 32_768
RETRY_SECONDS = 1.0

MAX_INPUT_BYTES = 256 << 10
#: A line of input, in UTF-8: 4,096 characters fit in any case.
MAX_INPUT_TEXT_BYTES = 16_400
#: Ids of written lines that are remembered. A repeat comes within seconds of the first attempt.
MAX_IDS = 16_384
MAX_ID_LENGTH = 64
MAX_CONNECTIONS = 16
MAX_REQUEST_BYTES = 65_536
HIGH_WATER_MARK = 65_536
MAX_MARKS = 32
MAX_MARK_LENGTH = 1_024

#: How often the processes that outlive the child are looked at, and those that get SIGKILL until none is left.
CHECK_SECONDS = 1.0
KILL_CHECK_SECONDS = 0.05
ORPHAN_SECONDS = 60.0
TERM_SECONDS = 15.0

#: The environment of a child has these variables and no others.
ENVIRONMENT = ("PATH", "HOME", "LANG", "TZ", "JAVA_HOME")

IGNORED_SIGNALS = ("SIGHUP", "SIGINT", "SIGQUIT")
#: Signals that have another effect in the keeper than in a new program.
CHILD_SIGNALS = (*IGNORED_SIGNALS, "SIGTERM", "SIGCHLD", "SIGPIPE", "SIGXFSZ")

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36


class Refused(Exception):
    """A request or start that is refused; the argument is the error code, a second one explains it."""


# Processes


class ProcessStat:
    """A process as /proc shows it. `start` is in clock ticks since boot: pid and start name one process."""

    __slots__ = ("group", "parent", "pid", "session", "start", "state")

    def __init__(self, pid: int, fields: list[bytes]) -> None:
        self.pid, self.state = pid, fields[0].decode()
        self.parent, self.group, self.session = (int(field) for field in fields[1:4])
        self.start = int(fields[19])

    @property
    def lives(self) -> bool:
        """Whether it still runs: a process that only has to be waited for does not."""
        return self.state not in "ZX"

    def identity(self) -> dict[str, int]:
        return {"pid": self.pid, "start": self.start}


def read_stat(pid: int) -> ProcessStat | None:
    """Return a process, or None if there is none with this id."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
        # The name, in brackets, may hold anything.
        return ProcessStat(pid, text[text.rindex(b")") + 2 :].split())
    except (OSError, ValueError, IndexError):
        return None


def boot_id() -> str:
    """Return the id of this boot of the machine."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def is_alive(identity: dict[str, int] | None, boot: str) -> bool:
    """Return whether the process of a `{pid, start}` that was stored in this boot still runs."""
    if identity is None or boot != boot_id():
        return False
    stat = read_stat(identity["pid"])
    return stat is not None and stat.start == identity["start"] and stat.lives


def cgroup_members(cgroup: str | None) -> set[int]:
    """Return the ids of the processes in a cgroup (v2, a folder) and in those below it."""
    members: set[int] = set()
    for folder, _, _ in os.walk(cgroup) if cgroup else ():
        try:
            with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as file:
                members.update(int(pid) for pid in file.read().split())
        except OSError:
            continue
    return members


def find_members(
    child: dict[str, int], *, keeper: int | None = None, cgroup: str | None = None
) -> list[ProcessStat]:
    """Return the living processes of a child: its session, descendants of its keeper, its cgroup.

    `child` is a `{pid, start}` of this boot, and the process may have ended. Orphans descend from the keeper as long
    as the keeper lives.
    """
    processes = [read_stat(int(name)) for name in os.listdir("/proc") if name.isdigit()]
    by_pid = {stat.pid: stat for stat in processes if stat is not None}
    leader = by_pid.get(child["pid"])
    # The id of a session that has ended can be that of another one later.
    is_session = leader is None or leader.start == child["start"]
    in_cgroup = cgroup_members(cgroup)

    def descends(stat: ProcessStat | None) -> bool:
        for _ in range(len(by_pid)):
            if stat is None or stat.parent == keeper:
                break
            stat = by_pid.get(stat.parent)
        return keeper is not None and stat is not None and stat.parent == keeper

    def is_member(stat: ProcessStat) -> bool:
        if stat.pid == keeper or not stat.lives:
            return False
        of_session = is_session and stat.session == child["pid"] and stat.start >= child["start"]
        return of_session or stat.pid in in_cgroup or descends(stat)

    return [stat for stat in by_pid.values() if is_member(stat)]


def send_signal(process: ProcessStat, number: int) -> bool:
    """Send a signal to exactly this process. Returns False if it has ended or may not be signalled."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        # The descriptor names the process that has the id now.
        now = read_stat(process.pid)
        if now is None or now.start != process.start:
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def signal_members(members: Iterable[ProcessStat], number: int, cgroup: str | None = None) -> int:
    """Send a signal to processes, and SIGKILL to a cgroup as a whole. Returns how many got it."""
    count = sum(send_signal(stat, number) for stat in members)
    if cgroup and number == signal.SIGKILL:
        try:
            with open(os.path.join(cgroup, "cgroup.kill"), "w", encoding="ascii") as file:
                file.write("1")
        except OSError:
            # Linux before 5.14 has no such file; the processes got the signal one by one.
            pass
    return count


def prctl(option: int, value: int | bytes) -> None:
    """Set an attribute of this process. Raises OSError."""
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    zero = ctypes.c_ulong(0)
    if ctypes.CDLL(None, use_errno=True).prctl(option, argument, zero, zero, zero):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def signal_name(number: int) -> str:
    """Return the name of a signal; most real-time signals have none but their number."""
    return signal.Signals(number).name if number in [*signal.Signals] else str(number)


# The console


def segment_names() -> list[tuple[int, str]]:
    """Return the segments in this folder as (ordinal, name), oldest first."""
    matches = (SEGMENT_NAME.fullmatch(name) for name in os.listdir("."))
    return sorted((int(match[1]), match[0]) for match in matches if match)


def first_number(name: str) -> int | None:
    """Return the number of the first line of a segment, or None if it is damaged or gone."""
    try:
        with open(name, "rb") as file:
            words = file.readline(80).split()
    except OSError:
        return None
    is_header = len(words) == 3 and words[1] == b"segment" and words[2].isdigit()
    return int(words[2]) if is_header else None


class Console:
    """The stored lines. Each line has a number, also one that cannot be stored."""

    def __init__(self, after: int, segment_bytes: int, console_bytes: int) -> None:
        """Go on after the last stored line, or after `after` if that is higher. Raises OSError."""
        self._segment_bytes, self._console_bytes = segment_bytes, console_bytes
        self._descriptor = -1
        self._size = self._pending_bytes = 0
        #: Lost and deleted lines that no note tells yet.
        self._new_lost = self._new_dropped = 0
        self._pending: list[bytes] = []
        #: Number of the newest line, and of the newest line on disk.
        self.last = self.written = after
        #: Lines that could not be stored, and lines deleted because the console is too large.
        self.lost = self.dropped = 0
        #: Why lines cannot be stored at present.
        self.error: str | None = None
        self.retry_at = 0.0
        names = segment_names()
        self._ordinal = names[-1][0] if names else 0
        # Damaged segments are passed over.
        intact = next((one for one in reversed(names) if first_number(one[1]) is not None), None)
        if intact:
            self._continue(*intact, after)
        if self._descriptor < 0:
            self._open_segment(self.last + 1)

    def _continue(self, ordinal: int, name: str, after: int) -> None:
        """Append to the newest segment, unless it is damaged or full, or numbers have to jump."""
        descriptor = os.open(name, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        count, size, tail = 0, 0, b""
        while chunk := os.read(descriptor, CHUNK_SIZE):
            count += chunk.count(b"\n")
            size += len(chunk)
            tail = (tail + chunk)[(tail + chunk).rfind(b"\n") + 1 :]
        # What a crash has torn apart.
        if tail and LINE_START.match(tail):
            size += os.write(descriptor, b"\n")
            count += 1
        elif tail:
            size -= len(tail)
            os.ftruncate(descriptor, size)
        last = (first_number(name) or 0) + count - 2
        self.last = self.written = max(last, after)
        if last < after or ordinal < self._ordinal or size >= self._segment_bytes:
            os.close(descriptor)
        else:
            self._descriptor, self._size = descriptor, size

    def add(self, stream: bytes, lines: list[bytes]) -> None:
        """Number and stamp lines of UTF-8, and store them. What cannot be stored now is tried again later."""
        self._queue(stream, lines)
        if self.error is None or time.monotonic() >= self.retry_at:
            self.flush()
        if self._pending_bytes > MAX_PENDING_BYTES:
            self._lose_oldest()

    def _queue(self, stream: bytes, lines: list[bytes]) -> None:
        stamp = b"%.3f %s " % (time.time(), stream)
        self._pending += [stamp + line + b"\n" for line in lines]
        self._pending_bytes += (len(stamp) + 1) * len(lines) + sum(map(len, lines))
        self.last += len(lines)

    @property
    def is_flushed(self) -> bool:
        return not self._pending

    def _lose_oldest(self) -> None:
        count = 0
        while self._pending_bytes > MAX_PENDING_BYTES // 2:
            self._pending_bytes -= len(self._pending[count])
            count += 1
        del self._pending[:count]
        self.lost += count
        self._new_lost += count

    def flush(self) -> None:
        """Store the pending lines, and notes about lines that are missing."""
        try:
            self._store_pending()
            if self._new_lost:
                text = f"{self._new_lost} lines were lost: {self.error}"
                self._queue(b"keeper", [text.encode()])
                self._new_lost = 0
            if self._new_dropped:
                text = f"{self._new_dropped} old lines were deleted: the console is too large"
                self._queue(b"keeper", [text.encode()])
                self._new_dropped = 0
            self._store_pending()
            self.error = None
        except OSError as error:
            self.error = error.strerror
            self.retry_at = time.monotonic() + RETRY_SECONDS

    def _store_pending(self) -> None:
        while self._pending:
            first = self.last - len(self._pending) + 1
            is_full = self._size + len(self._pending[0]) > self._segment_bytes
            if self._descriptor < 0 or is_full or first > self.written + 1:
                self._open_segment(first)
            self._append(self._fitting())

    def _fitting(self) -> int:
        """Return how many of the pending lines go into this segment: one at least."""
        room = self._segment_bytes - self._size
        if self._pending_bytes <= room:
            return len(self._pending)
        count = 1
        room -= len(self._pending[0])
        while room >= len(self._pending[count]):
            room -= len(self._pending[count])
            count += 1
        return count

    def _append(self, count: int) -> None:
        """Write lines whole, or raise OSError and leave none of them."""
        data = b"".join(self._pending[:count])
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            try:
                os.ftruncate(self._descriptor, self._size)
            except OSError:
                # The next line must not be appended to half a one.
                self.close()
            raise
        del self._pending[:count]
        self._pending_bytes -= len(data)
        self._size += len(data)
        self.written = self.last - len(self._pending)

    def _open_segment(self, first: int) -> None:
        name = f"console-{self._ordinal + 1:06d}.log"
        header = b"%.3f segment %d\n" % (time.time(), first)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o600)
        try:
            if os.write(descriptor, header) < len(header):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.close(descriptor)
            os.unlink(name)
            raise
        self.close()
        self._descriptor, self._size, self._ordinal = descriptor, len(header), self._ordinal + 1
        self._delete_oldest()

    def _delete_oldest(self) -> None:
        """Delete the oldest segments while the console is too large, and say how many lines they had."""
        segments = []
        for _, name in segment_names():
            try:
                segments.append((name, os.stat(name).st_size))
            except OSError:
                # The client deletes segments too.
                continue
        total = sum(size for _, size in segments)
        dropped = 0
        while total > self._console_bytes and len(segments) > 1:
            name, size = segments.pop(0)
            first, following = first_number(name), first_number(segments[0][0])
            try:
                os.unlink(name)
            except OSError:
                break
            total -= size
            if first is not None and following is not None:
                dropped += following - first
        self.dropped += dropped
        self._new_dropped += dropped

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def cut(line: bytes, size: int) -> tuple[bytes, bytes]:
    """Cut a line of UTF-8 after at most `size` bytes, not within a character."""
    end = size
    while end > size - 4 and end < len(line) and line[end] & 0xC0 == 0x80:
        end -= 1
    return line[:end], line[end:]


def stored_lines(raw: bytes) -> list[bytes]:
    """Return a line as the lines of UTF-8 that are stored: what is not UTF-8 is replaced, long ones are cut."""
    if raw.endswith(b"\r"):
        raw = raw[:-1]
    if not raw.isascii():
        raw = raw.decode("utf-8", "replace").encode()
    lines = []
    while len(raw) > MAX_TEXT_BYTES:
        line, raw = cut(raw, MAX_TEXT_BYTES)
        lines.append(line)
    return [*lines, raw]


class OutputPipe:
    """One of the child's output pipes, read into lines."""

    def __init__(self, descriptor: int, stream: bytes, console: Console) -> None:
        self.descriptor, self._stream, self._console = descriptor, stream, console
        self._rest = b""
        os.set_blocking(descriptor, False)

    def read(self) -> bool:
        """Read once. Returns False at the end of the output."""
        try:
            data = os.read(self.descriptor, CHUNK_SIZE)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.finish()
            return False
        lines = data.split(b"\n")
        lines[0] = self._rest + lines[0]
        self._rest = lines.pop()
        while len(self._rest) > MAX_TEXT_BYTES:
            line, self._rest = cut(self._rest, MAX_TEXT_BYTES)
            lines.append(line)
        if lines:
            self._console.add(self._stream, [part for line in lines for part in stored_lines(line)])
        return True

    def finish(self) -> None:
        """Store a last line that has no line end."""
        if self._rest:
            self._console.add(self._stream, stored_lines(self._rest))
            self._rest = b""


class InputPipe:
    """The child's standard input: a bounded queue of lines."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.is_open = True
        self._queue = bytearray()
        self._ids: dict[str, None] = {}
        os.set_blocking(descriptor, False)

    @property
    def pending(self) -> int:
        """How many bytes the child has not read yet."""
        return len(self._queue)

    def add(self, text: object, line_id: object) -> bool:
        """Queue a line. Returns False if its id was written before. Raises Refused."""
        key = self._check_id(line_id)
        if key in self._ids:
            return False
        data = self._check_text(text)
        if not self.is_open:
            raise Refused("closed")
        if len(self._queue) + len(data) > MAX_INPUT_BYTES:
            raise Refused("full")
        self._queue += data
        if key is not None:
            self._ids[key] = None
            if len(self._ids) > MAX_IDS:
                del self._ids[next(iter(self._ids))]
        self.write()
        return True

    @staticmethod
    def _check_id(line_id: object) -> str | None:
        if line_id is None:
            return None
        if not isinstance(line_id, str | int) or len(str(line_id)) > MAX_ID_LENGTH:
            raise Refused("id")
        return str(line_id)

    @staticmethod
    def _check_text(text: object) -> bytes:
        if not isinstance(text, str) or re.search(
            "[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text
        ):
            raise Refused("text")
        data = text.encode() + b"\n"
        if len(data) > MAX_INPUT_TEXT_BYTES:
            raise Refused("text")
        return data

    def write(self) -> None:
        """Write as much as the pipe takes."""
        try:
            while self._queue and self.is_open:
                del self._queue[: os.write(self.descriptor, self._queue[:CHUNK_SIZE])]
        except BlockingIOError:
            pass
        except OSError:
            self.is_open = False

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor, self.is_open = -1, False
        self._queue.clear()


# Start


class State:
    """The document of state.json."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def save(self) -> None:
        """Replace the file and wait until it is on disk. Raises OSError, and then leaves the old one."""
        temporary = f"{STATE}.tmp"
        descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            data = json.dumps(self.document).encode()
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, STATE)
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_state(path: str = STATE) -> dict[str, Any] | None:
    """Return the stored document, or None if there is none or it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def read_spec(text: str) -> dict[str, Any]:
    """Return what to run, from JSON. Raises Refused.

    Members: `run` (id of the run), `argv`, `cwd`, `env` (names of ENVIRONMENT; others are left out); optional `stop`
    (text that stops the child), `after` (at least the number of the last line that was taken in), `user` ([uid, gid]),
    `cgroup` (folder that the child enters), `segment_bytes`, `console_bytes`, `orphan_seconds`, `term_seconds`.
    """
    try:
        given = json.loads(text)
        spec: dict[str, Any] = {
            "run": str(given["run"]),
            "argv": [str(word) for word in given["argv"]],
            "cwd": str(given["cwd"]),
            "env": {name: str(given["env"][name]) for name in ENVIRONMENT if name in given["env"]},
            "stop": str(given.get("stop", "stop")),
            "after": int(given.get("after", 0)),
            "user": [int(number) for number in given.get("user") or ()],
            "cgroup": str(given["cgroup"]) if given.get("cgroup") else None,
            "segment_bytes": int(given.get("segment_bytes", SEGMENT_BYTES)),
            "console_bytes": int(given.get("console_bytes", CONSOLE_BYTES)),
            "orphan_seconds": float(given.get("orphan_seconds", ORPHAN_SECONDS)),
            "term_seconds": float(given.get("term_seconds", TERM_SECONDS)),
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused("spec", repr(error)) from None
    words = [*spec["argv"], spec["cwd"], *spec["env"].values()]
    if not spec["argv"] or len(spec["user"]) not in (0, 2) or any("\0" in word for word in words):
        raise Refused("spec", "argv, cwd, env or user")
    return spec


def lock_folder() -> int:
    """Lock this folder until the process ends. Raises Refused if another keeper has it."""
    descriptor = os.open(LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused("locked", "another keeper runs here") from None
    return descriptor


def check_earlier_child(state: dict[str, Any] | None) -> None:
    """Raise Refused while a process of the last run lives: two would write the same world."""
    if not state or not state.get("child") or state.get("boot") != boot_id():
        return
    if members := find_members(state["child"], cgroup=state.get("cgroup")):
        pids = ", ".join(str(stat.pid) for stat in members)
        raise Refused("child_alive", f"processes of the last run live: {pids}")


def become_child(spec: dict[str, Any], keeper: int, go: int, pipes: tuple[int, int, int]) -> None:
    """Turn the forked process into the child. Returns only by an exception."""
    # What Python or the keeper ignores would stay ignored.
    for name in CHILD_SIGNALS:
        signal.signal(signal.Signals[name], signal.SIG_DFL)
    os.setsid()
    if os.read(go, 1) != b"g":
        raise OSError(errno.ECANCELED, "the keeper ended")
    if spec["cgroup"]:
        with open(os.path.join(spec["cgroup"], "cgroup.procs"), "w", encoding="ascii") as file:
            file.write("0")
    for target, source in enumerate(pipes):
        os.dup2(source, target)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if spec["user"]:
        uid, gid = spec["user"]
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    # A change of the user clears it, so it comes after that.
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != keeper:
        raise OSError(errno.ECANCELED, "the keeper ended")
    os.chdir(spec["cwd"])
    os.execvpe(spec["argv"][0], spec["argv"], spec["env"])


def spawn(spec: dict[str, Any], save: Callable[[int], None]) -> tuple[int, int, int]:
    """Start the child and return the keeper's ends of its pipes. Raises Refused or OSError.

    `save` is called with the child's id before its program runs, so that there is no child that state.json does not
    name. The calling thread must not end: the kernel sends PDEATHSIG when the thread that forked ends.
    """
    keeper = os.getpid()
    # A descriptor up to 2 would be overwritten; those are open in a keeper, so that pipes have higher ones.
    stdin, stdout, stderr, go, failure = (os.pipe2(os.O_CLOEXEC) for _ in range(5))
    pid = os.fork()
    if not pid:
        try:
            os.close(go[1])
            become_child(spec, keeper, go[0], (stdin[0], stdout[1], stderr[1]))
        except (OSError, ValueError, OverflowError) as error:
            os.write(failure[1], str(error).encode())
        finally:
            os._exit(127)
    for descriptor in (stdin[0], stdout[1], stderr[1], go[0], failure[1]):
        os.close(descriptor)
    try:
        save(pid)
        os.write(go[1], b"g")
    finally:
        os.close(go[1])
    message = os.read(failure[0], 4096)
    os.close(failure[0])
    if message:
        os.waitpid(pid, 0)
        raise Refused("spawn", message.decode("utf-8", "replace"))
    return stdin[1], stdout[0], stderr[0]


# The loop


class Connection:
    """A client. Its requests are not read while it does not read the answers."""

    def __init__(self, client: socket.socket) -> None:
        self.socket = client
        #: The newest line number that the client was sent, or None if it does not follow.
        self.followed: int | None = None
        self.is_open = True
        self._input, self._output = b"", bytearray()
        client.setblocking(False)

    @property
    def events(self) -> int:
        """The events to poll for."""
        reading = select.POLLIN if len(self._output) < HIGH_WATER_MARK else 0
        return reading | (select.POLLOUT if self._output else 0)

    @property
    def is_behind(self) -> bool:
        return bool(self._output)

    def read(self) -> list[bytes]:
        """Return the requests that have arrived whole."""
        try:
            data = self.socket.recv(CHUNK_SIZE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        *requests, self._input = (self._input + data).split(b"\n")
        if not data or len(self._input) > MAX_REQUEST_BYTES:
            self.is_open = False
        return requests

    def send(self, document: dict[str, Any]) -> None:
        self._output += json.dumps(document).encode() + b"\n"
        self.write()

    def write(self) -> None:
        """Send as much as the socket takes."""
        try:
            while self._output:
                del self._output[: self.socket.send(self._output)]
        except BlockingIOError:
            pass
        except OSError:
            self.is_open = False
            self._output.clear()


class Keeper:
    """The child, its pipes and the clients, in one loop."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """Start the child in `spec`, from the run folder. Raises Refused or OSError."""
        self.spec = spec
        self.pid = os.getpid()
        self.lock = lock_folder()
        earlier = read_state()
        check_earlier_child(earlier)
        after = max(spec["after"], int((earlier or {}).get("last_line") or 0))
        self.console = Console(after, spec["segment_bytes"], spec["console_bytes"])
        self.state = State(self._first_state())
        self.poll = select.poll()
        self.handlers: dict[int, Callable[[int], object]] = {}
        self.connections: dict[int, Connection] = {}
        #: SIGTERM was received; SIGKILL was sent to everything; the child has ended; so has all that it started.
        self.is_terminating = self.is_killing = self.has_ended = self.is_empty = False
        self.is_exit_told = False
        #: The last line when the exit was stored, and when to try that again.
        self.saved_line: int | None = None
        self.save_at = 0.0
        #: When the last client went or the child ended; when to look at what outlives the child; when that got SIGTERM.
        self.alone_since = self.check_at = 0.0
        self.term_at: float | None = None
        self._watch_signals()
        self._listen()
        self._start_child()

    def _first_state(self) -> dict[str, Any]:
        own = read_stat(self.pid)
        return {
            "format": 1,
            "run": self.spec["run"],
            "boot": boot_id(),
            "keeper": own and own.identity(),
            "child": None,
            "argv": self.spec["argv"],
            "cwd": self.spec["cwd"],
            "cgroup": self.spec["cgroup"],
            "stop": self.spec["stop"],
            "started": time.time(),
            "marks": {},
            "first_line": self.console.last + 1,
            "last_line": self.console.last,
            "lost": 0,
            "dropped": 0,
            "exit": None,
        }

    def _watch(self, descriptor: int, events: int, handler: Callable[[int], object]) -> None:
        self.handlers[descriptor] = handler
        self.poll.register(descriptor, events)

    def _unwatch(self, descriptor: int) -> None:
        if self.handlers.pop(descriptor, None):
            self.poll.unregister(descriptor)

    def _watch_signals(self) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for name in IGNORED_SIGNALS:
            signal.signal(signal.Signals[name], signal.SIG_IGN)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self.wakeup = reading
        self._watch(reading, select.POLLIN, self._on_signal)

    def _on_signal(self, _: int) -> None:
        if signal.SIGTERM in os.read(self.wakeup, CHUNK_SIZE):
            self.is_terminating = True
            self._signal_group(signal.SIGTERM)
        self._reap()

    def _listen(self) -> None:
        if os.path.lexists(SOCKET):
            os.unlink(SOCKET)
        # The relative path is short enough; the limit is 108 bytes.
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(SOCKET)
        os.chmod(SOCKET, 0o600)
        self.listener.setblocking(False)
        self.listener.listen(MAX_CONNECTIONS)
        self._watch(self.listener.fileno(), select.POLLIN, lambda _: self._accept())

    def _start_child(self) -> None:
        def save(pid: int) -> None:
            stat = read_stat(pid)
            self.state.document["child"] = stat and stat.identity()
            self.state.save()

        try:
            stdin, stdout, stderr = spawn(self.spec, save)
        except (Refused, OSError) as error:
            self.state.document["exit"] = {"error": str(error.args[-1]), "at": time.time()}
            self.state.save()
            os.unlink(SOCKET)
            raise
        self.child = self.state.document["child"]
        self.child_pid = self.child["pid"]
        self.stdin = InputPipe(stdin)
        self._watch(stdin, 0, self._on_input_event)
        self.outputs: dict[int, OutputPipe] = {}
        for descriptor, stream in ((stdout, b"out"), (stderr, b"err")):
            self.outputs[descriptor] = pipe = OutputPipe(descriptor, stream, self.console)
            self._watch(descriptor, select.POLLIN, functools.partial(self._read_output, pipe))

    # Events

    def run(self) -> None:
        """Serve until nothing of the child is left and its end is stored."""
        while not self._is_done():
            for descriptor, events in self.poll.poll(self._timeout()):
                # A handler may have closed it since.
                if handler := self.handlers.get(descriptor):
                    handler(events)
            self._tick(time.monotonic())
            self._update_connections()
        for connection in self.connections.values():
            connection.write()
        if not is_folder_gone():
            os.unlink(SOCKET)

    def _timeout(self) -> float | None:
        """Milliseconds until something has to be done without an event."""
        times = []
        if self.has_ended or self.is_killing:
            times.append(self.check_at)
        if self._must_save:
            times.append(self.save_at)
        if self.console.error:
            times.append(self.console.retry_at)
        return max(0.0, min(times) - time.monotonic()) * 1000 + 1 if times else None

    def _tick(self, now: float) -> None:
        if self.console.error and now >= self.console.retry_at:
            self.console.flush()
        if (self.has_ended or self.is_killing) and now >= self.check_at:
            self.check_at = now + (KILL_CHECK_SECONDS if self.is_killing else CHECK_SECONDS)
            self._end_members(now)
        if self._must_save and now >= self.save_at:
            self._save_exit()

    def _read_output(self, pipe: OutputPipe, _: int = 0) -> bool:
        """Read once. Returns False at the end of the output, and closes the pipe then."""
        if pipe.read():
            return True
        self._close_output(pipe)
        return False

    def _close_output(self, pipe: OutputPipe) -> None:
        self._unwatch(pipe.descriptor)
        os.close(pipe.descriptor)
        del self.outputs[pipe.descriptor]

    def _drain_output(self) -> None:
        """Read what is in the pipes now. A process that outlives the child may go on to write."""
        for pipe in [*self.outputs.values()]:
            for _ in range(fcntl.fcntl(pipe.descriptor, fcntl.F_GETPIPE_SZ) // CHUNK_SIZE + 1):
                if not self._read_output(pipe):
                    break

    def _on_input_event(self, events: int) -> None:
        if events & select.POLLERR:
            self._close_input()
        else:
            self.stdin.write()

    def _close_input(self) -> None:
        self._unwatch(self.stdin.descriptor)
        self.stdin.close()

    def _accept(self) -> None:
        try:
            client, _ = self.listener.accept()
        except OSError:
            return
        connection = Connection(client)
        self.connections[client.fileno()] = connection
        self._watch(client.fileno(), select.POLLIN, lambda events: self._serve(connection, events))

    def _serve(self, connection: Connection, events: int) -> None:
        connection.write()
        if events & ~select.POLLOUT:
            for request in connection.read():
                connection.send(self._answer(connection, request))

    def _update_connections(self) -> None:
        """Tell followers the newest line, and poll for what each client does next."""
        for descriptor, connection in [*self.connections.items()]:
            number = self.console.written
            if connection.followed is not None and not connection.is_behind:
                if connection.followed < number:
                    connection.followed = number
                    connection.send({"event": "line", "number": number})
            if connection.is_open:
                self.poll.modify(descriptor, connection.events)
                continue
            self._unwatch(descriptor)
            del self.connections[descriptor]
            connection.socket.close()
            self.alone_since = time.monotonic()
        # Further clients wait until one of these has gone.
        has_room = len(self.connections) < MAX_CONNECTIONS
        self.poll.modify(self.listener.fileno(), select.POLLIN if has_room else 0)
        if self.stdin.is_open:
            self.poll.modify(self.stdin.descriptor, select.POLLOUT if self.stdin.pending else 0)
        else:
            self._close_input()

    # Requests

    def _answer(self, connection: Connection, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            answer = self._answers[request["do"]]
        except (ValueError, RecursionError, TypeError, KeyError):
            return {"error": "request"}
        try:
            return {"ok": True, **answer(self, connection, request)}
        except Refused as error:
            return {"error": str(error.args[0])}

    def _do_write(self, _: Connection, request: dict[str, Any]) -> dict[str, Any]:
        if self.has_ended:
            raise Refused("ended")
        is_new = self.stdin.add(request.get("text"), request.get("id"))
        return {"repeated": not is_new}

    def _do_signal(self, _: Connection, request: dict[str, Any]) -> dict[str, Any]:
        name, target = str(request.get("signal")), request.get("target", "group")
        if name not in signal.Signals.__members__ or target not in ("main", "group", "all"):
            raise Refused("request")
        number = signal.Signals[name]
        if target == "group":
            return {"count": self._signal_group(number)}
        members = self._members()
        if target == "main":
            return {
                "count": signal_members([s for s in members if s.pid == self.child_pid], number)
            }
        self.is_killing = self.is_killing or number == signal.SIGKILL
        return {"count": signal_members(members, number, self.spec["cgroup"])}

    def _do_status(self, _: Connection, request: dict[str, Any]) -> dict[str, Any]:
        status = self.state.document | {
            "last_line": self.console.written,
            "lost": self.console.lost,
            "dropped": self.console.dropped,
            "console_error": self.console.error,
            "input": {"open": self.stdin.is_open, "pending": self.stdin.pending},
        }
        if request.get("members"):
            status["members"] = sorted(stat.pid for stat in self._members())
        return status

    def _do_mark(self, _: Connection, request: dict[str, Any]) -> dict[str, Any]:
        name, value = request.get("name"), request.get("value")
        marks = self.state.document["marks"]
        if not isinstance(name, str) or len(json.dumps([name, value])) > MAX_MARK_LENGTH:
            raise Refused("request")
        changed = {key: known for key, known in marks.items() if key != name}
        if value is not None:
            changed[name] = value
        if len(changed) > MAX_MARKS:
            raise Refused("request")
        self.state.document["marks"] = changed
        try:
            self.state.save()
        except OSError:
            self.state.document["marks"] = marks
            raise Refused("disk") from None
        return {"marks": changed}

    def _do_follow(self, connection: Connection, request: dict[str, Any]) -> dict[str, Any]:
        after = request.get("after", 0)
        if not isinstance(after, int):
            raise Refused("request")
        connection.followed = after
        return {"number": self.console.written, "exit": self.state.document["exit"]}

    _answers = {
        "write": _do_write,
        "signal": _do_signal,
        "status": _do_status,
        "mark": _do_mark,
        "follow": _do_follow,
    }

    # The child's end

    @property
    def _must_save(self) -> bool:
        """Whether the exit is not on disk, or not with the number of the last line."""
        is_final = self.is_empty and self.console.is_flushed
        return self.has_ended and (
            self.saved_line is None or (is_final and self.saved_line < self.console.written)
        )

    def _members(self) -> list[ProcessStat]:
        return find_members(self.child, keeper=self.pid, cgroup=self.spec["cgroup"])

    def _signal_group(self, number: int) -> int:
        group = [stat for stat in self._members() if stat.group == self.child_pid]
        return signal_members(group, number)

    def _reap(self) -> None:
        """Wait for every process that has ended: the child, and orphans of which the keeper is the parent."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self.child_pid:
                self._end(os.waitstatus_to_exitcode(status))
            elif self.has_ended:
                self.check_at = 0.0

    def _end(self, code: int) -> None:
        """Record the end of the child, after the output that it left in the pipes."""
        self._drain_output()
        self._close_input()
        self.has_ended = True
        self.alone_since = time.monotonic()
        self.state.document["exit"] = {
            "status": code if code >= 0 else None,
            "signal": signal_name(-code) if code < 0 else None,
            "at": time.time(),
        }

    def _save_exit(self) -> None:
        """Store the exit, then tell it. While the disk is full storing is tried again, and the keeper stays."""
        line = self.console.written
        counts = {"last_line": line, "lost": self.console.lost, "dropped": self.console.dropped}
        self.state.document |= counts
        try:
            self.state.save()
            self.saved_line = line
        except OSError:
            self.save_at = time.monotonic() + RETRY_SECONDS
        for connection in self.connections.values():
            if connection.followed is not None and not self.is_exit_told:
                connection.followed = line
                connection.send({"event": "line", "number": line})
                connection.send({"event": "exit", "exit": self.state.document["exit"]})
        self.is_exit_told = True

    def _end_members(self, now: float) -> None:
        """End what outlives the child, if no client can order it or SIGKILL was ordered."""
        members = self._members()
        if self.is_killing:
            signal_members(members, signal.SIGKILL, self.spec["cgroup"])
        if not self.has_ended:
            return
        if not members:
            self._finish()
            return
        patience = 0.0 if self.is_terminating else self.spec["orphan_seconds"]
        if self.connections or now < self.alone_since + patience:
            return
        if self.term_at is None:
            self.term_at = now
            signal_members(members, signal.SIGTERM)
        elif now >= self.term_at + self.spec["term_seconds"]:
            self.is_killing = True

    def _finish(self) -> None:
        """Store the rest of the output: no process is left that could write more."""
        self._drain_output()
        for pipe in [*self.outputs.values()]:
            pipe.finish()
            self._close_output(pipe)
        self.is_empty = True

    def _is_done(self) -> bool:
        is_stored = self.console.is_flushed and not self._must_save
        return self.is_empty and (is_stored or is_folder_gone())


def is_folder_gone() -> bool:
    """Return whether the working folder was deleted: then nothing can be stored any more."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def close_inherited() -> None:
    """Close every descriptor but the standard ones: sockets of the server must not live on here."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if int(name) > 2:
                os.close(int(name))
        except OSError:
            # The listing's own descriptor.
            continue


def main(folder: str) -> int:
    """Run a child, as standard input says. Returns the exit status: 1 if it could not be started."""
    close_inherited()
    os.umask(0o077)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_NAME, b"coal-keeper")
    try:
        with open(0, encoding="utf-8", closefd=False) as file:
            spec = read_spec(file.read())
        os.chdir(folder)
        keeper = Keeper(spec)
    except Refused as error:
        report({"error": error.args[0], "message": error.args[-1]})
        return 1
    except OSError as error:
        report({"error": "disk", "message": str(error)})
        return 1
    state = keeper.state.document
    report({"ok": True, "run": state["run"], "keeper": state["keeper"], "child": state["child"]})
    keeper.run()
    return 0


def report(document: dict[str, Any]) -> None:
    """Write the answer to a start, and close the pipes to the client, which may be gone already."""
    try:
        os.write(1, json.dumps(document).encode() + b"\n")
    except OSError:
        pass
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
