#!/usr/bin/env python3
"""The agent of a world: tells a COAL server what a Minecraft server writes and does, and brings it commands.

One file for Python 3.9 or newer on Unix, with nothing beside the standard library. What the log says is put in a
spool first, numbered, and sent from there, so that every line reaches the server once and in order, whatever is
cut, rolled, killed or started again meanwhile. README.md beside this file says how to use it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import http.client
import json
import logging
import logging.handlers
import os
import random
import re
import select
import signal
import socket
import sqlite3
import ssl
import stat
import struct
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import IO, Any, NamedTuple

log = logging.getLogger("main")
ping_log = logging.getLogger("ping")
line_log = logging.getLogger("log_line")

#: Seconds between pings.
PING_SECONDS = 5.0
#: Seconds between looks at the log.
LOOK_SECONDS = 0.25
#: Seconds a call may take; the last one before the end may not keep anybody waiting.
CALL_SECONDS = 30.0
LAST_CALL_SECONDS = 5.0
#: Lines and bytes of them in one batch.
BATCH_LINES = 500
BATCH_BYTES = 256 * 1024
#: Lines that wait in the spool; those beyond wait in the log.
MOST_WAITING = 20_000
#: A longer line is cut in pieces.
LONGEST_LINE = 256 * 1024
#: Bytes of the log that are taken at once.
STRETCH = 512 * 1024
#: Bytes at a file's begin, and before a place in it, by which the place is known again.
PRINT_BYTES = 256
#: A rolled file that cannot be read yet is being packed; after so many seconds it is broken.
PACKING_SECONDS = 60.0
#: A clock that steps back by more, in one file, has passed midnight.
STEP_BACK = 90 * 60
HALF_A_DAY = 12 * 60 * 60
TICKS_A_DAY = 24_000
#: Overloads of the last so many seconds are told with each ping.
OVERLOADS_SECONDS = 300.0

#: What went wrong with a file, in the log's words.
FAULTS = (OSError, EOFError, zlib.error, sqlite3.Error)
#: What a packed file says that is not whole.
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


class Trouble(Exception):
    """The server did not take what it was sent, and may later. `wait`: seconds it asked for."""

    def __init__(self, text: str, wait: float = 0.0) -> None:
        super().__init__(text)
        self.wait = wait


class Unfit(Exception):
    """What was asked for on the command line cannot be done."""


class Patience:
    """How long to wait after one failure, and longer after each more; never quite the same for two agents."""

    def __init__(self, first: float = 1.0, most: float = 60.0) -> None:
        self._first, self._most, self._failures = first, most, 0

    def next(self, least: float = 0.0) -> float:
        wait = min(self._most, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(wait * random.uniform(0.5, 1.0), least)

    def again(self) -> None:
        """It went well."""
        self._failures = 0


# ---------------------------------------------------------------------------------------------------------------
# The server: calls with a token that is renewed when it has ended
# ---------------------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What the server said; a document that is no JSON object is an empty one."""

    status: int
    document: dict[str, Any]
    #: Seconds it asked to wait.
    wait: float = 0.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following one would turn a POST into a GET, and show a token to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@dataclass
class Credentials:
    """Who this agent is. Kept in a file that only its owner can read."""

    client_id: str
    secret: str
    url: str = ""
    server_key: str = ""
    #: Digest of the pairing code they came from, so that the same flag can be given with each start.
    paired: str = ""

    @classmethod
    def read(cls, path: Path) -> Credentials | None:
        try:
            kept = json.loads(path.read_text("utf-8"))
            names = ("client_id", "client_secret", "url", "server_key", "paired")
            return cls(*(str(kept.get(name, "")) for name in names))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, AttributeError) as fault:
            raise Unfit(f"The credentials in {path} cannot be read: {fault}") from None

    def write(self, path: Path) -> None:
        kept = {
            "client_id": self.client_id,
            "client_secret": self.secret,
            "url": self.url,
            "server_key": self.server_key,
            "paired": self.paired,
        }
        fresh = path.with_name(path.name + ".new")
        with suppress(FileNotFoundError):
            fresh.unlink()
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(kept, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)


class Server:
    """The COAL server. Threads may call it at once."""

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise Unfit(f"This is not the address of a server: {url}")
        self.url = url.rstrip("/")
        self.host = parts.netloc
        self.credentials = credentials
        self._access = ""
        self._refresh = ""
        self._renewing = threading.Lock()
        context = ssl.create_default_context()
        self._opener = urllib.request.build_opener(
            _NoRedirect(), urllib.request.HTTPSHandler(context=context)
        )

    def call(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        document: Any = None,
        seconds: float = CALL_SECONDS,
    ) -> Answer:
        """Ask as this agent. A token that has ended is renewed once."""
        token = self._access or self._renewed("", seconds)
        answer = self.ask(method, path, form, document, token, seconds)
        if answer.status == 401:
            token = self._renewed(token, seconds)
            answer = self.ask(method, path, form, document, token, seconds)
        return answer

    def ask(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        document: Any = None,
        token: str = "",
        seconds: float = CALL_SECONDS,
    ) -> Answer:
        """Ask as anybody, or with this token."""
        body, headers = None, {"Accept": "application/json", "User-Agent": "mc_coal_agent"}
        if form is not None:
            body = urllib.parse.urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif document is not None:
            body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
            headers["Content-Type"] = "application/json"
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            with self._opener.open(request, timeout=seconds) as response:
                return _answer(response.status, response.headers, response.read(1 << 20))
        except urllib.error.HTTPError as refused:
            with refused:
                if refused.code in (301, 302, 303, 307, 308):
                    to = refused.headers.get("Location", "")
                    raise Trouble(
                        f"The server sends us on to {to[:200]}: is --url right?"
                    ) from None
                return _answer(refused.code, refused.headers, _rest(refused))
        except (OSError, http.client.HTTPException) as fault:
            reason = getattr(fault, "reason", None) or fault
            raise Trouble(f"The server cannot be reached: {reason}") from None

    def _renewed(self, ended: str, seconds: float) -> str:
        """Another token than the one that has ended: for the refresh token, else for the secret."""
        with self._renewing:
            if self._access and self._access != ended:
                return self._access
            who = self.credentials
            if who is None:
                raise Trouble("There are no credentials.")
            form = {"client_id": who.client_id, "client_secret": who.secret, "scope": "agent"}
            if self._refresh:
                refresh = {"grant_type": "refresh_token", "refresh_token": self._refresh}
                self._refresh = ""
                if self._bought({**form, **refresh}, seconds).status == 200:
                    return self._access
            self._access = ""
            code = {"grant_type": "authorization_code", "code": who.secret, "redirect_uri": "/"}
            answer = self._bought({**form, **code}, seconds)
            if answer.status in (400, 401):
                raise Trouble("The server does not know this client id and secret.", answer.wait)
            if not self._access:
                raise Trouble(f"The server gives no token: status {answer.status}.", answer.wait)
            return self._access

    def _bought(self, form: Mapping[str, str], seconds: float) -> Answer:
        answer = self.ask("POST", "/oauth/v1/token", form, seconds=seconds)
        token = answer.document.get("access_token")
        if answer.status == 200 and isinstance(token, str):
            self._access = token
            self._refresh = str(answer.document.get("refresh_token") or "")
        return answer


def _rest(response: Any) -> bytes:
    try:
        return bytes(response.read(1 << 20))
    except (OSError, http.client.HTTPException):
        return b""


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    wait = headers.get("Retry-After", "")
    seconds = min(float(wait), 600.0) if re.fullmatch(r"[0-9]{1,9}", wait) else 0.0
    return Answer(status, document if isinstance(document, dict) else {}, seconds)


def pair(server: Server, code: str) -> Credentials:
    """Credentials of a world for the code that its page shows."""
    answer = server.ask("POST", "/api/v1/agents/pair", document={"code": code})
    told = answer.document
    client, secret = told.get("client_id"), told.get("client_secret")
    if answer.status not in (200, 201) or not (isinstance(client, str) and isinstance(secret, str)):
        reason = told.get("errors") or f"status {answer.status}"
        raise Unfit(f"The server does not take this pairing code: {reason}")
    return Credentials(client, secret, server.url, str(told.get("server_key") or ""), _digest(code))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


# ---------------------------------------------------------------------------------------------------------------
# The spool: lines that are not on the server yet, commands that are not in the game yet, and places in the log
# ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """How far a log has been read: which file, how many bytes, and a print by which both are known again."""

    name: str
    file: str = ""
    offset: int = 0
    print: str = ""
    #: When the file was written to, as it was read.
    written: float = 0.0
    #: The rolled file that was written before it; `TRAIL_BEGIN` where there was none.
    after: str = ""


TRAIL_BEGIN = "0000-00-00-0.log"


class Row(NamedTuple):
    """A line as it is sent; no day where the line tells it, or none is known."""

    sequence: int
    line: str
    day: str | None


class Spool:
    """One file for all that must outlive this process. A line and the place behind it are kept as one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self.filled = threading.Event()
        self.commanded = threading.Event()
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            self._open()
        except sqlite3.OperationalError as fault:
            if "locked" in str(fault):
                raise Unfit(f"Another agent uses {path} already.") from None
            raise Unfit(f"The spool {path} cannot be opened: {fault}") from None
        except sqlite3.DatabaseError as fault:
            aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
            log.error("The spool %s is broken (%s): put aside as %s.", path, fault, aside.name)
            os.replace(path, aside)
            self._open()
        self.waiting = self._one("SELECT count(*) FROM line")[0]
        if self.get("source") is None:
            self.new_source()

    def new_source(self) -> None:
        """Be another source from now on, whose lines are numbered for themselves."""
        name = f"{socket.gethostname()[:60]}/{uuid.uuid4().hex[:16]}"
        with self._writing() as base:
            base.execute("REPLACE INTO kept VALUES ('source', ?)", (name,))
            base.execute("REPLACE INTO kept VALUES ('sent', '0')")

    def _open(self) -> None:
        self._base = sqlite3.connect(
            str(self.path), timeout=2, isolation_level=None, check_same_thread=False
        )
        run = self._base.execute
        # Nobody else may use it as long as we do.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA synchronous = FULL")
        run("BEGIN EXCLUSIVE")
        run(
            "CREATE TABLE IF NOT EXISTS line"
            " (sequence INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL, day TEXT)"
        )
        run(
            "CREATE TABLE IF NOT EXISTS command"
            " (id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL)"
        )
        run("CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        run("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._base.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        with self._lock:
            self._base.execute("BEGIN")
            try:
                yield self._base
                self._base.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._base.execute("ROLLBACK")
                raise

    def _one(self, sql: str, *values: Any) -> Any:
        with self._lock:
            return self._base.execute(sql, values).fetchone()

    def get(self, name: str) -> str | None:
        found = self._one("SELECT value FROM kept WHERE name = ?", name)
        return found and str(found[0])

    def set(self, name: str, value: str) -> None:
        with self._writing() as base:
            base.execute("REPLACE INTO kept VALUES (?, ?)", (name, value))

    def place(self, name: str) -> Place | None:
        kept = self.get(name)
        return Place(**json.loads(kept)) if kept else None

    def put(self, name: str, place: Place, lines: Sequence[tuple[str, str | None]] = ()) -> None:
        """Keep lines and the place up to which they were read."""
        with self._writing() as base:
            base.executemany("INSERT INTO line (line, day) VALUES (?, ?)", lines)
            base.execute("REPLACE INTO kept VALUES (?, ?)", (name, json.dumps(asdict(place))))
            self.waiting += len(lines)
        if lines:
            self.filled.set()

    def first(self, most: int) -> list[Row]:
        """The oldest lines that wait, as many as one batch takes."""
        with self._lock:
            found = self._base.execute("SELECT * FROM line ORDER BY sequence LIMIT ?", (most,))
            rows: list[Row] = []
            size = 0
            for row in found:
                size += len(row[1].encode("utf-8", "replace"))
                if rows and size > BATCH_BYTES:
                    break
                rows.append(Row(*row))
            found.close()
            return rows

    def forget(self, until: int, since: int = 0) -> None:
        """These lines are on the server."""
        with self._writing() as base:
            gone = base.execute("DELETE FROM line WHERE sequence BETWEEN ? AND ?", (since, until))
            self.waiting -= gone.rowcount

    def last(self) -> int:
        """The number of the newest line there ever was."""
        found = self._one("SELECT seq FROM sqlite_sequence WHERE name = 'line'")
        return int(found[0]) if found else 0

    @property
    def sent(self) -> int:
        """The largest number that may be on the server."""
        return int(self.get("sent") or 0)

    def sending(self, until: int) -> None:
        """Note, before they are sent, that lines up to this number may be on the server."""
        if until > self.sent:
            self.set("sent", str(until))

    def go_on_after(self, sequence: int) -> None:
        """Give the lines that wait, and later ones, larger numbers."""
        with self._writing() as base:
            (first,) = base.execute("SELECT min(sequence) FROM line").fetchone()
            shift = sequence + 1 - (self.last() + 1 if first is None else first)
            last = self.last() + shift
            # In two steps, for no two lines may have one number meanwhile.
            base.execute("UPDATE line SET sequence = -sequence")
            base.execute("UPDATE line SET sequence = ? - sequence", (shift,))
            base.execute("DELETE FROM sqlite_sequence WHERE name = 'line'")
            base.execute("INSERT INTO sqlite_sequence VALUES ('line', ?)", (last,))
            base.execute("REPLACE INTO kept VALUES ('sent', ?)", (str(sequence),))

    @property
    def commanded_until(self) -> int:
        """The server's number of the last command that was kept."""
        return int(self.get("commanded") or 0)

    def keep_commands(self, commands: Sequence[str], until: int) -> None:
        """Keep commands and the server's number of the last one; 0 from a server that does not number them."""
        with self._writing() as base:
            base.executemany(
                "INSERT INTO command (command) VALUES (?)", [(one,) for one in commands]
            )
            if until:
                base.execute("REPLACE INTO kept VALUES ('commanded', ?)", (str(until),))
        self.commanded.set()

    def command(self) -> tuple[int, str] | None:
        """The oldest command that waits."""
        found = self._one("SELECT id, command FROM command ORDER BY id LIMIT 1")
        return found and (int(found[0]), str(found[1]))

    def drop_command(self, id: int) -> None:
        with self._writing() as base:
            base.execute("DELETE FROM command WHERE id = ?", (id,))


# ---------------------------------------------------------------------------------------------------------------
# Lines: what the agent itself has to know of them
# ---------------------------------------------------------------------------------------------------------------

#: Before the time: colours of a terminal, a prompt, a byte order mark.
_LEAD = r"(?:\x1b\[[0-9;]*m|[\r> \ufeff])*"
_CLOCK = r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?"
#: `[12:34:56] [Server thread/INFO]: `, `[12:34:56 INFO]: `
UNDATED = re.compile(rf"{_LEAD}\[{_CLOCK}(?: \w+)?\]")
#: `2013-04-19 10:32:55 [INFO] `
DATED = re.compile(rf"{_LEAD}\[?([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[ T]{_CLOCK}")
#: `[25Sep2026 12:34:56.789] [Server thread/INFO] `
FORGE = re.compile(rf"{_LEAD}\[[0-9]{{2}}[^\[\]:]{{1,16}}[0-9]{{4}} {_CLOCK}\]")
_WARNS = r"[^<]{0,200}?\bWARN(?:ING)?\](?: \[[^\]]*\])?:? "
MOVED_WRONGLY = re.compile(_WARNS + r"(?!<).*moved wrongly!")
OVERLOADED = re.compile(
    _WARNS + r"Can't keep up!(?:.*?Running ([0-9]+)ms (?:behind, skipping|or) ([0-9]+) tick)?"
)
CHAT = re.compile(r"[^<]*?\]:? (?:\[Not Secure\] )?<[^<>]+> ")


def decoded(raw: bytes) -> str:
    """The text of a line: in UTF-8, or in Latin-2, which old settings of COAL made Minecraft write."""
    raw = raw.rstrip(b"\r\n")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("iso-8859-2")
    # A machine that lost its power leaves zeros in files.
    return text.replace("\0", "")


def second_of(line: str) -> int | None:
    """The second of the day in a line that tells no date."""
    match = UNDATED.match(line)
    return _second(match.groups()) if match else None


def _second(clock: Sequence[str]) -> int | None:
    hour, minute, second = map(int, clock)
    return 3600 * hour + 60 * minute + second if hour < 24 and minute < 60 and second < 60 else None


class Days:
    """Gives the lines of one file their day, one after another."""

    def __init__(self, day: date) -> None:
        self.day = day
        self._second = 0

    def put(self, second: int) -> date:
        if second < self._second - STEP_BACK:
            self.day += timedelta(days=1)
        self._second = second
        return self.day


def days_before(seconds: Iterator[int], written: datetime) -> date:
    """The day of the first of these, when the file was written to last at that time."""
    nights, last = 0, None
    for second in seconds:
        if last is not None and second < last - STEP_BACK:
            nights += 1
        last = second
    day = written.date()
    midnight = written.replace(hour=0, minute=0, second=0, microsecond=0)
    if last is not None and last - (written - midnight).total_seconds() > HALF_A_DAY:
        nights += 1
    return day - timedelta(days=nights)


class Overloads:
    """How often, and by how much, the world could not keep up lately."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._times: deque[tuple[datetime, int, int]] = deque(maxlen=10_000)

    def note(self, when: datetime, behind: int, skipped: int) -> None:
        with self._lock:
            self._times.append((when, behind, skipped))

    def lately(self) -> tuple[int, int, int]:
        """Number, milliseconds and ticks."""
        with self._lock:
            while self._times and self._old(self._times[0][0]):
                self._times.popleft()
            rows = [row for row in self._times if not self._old(row[0])]
        return len(rows), sum(row[1] for row in rows), sum(row[2] for row in rows)

    def _old(self, when: datetime) -> bool:
        return (self._now() - when).total_seconds() > OVERLOADS_SECONDS


class Sieve:
    """Decides which lines are sent, and notes what is told by pings instead."""

    def __init__(self, overloads: Overloads, skip_old_chat: bool) -> None:
        self._overloads = overloads
        self._skip_old_chat = skip_old_chat

    def takes(self, line: str, day: date | None, old: bool) -> bool:
        if not line.strip():
            return False
        if "Can't keep up!" in line:
            overloaded = OVERLOADED.match(line)
            if overloaded:
                self._note(line, day, overloaded.group(1), overloaded.group(2))
                return False
        if "moved wrongly!" in line and MOVED_WRONGLY.match(line):
            return False
        return not (old and self._skip_old_chat and CHAT.match(line))

    def _note(self, line: str, day: date | None, behind: str, skipped: str) -> None:
        dated = DATED.match(line)
        clock: Sequence[str] | None = None
        if dated:
            with suppress(ValueError):
                day, clock = date.fromisoformat(dated.group(1)), dated.groups()[1:]
        else:
            other = UNDATED.match(line) or FORGE.match(line)
            clock = other.groups() if other else None
        second = _second(clock) if clock else None
        if day is not None and second is not None:
            when = datetime(day.year, day.month, day.day) + timedelta(seconds=second)
            self._overloads.note(when, int(behind or 0), int(skipped or 0))


# ---------------------------------------------------------------------------------------------------------------
# Zones
# ---------------------------------------------------------------------------------------------------------------


def local_zone(root: Path = Path("/")) -> str:
    """The IANA name of the zone this machine is in; UTC where nothing tells."""
    named = os.environ.get("TZ", "").lstrip(":")
    if _is_zone(named):
        return named
    with suppress(OSError, ValueError):
        named = (root / "etc/timezone").read_text("ascii").split("#")[0].strip()
        if _is_zone(named):
            return named
    there = root / "etc/localtime"
    target = os.path.realpath(there)
    for mark in ("zoneinfo/posix/", "zoneinfo/right/", "zoneinfo/", "zoneinfo.default/"):
        if mark in target and _is_zone(target.rpartition(mark)[2]):
            return target.rpartition(mark)[2]
    return _zone_like(there, root / "usr/share/zoneinfo") or "UTC"


def _is_zone(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", name)) and (
        "/" in name or name in ("UTC", "GMT") or zone_named(name) is not None
    )


def _zone_like(there: Path, zones: Path) -> str | None:
    """The zone whose file is the same as this one."""
    with suppress(OSError):
        content = there.read_bytes()
        for name in sorted(zones.rglob("*")):
            relative = name.relative_to(zones).as_posix()
            if relative[:1].isupper() and "/" in relative and name.is_file():
                if name.stat().st_size == len(content) and name.read_bytes() == content:
                    return relative
    return None


def zone_named(name: str) -> tzinfo | None:
    """The zone of that name; none where there is no such zone, or this machine has no list of zones."""
    try:
        from zoneinfo import ZoneInfo

        return ZoneInfo(name)
    except (ImportError, KeyError, ValueError, OSError):
        return None


# ---------------------------------------------------------------------------------------------------------------
# The log: a file that grows, and those it was rolled to
# ---------------------------------------------------------------------------------------------------------------


class Unpacked(Exception):
    """A rolled file is still being packed."""


class Trail:
    """A log and the files it was rolled to, in the order they were written. The last one is the log itself."""

    ROLLED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]+)\.log(?:\.gz)?")

    def __init__(self, path: Path) -> None:
        self.path = path
        folder = path.parent
        self._folders = [folder] if folder.name == "logs" else [folder, folder / "logs"]
        self._numbered = re.compile(re.escape(path.name) + r"[.-]([0-9]+)(?:\.gz)?")

    def files(self) -> list[Path]:
        """Oldest first; one that is being packed is there once, as it was before."""
        found = []
        for folder in self._folders:
            names = set(os.listdir(folder)) if folder.is_dir() else set()
            for name in names:
                if not (name.endswith(".gz") and name[:-3] in names):
                    order = self._order(folder / name)
                    if order:
                        found.append((order, folder / name))
        return [path for _, path in sorted(found)] + [self.path]

    def _order(self, path: Path) -> tuple[str, float] | None:
        rolled = self.ROLLED.fullmatch(path.name)
        if rolled:
            return rolled.group(1), int(rolled.group(2))
        if self._numbered.fullmatch(path.name):
            with suppress(OSError):
                written = path.stat().st_mtime
                return date.fromtimestamp(written).isoformat(), written
        return None

    def day_of(self, path: Path) -> date | None:
        """The day in a rolled file's name."""
        rolled = self.ROLLED.fullmatch(path.name)
        with suppress(ValueError):
            return date.fromisoformat(rolled.group(1)) if rolled else None
        return None

    def find(self, place: Place, files: Sequence[Path]) -> int | None:
        """Which of these files a place is in, whatever it is called by now."""
        # Files that look alike are told apart by their order: it is the first it may be.
        for number in self._later(place, files):
            if self._has(files[number], place):
                return number
        for same in (self._same_file, self._same_name):
            for number, path in enumerate(files):
                if same(path, place) and self._has(path, place):
                    return number
        if place.offset == 0:
            return None
        for number, path in enumerate(files):
            with suppress(FileNotFoundError):
                # The log itself comes last: a short begin is the same more often than not.
                if path.stat().st_mtime >= place.written - 2 and self._has(path, place):
                    return number
        return None

    def first_after(self, place: Place, files: Sequence[Path]) -> int:
        """The first of these files that was written to later."""
        later = self._later(place, files)
        if later:
            return later[0]
        for number, path in enumerate(files[:-1]):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime > place.written:
                    return number
        return len(files) - 1

    def before(self, files: Sequence[Path], number: int) -> str:
        """The rolled file before one of these."""
        names = (path.name for path in reversed(files[:number]) if self.ROLLED.fullmatch(path.name))
        return next(names, TRAIL_BEGIN)

    def _later(self, place: Place, files: Sequence[Path]) -> list[int]:
        """The numbers of the files behind the one that was written before; nothing where that is not known."""
        rolled = self.ROLLED.fullmatch(place.after)
        if rolled is None:
            return []
        known = rolled.group(1), float(rolled.group(2))
        found = []
        for number, path in enumerate(files[:-1]):
            order = self._order(path) if self.ROLLED.fullmatch(path.name) else None
            if order is not None and order > known:
                found.append(number)
        return [*found, len(files) - 1]

    @staticmethod
    def _same_file(path: Path, place: Place) -> bool:
        with suppress(FileNotFoundError):
            return file_of(path.stat()) == place.file
        return False

    def _same_name(self, path: Path, place: Place) -> bool:
        return path.name == place.name and path != self.path

    @staticmethod
    def _has(path: Path, place: Place) -> bool:
        """Whether the bytes before a place are in this file."""
        if place.offset == 0:
            return True
        try:
            with opened(path) as file:
                return print_of(file, place.offset) == place.print
        except FileNotFoundError:
            return False
        except BROKEN:
            being_packed(path)
            return False


def file_of(status: os.stat_result) -> str:
    """What a file stays, whatever it is called."""
    return f"{status.st_dev}:{status.st_ino}"


def opened(path: Path) -> IO[bytes]:
    """The bytes of a log, packed or not."""
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return open(path, "rb")


def being_packed(path: Path) -> None:
    """Raise `Unpacked` for a file that may be whole soon; tell of one that stays broken."""
    with suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime < PACKING_SECONDS:
            raise Unpacked(path.name)
    line_log.error("%s is broken: what it holds is not sent.", path)


def print_of(file: IO[bytes], offset: int) -> str:
    """By what a place is known again; nothing for a place that this file does not have."""
    file.seek(0)
    head = file.read(min(offset, PRINT_BYTES))
    start = max(0, offset - PRINT_BYTES)
    file.seek(start)
    tail = file.read(offset - start)
    whole = len(head) == min(offset, PRINT_BYTES) and len(tail) == offset - start
    return _print(head, tail) if whole and offset else ""


def _print(head: bytes, tail: bytes) -> str:
    return hashlib.sha256(head + b"\n\n" + tail).hexdigest()[:32]


class Reader:
    """Reads one file of a trail from a place on, whole lines only, each with its day."""

    def __init__(
        self, trail: Trail, files: Sequence[Path], number: int, offset: int, zone: tzinfo | None
    ) -> None:
        path = files[number]
        self.path, self.offset = path, offset
        self._after = trail.before(files, number)
        self.file = opened(path)
        self.status = os.fstat(self.file.fileno())
        self.packed = path.suffix == ".gz"
        self._zone = zone
        self._days: Days | None = None
        day = trail.day_of(path) if path != trail.path else None
        try:
            self._head = self.file.read(min(offset, PRINT_BYTES))
            if day is not None:
                self._days = Days(day)
                self.file.seek(0)
                for second in self._seconds(offset):
                    self._days.put(second)
            start = max(0, offset - PRINT_BYTES)
            self.file.seek(start)
            self._tail = self.file.read(offset - start)
            self._dated_until = -1 if day is None else sys.maxsize
        except BaseException:
            self.file.close()
            raise

    def close(self) -> None:
        self.file.close()

    @property
    def place(self) -> Place:
        print_here = _print(self._head, self._tail) if self.offset else ""
        file, written = file_of(self.status), self.status.st_mtime
        return Place(self.path.name, file, self.offset, print_here, written, self._after)

    def unchanged(self) -> bool:
        """Whether the bytes before this place are still those that were read."""
        return not self.offset or print_of(self.file, self.offset) == _print(self._head, self._tail)

    def grown(self) -> int:
        """Bytes by which the file is longer than what was read; less than 0: it was truncated."""
        self.status = os.fstat(self.file.fileno())
        return self.status.st_size - self.offset

    def take(self, ended: bool, until: int = sys.maxsize) -> list[tuple[str, date | None]]:
        """The next lines, with the day of those that do not tell it but tell the time.

        The last one may have no end in a file that has ended.
        """
        if self.offset >= self._dated_until:
            self._date()
        self.file.seek(self.offset)
        lines: list[tuple[str, date | None]] = []
        size = 0
        while size < STRETCH and self.offset < until:
            try:
                raw = self.file.readline(min(LONGEST_LINE, until - self.offset))
            except BROKEN:
                if not lines:
                    raise
                break
            if not raw or not (raw.endswith(b"\n") or ended or len(raw) == LONGEST_LINE):
                break
            size += len(raw)
            self.offset += len(raw)
            if len(self._head) < PRINT_BYTES:
                self._head = (self._head + raw)[:PRINT_BYTES]
            self._tail = (self._tail + raw)[-PRINT_BYTES:]
            line = decoded(raw)
            second = second_of(line)
            day = None if second is None or self._days is None else self._days.put(second)
            lines.append((line, day))
        return lines

    def _date(self) -> None:
        """Find the day of the next line from the time of the last, which was written when the file was."""
        written = datetime.fromtimestamp(self.status.st_mtime, self._zone)
        self.file.seek(self.offset)
        self._dated_until = sys.maxsize if self.packed else self.status.st_size
        unread = self._dated_until - self.offset
        self._days = Days(days_before(self._seconds(unread), written))

    def _seconds(self, size: int) -> Iterator[int]:
        """The times in lines of the next so many bytes."""
        while size > 0:
            raw = self.file.readline(min(size, LONGEST_LINE))
            if not raw:
                return
            size -= len(raw)
            second = second_of(decoded(raw))
            if second is not None:
                yield second


class Follower:
    """Brings what a log says to the spool: all that is there behind a place, then whatever comes.

    With an end it stops there: that is how the history before the first start is read.
    """

    def __init__(
        self,
        trail: Trail,
        spool: Spool,
        sieve: Sieve,
        zone: tzinfo | None,
        name: str = "live",
        end: Place | None = None,
    ) -> None:
        self._trail, self._spool, self._sieve = trail, spool, sieve
        self._zone, self._name, self._end = zone, name, end
        self._reader: Reader | None = None
        self._until = sys.maxsize
        #: Whether what is read was there when the agent started.
        self.old = True
        self.done = False

    def close(self) -> None:
        """Forget what is open. What was spooled says where to go on."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def step(self) -> bool:
        """Read a little; gives whether there may be more at once."""
        if self._spool.waiting >= MOST_WAITING or self.done:
            return False
        if self._reader is None:
            self._reader = self._begun()
            return self._reader is not None
        if self._name == "history" or self._reader.path != self._trail.path:
            return self._take_rolled(self._reader)
        return self._take_live(self._reader)

    def _begun(self) -> Reader | None:
        """The file in which the kept place is, there; or the next one, if that is read."""
        files = self._trail.files()
        place = self._spool.place(self._name)
        offset = 0
        number: int | None = 0
        if place is not None:
            number = self._trail.find(place, files)
            if number is None:
                number = self._trail.first_after(place, files)
                if place.offset and self._name == "live":
                    line_log.warning(
                        "The place up to which %s was read is gone: going on with %s.",
                        place.name,
                        files[number].name,
                    )
            else:
                offset = place.offset
        assert number is not None
        return self._opened(files, number, offset)

    def _opened(self, files: Sequence[Path], number: int, offset: int) -> Reader | None:
        last = len(files) if self._end is None else self._last(files, self._end)
        try:
            if number > last:
                raise FileNotFoundError
            reader = Reader(self._trail, files, number, offset, self._zone)
        except FileNotFoundError:
            # Not there yet, or rolled a moment ago; a history that has come so far is at its end.
            self.done = self._end is not None and (number > last or number == len(files) - 1)
            return None
        if reader.path == self._trail.path and self._trail.files() != files:
            # It was rolled since they were listed: this may be a newer one.
            reader.close()
            return None
        self._until = self._end.offset if self._end and number == last else sys.maxsize
        line_log.debug("Reading %s from byte %s.", reader.path, offset)
        return reader

    def _last(self, files: Sequence[Path], end: Place) -> int:
        """The number of the file in which the end is."""
        found = self._trail.find(end, files)
        return self._trail.first_after(end, files) - 1 if found is None else found

    def _take_rolled(self, reader: Reader) -> bool:
        """Read a file that does not grow; then go to the next."""
        try:
            if self._spooled(reader, reader.take(True, self._until)):
                return True
        except BROKEN:
            being_packed(reader.path)
        if self._until != sys.maxsize:
            self.done = True
            return False
        files = self._trail.files()
        number = self._trail.find(reader.place, files)
        if number is None:
            number = self._trail.first_after(reader.place, files) - 1
        following = self._opened(files, min(number + 1, len(files) - 1), 0)
        if following is None:
            return False
        self.close()
        self._reader = following
        return True

    def _take_live(self, reader: Reader) -> bool:
        """Read the log; leave the file when another one has taken its name, or it was truncated."""
        try:
            now = os.stat(self._trail.path)
        except FileNotFoundError:
            now = None
        grown = reader.grown()
        if grown < 0 or (grown > 0 and not reader.unchanged()):
            line_log.info("%s was truncated.", reader.path)
            self.close()
            self._left(reader)
            return True
        # The old file has ended for good only when something is written in the new one.
        rolled = now is not None and now.st_size > 0 and file_of(now) != file_of(reader.status)
        if grown > 0 and self._spooled(reader, reader.take(rolled)):
            return True
        if rolled:
            line_log.info("%s was rolled.", reader.path)
            self.close()
            return True
        self.old = False
        return False

    def _left(self, reader: Reader) -> None:
        """A truncated file is not the one that was read, though it looks like it: only its print counts."""
        place = self._spool.place(self._name)
        if place is not None:
            self._spool.put(self._name, replace(place, file=""))

    def _spooled(self, reader: Reader, lines: Sequence[tuple[str, date | None]]) -> bool:
        if not lines:
            return False
        kept = []
        today = datetime.fromtimestamp(reader.status.st_mtime, self._zone).date()
        for line, day in lines:
            if self._sieve.takes(line, day or today, self.old):
                kept.append((line, day.isoformat() if day else None))
        self._spool.put(self._name, reader.place, kept)
        return True


def end_of(trail: Trail) -> Place:
    """The place behind the last whole line of a log; its begin, while there is none."""
    while True:
        files = trail.files()
        place = _end_of(trail.path, trail.before(files, len(files) - 1))
        # Else it was rolled meanwhile.
        if trail.files() == files:
            return place


def _end_of(path: Path, after: str) -> Place:
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            offset = status.st_size
            while offset > 0:
                start = max(0, offset - 65536)
                file.seek(start)
                found = file.read(offset - start).rfind(b"\n")
                if found >= 0:
                    offset = start + found + 1
                    break
                offset = start
            print_here = print_of(file, offset)
            return Place(path.name, file_of(status), offset, print_here, status.st_mtime, after)
    except FileNotFoundError:
        return Place(path.name, written=time.time(), after=after)


def place_after(trail: Trail, wanted: str, end: Place) -> Place | None:
    """The place behind the newest line that reads like this, before an end."""
    files = trail.files()
    last = trail.find(end, files)
    for number in range(len(files) - 1 if last is None else last, -1, -1):
        until = end.offset if number == last else sys.maxsize
        found = 0
        try:
            with opened(files[number]) as file:
                offset = 0
                while offset < until:
                    raw = file.readline(LONGEST_LINE)
                    if not raw:
                        break
                    offset += len(raw)
                    if decoded(raw).strip() == wanted.strip():
                        found = offset
                if found:
                    status = os.fstat(file.fileno())
                    print_here = print_of(file, found)
                    name, written = files[number].name, status.st_mtime
                    after = trail.before(files, number)
                    return Place(name, file_of(status), found, print_here, written, after)
        except FileNotFoundError:
            continue
        except BROKEN:
            being_packed(files[number])
    return None


# ---------------------------------------------------------------------------------------------------------------
# The world: whether it runs, and what its files say of day and weather
# ---------------------------------------------------------------------------------------------------------------


class NotNbt(ValueError):
    """These bytes are no Named Binary Tags, or not all of them."""


class _Nbt:
    """Reads one tree of Named Binary Tags: compounds as dicts, lists and arrays as lists."""

    #: Nothing of a world is nearly as deep.
    DEEPEST = 256
    SIMPLE = {1: ">b", 2: ">h", 3: ">i", 4: ">q", 5: ">f", 6: ">d"}
    ARRAYS = {7: "b", 11: "i", 12: "q"}

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def root(self) -> Any:
        kind = self._number(">b")
        if kind != 10:
            raise NotNbt("The first tag is no compound.")
        self._text()
        return self._value(kind, 0)

    def _value(self, kind: int, depth: int) -> Any:
        if depth > self.DEEPEST:
            raise NotNbt("Too deep.")
        if kind in self.SIMPLE:
            return self._number(self.SIMPLE[kind])
        if kind in self.ARRAYS:
            letter = self.ARRAYS[kind]
            size = self._size()
            raw = self._bytes(size * struct.calcsize(f">{letter}"))
            return list(struct.unpack(f">{size}{letter}", raw))
        if kind == 8:
            return self._text()
        if kind == 9:
            inner, size = self._number(">b"), self._size()
            if inner == 0 and size:
                raise NotNbt("A list of nothing.")
            return [self._value(inner, depth + 1) for _ in range(size)]
        if kind == 10:
            return self._compound(depth)
        raise NotNbt(f"There is no tag {kind}.")

    def _compound(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            kind = self._number(">b")
            if kind == 0:
                return found
            name = self._text()
            found[name] = self._value(kind, depth + 1)

    def _size(self) -> int:
        size = int(self._number(">i"))
        # A list says 0 or less where it is empty; nothing is smaller than a byte.
        if size > len(self._content) - self._at:
            raise NotNbt("Cut short.")
        return max(size, 0)

    def _text(self) -> str:
        """Java's way of UTF-8: zero in two bytes, what is beyond the first plane in two halves."""
        raw = self._bytes(int(self._number(">H"))).replace(b"\xc0\x80", b"\0")
        try:
            text = raw.decode("utf-8", "surrogatepass")
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        except UnicodeDecodeError:
            return raw.decode("utf-8", "replace")

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def _bytes(self, size: int) -> bytes:
        raw = self._content[self._at : self._at + size]
        if len(raw) < size:
            raise NotNbt("Cut short.")
        self._at += size
        return raw


def read_nbt(content: bytes) -> dict[str, Any]:
    """The tree in the content of a file, packed or not."""
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        elif content[:1] == b"\x78":
            content = zlib.decompress(content)
    except (OSError, EOFError, zlib.error) as fault:
        raise NotNbt(str(fault)) from None
    root: dict[str, Any] = _Nbt(content).root()
    return root


def within(tree: Any, *names: str) -> int | None:
    """A whole number in a tree."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, int) else None


class Level:
    """What the files of a world say of its time and weather. They are as old as its last save."""

    #: Where clocks and weather are since 26.1; Paper's copies, which are the live ones, are in the first.
    FOLDERS = ("dimensions/minecraft/overworld/data/minecraft", "data/minecraft")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}

    def told(self) -> dict[str, str]:
        """The fields of a ping; what is not known is not there."""
        level, read_at = self._tree(self._path)
        clocks, clocked_at = self._newer("world_clocks.dat")
        weather, _ = self._newer("weather.dat")
        age = within(level, "Data", "Time")
        time_of_day = within(clocks, "data", "minecraft:overworld", "total_ticks")
        if time_of_day is None:
            time_of_day, clocked_at = within(level, "Data", "DayTime"), read_at
        fields = {}
        if age is not None and time_of_day is not None:
            fields["server_day"] = str(age // TICKS_A_DAY)
            fields["server_time"] = str(time_of_day % TICKS_A_DAY)
            when = datetime.fromtimestamp(clocked_at, timezone.utc)
            fields["timestamp"] = when.strftime("%Y-%m-%d %H:%M:%S")
        for name, field_name in (("raining", "is_raining"), ("thundering", "is_thundering")):
            value = within(weather, "data", name)
            value = within(level, "Data", name) if value is None else value
            if value is not None:
                fields[field_name] = "true" if value else "false"
        return fields

    def _newer(self, name: str) -> tuple[dict[str, Any], float]:
        for folder in self.FOLDERS:
            tree, written = self._tree(self._path.parent / folder / name)
            if tree:
                return tree, written
        return {}, 0.0

    def _tree(self, path: Path) -> tuple[dict[str, Any], float]:
        """A file's tree, and when it was written. One that is being written is as it was before."""
        try:
            now = path.stat()
            state = (now.st_mtime_ns, now.st_size, now.st_ino)
            if path not in self._read or self._read[path][0] != state:
                self._read[path] = (state, read_nbt(path.read_bytes()))
        except FileNotFoundError:
            self._read.pop(path, None)
        except (OSError, NotNbt) as fault:
            ping_log.debug("%s cannot be read: %s", path, fault)
        (written, _, _), tree = self._read.get(path, ((0, 0, 0), {}))
        return tree, written / 1e9


def process_runs(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    with suppress(OSError, IndexError):
        # One that has ended, and whose parent does not look.
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0] != "Z"
    return True


def port_open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def properties(path: Path) -> dict[str, str]:
    """The keys of a server.properties."""
    found = {}
    with suppress(OSError):
        for line in path.read_text("utf-8", "replace").splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith(("#", "!")):
                found[name.strip()] = re.sub(r"\\(.)", r"\1", value.strip())
    return found


# ---------------------------------------------------------------------------------------------------------------
# The console: where commands go
# ---------------------------------------------------------------------------------------------------------------

CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Undelivered(Exception):
    """The game did not get a command, and may later."""


class Unspeakable(Exception):
    """A command that the game can never get."""


class Fifo:
    """A named pipe that the game reads as its standard input."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, command: str) -> None:
        raw = command.encode("utf-8", "replace") + b"\n"
        # What is longer than this is not written in one piece.
        if len(raw) > select.PIPE_BUF:
            raise Unspeakable("It is too long for a pipe.")
        try:
            pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as fault:
            # No such file; or nobody reads it.
            raise Undelivered(f"{self._path}: {fault.strerror}") from None
        try:
            if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
                raise Undelivered(f"{self._path} is no named pipe.")
            os.write(pipe, raw)
        except OSError as fault:
            raise Undelivered(f"{self._path}: {fault.strerror}") from None
        finally:
            os.close(pipe)


class Rcon:
    """The game's remote console. One connection is kept, for the game logs each."""

    LOGIN, COMMAND, ANSWER = 3, 2, 0
    LONGEST = 1446
    SECONDS = 5.0

    def __init__(self, host: str, port: int, password: str) -> None:
        self._where = (host, port)
        self._password = password
        self._socket: socket.socket | None = None
        self._last = 0
        self._lock = threading.Lock()

    def write(self, command: str) -> None:
        """Have a command done. It was sent when this returns; it is not sent twice."""
        raw = command.encode("utf-8", "replace")
        if len(raw) > self.LONGEST:
            raise Unspeakable("It is too long for RCON.")
        with self._lock:
            self._ready()
            try:
                id = self._send(self.COMMAND, raw)
            except OSError as fault:
                self._close()
                raise Undelivered(f"RCON: {fault}") from None
            try:
                self._wait_for(id)
            except OSError:
                # `stop` ends like this. Doing it again would stop the next one, too.
                self._close()
                ping_log.info("RCON said nothing after a command.")

    def alive(self) -> bool:
        """Whether the game answers."""
        with self._lock:
            try:
                self._ready()
            except Undelivered as fault:
                ping_log.debug("%s", fault)
                return False
            return True

    def close(self) -> None:
        with self._lock:
            self._close()

    def _ready(self) -> None:
        """Have a connection on which somebody answers."""
        if self._socket is not None:
            try:
                # No type of request: it is answered, and does nothing.
                self._wait_for(self._send(self.ANSWER, b""))
                return
            except OSError:
                self._close()
        try:
            self._socket = socket.create_connection(self._where, timeout=self.SECONDS)
            self._socket.settimeout(self.SECONDS)
            known = self._wait_for(self._send(self.LOGIN, self._password.encode()))
        except OSError as fault:
            self._close()
            raise Undelivered(f"RCON: {fault}") from None
        if not known:
            self._close()
            raise Undelivered("RCON: the password is wrong.")

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, kind: int, body: bytes) -> int:
        assert self._socket is not None
        self._last = self._last % 1_000_000 + 1
        packet = struct.pack("<ii", self._last, kind) + body + b"\0\0"
        self._socket.sendall(struct.pack("<i", len(packet)) + packet)
        return self._last

    def _wait_for(self, id: int) -> bool:
        """Read until this request is answered; gives whether it was not refused."""
        until = time.monotonic() + self.SECONDS
        while time.monotonic() < until:
            (size,) = struct.unpack("<i", self._exactly(4))
            if not 10 <= size <= 65536:
                raise OSError("this is not RCON")
            answered, _ = struct.unpack("<ii", self._exactly(size)[:8])
            if answered in (id, -1):
                return bool(answered == id)
        raise OSError("no answer")

    def _exactly(self, size: int) -> bytes:
        assert self._socket is not None
        raw = b""
        while len(raw) < size:
            part = self._socket.recv(size - len(raw))
            if not part:
                raise ConnectionError("the connection was closed")
            raw += part
        return raw


class Console:
    """Takes commands from the spool to the game, in order, each until it is there."""

    def __init__(self, spool: Spool, way: Any) -> None:
        self._spool, self._way = spool, way
        self._told = ""

    def step(self) -> float:
        """Write all that waits; gives the seconds to wait, for more or for another try."""
        self._spool.commanded.clear()
        while True:
            waiting = self._spool.command()
            if waiting is None:
                self._spool.commanded.wait(0.5)
                return 0.0
            id, command = waiting
            try:
                self._way.write(command)
                ping_log.info("Gave the game a command.")
                self._told = ""
            except Unspeakable as fault:
                ping_log.error("A command is left out. %s", fault)
            except Undelivered as fault:
                if str(fault) != self._told:
                    self._told = str(fault)
                    ping_log.warning("A command waits: %s", fault)
                return 1.0
            self._spool.drop_command(id)


def clean(command: str) -> str:
    """One line: what would begin another one is a space."""
    return CONTROLS.sub(" ", command).strip()


# ---------------------------------------------------------------------------------------------------------------
# What the agent does all the time: read, send, ping, write commands
# ---------------------------------------------------------------------------------------------------------------


class Sender:
    """Brings lines from the spool to the server, in order."""

    BATCHES = "/api/v1/agents/loglines"
    SINGLE = "/api/v1/agents/logline"
    LAST = "/api/v1/agents/lastline"
    #: Times that a server which takes lines one by one may fail at the same one.
    MOST_FAILURES = 5

    def __init__(self, server: Server, spool: Spool, zone: str) -> None:
        self._server, self._spool, self._zone = server, spool, zone
        self._most = BATCH_LINES
        self._one_by_one = False
        self._asked = False
        self._failures = 0

    def step(self) -> float:
        """Send what one batch takes; gives the seconds to wait before more."""
        self._spool.filled.clear()
        if not self._asked:
            self._resume()
            self._asked = True
        if not self._send_some():
            self._spool.filled.wait(0.5)
        return 0.0

    def send_all(self) -> None:
        """Send until nothing waits."""
        self._resume()
        while self._send_some():
            pass

    def _resume(self) -> None:
        """Ask what is there already: a batch may have been stored though we never heard so."""
        source = urllib.parse.urlencode({"source": self._spool.get("source") or ""})
        answer = self._server.call("GET", f"{self.LAST}?{source}")
        if answer.status != 200:
            raise _not_taken(answer)
        if self._spool.get("lastline") is None:
            # That of before our first line: where the history that we tell has to begin.
            self._spool.set("lastline", str(answer.document.get("lastline") or ""))
        stored = answer.document.get("stored")
        if not isinstance(stored, int) or stored <= 0:
            return
        if stored > self._spool.sent:
            # Of a backup, perhaps: what waits has never been sent, whatever has its numbers there.
            line_log.warning("This spool is older than what the server has from it.")
            self._spool.go_on_after(stored)
        else:
            self._spool.forget(stored)

    def _send_some(self) -> bool:
        rows = self._spool.first(self._most)
        if not rows:
            return False
        try:
            self._send(rows)
        except Trouble:
            self._asked = False
            raise
        return True

    def _send(self, rows: Sequence[Row]) -> None:
        """Send these; what the server refuses is looked for by halves, told, and left out."""
        if self._one_by_one:
            for row in rows:
                self._send_single(row)
            return
        lines = [
            {"sequence": row.sequence, "line": row.line, **({"date": row.day} if row.day else {})}
            for row in rows
        ]
        self._spool.sending(rows[-1].sequence)
        source = self._spool.get("source")
        batch = {"source": source, "zone": self._zone, "lines": lines}
        answer = self._server.call("POST", self.BATCHES, document=batch)
        stored = answer.document.get("stored")
        if answer.status == 200 and isinstance(stored, int) and stored >= rows[0].sequence:
            line_log.debug("%s lines are on the server.", len(rows))
            self._spool.forget(min(stored, rows[-1].sequence))
        elif answer.status in (404, 405):
            # An original server does not have this; and one that has may not know the world any more.
            self._send_single(rows[0])
            self._one_by_one = True
            line_log.info("The server takes lines one by one.")
        elif answer.status in (400, 413, 422):
            if len(rows) == 1:
                self._leave_out(rows[0], answer)
                return
            half = len(rows) // 2
            if answer.status == 413:
                self._most = max(1, half)
            self._send(rows[:half])
            self._send(rows[half:])
        else:
            raise _not_taken(answer)

    def _send_single(self, row: Row) -> None:
        form = {"line": row.line, "zone": self._zone}
        answer = self._server.call("POST", self.SINGLE, form)
        if answer.status in (200, 201):
            self._spool.forget(row.sequence, row.sequence)
        elif answer.status in (400, 413, 422):
            self._leave_out(row, answer)
        else:
            # An original server fails for ever at a line with a date that there is not.
            self._failures += answer.status == 500
            if self._failures < self.MOST_FAILURES:
                raise _not_taken(answer)
            self._leave_out(row, answer)
        self._failures = 0

    def _leave_out(self, row: Row, answer: Answer) -> None:
        reason = answer.document.get("errors") or answer.document
        line_log.error(
            "Line %s is left out: the server says %s %s. It is: %.300s",
            *(row.sequence, answer.status, str(reason)[:300], row.line),
        )
        self._spool.forget(row.sequence, row.sequence)


def _not_taken(answer: Answer) -> Trouble:
    reason = {
        404: "The server does not know this world, or it is not active.",
        429: "The server asks to wait.",
    }.get(answer.status, f"The server answers with status {answer.status}.")
    return Trouble(reason, answer.wait)


class Reading:
    """Reads the log, and before it what there was before the first start, if that is wanted."""

    def __init__(
        self,
        trail: Trail,
        spool: Spool,
        sieve: Sieve,
        zone: tzinfo | None,
        history: bool,
        all_of_it: bool,
    ) -> None:
        self._trail, self._spool, self._sieve, self._zone = trail, spool, sieve, zone
        self._all = all_of_it
        began = spool.place("began")
        if spool.get("log") not in (None, trail.path.name):
            # Another log: what is in it already was not written while we were away.
            began = None
        if began is None:
            began = end_of(trail)
            spool.put("began", began)
            spool.put("live", began)
            spool.set("log", trail.path.name)
        self._began = began
        self._history: Follower | None = None
        self._wanted = history and spool.get("history_sent") is None
        self._live = Follower(trail, spool, sieve, zone)

    def step(self) -> float:
        if self._wanted and not self._read_history():
            return LOOK_SECONDS
        return 0.0 if self._wanted or self._live.step() else LOOK_SECONDS

    def read_all(self) -> bool:
        """Read what the spool has room for; gives whether anything was read."""
        before = self._spool.last()
        while self._wanted and self._read_history():
            pass
        if not self._wanted:
            while self._live.step():
                pass
        return self._spool.last() > before

    def failed(self) -> None:
        """Go on with what the spool says."""
        self._live.close()
        if self._history is not None:
            self._history.close()

    def _read_history(self) -> bool:
        """Read a little of it; gives whether there may be more at once."""
        if self._history is None and not self._find_begin():
            return False
        if self._history is not None:
            if self._history.step():
                return True
            if not self._history.done:
                return False
            self._history.close()
        self._wanted = False
        self._spool.set("history_sent", "yes")
        line_log.info("The history has been read.")
        return True

    def _find_begin(self) -> bool:
        """Find out where to begin; not before the server has said what it has."""
        if not self._all and self._spool.place("history") is None:
            last = self._spool.get("lastline")
            if last is None:
                return False
            if last:
                begin = place_after(self._trail, last, self._began)
                if begin is None:
                    line_log.warning("The last line on the server is not in the log: no history.")
                    return True
                self._spool.put("history", begin)
        self._history = Follower(
            self._trail, self._spool, self._sieve, self._zone, "history", self._began
        )
        return True


class Pinger:
    """Tells the server how the world is, and brings what it wants the game to do."""

    def __init__(
        self,
        server: Server,
        spool: Spool,
        level: Level,
        overloads: Overloads,
        runs: Callable[[], bool],
        address: str,
    ) -> None:
        self._server, self._spool, self._level = server, spool, level
        self._overloads, self._runs, self._address = overloads, runs, address
        self._one = threading.Lock()

    def step(self) -> float:
        self.ping()
        return PING_SECONDS

    def ping(self, seconds: float = CALL_SECONDS) -> None:
        # Two at once would bring the same commands twice.
        if self._one.acquire(timeout=seconds):
            try:
                self._ping(seconds)
            finally:
                self._one.release()

    def _ping(self, seconds: float) -> None:
        number, behind, skipped = self._overloads.lately()
        form = {
            "server_name": self._server.host[:500],
            "is_server_running": "true" if self._runs() else "false",
            "num_overloads": str(number),
            "ms_behind": str(behind),
            "skipped_ticks": str(skipped),
            # Until we say that we have a command the server brings it again.
            "commands_after": str(self._spool.commanded_until),
            **self._level.told(),
        }
        if self._address:
            form["address"] = self._address
        answer = self._server.call("POST", "/api/v1/agents/ping", form, seconds=seconds)
        if answer.status != 200:
            raise _not_taken(answer)
        told = [one for one in answer.document.get("commands") or () if isinstance(one, dict)]
        commands = [one.get("command") for one in told]
        wanted = [clean(one) for one in commands if isinstance(one, str) and clean(one)]
        if told:
            numbers = [one["id"] for one in told if isinstance(one.get("id"), int)]
            self._spool.keep_commands(wanted, max(numbers, default=0))
        ping_log.debug("Pinged; %s commands came.", len(wanted))


@dataclass
class Worker:
    """One thing that is done again and again in a thread of its own, whatever goes wrong."""

    name: str
    step: Callable[[], float]
    stop: threading.Event
    log: logging.Logger
    failed: Callable[[], None] = lambda: None
    patience: Patience = field(default_factory=Patience)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        said = ""
        while not self.stop.is_set():
            try:
                wait = self.step()
                if said:
                    self.log.info("It goes on.")
                    said = ""
                self.patience.again()
            except Unpacked:
                self.failed()
                wait = 1.0
            except (Trouble, *FAULTS) as fault:
                self.failed()
                wait = self.patience.next(getattr(fault, "wait", 0.0))
                if str(fault) != said:
                    said = str(fault)
                    self.log.warning("%s Trying again.", said)
            except Exception:
                self.failed()
                self.log.exception("This should not have happened.")
                wait = self.patience.next(5.0)
            if wait:
                self.stop.wait(wait)


# ---------------------------------------------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------------------------------------------


def flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Tells a COAL server what a Minecraft server does, and brings it commands.",
        epilog="Started in the folder of server.properties, it looks there instead of in ../.",
    )
    add = parser.add_argument
    add("-v", "--verbose", action="store_true", help="say more")
    add("--agent_logfile", default="agent.log", help="our own log; blank for none (agent.log)")
    add("--url", help="address of the COAL server, as in https://coal.example.org")
    add("--coal_host", help="its host name, when it is reached by https")
    add("--pair", metavar="CODE", help="the pairing code that the world's page shows; needed once")
    add("--agent_client_id", help="instead of --pair")
    add("--agent_secret", help="instead of --pair; or in COAL_AGENT_SECRET")
    add("--mc_logfile", help="Minecraft's log (../server.log, or ../logs/latest.log)")
    add("--mc_levelfile", help="the world's level.dat (../world/level.dat)")
    add("--mc_pidfile", help="file with the process id (../server.pid)")
    add("--mc_commandfifo", help="named pipe (../command-fifo)")
    add("--parse_mc_history", action="store_true", help="send what was logged before, too")
    add("--parse_all", action="store_true", help="all of it, whatever the server has already")
    add("--skip_chat_history", action="store_true", help="but not what was said")
    add("--mc_timezone", help="the zone Minecraft writes its log in, as in Europe/Berlin (local)")
    add("--address", default="", help="where players find the world: IP address, :port if need be")
    add("--rcon", metavar="HOST:PORT", help="write commands over RCON, not to the pipe")
    add("--rcon_password", help="or in RCON_PASSWORD; else as server.properties says")
    add("--rcon_password_file", help="file with the RCON password")
    add(
        "--spool",
        default="mc_coal_agent.spool",
        help="file for what is not sent yet, and for places",
    )
    add("--once", action="store_true", help="send what there is, ping once, and end")
    return parser


def logs_to(file: str, verbose: bool) -> None:
    form = logging.Formatter(
        "%(asctime)s : %(name)-8s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S"
    )
    console = logging.StreamHandler()
    console.setLevel(logging.DEBUG if verbose else logging.INFO)
    handlers: list[logging.Handler] = [console]
    if file.strip():
        try:
            handlers.append(
                logging.handlers.RotatingFileHandler(
                    file, maxBytes=5 << 20, backupCount=2, encoding="utf-8"
                )
            )
        except OSError as fault:
            raise Unfit(f"Our log {file} cannot be written: {fault.strerror}") from None
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    for handler in handlers:
        handler.setFormatter(form)
        root.addHandler(handler)


def server_of(asked: argparse.Namespace, kept: Credentials | None) -> Server:
    """The server that is meant: by its address, its host name, or where we were last."""
    url, host = asked.url, asked.coal_host
    if not url and not host and kept and kept.url:
        url = kept.url
    if not url and not host:
        with suppress(OSError):
            application = re.search(
                r"(?m)^application:\s*(\S+)", Path("app.yaml").read_text("utf-8")
            )
            host = application and f"{application.group(1)}.appspot.com"
    if not url and not host:
        raise Unfit("Which server? Give --url.")
    if not url:
        url = f"{'http' if host == 'localhost:8080' else 'https'}://{host}"
    return Server(url)


def credentials_of(
    asked: argparse.Namespace, server: Server, path: Path, kept: Credentials | None
) -> Credentials:
    """Who we are: as the flags say, as a pairing code says, or as before."""
    secret = asked.agent_secret or os.environ.get("COAL_AGENT_SECRET")
    if asked.agent_client_id and secret:
        return Credentials(asked.agent_client_id, secret)
    code = (asked.pair or "").strip()
    if code and not (kept and kept.paired == _digest(code) and kept.url == server.url):
        kept = pair(server, code)
        kept.write(path)
        log.info("Paired. The credentials are in %s.", path)
    if not kept or not kept.client_id or not kept.secret:
        raise Unfit("Which world? Give --pair with the code that its page shows.")
    return kept


def way_to_the_game(asked: argparse.Namespace, settings: Mapping[str, str]) -> Any:
    if not asked.rcon:
        return Fifo(Path(asked.mc_commandfifo))
    host, _, port = asked.rcon.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise Unfit("--rcon needs a host and a port, as in localhost:25575.")
    password = asked.rcon_password
    if not password and asked.rcon_password_file:
        try:
            password = Path(asked.rcon_password_file).read_text("utf-8").strip()
        except OSError as fault:
            raise Unfit(f"{asked.rcon_password_file}: {fault.strerror}") from None
    password = password or os.environ.get("RCON_PASSWORD") or settings.get("rcon.password")
    if not password:
        raise Unfit("RCON needs a password: --rcon_password_file, or RCON_PASSWORD.")
    return Rcon(host.strip("[]") or "localhost", int(port), password)


def running_test(
    asked: argparse.Namespace, way: Any, settings: Mapping[str, str]
) -> Callable[[], bool]:
    """Whether the game runs: its process, if there is a file with its number; else whether it answers."""
    pid_file = Path(asked.mc_pidfile)
    port = settings.get("server-port", "")

    def runs() -> bool:
        try:
            pid = pid_file.read_text("ascii").strip()
            if pid.isdigit() and int(pid) > 0:
                return process_runs(int(pid))
        except (OSError, ValueError):
            pass
        if isinstance(way, Rcon):
            return way.alive()
        host = settings.get("server-ip") or "localhost"
        return port.isdigit() and 0 < int(port) < 65536 and port_open(host, int(port))

    return runs


def world_folder() -> Path:
    """Where the Minecraft server is: here, or one up, where the document puts it."""
    here = any(Path(name).exists() for name in ("server.properties", "logs/latest.log"))
    return Path(".") if here else Path("..")


def log_file(asked: argparse.Namespace, folder: Path) -> Path:
    if asked.mc_logfile:
        return Path(asked.mc_logfile)
    usual = folder / "server.log"
    # Where our settings for log4j are, server.log will come.
    ours = usual.exists() or any(folder.glob("log4j2*.xml"))
    return usual if ours else folder / "logs" / "latest.log"


def settings_beside(log_path: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """The server.properties that is nearest to a log, and where it is."""
    for near in (log_path.parent, log_path.parent.parent):
        if (near / "server.properties").exists():
            return near, properties(near / "server.properties")
    return folder, properties(folder / "server.properties")


class Agent:
    """All of it, put together as the command line says."""

    def __init__(self, asked: argparse.Namespace) -> None:
        spool_path = Path(asked.spool)
        credentials_path = spool_path.with_suffix(".credentials")
        kept = Credentials.read(credentials_path)
        self.server = server_of(asked, kept)
        # Before anything is asked: a code is good only once, and nobody else may use this spool.
        self.spool = Spool(spool_path)
        who = credentials_of(asked, self.server, credentials_path, kept)
        self.server.credentials = who
        self._belongs_to(who)
        zone_name = asked.mc_timezone or local_zone()
        zone = zone_named(zone_name)
        if zone is None and asked.mc_timezone:
            log.warning("Nothing is known here of a zone %s.", zone_name)
        folder = world_folder()
        path = log_file(asked, folder)
        folder, settings = settings_beside(path, folder)
        asked.mc_pidfile = asked.mc_pidfile or str(folder / "server.pid")
        asked.mc_commandfifo = asked.mc_commandfifo or str(folder / "command-fifo")
        level = asked.mc_levelfile or folder / settings.get("level-name", "world") / "level.dat"
        self._way = way_to_the_game(asked, settings)
        overloads = Overloads(lambda: datetime.now(zone).replace(tzinfo=None))
        sieve = Sieve(overloads, asked.skip_chat_history)
        self._reading = Reading(
            Trail(path), self.spool, sieve, zone, asked.parse_mc_history, asked.parse_all
        )
        self._sender = Sender(self.server, self.spool, zone_name)
        runs = running_test(asked, self._way, settings)
        self._pinger = Pinger(
            self.server, self.spool, Level(Path(level)), overloads, runs, asked.address
        )
        self._console = Console(self.spool, self._way)
        self.stop = threading.Event()
        log.info("Monitoring '%s' and reporting to '%s'.", path, self.server.host)

    def _belongs_to(self, who: Credentials) -> None:
        """Lines of another world's agent are counted anew."""
        before = self.spool.get("client")
        if before not in (None, who.client_id):
            log.warning("This spool was another world's: its lines are this world's now.")
            self.spool.new_source()
        if before != who.client_id:
            self.spool.set("commanded", "0")
            self.spool.set("client", who.client_id)

    def run(self) -> int:
        """Do everything until a signal comes; then ping once more."""
        doing = [
            Worker(
                "ping", self._pinger.step, self.stop, ping_log, patience=Patience(PING_SECONDS, 30)
            ),
            Worker("send", self._sender.step, self.stop, line_log),
            Worker("read", self._reading.step, self.stop, line_log, self._reading.failed),
            Worker("console", self._console.step, self.stop, ping_log),
        ]
        threads = [worker.start() for worker in doing]
        # Waiting for ever would not see signals on every system.
        while not self.stop.wait(3600):
            pass
        log.info("Ending.")
        with suppress(Trouble, *FAULTS):
            self._pinger.ping(LAST_CALL_SECONDS)
        until = time.monotonic() + 2
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return 0

    def run_once(self) -> int:
        """Send all there is, ping, and write commands; 1 if something could not be."""
        try:
            # First, so that it is in the spool also when the server cannot be reached.
            self._reading.read_all()
            self._sender.send_all()
            while self._reading.read_all():
                self._sender.send_all()
            self._pinger.ping()
        except (Trouble, Unpacked, *FAULTS) as fault:
            log.error("%s", fault)
            return 1
        self._console.step()
        return 1 if self.spool.waiting or self.spool.command() else 0


def main(args: Sequence[str] | None = None) -> int:
    asked = flags().parse_args(args)
    try:
        logs_to(asked.agent_logfile, asked.verbose)
        agent = Agent(asked)
    except (Unfit, Trouble, OSError, sqlite3.Error) as fault:
        print(fault, file=sys.stderr)
        return 2
    if asked.once:
        return agent.run_once()
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        # Who starts us with nohup does not want to hear of it.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: agent.stop.set())
    return agent.run()


if __name__ == "__main__":
    sys.exit(main())
