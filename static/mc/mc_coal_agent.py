#!/usr/bin/env python3
"""The agent of a world: reports the log and status of a Minecraft server to COAL and delivers console commands.

One file for Python 3.9 or newer on Unix, standard library only. Log lines are numbered and stored in a spool, and sent
from there. So every line reaches the server once and in order, also if the log is rolled or truncated, or if a process
is killed or restarted. README.md beside this file describes its use.
"""

from __future__ import annotations

import argparse
import codecs
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
#: Seconds between checks of the log.
POLL_SECONDS = 0.25
#: Timeout of a request, and of the last ping at shutdown.
TIMEOUT_SECONDS = 30.0
SHUTDOWN_TIMEOUT_SECONDS = 5.0
#: Limits of one batch.
BATCH_LINES = 500
BATCH_BYTES = 256 * 1024
#: Lines that are kept after they were sent, for a server that is restored from a backup.
KEPT_LINES = 100_000
KEPT_BYTES = 64 << 20
#: Lines that the spool holds; reading pauses at this number.
MAX_WAITING_LINES = 20_000
#: A longer line is sent in pieces.
MAX_LINE_BYTES = 256 * 1024
#: Bytes of the log that are read at once.
CHUNK_SIZE = 512 * 1024
#: Bytes at the start of a file and before a position that a fingerprint covers.
FINGERPRINT_BYTES = 256
#: Two files of this size with the same fingerprint are one text; shorter ones can be alike by chance.
DISTINCT_BYTES = 1024
#: Texts and files that the ledger knows; the oldest are forgotten.
MAX_LEDGER_TEXTS = 20_000
#: Unreadable files that are tried again, and how often.
MAX_UNREADABLE_FILES = 200
UNREADABLE_SECONDS = 60.0
#: Age in seconds up to which an unreadable rolled file counts as still being compressed.
COMPRESSION_SECONDS = 60.0
#: If the clock steps back further within a file, midnight has passed.
MIDNIGHT_STEP_SECONDS = 90 * 60
HALF_DAY_SECONDS = 12 * 60 * 60
TICKS_PER_DAY = 24_000
#: Pings report the overloads of this many seconds.
OVERLOAD_WINDOW_SECONDS = 300.0

#: A worker counts as working again after this many seconds without an error.
RECOVERY_SECONDS = 5.0
#: A message of a lasting error is repeated after this many seconds.
REPEAT_SECONDS = 60.0

#: Characters of what a finding is about.
MAX_DETAIL = 200

#: Errors of files and of the spool, after which a step is retried.
RETRYABLE_ERRORS = (OSError, EOFError, zlib.error, sqlite3.Error)
#: Errors of an incomplete gzip file.
CORRUPT_GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)


class ServerError(Exception):
    """A request failed and can be retried, `retry_after` seconds later if the server asks for it."""

    def __init__(self, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class ConfigurationError(Exception):
    """The flags, files or credentials do not allow the agent to start."""


class Backoff:
    """Exponential backoff with jitter, so that agents do not retry at the same moment."""

    def __init__(self, first: float = 1.0, maximum: float = 60.0) -> None:
        self._first, self._maximum, self._failures = first, maximum, 0

    def next(self, minimum: float = 0.0) -> float:
        """Return the seconds to wait after one more failure."""
        seconds = min(self._maximum, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        return max(seconds * random.uniform(0.5, 1.0), minimum)

    def reset(self) -> None:
        """Start over after a success."""
        self._failures = 0


class Finding(NamedTuple):
    """Something that an admin should mend: a code, what it is about, and an English sentence."""

    code: str
    detail: str
    text: str


class Findings:
    """What the self-check found: each finding is logged once, and reported with each ping."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: dict[str, Finding] = {}

    def add(self, code: str, detail: str, text: str) -> bool:
        """Add a finding in place of the last one of the code; return whether it is new."""
        finding = Finding(code, detail[:MAX_DETAIL], text)
        with self._lock:
            is_new = self._current.get(code) != finding
            self._current[code] = finding
        if is_new:
            log.warning("%s (%s)", text, finding.detail)
        return is_new

    def clear(self, code: str) -> None:
        with self._lock:
            found = self._current.pop(code, None)
        if found is not None:
            log.info("No longer so: %s (%s)", found.text, found.detail)

    def report(self) -> list[dict[str, str]]:
        """Return the findings for a ping."""
        with self._lock:
            return [finding._asdict() for _, finding in sorted(self._current.items())]


# ---------------------------------------------------------------------------------------------------------------
# The server: requests with an access token, which is renewed when it has expired
# ---------------------------------------------------------------------------------------------------------------


class Response(NamedTuple):
    """A response. The document is empty if the body is not a JSON object."""

    status: int
    document: dict[str, Any]
    #: The seconds of a Retry-After header.
    retry_after: float = 0.0


class _NoRedirectHandler(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: one turns a POST into a GET and sends the token to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@dataclass
class Credentials:
    """The credentials of this agent, stored in a file that only its owner can read."""

    client_id: str
    secret: str
    url: str = ""
    server_key: str = ""
    #: Digest of the pairing code, so that `--pair` may stay on the command line.
    paired: str = ""

    @classmethod
    def read(cls, path: Path) -> Credentials | None:
        """Return the stored credentials, or None. Raises ConfigurationError if they are unreadable."""
        try:
            stored = json.loads(path.read_text("utf-8"))
            names = ("client_id", "client_secret", "url", "server_key", "paired")
            return cls(*(str(stored.get(name, "")) for name in names))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigurationError(f"The credentials in {path} cannot be read: {error}") from None

    def write(self, path: Path) -> None:
        """Store the credentials durably."""
        stored = {
            "client_id": self.client_id,
            "client_secret": self.secret,
            "url": self.url,
            "server_key": self.server_key,
            "paired": self.paired,
        }
        temporary = path.with_name(path.name + ".new")
        with suppress(FileNotFoundError):
            temporary.unlink()
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as file:
            json.dump(stored, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


class Server:
    """The COAL server; safe for use by several threads."""

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ConfigurationError(f"This is not the address of a server: {url}")
        self.url = url.rstrip("/")
        self.host = parts.netloc
        self.credentials = credentials
        self._access_token = ""
        self._refresh_token = ""
        self._token_lock = threading.Lock()
        context = ssl.create_default_context()
        self._opener = urllib.request.build_opener(
            _NoRedirectHandler(), urllib.request.HTTPSHandler(context=context)
        )

    def call(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        document: Any = None,
        seconds: float = TIMEOUT_SECONDS,
    ) -> Response:
        """Send a request as this agent. After a 401 it is repeated with a new token.

        Raises ServerError.
        """
        token = self._access_token or self._get_new_token("", seconds)
        response = self.request(method, path, form, document, token, seconds)
        if response.status == 401:
            token = self._get_new_token(token, seconds)
            response = self.request(method, path, form, document, token, seconds)
        return response

    def request(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        document: Any = None,
        token: str = "",
        seconds: float = TIMEOUT_SECONDS,
    ) -> Response:
        """Send a request, with a token if there is one. Raises ServerError if the server is unreachable."""
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
                return _parse_response(response.status, response.headers, response.read(1 << 20))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (301, 302, 303, 307, 308):
                    to = error.headers.get("Location", "")
                    raise ServerError(f"The server redirects to {to[:200]}. Check --url.") from None
                return _parse_response(error.code, error.headers, _read_rest(error))
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise ServerError(f"The server cannot be reached: {reason}") from None

    def _get_new_token(self, expired: str, seconds: float) -> str:
        """Return a token other than the expired one, from the refresh token or else from the secret.

        Raises ServerError.
        """
        with self._token_lock:
            if self._access_token and self._access_token != expired:
                return self._access_token
            credentials = self.credentials
            if credentials is None:
                raise ServerError("There are no credentials.")
            client_id, secret = credentials.client_id, credentials.secret
            form = {"client_id": client_id, "client_secret": secret, "scope": "agent"}
            if self._refresh_token:
                refresh = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
                self._refresh_token = ""
                if self._request_tokens({**form, **refresh}, seconds).status == 200:
                    return self._access_token
            self._access_token = ""
            code = {"grant_type": "authorization_code", "code": secret, "redirect_uri": "/"}
            response = self._request_tokens({**form, **code}, seconds)
            if response.status in (400, 401):
                raise ServerError(
                    "The server does not know this client id and secret.", response.retry_after
                )
            if not self._access_token:
                raise ServerError(
                    f"The server issued no token: status {response.status}.", response.retry_after
                )
            return self._access_token

    def _request_tokens(self, form: Mapping[str, str], seconds: float) -> Response:
        response = self.request("POST", "/oauth/v1/token", form, seconds=seconds)
        token = response.document.get("access_token")
        if response.status == 200 and isinstance(token, str):
            self._access_token = token
            self._refresh_token = str(response.document.get("refresh_token") or "")
        return response


def _read_rest(response: Any) -> bytes:
    try:
        return bytes(response.read(1 << 20))
    except (OSError, http.client.HTTPException):
        return b""


def _parse_response(status: int, headers: Any, body: bytes) -> Response:
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    header = headers.get("Retry-After", "")
    seconds = min(float(header), 600.0) if re.fullmatch(r"[0-9]{1,9}", header) else 0.0
    return Response(status, document if isinstance(document, dict) else {}, seconds)


def pair(server: Server, code: str) -> Credentials:
    """Exchange a pairing code for credentials. Raises ConfigurationError if it is not valid."""
    response = server.request("POST", "/api/v1/agents/pair", document={"code": code})
    document = response.document
    client, secret = document.get("client_id"), document.get("client_secret")
    if response.status not in (200, 201) or not (
        isinstance(client, str) and isinstance(secret, str)
    ):
        reason = document.get("errors") or f"status {response.status}"
        raise ConfigurationError(f"The server refused this pairing code: {reason}")
    return Credentials(
        client, secret, server.url, str(document.get("server_key") or ""), _digest(code)
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


# ---------------------------------------------------------------------------------------------------------------
# The spool: lines to send, commands to deliver, and positions in the log
# ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Position:
    """A position in a log: file, byte offset, and a fingerprint that identifies both after a rotation."""

    name: str
    file: str = ""
    offset: int = 0
    print: str = ""
    #: When the file was last written, as of the time of reading.
    written: float = 0.0
    #: The rolled file written before it, or `BEFORE_FIRST_FILE`.
    after: str = ""


BEFORE_FIRST_FILE = "0000-00-00-0.log"


class SpooledLine(NamedTuple):
    """A line to send. The day is None if the line has a date or the day is unknown."""

    sequence: int
    line: str
    day: str | None


class LedgerText(NamedTuple):
    """A text that was read: its size in bytes, fingerprint, and the rolled file that holds it, if known."""

    id: int
    size: int
    print: str
    rolled: str
    #: Whether it was read to its end.
    whole: bool
    #: Whether its lines were sent; otherwise it was there before the agent.
    sent: bool


class Spool:
    """The SQLite file of all state that must survive the process.

    Lines and the position after them are saved in one transaction.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self.lines_added = threading.Event()
        self.commands_added = threading.Event()
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            self._open()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise ConfigurationError(f"Another agent uses {path}.") from None
            raise ConfigurationError(f"The spool {path} cannot be opened: {error}") from None
        except sqlite3.DatabaseError as error:
            aside = path.with_name(f"{path.name}.broken-{int(time.time())}")
            log.error("The spool %s is corrupt (%s): renamed to %s.", path, error, aside.name)
            os.replace(path, aside)
            self._open()
        self.waiting = self._count_waiting()
        if self.get("source") is None:
            self.start_new_source()

    def start_new_source(self) -> None:
        """Start a new source, so that the server counts its sequences separately."""
        name = f"{socket.gethostname()[:60]}/{uuid.uuid4().hex[:16]}"
        with self._writing() as connection:
            connection.execute("DELETE FROM line WHERE sequence <= ?", (self.stored,))
            connection.execute("REPLACE INTO kept VALUES ('source', ?)", (name,))
            connection.execute("REPLACE INTO kept VALUES ('sent', '0')")
            connection.execute("REPLACE INTO kept VALUES ('stored', '0')")

    def _open(self) -> None:
        self._connection = sqlite3.connect(
            str(self.path), timeout=2, isolation_level=None, check_same_thread=False
        )
        run = self._connection.execute
        # A second agent must not use the same spool.
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
        run(
            "CREATE TABLE IF NOT EXISTS text (id INTEGER PRIMARY KEY, size INTEGER NOT NULL,"
            " print TEXT NOT NULL, rolled TEXT NOT NULL, whole INTEGER NOT NULL,"
            " sent INTEGER NOT NULL, last INTEGER NOT NULL)"
        )
        run("CREATE INDEX IF NOT EXISTS text_print ON text (size, print)")
        run("CREATE TABLE IF NOT EXISTS known_file (state TEXT PRIMARY KEY, name TEXT NOT NULL)")
        run("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Run a block in one transaction."""
        with self._lock:
            self._connection.execute("BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def _fetch_one(self, sql: str, *values: Any) -> Any:
        with self._lock:
            return self._connection.execute(sql, values).fetchone()

    def get(self, name: str) -> str | None:
        found = self._fetch_one("SELECT value FROM kept WHERE name = ?", name)
        return found and str(found[0])

    def set(self, name: str, value: str) -> None:
        with self._writing() as connection:
            connection.execute("REPLACE INTO kept VALUES (?, ?)", (name, value))

    def forget(self, name: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM kept WHERE name = ?", (name,))

    def position(self, name: str) -> Position | None:
        stored = self.get(name)
        return Position(**json.loads(stored)) if stored else None

    def add_lines(
        self, name: str, position: Position, lines: Sequence[tuple[str, str | None]] = ()
    ) -> None:
        """Save lines and the position up to which the log was read."""
        with self._writing() as connection:
            connection.executemany("INSERT INTO line (line, day) VALUES (?, ?)", lines)
            connection.execute(
                "REPLACE INTO kept VALUES (?, ?)", (name, json.dumps(asdict(position)))
            )
            self.waiting += len(lines)
        if lines:
            self.lines_added.set()

    def add_lines_of_old_file(self, position: str, lines: Sequence[tuple[str, str | None]]) -> None:
        """Save lines of a file that could not be read before, and the position in it."""
        with self._writing() as connection:
            connection.executemany("INSERT INTO line (line, day) VALUES (?, ?)", lines)
            connection.execute("REPLACE INTO kept VALUES ('late', ?)", (position,))
            self.waiting += len(lines)
        if lines:
            self.lines_added.set()

    def next_batch(self, max_lines: int) -> list[SpooledLine]:
        """Return the oldest lines, up to the limits of a batch."""
        with self._lock:
            found = self._connection.execute(
                "SELECT * FROM line WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (self.stored, max_lines),
            )
            rows: list[SpooledLine] = []
            size = 0
            for row in found:
                size += len(row[1].encode("utf-8", "replace"))
                if rows and size > BATCH_BYTES:
                    break
                rows.append(SpooledLine(*row))
            found.close()
            return rows

    @property
    def stored(self) -> int:
        """The sequence up to which the server is known to have the lines."""
        return int(self.get("stored") or 0)

    def _count_waiting(self) -> int:
        found = self._fetch_one("SELECT count(*) FROM line WHERE sequence > ?", self.stored)
        return int(found[0])

    def delete_line(self, sequence: int) -> None:
        """Delete a line that is stored or refused, and will never be sent again."""
        with self._writing() as connection:
            deleted = connection.execute("DELETE FROM line WHERE sequence = ?", (sequence,))
            self.waiting -= deleted.rowcount

    def acknowledge(self, until: int) -> None:
        """Note that the server has the lines up to a sequence. The newest are kept for a while."""
        if until <= self.stored:
            return
        with self._writing() as connection:
            connection.execute("REPLACE INTO kept VALUES ('stored', ?)", (str(until),))
            connection.execute("DELETE FROM line WHERE sequence <= ?", (until - KEPT_LINES,))
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
            if (pages - free) * size > KEPT_BYTES:
                connection.execute(
                    "DELETE FROM line WHERE sequence <= ? AND sequence <="
                    " (SELECT min(sequence) + (? - min(sequence)) / 4 FROM line)",
                    (until, until),
                )
        self.waiting = self._count_waiting()

    def rewind(self, stored: int) -> int:
        """Let all lines after a sequence wait again; return how many of them are no longer there."""
        with self._writing() as connection:
            before = self.stored
            connection.execute("REPLACE INTO kept VALUES ('stored', ?)", (str(stored),))
            (kept,) = connection.execute(
                "SELECT count(*) FROM line WHERE sequence > ? AND sequence <= ?", (stored, before)
            ).fetchone()
        self.waiting = self._count_waiting()
        self.lines_added.set()
        return before - stored - int(kept)

    def last_sequence(self) -> int:
        """Return the sequence of the newest line ever added."""
        found = self._fetch_one("SELECT seq FROM sqlite_sequence WHERE name = 'line'")
        return int(found[0]) if found else 0

    @property
    def highest_sent(self) -> int:
        """The highest sequence that may have reached the server."""
        return int(self.get("sent") or 0)

    def record_sending(self, until: int) -> None:
        """Record, before sending, that lines up to this sequence may reach the server."""
        if until > self.highest_sent:
            self.set("sent", str(until))

    def renumber_after(self, sequence: int) -> None:
        """Renumber waiting and later lines to begin after a sequence."""
        with self._writing() as connection:
            connection.execute("DELETE FROM line WHERE sequence <= ?", (self.stored,))
            (first,) = connection.execute("SELECT min(sequence) FROM line").fetchone()
            shift = sequence + 1 - (self.last_sequence() + 1 if first is None else first)
            last = self.last_sequence() + shift
            # In two steps, since sequences must stay unique.
            connection.execute("UPDATE line SET sequence = -sequence")
            connection.execute("UPDATE line SET sequence = ? - sequence", (shift,))
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'line'")
            connection.execute("INSERT INTO sqlite_sequence VALUES ('line', ?)", (last,))
            connection.execute("REPLACE INTO kept VALUES ('sent', ?)", (str(sequence),))
            connection.execute("REPLACE INTO kept VALUES ('stored', ?)", (str(sequence),))

    def texts_of(self, size: int, fingerprint: str) -> list[LedgerText]:
        """Return the texts of the ledger with this size and fingerprint."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, size, print, rolled, whole, sent FROM text"
                " WHERE size = ? AND print = ? ORDER BY id",
                (size, fingerprint),
            )
            return [LedgerText(*row) for row in rows.fetchall()]

    def interrupted_texts(self) -> list[LedgerText]:
        """Return the newest texts that were not read to their end."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, size, print, rolled, whole, sent FROM text WHERE whole = 0"
                " ORDER BY id DESC LIMIT 10"
            )
            return [LedgerText(*row) for row in rows.fetchall()]

    def add_text(self, size: int, fingerprint: str, rolled: str, whole: bool, sent: bool) -> None:
        """Record a text: how far it was read, and the name of its rolled file, if it has one."""
        if not size:
            return
        with self._writing() as connection:
            connection.execute(
                "DELETE FROM text WHERE size = ? AND print = ? AND rolled = ? AND sent = ?",
                (size, fingerprint, rolled, int(sent)),
            )
            connection.execute(
                "INSERT INTO text (size, print, rolled, whole, sent, last)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (size, fingerprint, rolled, int(whole), int(sent), self.last_sequence()),
            )
            connection.execute(
                "DELETE FROM text WHERE id <= (SELECT max(id) FROM text) - ?", (MAX_LEDGER_TEXTS,)
            )

    def name_text(self, id: int, rolled: str) -> None:
        with self._writing() as connection:
            connection.execute("UPDATE text SET rolled = ? WHERE id = ?", (rolled, id))

    def is_known_file(self, state: str) -> bool:
        found = self._fetch_one("SELECT 1 FROM known_file WHERE state = ?", state)
        return found is not None

    def add_known_file(self, state: str, name: str) -> None:
        """Record the state of a file in which nothing is left to read, in place of its last one."""
        with self._writing() as connection:
            connection.execute("DELETE FROM known_file WHERE name = ?", (name,))
            connection.execute("REPLACE INTO known_file VALUES (?, ?)", (state, name))

    def forget_files(self, names: Sequence[str]) -> None:
        """Forget the files that no longer exist; `names` are those that do."""
        existing = set(names)
        with self._lock:
            rows = self._connection.execute("SELECT name FROM known_file").fetchall()
        gone = [(name,) for (name,) in rows if name not in existing]
        if gone:
            with self._writing() as connection:
                connection.executemany("DELETE FROM known_file WHERE name = ?", gone)

    @property
    def last_command_id(self) -> int:
        """The server's id of the last saved command."""
        return int(self.get("commanded") or 0)

    def save_commands(self, commands: Sequence[str], until: int) -> None:
        """Save commands and the server's id of the last one; 0 if the server sends no ids."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO command (command) VALUES (?)", [(command,) for command in commands]
            )
            if until:
                connection.execute("REPLACE INTO kept VALUES ('commanded', ?)", (str(until),))
        self.commands_added.set()

    def next_command(self) -> tuple[int, str] | None:
        """Return the id and text of the oldest waiting command, or None."""
        found = self._fetch_one("SELECT id, command FROM command ORDER BY id LIMIT 1")
        return found and (int(found[0]), str(found[1]))

    def delete_command(self, id: int) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM command WHERE id = ?", (id,))


# ---------------------------------------------------------------------------------------------------------------
# Lines: time stamps, and messages that the agent evaluates itself
# ---------------------------------------------------------------------------------------------------------------

#: Before the header: terminal colours, prompts (also JLine's without a terminal), a byte order mark, and what
#: `docker compose logs`, `docker logs -t` and journald put in front of each line. Matched by itself: together with a
#: header, a long line of blanks or dots would be tried at every place.
LEAD = re.compile(
    r"(?:\x1b\[[0-9;]*m|[\r\t> .\ufeff])*"
    r"(?:[\w.-]{1,64} +\| +)?"
    r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]{8,18}(?:Z|[+-][0-9:]{4,6}) )?"
    r"(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [\w.-]{1,64} [\w.@/-]{1,64}(?:\[[0-9]+\])?: )?"
    r"(?:\x1b\[[0-9;]*m|[\r\t> .])*"
)
_CLOCK = r"(?<![0-9])([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?(?: ?([AaPp])\.?[Mm]\b\.?)?(?![0-9:])"
#: With a date that every server understands: `2013-04-19 10:32:55 [INFO] `
DATED = re.compile(
    rf"\[?([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[ T]{_CLOCK}"
    # A time of `docker logs -t` is that of another clock.
    r"(?![0-9.,]*(?:Z|[+-][0-9:]+) +\S)"
)
#: Without a date, or with one in a form or language that may be unknown: `[12:34:56] [Server thread/INFO]: `,
#: `[12:34:56 INFO]: `, `[01:34:56 PM] `, `10:00:03 [INFO] `, `[25Sep2026 12:34:56.789] `, `[16.02.2019 12:34:56] `,
#: `2026/11/20 10:00:02 [INFO] `.
UNDATED = re.compile(
    rf"(?:\[(?:[^\[\]<>:]{{4,32}} )?{_CLOCK}(?:[ \t]+\w+)?\]"
    rf"|(?:[0-9./-]{{8,10}} \[?)?{_CLOCK}\]? \[)"
)
_WARNS = r"[^<]{0,200}?\bWARN(?:ING)?\](?: \[[^\]]*\])?:? "
MOVED_WRONGLY = re.compile(_WARNS + r"(?!<).*moved wrongly!")
OVERLOADED = re.compile(
    _WARNS + r"Can't keep up!(?:.*?Running ([0-9]+)ms (?:behind, skipping|or) ([0-9]+) tick)?"
)
CHAT = re.compile(r"[^<]*?\]:? (?:\[Not Secure\] )?<[^<>]+> ")


#: The form of COAL's old log4j settings, which wrote ISO-8859-2.
_OLD_COAL_FORM = re.compile(rb"\0*[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} \[\w+\] ")
#: Letters in Windows-1252, but control characters in ISO-8859-2.
_WINDOWS_LETTERS = re.compile(rb"[\x80-\x9f]")
#: Marks at the start of files in UTF-16, as PowerShell writes them.
UTF_16_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def assumed_encoding(raw: bytes) -> str:
    """Return the encoding of a line that is not UTF-8: nearly always Windows-1252."""
    is_latin_2 = _OLD_COAL_FORM.match(raw) and not _WINDOWS_LETTERS.search(raw)
    return "iso-8859-2" if is_latin_2 else "windows-1252"


def decode_line(raw: bytes, encoding: str = "") -> str:
    """Return a line as text; without an encoding as UTF-8, or as `assumed_encoding` says."""
    if encoding.startswith("utf-16"):
        text = raw.decode(encoding, "replace").rstrip("\r\n").lstrip("\ufeff")
    else:
        raw = raw.rstrip(b"\r\n")
        try:
            text = raw.decode(encoding or "utf-8")
        except UnicodeDecodeError:
            text = raw.decode(encoding or assumed_encoding(raw), "replace")
    # A power failure can leave NULs in a file.
    return text.replace("\0", "")


def read_raw_line(file: IO[bytes], limit: int, encoding: str = "") -> bytes:
    """Read bytes up to a line break, at most `limit`. In UTF-16, half a character can look like one."""
    raw = file.readline(limit)
    if encoding.startswith("utf-16"):
        while raw and len(raw) < limit and not is_complete_line(raw, encoding):
            # In little endian, the second byte of the line break is still to come.
            more = file.read(1) if len(raw) % 2 else file.readline(limit - len(raw))
            if not more:
                break
            raw += more
    return raw


def is_complete_line(raw: bytes, encoding: str = "") -> bool:
    """Return whether bytes end with a line break."""
    if encoding.startswith("utf-16"):
        return len(raw) % 2 == 0 and raw.endswith("\n".encode(encoding))
    return raw.endswith(b"\n")


def match_header(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    """Return the match of a header, DATED or UNDATED, after what other programs put in front of it."""
    lead = LEAD.match(line)
    return pattern.match(line, lead.end() if lead else 0)


def second_of_day(line: str) -> int | None:
    """Return the second of the day of a line whose day the agent has to tell, or None."""
    if match_header(DATED, line):
        return None
    match = match_header(UNDATED, line)
    return _second(match.groups()) if match else None


def clock_of(line: str) -> int | None:
    """Return the second of the day in the header of a line, or None if it has no known header."""
    match = match_header(DATED, line)
    if match:
        return _second(match.groups()[1:])
    return second_of_day(line)


def _second(clock: Sequence[str | None]) -> int | None:
    """Return the second of the day of hour, minute, second and half of the day (`a`, `p` or None)."""
    hour, minute, second, half = clock[:4] if clock[0] else clock[4:8]
    number, half = int(hour or 0), (half or "").lower()
    if half:
        if not 1 <= number <= 12:
            return None
        number = number % 12 + (12 if half == "p" else 0)
    minutes, seconds = int(minute or 0), int(second or 0)
    valid = number < 24 and minutes < 60 and seconds < 60
    return 3600 * number + 60 * minutes + seconds if valid else None


class DayCounter:
    """Counts days while the lines of one file are read in order."""

    def __init__(self, day: date) -> None:
        self.day = day
        self._second = 0

    def advance(self, second: int) -> date:
        if second < self._second - MIDNIGHT_STEP_SECONDS:
            self.day += timedelta(days=1)
        self._second = second
        return self.day


def day_of_first(seconds: Iterator[int], written: datetime) -> date:
    """Return the day of the first of these seconds of a day, for a file last written at `written`."""
    midnights, last = 0, None
    for second in seconds:
        if last is not None and second < last - MIDNIGHT_STEP_SECONDS:
            midnights += 1
        last = second
    day = written.date()
    midnight = written.replace(hour=0, minute=0, second=0, microsecond=0)
    if last is not None and last - (written - midnight).total_seconds() > HALF_DAY_SECONDS:
        midnights += 1
    return day - timedelta(days=midnights)


class Overloads:
    """Overloads of the Minecraft server in the recent past."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._times: deque[tuple[datetime, int, int]] = deque(maxlen=10_000)

    def record(self, when: datetime, behind: int, skipped: int) -> None:
        with self._lock:
            self._times.append((when, behind, skipped))

    def recent(self) -> tuple[int, int, int]:
        """Return the number of overloads, milliseconds behind and skipped ticks."""
        with self._lock:
            while self._times and self._is_old(self._times[0][0]):
                self._times.popleft()
            rows = [row for row in self._times if not self._is_old(row[0])]
        return len(rows), sum(row[1] for row in rows), sum(row[2] for row in rows)

    def _is_old(self, when: datetime) -> bool:
        return (self._now() - when).total_seconds() > OVERLOAD_WINDOW_SECONDS


class LineFilter:
    """Decides which lines are sent, and counts overloads, which pings report instead."""

    def __init__(self, overloads: Overloads, skip_old_chat: bool) -> None:
        self._overloads = overloads
        self._skip_old_chat = skip_old_chat

    def accepts(self, line: str, day: date | None, old: bool) -> bool:
        if not line.strip():
            return False
        if "Can't keep up!" in line:
            overload = OVERLOADED.match(line)
            if overload:
                self._record_overload(line, day, overload.group(1), overload.group(2))
                return False
        if "moved wrongly!" in line and MOVED_WRONGLY.match(line):
            return False
        return not (old and self._skip_old_chat and CHAT.match(line))

    def _record_overload(self, line: str, day: date | None, behind: str, skipped: str) -> None:
        dated, second = match_header(DATED, line), clock_of(line)
        if dated:
            day = None
            with suppress(ValueError):
                day = date.fromisoformat(dated.group(1))
        if day is not None and second is not None:
            when = datetime(day.year, day.month, day.day) + timedelta(seconds=second)
            self._overloads.record(when, int(behind or 0), int(skipped or 0))


# ---------------------------------------------------------------------------------------------------------------
# Zones
# ---------------------------------------------------------------------------------------------------------------


def local_zone(root: Path = Path("/")) -> str:
    """Return the IANA name of this machine's time zone; UTC if it cannot be detected."""
    named = os.environ.get("TZ", "").lstrip(":")
    if _is_zone_name(named):
        return named
    with suppress(OSError, ValueError):
        named = (root / "etc/timezone").read_text("ascii").split("#")[0].strip()
        if _is_zone_name(named):
            return named
    there = root / "etc/localtime"
    target = os.path.realpath(there)
    for mark in ("zoneinfo/posix/", "zoneinfo/right/", "zoneinfo/", "zoneinfo.default/"):
        if mark in target and _is_zone_name(target.rpartition(mark)[2]):
            return target.rpartition(mark)[2]
    return _find_same_zone(there, root / "usr/share/zoneinfo") or "UTC"


def _is_zone_name(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", name)) and (
        "/" in name or name in ("UTC", "GMT") or find_zone(name) is not None
    )


def _find_same_zone(there: Path, zones: Path) -> str | None:
    """Return the zone whose file has the same content, or None."""
    with suppress(OSError):
        content = there.read_bytes()
        for name in sorted(zones.rglob("*")):
            relative = name.relative_to(zones).as_posix()
            if relative[:1].isupper() and "/" in relative and name.is_file():
                if name.stat().st_size == len(content) and name.read_bytes() == content:
                    return relative
    return None


def find_zone(name: str) -> tzinfo | None:
    """Return the zone of that name, or None if it or the zone database does not exist."""
    try:
        from zoneinfo import ZoneInfo

        return ZoneInfo(name)
    except (ImportError, KeyError, ValueError, OSError):
        return None


# ---------------------------------------------------------------------------------------------------------------
# The log: the current file and the rolled files
# ---------------------------------------------------------------------------------------------------------------


class StillCompressing(Exception):
    """A rolled file is still being compressed."""


class LogFiles:
    """The current log and its rolled files, in the order in which they were written."""

    ROLLED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]+)\.log(?:\.gz)?")

    def __init__(self, path: Path, encoding: str = "") -> None:
        self.path = path
        self._encoding = encoding
        self._has_told_encoding = False
        folder = path.parent
        self._folders = [folder] if folder.name == "logs" else [folder, folder / "logs"]
        # As logrotate names them: latest.log.1, latest.log-20260925, latest-20260925.log.
        whole, stem, suffix = (re.escape(text) for text in (path.name, path.stem, path.suffix))
        number = r"[.-][0-9]+(?:-[0-9]+)*"
        self._numbered = re.compile(rf"(?:{whole}{number}|{stem}{number}{suffix})(?:\.gz)?")

    def files(self) -> list[Path]:
        """Return the files, oldest first. While a file is being compressed, only the original counts.

        Minecraft's names tell the order among them; the others go by the time of their last change.
        """
        rolled: list[tuple[tuple[str, float], float, Path]] = []
        numbered: list[tuple[tuple[str, float], Path]] = []
        for folder in self._folders:
            names = set(os.listdir(folder)) if folder.is_dir() else set()
            for name in names:
                path = folder / name
                order = None
                if not (name.endswith(".gz") and name[:-3] in names):
                    order = self._order(path)
                if order and self.ROLLED.fullmatch(name):
                    with suppress(OSError):
                        rolled.append((order, path.stat().st_mtime, path))
                elif order:
                    numbered.append((order, path))
        numbered.sort(reverse=True)
        found = []
        for (day, _), written, path in sorted(rolled):
            while numbered and (numbered[-1][0][0], numbered[-1][0][1]) < (day, written):
                found.append(numbered.pop()[1])
            found.append(path)
        return [*found, *(path for _, path in reversed(numbered)), self.path]

    def is_numbered(self, path: Path) -> bool:
        """Return whether a file was named by logrotate or the like, and may be a copy."""
        return path != self.path and not self.ROLLED.fullmatch(path.name)

    def encoding_of(self, file: IO[bytes]) -> str:
        """Return the encoding of a file: the given one, UTF-16 if it is marked so, or an empty string."""
        file.seek(0)
        marked = UTF_16_MARKS.get(file.read(2), "")
        return marked or ("utf-16-le" if self._encoding == "utf-16" else self._encoding)

    def decode(self, raw: bytes, encoding: str) -> str:
        """Return a line as text; tell once which encoding is assumed for what is not UTF-8."""
        if not encoding and not self._has_told_encoding and not raw.isascii():
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                self._has_told_encoding = True
                line_log.warning(
                    "%s is not UTF-8: it is read as %s. If letters look wrong, give --mc_log_encoding.",
                    *(self.path, assumed_encoding(raw)),
                )
        return decode_line(raw, encoding)

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
        """Return the day in the name of a rolled file, or None."""
        rolled = self.ROLLED.fullmatch(path.name)
        with suppress(ValueError):
            return date.fromisoformat(rolled.group(1)) if rolled else None
        return None

    def find_file(self, position: Position, files: Sequence[Path]) -> int | None:
        """Return the index of the file that a position is in, also after a rename, or None."""
        # Files can begin alike. Their order decides: the first candidate is the right one.
        # After a truncation, the log itself holds another text, though it may begin alike.
        is_truncated = position.offset > 0 and not position.file
        later = self._files_after(position, files)
        if is_truncated:
            later, files = later[:-1], files[:-1]
        for number in later:
            if self._contains(files[number], position):
                return number
        for same in (self._same_file, self._same_name):
            for number, path in enumerate(files):
                if same(path, position) and self._contains(path, position):
                    return number
        if position.offset == 0:
            return None
        for number, path in enumerate(files):
            with suppress(OSError):
                # The current log comes last, since a short beginning matches by chance most often.
                if path.stat().st_mtime >= position.written - 2 and self._contains(path, position):
                    return number
        return None

    def first_written_after(self, position: Position, files: Sequence[Path]) -> int:
        """Return the index of the first file written after a position."""
        later = self._files_after(position, files)
        if later:
            return later[0]
        for number, path in enumerate(files[:-1]):
            with suppress(OSError):
                if path.stat().st_mtime > position.written:
                    return number
        return len(files) - 1

    def rolled_before(self, files: Sequence[Path], number: int) -> str:
        """Return the name of the last rolled file before an index, or `BEFORE_FIRST_FILE`."""
        names = (path.name for path in reversed(files[:number]) if self.ROLLED.fullmatch(path.name))
        return next(names, BEFORE_FIRST_FILE)

    def _files_after(self, position: Position, files: Sequence[Path]) -> list[int]:
        """Return the indexes of the files after the position's predecessor; empty if it is unknown."""
        rolled = self.ROLLED.fullmatch(position.after)
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
    def _same_file(path: Path, position: Position) -> bool:
        with suppress(OSError):
            return file_id(path.stat()) == position.file
        return False

    def _same_name(self, path: Path, position: Position) -> bool:
        return path.name == position.name and path != self.path

    @staticmethod
    def _contains(path: Path, position: Position) -> bool:
        """Return whether the bytes before a position are in this file."""
        if position.offset == 0:
            return True
        try:
            if not position.print:
                # The file could not be read when the position was taken.
                return file_id(path.stat()) == position.file
            with open_log(path) as file:
                return fingerprint_at(file, position.offset) == position.print
        except CORRUPT_GZIP_ERRORS:
            handle_corrupt_file(path)
            return False
        except OSError:
            # It does not exist, or may not be read.
            return False


def file_id(status: os.stat_result) -> str:
    """Return an identifier of a file that survives a rename."""
    return f"{status.st_dev}:{status.st_ino}"


def open_log(path: Path) -> IO[bytes]:
    """Open a log for reading, compressed or not."""
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    return open(path, "rb")


#: Corrupt files that were reported.
_reported_corrupt: set[str] = set()


def handle_corrupt_file(path: Path) -> None:
    """Raise StillCompressing for a recent file; log an error once for an older one."""
    with suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime < COMPRESSION_SECONDS:
            raise StillCompressing(path.name)
    if str(path) not in _reported_corrupt:
        _reported_corrupt.add(str(path))
        line_log.error("%s is corrupt: its unreadable part is not sent.", path)


def rolled_name(path: Path) -> str:
    """Return the name of a file that Minecraft rolled, without `.gz`; empty for other files."""
    name = path.name[:-3] if path.suffix == ".gz" else path.name
    return name if LogFiles.ROLLED.fullmatch(name) else ""


def whole_fingerprint(path: Path) -> tuple[int, str]:
    """Return the size of a file's text and the fingerprint of its end.

    Raises OSError, or StillCompressing.
    """
    with open_log(path) as file:
        head = tail = b""
        size = 0
        try:
            while True:
                chunk = file.read(CHUNK_SIZE)
                if not chunk:
                    break
                if len(head) < FINGERPRINT_BYTES:
                    head = (head + chunk)[:FINGERPRINT_BYTES]
                tail = (tail + chunk)[-FINGERPRINT_BYTES:]
                size += len(chunk)
        except CORRUPT_GZIP_ERRORS:
            handle_corrupt_file(path)
    return size, _fingerprint(head, tail) if size else ""


def fingerprint_at(file: IO[bytes], offset: int) -> str:
    """Return the fingerprint of a position, or an empty string if the file is shorter."""
    file.seek(0)
    head = file.read(min(offset, FINGERPRINT_BYTES))
    start = max(0, offset - FINGERPRINT_BYTES)
    file.seek(start)
    tail = file.read(offset - start)
    whole = len(head) == min(offset, FINGERPRINT_BYTES) and len(tail) == offset - start
    return _fingerprint(head, tail) if whole and offset else ""


def _fingerprint(head: bytes, tail: bytes) -> str:
    return hashlib.sha256(head + b"\n\n" + tail).hexdigest()[:32]


class Ledger:
    """What was read: texts by fingerprint and size, whatever the names of their files.

    So a file is read once, also if it is copied, renamed, compressed or numbered anew. Files from
    before the first start of the agent are known from the beginning.
    """

    def __init__(self, log_files: LogFiles, spool: Spool) -> None:
        self._log_files, self._spool = log_files, spool
        #: Rolled files up to this one were there before.
        self._before = spool.get("before") or BEFORE_FIRST_FILE

    def take_over(self, position: Position) -> None:
        """Know the files that come before a position: at the first start, or after an earlier version."""
        if self._spool.get("before") is not None:
            return
        files = self._log_files.files()
        number = self._log_files.find_file(position, files)
        if number is None:
            number = self._log_files.first_written_after(position, files)
        for index, path in enumerate(files):
            if index != number and self._log_files.is_numbered(path):
                with suppress(OSError, StillCompressing):
                    if index > number and path.stat().st_mtime > position.written:
                        continue
                    size, fingerprint = whole_fingerprint(path)
                    self._spool.add_text(size, fingerprint, "", whole=True, sent=False)
                    self._spool.add_known_file(*self._state(path))
        self._before = self._log_files.rolled_before(files, number)
        self._spool.set("before", self._before)

    def record(self, position: Position, path: Path | None, whole: bool = True) -> None:
        """Record that a text was read up to a position, to its end or not."""
        rolled = rolled_name(path) if path is not None else ""
        self._spool.add_text(position.offset, position.print, rolled, whole, sent=True)

    def first_unread(
        self, files: Sequence[Path], on_unreadable: Callable[[Path, OSError], None]
    ) -> int:
        """Return the index of the first file with unread lines; that of the log itself comes last."""
        self._spool.forget_files([path.name for path in files])
        for number, path in enumerate(files[:-1]):
            try:
                if not self.has_read(path, files):
                    return number
            except FileNotFoundError:
                continue
            except OSError as error:
                on_unreadable(path, error)
        return len(files) - 1

    def has_read(self, path: Path, files: Sequence[Path]) -> bool:
        """Return whether nothing in a rolled file is left to read. Raises OSError or StillCompressing."""
        rolled = rolled_name(path)
        if rolled and not self._is_after_before(rolled):
            return True
        state, name = self._state(path)
        if self._spool.is_known_file(state):
            return True
        size, fingerprint = whole_fingerprint(path)
        known = size == 0
        if rolled and not known:
            known = self._claim(rolled, size, fingerprint, files)
        elif not known:
            known = bool(self._spool.texts_of(size, fingerprint)) or self.is_prefix(
                path, size, fingerprint, files
            )
        if known:
            self._spool.add_known_file(state, name)
        return known

    def has_sent_copy(self, path: Path, files: Sequence[Path]) -> bool:
        """Return whether a numbered file of the history is a copy of one that is sent anyway."""
        if not self._log_files.is_numbered(path):
            return False
        size, fingerprint = whole_fingerprint(path)
        sent = any(text.sent for text in self._spool.texts_of(size, fingerprint))
        return sent or self.is_prefix(path, size, fingerprint, files)

    def is_prefix(self, path: Path, size: int, fingerprint: str, files: Sequence[Path]) -> bool:
        """Return whether a file is the beginning of another one: a copy that was made meanwhile."""
        for other in files:
            if other == path or other.suffix == ".gz":
                continue
            with suppress(OSError):
                larger = other.stat().st_size > size or other == files[-1]
                with open_log(other) as file:
                    if larger and fingerprint_at(file, size) == fingerprint:
                        return True
        return False

    def offset_in(self, path: Path) -> int:
        """Return how far the text of a file was read before it was lost sight of; usually 0."""
        for text in self._spool.interrupted_texts():
            with suppress(OSError, EOFError, zlib.error), open_log(path) as file:
                if fingerprint_at(file, text.size) == text.print:
                    return text.size
        return 0

    def _claim(self, rolled: str, size: int, fingerprint: str, files: Sequence[Path]) -> bool:
        """Return whether a rolled file holds a known text, and note its name.

        Short logs can be alike, such as those of a start that failed. So each text is in one rolled
        file, unless it is so long that the file must have been renamed.
        """
        texts = self._spool.texts_of(size, fingerprint)
        if any(text.rolled == rolled for text in texts):
            return True
        existing = {rolled_name(path) for path in files}
        for text in texts:
            if not text.rolled or text.rolled not in existing or size >= DISTINCT_BYTES:
                self._spool.name_text(text.id, rolled)
                return True
        return False

    def _is_after_before(self, rolled: str) -> bool:
        before, name = (LogFiles.ROLLED.fullmatch(text) for text in (self._before, rolled))
        if before is None or name is None:
            return True
        return (name.group(1), int(name.group(2))) > (before.group(1), int(before.group(2)))

    @staticmethod
    def _state(path: Path) -> tuple[str, str]:
        """Return the state of a file, which changes with its content, and its name."""
        status = path.stat()
        return f"{path.name}:{file_id(status)}:{status.st_size}:{status.st_mtime_ns}", path.name


class LogReader:
    """Reads the complete lines of one log file from an offset on, with their days."""

    def __init__(
        self,
        log_files: LogFiles,
        files: Sequence[Path],
        number: int,
        offset: int,
        zone: tzinfo | None,
        unverified: bool = False,
    ) -> None:
        path = files[number]
        self.path, self.offset = path, offset
        self._after = log_files.rolled_before(files, number)
        self.file = open_log(path)
        self.status = os.fstat(self.file.fileno())
        #: The time of the last change after which the text before the offset was compared.
        self._verified_at = self.status.st_mtime_ns
        self.packed = path.suffix == ".gz"
        self._log_files = log_files
        self._encoding = ""
        self._zone = zone
        self._days: DayCounter | None = None
        day = log_files.day_of(path) if path != log_files.path else None
        try:
            self._encoding = log_files.encoding_of(self.file)
            if unverified:
                # Taken without reading the file, so perhaps within a line.
                size = min(offset, self.status.st_size)
                offset = self.offset = _end_of_last_line(self.file, size, self._encoding)
            self.file.seek(0)
            self._head = self.file.read(min(offset, FINGERPRINT_BYTES))
            if day is not None:
                self._days = DayCounter(day)
                self.file.seek(0)
                for second in self._times(offset):
                    self._days.advance(second)
            start = max(0, offset - FINGERPRINT_BYTES)
            self.file.seek(start)
            self._tail = self.file.read(offset - start)
            self._dated_until = -1 if day is None else sys.maxsize
        except BaseException:
            self.file.close()
            raise

    def close(self) -> None:
        self.file.close()

    @property
    def position(self) -> Position:
        fingerprint = _fingerprint(self._head, self._tail) if self.offset else ""
        file, written = file_id(self.status), self.status.st_mtime
        return Position(self.path.name, file, self.offset, fingerprint, written, self._after)

    def is_unchanged(self) -> bool:
        """Return whether the bytes before the offset are still those that were read."""
        return not self.offset or fingerprint_at(self.file, self.offset) == _fingerprint(
            self._head, self._tail
        )

    def was_rewritten(self) -> bool:
        """Return whether the file has another text now, though it may be as long. Call `unread_bytes` before."""
        written = self.status.st_mtime_ns
        if written == self._verified_at:
            return False
        self._verified_at = written
        return not self.is_unchanged()

    def unread_bytes(self) -> int:
        """Return the number of unread bytes; it is negative if the file was truncated."""
        self.status = os.fstat(self.file.fileno())
        return self.status.st_size - self.offset

    def read_lines(self, ended: bool, until: int = sys.maxsize) -> list[tuple[str, date | None]]:
        """Return the next lines, with the day of those that have a time but no date.

        `ended` says that the file does not grow, so that its last line may lack a line break.
        """
        if self.offset >= self._dated_until:
            self._find_day()
        self.file.seek(self.offset)
        lines: list[tuple[str, date | None]] = []
        size = 0
        while size < CHUNK_SIZE and self.offset < until:
            try:
                if not self.offset and not self._encoding:
                    # The file was empty when it was opened.
                    self._encoding = self._log_files.encoding_of(self.file)
                    self.file.seek(0)
                raw = read_raw_line(
                    self.file, min(MAX_LINE_BYTES, until - self.offset), self._encoding
                )
            except CORRUPT_GZIP_ERRORS:
                if not lines:
                    raise
                break
            is_whole = is_complete_line(raw, self._encoding) or len(raw) == MAX_LINE_BYTES
            if not raw or not (is_whole or ended):
                break
            size += len(raw)
            self.offset += len(raw)
            if len(self._head) < FINGERPRINT_BYTES:
                self._head = (self._head + raw)[:FINGERPRINT_BYTES]
            self._tail = (self._tail + raw)[-FINGERPRINT_BYTES:]
            line = self._log_files.decode(raw, self._encoding)
            second = second_of_day(line)
            day = None if second is None or self._days is None else self._days.advance(second)
            lines.append((line, day))
        return lines

    def _find_day(self) -> None:
        """Derive the day of the next line: the last line was written when the file was."""
        written = datetime.fromtimestamp(self.status.st_mtime, self._zone)
        self.file.seek(self.offset)
        self._dated_until = sys.maxsize if self.packed else self.status.st_size
        unread = self._dated_until - self.offset
        self._days = DayCounter(day_of_first(self._times(unread), written))

    def _times(self, size: int) -> Iterator[int]:
        """Yield the seconds of the day of the lines in the next `size` bytes."""
        while size > 0:
            raw = read_raw_line(self.file, min(size, MAX_LINE_BYTES), self._encoding)
            if not raw:
                return
            size -= len(raw)
            second = second_of_day(decode_line(raw, self._encoding))
            if second is not None:
                yield second


class UnreadableFiles:
    """Rolled files that could not be read: each is reported once, left out, and tried again later."""

    def __init__(self, spool: Spool, findings: Findings) -> None:
        self._spool, self._findings = spool, findings
        self._paths: list[str] = json.loads(spool.get("unreadable") or "[]")
        self._next_try = 0.0
        self._report()

    def add(self, path: Path, error: OSError) -> None:
        if str(path) in self._paths or len(self._paths) >= MAX_UNREADABLE_FILES:
            return
        line_log.warning(
            "%s cannot be read (%s): it is left out for now.", path, error.strerror or error
        )
        self._save([*self._paths, str(path)])
        self._next_try = time.monotonic() + UNREADABLE_SECONDS

    def remove(self, path: Path) -> None:
        self._save([name for name in self._paths if name != str(path)])

    def take_readable(self) -> Path | None:
        """Return a file that can be read by now, or None; look once a minute at most."""
        now = time.monotonic()
        if not self._paths or now < self._next_try:
            return None
        for name in list(self._paths):
            path = Path(name)
            try:
                with open_log(path) as file:
                    file.read(1)
                return path
            except FileNotFoundError:
                if not path.with_name(path.name + ".gz").exists():
                    self.remove(path)
            except CORRUPT_GZIP_ERRORS:
                self.remove(path)
            except OSError:
                pass
        self._next_try = now + UNREADABLE_SECONDS
        return None

    def _save(self, paths: list[str]) -> None:
        self._paths = paths
        self._spool.set("unreadable", json.dumps(paths))
        self._report()

    def _report(self) -> None:
        if not self._paths:
            self._findings.clear("file_unreadable")
            return
        names = ", ".join(Path(name).name for name in self._paths[:3])
        more = f" (+{len(self._paths) - 3})" if len(self._paths) > 3 else ""
        text = "Rolled logs cannot be read: let the agent's user read them."
        self._findings.add("file_unreadable", names + more, text)


class Follower:
    """Copies log lines to the spool, from the saved position on.

    With an end it stops there; this reads the history from before the first start.
    """

    def __init__(
        self,
        log_files: LogFiles,
        spool: Spool,
        ledger: Ledger,
        unreadable: UnreadableFiles,
        line_filter: LineFilter,
        zone: tzinfo | None,
        name: str = "live",
        end: Position | None = None,
        check: Callable[[Sequence[str], float], None] = lambda lines, written: None,
    ) -> None:
        self._log_files, self._spool, self._filter = log_files, spool, line_filter
        self._ledger, self._unreadable, self._check = ledger, unreadable, check
        self._zone, self._name, self._end = zone, name, end
        self._reader: LogReader | None = None
        #: The lost position of the last warning.
        self._reported_as_gone: Position | None = None
        #: An old file that could not be read before.
        self._late: LogReader | None = None
        self._until = sys.maxsize
        #: Whether the lines were written before the agent started.
        self.old = True
        self.done = False

    def close(self) -> None:
        """Close the files. The next step continues at the saved positions."""
        for reader in (self._reader, self._late):
            if reader is not None:
                reader.close()
        self._reader = self._late = None

    def step(self) -> bool:
        """Read one chunk; return whether there may be more."""
        if self._spool.waiting >= MAX_WAITING_LINES or self.done:
            return False
        if self._name == "live" and (self._late is not None or self._spool.get("late")):
            return self._read_late()
        if self._reader is None:
            self._reader = self._open_at_position()
            return self._reader is not None
        if self._name == "history" or self._reader.path != self._log_files.path:
            return self._read_rolled(self._reader)
        return self._read_live(self._reader) or self._start_late()

    def _open_at_position(self) -> LogReader | None:
        """Open the file of the saved position there, or else the next unread file."""
        files = self._log_files.files()
        position = self._spool.position(self._name)
        if position is None:
            return self._open_file(files, self._next_number(files, 0), 0)
        number = self._log_files.find_file(position, files)
        if number is not None:
            unverified = position.offset > 0 and not position.print
            return self._open_file(files, number, position.offset, unverified)
        if position.offset and self._name == "live":
            # The rest of the text may turn up under another name.
            self._ledger.record(position, None, whole=False)
        number = self._log_files.first_written_after(position, files)
        number = self._next_number(files, number)
        # Once, also while the log does not exist.
        if (
            position.offset
            and position.file
            and self._name == "live"
            and position != self._reported_as_gone
        ):
            self._reported_as_gone = position
            line_log.warning(
                "The last position in %s is gone: continuing with %s.",
                position.name,
                files[number].name,
            )
        return self._open_unread(files, number)

    def _open_unread(self, files: Sequence[Path], number: int) -> LogReader | None:
        """Open a file from its start, or from where its text was lost sight of."""
        is_rolled = self._name == "live" and number < len(files) - 1
        offset = self._ledger.offset_in(files[number]) if is_rolled else 0
        return self._open_file(files, number, offset)

    def _next_number(self, files: Sequence[Path], number: int) -> int:
        """Return the index of the next file with unread lines, from `number` on."""
        if self._name == "live":
            return self._ledger.first_unread(files, self._unreadable.add)
        while number < len(files) - 1:
            try:
                if not self._ledger.has_sent_copy(files[number], files):
                    with open_log(files[number]) as file:
                        file.read(1)
                    break
            except FileNotFoundError:
                break
            except CORRUPT_GZIP_ERRORS:
                handle_corrupt_file(files[number])
                break
            except OSError as error:
                self._unreadable.add(files[number], error)
            number += 1
        return number

    def _open_file(
        self, files: Sequence[Path], number: int, offset: int, unverified: bool = False
    ) -> LogReader | None:
        last = len(files) if self._end is None else self._end_number(files, self._end)
        try:
            if number > last:
                raise FileNotFoundError
            reader = LogReader(self._log_files, files, number, offset, self._zone, unverified)
        except FileNotFoundError:
            # The file does not exist yet, or was just rolled. History ends here.
            self.done = self._end is not None and (number > last or number == len(files) - 1)
            return None
        except CORRUPT_GZIP_ERRORS:
            raise
        except OSError as error:
            if number == len(files) - 1:
                raise
            self._unreadable.add(files[number], error)
            return None
        if reader.path == self._log_files.path and self._log_files.files() != files:
            # The log was rolled after the listing, so this may be a newer file.
            reader.close()
            return None
        self._until = self._end.offset if self._end and number == last else sys.maxsize
        line_log.debug("Reading %s from byte %s.", reader.path, offset)
        return reader

    def _end_number(self, files: Sequence[Path], end: Position) -> int:
        """Return the index of the file that contains the end."""
        found = self._log_files.find_file(end, files)
        return self._log_files.first_written_after(end, files) - 1 if found is None else found

    def _read_rolled(self, reader: LogReader) -> bool:
        """Read a rolled file, then open the next one."""
        try:
            if self._spool_lines(reader, reader.read_lines(True, self._until)):
                return True
        except CORRUPT_GZIP_ERRORS:
            handle_corrupt_file(reader.path)
        except OSError as error:
            # Its disk fails in the middle. What was read is kept.
            self._ledger.record(reader.position, None, whole=False)
            self._unreadable.add(reader.path, error)
        if self._until != sys.maxsize:
            self.done = True
            return False
        self._ledger.record(reader.position, reader.path)
        files = self._log_files.files()
        number = self._log_files.find_file(reader.position, files)
        if number is None:
            number = self._log_files.first_written_after(reader.position, files) - 1
        number = self._next_number(files, min(number + 1, len(files) - 1))
        following = self._open_unread(files, number)
        if following is None:
            return False
        self.close()
        self._reader = following
        return True

    def _read_live(self, reader: LogReader) -> bool:
        """Read the current log. Close it after a rotation or truncation."""
        try:
            now = os.stat(self._log_files.path)
        except FileNotFoundError:
            now = None
        unread = reader.unread_bytes()
        if unread < 0 or reader.was_rewritten() or (unread > 0 and not reader.is_unchanged()):
            line_log.info("%s was truncated.", reader.path)
            self.close()
            self._ignore_file_id()
            return True
        # Minecraft may still write to the old file until the new one has content.
        rolled = now is not None and now.st_size > 0 and file_id(now) != file_id(reader.status)
        if unread > 0 and self._spool_lines(reader, reader.read_lines(rolled)):
            return True
        if rolled:
            line_log.info("%s was rolled.", reader.path)
            self._ledger.record(reader.position, None)
            self.close()
            return True
        self.old = False
        return False

    def _ignore_file_id(self) -> None:
        """Clear the file id of the position: after a truncation only the fingerprint identifies it."""
        position = self._spool.position(self._name)
        if position is not None:
            self._spool.add_lines(self._name, replace(position, file=""))

    def _start_late(self) -> bool:
        """Begin with a file that has become readable; return whether there is one."""
        path = self._unreadable.take_readable()
        if path is None:
            return False
        offset = self._ledger.offset_in(path)
        self._spool.set("late", json.dumps({"path": str(path), "offset": offset}))
        return True

    def _read_late(self) -> bool:
        """Read a chunk of a file that could not be read before; other files wait meanwhile."""
        saved = json.loads(self._spool.get("late") or "{}")
        path = Path(saved.get("path", ""))
        try:
            if self._late is None:
                files = [path, self._log_files.path]
                self._late = LogReader(self._log_files, files, 0, saved["offset"], self._zone)
            lines = self._late.read_lines(True)
            if lines:
                after = json.dumps({"path": str(path), "offset": self._late.offset})
                accepted = self._accept(self._late, lines, old=True)
                self._spool.add_lines_of_old_file(after, accepted)
                return True
            self._ledger.record(self._late.position, path)
            line_log.info("%s was read.", path)
            self._unreadable.remove(path)
        except CORRUPT_GZIP_ERRORS:
            handle_corrupt_file(path)
            self._unreadable.remove(path)
        except OSError as error:
            line_log.debug("%s cannot be read: %s", path, error)
        if self._late is not None:
            self._late.close()
            self._late = None
        self._spool.set("late", "")
        return True

    def _accept(
        self, reader: LogReader, lines: Sequence[tuple[str, date | None]], old: bool
    ) -> list[tuple[str, str | None]]:
        """Return the lines to send, with their days."""
        today = datetime.fromtimestamp(reader.status.st_mtime, self._zone).date()
        return [
            (line, day.isoformat() if day else None)
            for line, day in lines
            if self._filter.accepts(line, day or today, old)
        ]

    def _spool_lines(self, reader: LogReader, lines: Sequence[tuple[str, date | None]]) -> bool:
        if not lines:
            return False
        self._spool.add_lines(self._name, reader.position, self._accept(reader, lines, self.old))
        is_live = self._name == "live" and not self.old and reader.path == self._log_files.path
        written = os.fstat(reader.file.fileno()).st_mtime if is_live else 0.0
        self._check([line for line, _ in lines], written)
        return True


def find_log_end(log_files: LogFiles) -> Position:
    """Return the position after the last complete line of the log."""
    while True:
        files = log_files.files()
        position = _find_file_end(log_files, log_files.rolled_before(files, len(files) - 1))
        # Otherwise the log was rolled meanwhile.
        if log_files.files() == files:
            return position


def _end_of_last_line(file: IO[bytes], size: int, encoding: str) -> int:
    """Return the offset after the last line break before `size`; 0 if there is none."""
    mark = "\n".encode(encoding) if encoding.startswith("utf-16") else b"\n"
    end = size - size % len(mark)
    while end > 0:
        start = max(0, end - 65536)
        file.seek(start)
        raw = file.read(end - start)
        found = raw.rfind(mark)
        while found % len(mark) and found > 0:
            found = raw.rfind(mark, 0, found + len(mark) - 1)
        if found >= 0 and found % len(mark) == 0:
            return start + found + len(mark)
        end = start
    return 0


def _find_file_end(log_files: LogFiles, after: str) -> Position:
    path = log_files.path
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            encoding = log_files.encoding_of(file)
            offset = _end_of_last_line(file, status.st_size, encoding)
            fingerprint = fingerprint_at(file, offset)
            return Position(path.name, file_id(status), offset, fingerprint, status.st_mtime, after)
    except FileNotFoundError:
        return Position(path.name, written=time.time(), after=after)
    except PermissionError:
        # Its lines count from now on, for when it can be read.
        status = path.stat()
        return Position(path.name, file_id(status), status.st_size, "", status.st_mtime, after)


def position_after_line(log_files: LogFiles, text: str, end: Position) -> Position | None:
    """Return the position after the newest line with this text before an end, or None."""
    files = log_files.files()
    last = log_files.find_file(end, files)
    for number in range(len(files) - 1 if last is None else last, -1, -1):
        until = end.offset if number == last else sys.maxsize
        found = 0
        try:
            with open_log(files[number]) as file:
                encoding = log_files.encoding_of(file)
                file.seek(0)
                offset = 0
                while offset < until:
                    raw = read_raw_line(file, MAX_LINE_BYTES, encoding)
                    if not raw:
                        break
                    offset += len(raw)
                    if decode_line(raw, encoding).strip() == text.strip():
                        found = offset
                if found:
                    status = os.fstat(file.fileno())
                    fingerprint = fingerprint_at(file, found)
                    name, written = files[number].name, status.st_mtime
                    after = log_files.rolled_before(files, number)
                    return Position(name, file_id(status), found, fingerprint, written, after)
        except CORRUPT_GZIP_ERRORS:
            handle_corrupt_file(files[number])
        except OSError:
            continue
    return None


# ---------------------------------------------------------------------------------------------------------------
# The world: whether it runs, its day, time and weather
# ---------------------------------------------------------------------------------------------------------------


class InvalidNbt(ValueError):
    """The bytes are not, or not completely, Named Binary Tags."""


class _NbtParser:
    """Parses a tree of Named Binary Tags: compounds as dicts, lists and arrays as lists."""

    #: Files of a world have far fewer levels.
    MAX_DEPTH = 256
    NUMBERS = {1: ">b", 2: ">h", 3: ">i", 4: ">q", 5: ">f", 6: ">d"}
    ARRAYS = {7: "b", 11: "i", 12: "q"}

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def root(self) -> Any:
        kind = self._number(">b")
        if kind != 10:
            raise InvalidNbt("The first tag is not a compound.")
        self._text()
        return self._value(kind, 0)

    def _value(self, kind: int, depth: int) -> Any:
        if depth > self.MAX_DEPTH:
            raise InvalidNbt("Too deep.")
        if kind in self.NUMBERS:
            return self._number(self.NUMBERS[kind])
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
                raise InvalidNbt("A list of end tags.")
            return [self._value(inner, depth + 1) for _ in range(size)]
        if kind == 10:
            return self._compound(depth)
        raise InvalidNbt(f"Unknown tag {kind}.")

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
        # An empty list has a size of 0 or less; each item takes a byte at least.
        if size > len(self._content) - self._at:
            raise InvalidNbt("Truncated.")
        return max(size, 0)

    def _text(self) -> str:
        """Return a string in Java's modified UTF-8: NUL as two bytes, surrogate pairs."""
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
            raise InvalidNbt("Truncated.")
        self._at += size
        return raw


def read_nbt(content: bytes) -> dict[str, Any]:
    """Parse the content of an NBT file, compressed or not. Raises InvalidNbt."""
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        elif content[:1] == b"\x78":
            content = zlib.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidNbt(str(error)) from None
    root: dict[str, Any] = _NbtParser(content).root()
    return root


def find_integer(tree: Any, *names: str) -> int | None:
    """Return the integer at a path in a tree, or None."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, int) else None


class Level:
    """Time and weather from the files of a world, as of its last save."""

    #: Folders of clocks and weather since 26.1; the first has Paper's copies, which are current.
    FOLDERS = ("dimensions/minecraft/overworld/data/minecraft", "data/minecraft")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: dict[Path, tuple[tuple[int, int, int], dict[str, Any]]] = {}

    def ping_fields(self) -> dict[str, str]:
        """Return the fields of a ping; unknown ones are left out."""
        level, read_at = self._read_file(self._path)
        clocks, clocked_at = self._read_overworld("world_clocks.dat")
        weather, _ = self._read_overworld("weather.dat")
        age = find_integer(level, "Data", "Time")
        time_of_day = find_integer(clocks, "data", "minecraft:overworld", "total_ticks")
        if time_of_day is None:
            time_of_day, clocked_at = find_integer(level, "Data", "DayTime"), read_at
        fields = {}
        if age is not None and time_of_day is not None:
            fields["server_day"] = str(age // TICKS_PER_DAY)
            fields["server_time"] = str(time_of_day % TICKS_PER_DAY)
            when = datetime.fromtimestamp(clocked_at, timezone.utc)
            fields["timestamp"] = when.strftime("%Y-%m-%d %H:%M:%S")
        for name, field_name in (("raining", "is_raining"), ("thundering", "is_thundering")):
            value = find_integer(weather, "data", name)
            value = find_integer(level, "Data", name) if value is None else value
            if value is not None:
                fields[field_name] = "true" if value else "false"
        return fields

    def _read_overworld(self, name: str) -> tuple[dict[str, Any], float]:
        for folder in self.FOLDERS:
            tree, written = self._read_file(self._path.parent / folder / name)
            if tree:
                return tree, written
        return {}, 0.0

    def _read_file(self, path: Path) -> tuple[dict[str, Any], float]:
        """Return the tree of a file and its time; the previous tree while the file is being written."""
        try:
            now = path.stat()
            state = (now.st_mtime_ns, now.st_size, now.st_ino)
            if path not in self._read or self._read[path][0] != state:
                self._read[path] = (state, read_nbt(path.read_bytes()))
        except FileNotFoundError:
            self._read.pop(path, None)
        except (OSError, InvalidNbt) as error:
            ping_log.debug("%s cannot be read: %s", path, error)
        (written, _, _), tree = self._read.get(path, ((0, 0, 0), {}))
        return tree, written / 1e9


def is_process_running(pid: int) -> bool:
    """Return whether a process exists and has not ended. Only for Unix: elsewhere, signal 0 ends it."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    with suppress(OSError, IndexError):
        # A zombie has ended, but its parent has not collected it.
        return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()[0] != "Z"
    return True


def is_port_open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def read_properties(path: Path) -> dict[str, str]:
    """Return the entries of a server.properties file; none if it is unreadable."""
    found = {}
    with suppress(OSError):
        for line in path.read_text("utf-8", "replace").splitlines():
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith(("#", "!")):
                found[name.strip()] = re.sub(r"\\(.)", r"\1", value.strip())
    return found


# ---------------------------------------------------------------------------------------------------------------
# The console: delivering commands to the game
# ---------------------------------------------------------------------------------------------------------------

CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class NotDelivered(Exception):
    """A command was not delivered and can be retried."""


class UndeliverableCommand(Exception):
    """A command that can never be delivered."""


class NamedPipe:
    """A named pipe that the server reads as its standard input."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, command: str) -> None:
        raw = command.encode("utf-8", "replace") + b"\n"
        # A longer write is not atomic.
        if len(raw) > select.PIPE_BUF:
            raise UndeliverableCommand("It is too long for a named pipe.")
        try:
            pipe = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            # The file does not exist, or no process reads it.
            raise NotDelivered(f"{self._path}: {error.strerror}") from None
        try:
            if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
                raise NotDelivered(f"{self._path} is not a named pipe.")
            os.write(pipe, raw)
        except OSError as error:
            raise NotDelivered(f"{self._path}: {error.strerror}") from None
        finally:
            os.close(pipe)


class Rcon:
    """The server's remote console. One connection stays open, since the server logs each."""

    LOGIN, COMMAND, RESPONSE = 3, 2, 0
    MAX_COMMAND_BYTES = 1446
    TIMEOUT_SECONDS = 5.0
    #: The game logs each connection, so a refused password is tried again only after this time.
    REFUSED_SECONDS = 10.0

    def __init__(self, host: str, port: int, password: str) -> None:
        self._where = (host, port)
        self._password = password
        self._socket: socket.socket | None = None
        self._last = 0
        self._lock = threading.Lock()
        #: Whether the last login was refused, and when the next one may be tried.
        self.is_refused = False
        self._next_login = 0.0

    @property
    def name(self) -> str:
        return f"{self._where[0]}:{self._where[1]}"

    def write(self, command: str) -> None:
        """Send a command once. Raises NotDelivered or UndeliverableCommand."""
        raw = command.encode("utf-8", "replace")
        if len(raw) > self.MAX_COMMAND_BYTES:
            raise UndeliverableCommand("It is too long for RCON.")
        with self._lock:
            self._connect()
            try:
                id = self._send(self.COMMAND, raw)
            except OSError as error:
                self._close()
                raise NotDelivered(f"RCON: {error}") from None
            try:
                self._wait_for_response(id)
            except OSError:
                # `stop` ends like this; a repetition would stop the next server as well.
                self._close()
                ping_log.info("RCON sent no response to a command.")

    def is_alive(self) -> bool:
        """Return whether the server answers, be it that it refuses the password."""
        with self._lock:
            try:
                self._connect()
            except NotDelivered as error:
                ping_log.debug("%s", error)
                return self.is_refused
            return True

    def close(self) -> None:
        with self._lock:
            self._close()

    def _connect(self) -> None:
        """Ensure a working connection. Raises NotDelivered."""
        if self._socket is not None:
            try:
                # An invalid request type: the server answers it and does nothing.
                self._wait_for_response(self._send(self.RESPONSE, b""))
                return
            except OSError:
                self._close()
        if self.is_refused and time.monotonic() < self._next_login:
            raise NotDelivered("RCON: the password is wrong.")
        self.is_refused = False
        try:
            self._socket = socket.create_connection(self._where, timeout=self.TIMEOUT_SECONDS)
            self._socket.settimeout(self.TIMEOUT_SECONDS)
            known = self._wait_for_response(self._send(self.LOGIN, self._password.encode()))
        except OSError as error:
            self._close()
            raise NotDelivered(f"RCON: {error}") from None
        if not known:
            self._close()
            self.is_refused = True
            self._next_login = time.monotonic() + self.REFUSED_SECONDS
            raise NotDelivered("RCON: the password is wrong.")

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

    def _wait_for_response(self, id: int) -> bool:
        """Read until this request is answered; return whether it was accepted."""
        until = time.monotonic() + self.TIMEOUT_SECONDS
        while time.monotonic() < until:
            (size,) = struct.unpack("<i", self._receive_exactly(4))
            if not 10 <= size <= 65536:
                raise OSError("not an RCON server")
            answered, _ = struct.unpack("<ii", self._receive_exactly(size)[:8])
            if answered in (id, -1):
                return bool(answered == id)
        raise OSError("no response")

    def _receive_exactly(self, size: int) -> bytes:
        assert self._socket is not None
        raw = b""
        while len(raw) < size:
            part = self._socket.recv(size - len(raw))
            if not part:
                raise ConnectionError("the connection was closed")
            raw += part
        return raw


class Console:
    """Delivers commands from the spool to the game, in order."""

    def __init__(self, spool: Spool, target: Any) -> None:
        self._spool, self._target = spool, target
        self._last_error = ""

    def step(self) -> float:
        """Deliver all waiting commands; return the seconds until the next step."""
        self._spool.commands_added.clear()
        while True:
            waiting = self._spool.next_command()
            if waiting is None:
                self._spool.commands_added.wait(0.5)
                return 0.0
            id, command = waiting
            try:
                self._target.write(command)
                ping_log.info("Delivered a command.")
                self._last_error = ""
            except UndeliverableCommand as error:
                ping_log.error("A command is left out: %s", error)
            except NotDelivered as error:
                if str(error) != self._last_error:
                    self._last_error = str(error)
                    ping_log.warning("A command waits: %s", error)
                return 1.0
            self._spool.delete_command(id)


def one_line(command: str) -> str:
    """Return a command as one line, with control characters as blanks."""
    return CONTROL_CHARACTERS.sub(" ", command).strip()


# ---------------------------------------------------------------------------------------------------------------
# The workers: read, send, ping, deliver commands
# ---------------------------------------------------------------------------------------------------------------


class Sender:
    """Sends lines from the spool to the server, in order."""

    BATCHES = "/api/v1/agents/loglines"
    SINGLE = "/api/v1/agents/logline"
    LAST = "/api/v1/agents/lastline"
    #: Failures of one line after which an original server's line is left out.
    MAX_FAILURES = 5

    def __init__(self, server: Server, spool: Spool, zone: str) -> None:
        self._server, self._spool, self._zone = server, spool, zone
        self._max_lines = BATCH_LINES
        self._one_by_one = False
        self._resumed = False
        self._failures = 0

    def step(self) -> float:
        """Send one batch; return the seconds until the next step."""
        self._spool.lines_added.clear()
        if not self._resumed:
            self._resume()
            self._resumed = True
        if not self._send_batch():
            self._spool.lines_added.wait(0.5)
        return 0.0

    def send_all(self) -> None:
        """Send all waiting lines."""
        self._resume()
        while self._send_batch():
            pass

    def _resume(self) -> None:
        """Ask how far the source is stored, since the response to a batch may have been lost."""
        source = urllib.parse.urlencode({"source": self._spool.get("source") or ""})
        response = self._server.call("GET", f"{self.LAST}?{source}")
        if response.status != 200:
            raise _rejected(response)
        if self._spool.get("lastline") is None:
            # From before the first line of this agent: history starts after it.
            self._spool.set("lastline", str(response.document.get("lastline") or ""))
        stored = response.document.get("stored")
        if not isinstance(stored, int) or stored < 0:
            return
        known = self._spool.stored
        if stored < known:
            missing = self._spool.rewind(stored)
            line_log.warning(
                "The server no longer has the lines after number %s, as after a restored backup:"
                " sending them again.",
                stored,
            )
            if missing > 0:
                line_log.warning("%s of them are no longer in the spool.", missing)
        elif stored > self._spool.highest_sent:
            # The spool was restored from a backup: its waiting lines were never sent.
            line_log.warning("The server has newer lines of this spool: renumbering.")
            self._spool.renumber_after(stored)
        else:
            self._spool.acknowledge(stored)

    def check_stored(self, stored: int) -> None:
        """Ask the server how far the source is stored, if a ping says that it has less."""
        if stored < self._spool.stored:
            self._resumed = False
            self._spool.lines_added.set()

    def _send_batch(self) -> bool:
        rows = self._spool.next_batch(self._max_lines)
        if not rows:
            return False
        try:
            self._send(rows)
        except ServerError:
            self._resumed = False
            raise
        return True

    def _send(self, rows: Sequence[SpooledLine]) -> None:
        """Send lines. A refused batch is halved until the refused line is found and left out."""
        if self._one_by_one:
            for row in rows:
                self._send_single(row)
            return
        lines = [
            {"sequence": row.sequence, "line": row.line, **({"date": row.day} if row.day else {})}
            for row in rows
        ]
        self._spool.record_sending(rows[-1].sequence)
        source = self._spool.get("source")
        batch = {"source": source, "zone": self._zone, "lines": lines}
        # A server that was restored from a backup meanwhile must not store these before the others.
        path = f"{self.BATCHES}?after={self._spool.stored}"
        response = self._server.call("POST", path, document=batch)
        stored = response.document.get("stored")
        if response.status == 200 and isinstance(stored, int) and stored >= rows[0].sequence:
            line_log.debug("%s lines are on the server.", len(rows))
            self._spool.acknowledge(min(stored, rows[-1].sequence))
        elif response.status == 200 and isinstance(stored, int):
            raise ServerError("The server has lost lines that it had.")
        elif response.status in (404, 405):
            # An original server has no batches. Others response 404 if the world is archived.
            self._send_single(rows[0])
            self._one_by_one = True
            line_log.info("The server accepts single lines only.")
        elif response.status in (400, 413, 422):
            if len(rows) == 1:
                self._skip_line(rows[0], response)
                return
            half = len(rows) // 2
            if response.status == 413:
                self._max_lines = max(1, half)
            self._send(rows[:half])
            self._send(rows[half:])
        else:
            raise _rejected(response)

    def _send_single(self, row: SpooledLine) -> None:
        form = {"line": row.line, "zone": self._zone}
        response = self._server.call("POST", self.SINGLE, form)
        if response.status in (200, 201):
            self._spool.delete_line(row.sequence)
        elif response.status in (400, 413, 422):
            self._skip_line(row, response)
        else:
            # An original server always fails at an impossible date.
            self._failures += response.status == 500
            if self._failures < self.MAX_FAILURES:
                raise _rejected(response)
            self._skip_line(row, response)
        self._failures = 0

    def _skip_line(self, row: SpooledLine, response: Response) -> None:
        reason = response.document.get("errors") or response.document
        line_log.error(
            "Line %s is left out: the server answered %s %s. Text: %.300s",
            *(row.sequence, response.status, str(reason)[:300], row.line),
        )
        self._spool.delete_line(row.sequence)


def _rejected(response: Response) -> ServerError:
    reason = {
        404: "The server does not know this world, or it is not active.",
        429: "The server limits requests.",
    }.get(response.status, f"The server answered with status {response.status}.")
    return ServerError(reason, response.retry_after)


class LogCollector:
    """Reads the log to the spool, after the history from before the first start if requested."""

    def __init__(
        self,
        log_files: LogFiles,
        spool: Spool,
        line_filter: LineFilter,
        zone: tzinfo | None,
        history: bool,
        parse_all: bool,
        findings: Findings,
        check: Callable[[Sequence[str], float], None] = lambda lines, written: None,
    ) -> None:
        self._log_files, self._spool, self._filter, self._zone = log_files, spool, line_filter, zone
        self._parse_all = parse_all
        self._ledger = Ledger(log_files, spool)
        self._unreadable = UnreadableFiles(spool, findings)
        began = spool.position("began")
        if spool.get("log") not in (None, log_files.path.name):
            # A different log file: its existing lines count as history.
            began = None
            spool.forget("before")
        if began is None:
            began = find_log_end(log_files)
            spool.add_lines("began", began)
            spool.add_lines("live", began)
            spool.set("log", log_files.path.name)
        self._ledger.take_over(spool.position("live") or began)
        self._history_end = began
        self._history: Follower | None = None
        self._history_pending = history and spool.get("history_sent") is None
        self._live = self._make_follower("live", check=check)

    def _make_follower(self, name: str, end: Position | None = None, **more: Any) -> Follower:
        return Follower(
            self._log_files,
            self._spool,
            self._ledger,
            self._unreadable,
            self._filter,
            self._zone,
            name,
            end,
            **more,
        )

    def step(self) -> float:
        if self._history_pending and not self._read_history():
            return POLL_SECONDS
        return 0.0 if self._history_pending or self._live.step() else POLL_SECONDS

    def read_all(self) -> bool:
        """Read as much as the spool can hold; return whether lines were added."""
        before = self._spool.last_sequence()
        while self._history_pending and self._read_history():
            pass
        if not self._history_pending:
            while self._live.step():
                pass
        return self._spool.last_sequence() > before

    def reset(self) -> None:
        """Continue from the saved positions."""
        self._live.close()
        if self._history is not None:
            self._history.close()

    def _read_history(self) -> bool:
        """Read one chunk of history; return whether there may be more."""
        if self._history is None and not self._open_history():
            return False
        if self._history is not None:
            if self._history.step():
                return True
            if not self._history.done:
                return False
            self._history.close()
        self._history_pending = False
        self._spool.set("history_sent", "yes")
        line_log.info("The history was read.")
        return True

    def _open_history(self) -> bool:
        """Determine where history starts; return False until the server has reported its last line."""
        if not self._parse_all and self._spool.position("history") is None:
            last = self._spool.get("lastline")
            if last is None:
                return False
            if last:
                begin = position_after_line(self._log_files, last, self._history_end)
                if begin is None:
                    line_log.warning(
                        "The newest line on the server is not in the log: skipping the history."
                    )
                    return True
                self._spool.add_lines("history", begin)
        self._history = self._make_follower("history", self._history_end)
        return True


class ZoneCheck:
    """Compares the times of lines that are written while the agent looks with the clock of its zone.

    A game that runs in another zone is off by a multiple of a quarter of an hour.
    """

    STEP_SECONDS = 15 * 60
    TOLERANCE_SECONDS = 20
    #: One line is believed after this time, two at once.
    PATIENCE_SECONDS = 2.0

    def __init__(self, zone_name: str, zone: tzinfo | None, findings: Findings) -> None:
        self._zone_name, self._zone, self._findings = zone_name, zone, findings
        self._lock = threading.Lock()
        self._steps: list[int] = []
        self._since = 0.0

    def look(self, line: str, written: float) -> None:
        """Look at the last line of the log, which was written just now."""
        second = clock_of(line)
        if second is None:
            return
        local = datetime.fromtimestamp(written, self._zone)
        dated = match_header(DATED, line)
        if dated and dated.group(1) not in {
            (local + timedelta(days=days)).date().isoformat() for days in (-1, 0, 1)
        }:
            # Copied from an older log.
            return
        off = second - (3600 * local.hour + 60 * local.minute + local.second)
        off = (off + HALF_DAY_SECONDS) % (2 * HALF_DAY_SECONDS) - HALF_DAY_SECONDS
        steps = round(off / self.STEP_SECONDS)
        with self._lock:
            if abs(off - steps * self.STEP_SECONDS) > self.TOLERANCE_SECONDS:
                self._steps = []
            elif self._steps and self._steps[-1] == steps:
                self._steps = [*self._steps[-4:], steps]
            else:
                self._steps, self._since = [steps], time.monotonic()

    def report(self) -> None:
        """Add or clear the finding."""
        with self._lock:
            waited = time.monotonic() - self._since > self.PATIENCE_SECONDS
            if not self._steps or not (len(self._steps) > 1 or waited):
                return
            steps = self._steps[-1]
        if not steps:
            self._findings.clear("zone")
            return
        fitting = zone_with_offset(
            datetime.now(timezone.utc).astimezone(self._zone), steps * self.STEP_SECONDS
        )
        text = f"The log is not written in the zone {self._zone_name}: start with --mc_timezone."
        self._findings.add("zone", fitting, text)


def zone_with_offset(local: datetime, seconds: int) -> str:
    """Return a zone whose clock is `seconds` ahead of a local time now."""
    offset = (local.utcoffset() or timedelta()) + timedelta(seconds=seconds)
    # Half a day behind is half a day ahead.
    if offset > timedelta(hours=14):
        offset -= timedelta(hours=24)
    elif offset < timedelta(hours=-12):
        offset += timedelta(hours=24)
    usual = (
        "UTC Europe/London Europe/Berlin Europe/Helsinki Europe/Moscow Asia/Tehran Asia/Dubai Asia/Kabul"
        " Asia/Karachi Asia/Kolkata Asia/Kathmandu Asia/Dhaka Asia/Bangkok Asia/Shanghai Asia/Tokyo"
        " Australia/Adelaide Australia/Sydney Pacific/Auckland America/Halifax America/New_York America/Chicago"
        " America/Denver America/Phoenix America/Los_Angeles America/Anchorage Pacific/Honolulu"
        " America/Sao_Paulo America/St_Johns"
    )
    for name in (local_zone(), *usual.split()):
        zone = find_zone(name)
        if zone is not None and local.astimezone(zone).utcoffset() == offset:
            return name
    hours = round(offset.total_seconds() / 3600)
    # The signs of these names are reversed.
    return f"Etc/GMT{-hours:+d}" if hours else "UTC"


class SelfCheck:
    """Looks for what an admin should mend: the log, its form and its zone, and the console."""

    #: So many lines in a row without a known header.
    UNKNOWN_LINES = 200
    #: A missing log is mentioned again after this time.
    REMIND_SECONDS = 600.0
    #: The console may be late while the game starts.
    CONSOLE_SECONDS = 30.0

    def __init__(self, log_path: Path, findings: Findings, zone_check: ZoneCheck) -> None:
        self._log_path, self._findings, self._zone_check = log_path, findings, zone_check
        self._unknown = 0
        self._reminded = 0.0
        self._silent_since: float | None = None

    def look_at_lines(self, lines: Sequence[str], written: float) -> None:
        """Look at lines of the log; `written` is the time of the last one if it is new, else 0."""
        for line in lines:
            if clock_of(line) is not None:
                self._unknown = 0
            elif line.strip():
                self._unknown += 1
            if self._unknown == self.UNKNOWN_LINES:
                text = "No line of the log has a time that is understood: is it the right file?"
                self._findings.add("not_understood", str(self._log_path), text)
        if not self._unknown:
            self._findings.clear("not_understood")
        if written and time.time() - written < 10:
            self._zone_check.look(lines[-1], written)

    def look(self, target: Any, is_running: bool) -> list[dict[str, str]]:
        """Return all findings for a ping."""
        self._look_at_log()
        self._zone_check.report()
        self._look_at_console(target, is_running)
        return self._findings.report()

    def _look_at_log(self) -> None:
        path, missing = str(self._log_path), "log_missing"
        try:
            with open(self._log_path, "rb"):
                pass
        except FileNotFoundError:
            # While it is being rolled, it is missing for a moment.
            if self._log_path.exists():
                return
            text = "The log does not exist: start the game, or give its path with --mc_logfile."
            now = time.monotonic()
            if self._findings.add(missing, path, text):
                self._reminded = now
            elif now - self._reminded >= self.REMIND_SECONDS:
                self._reminded = now
                log.warning("%s (%s)", text, path)
            return
        except OSError:
            self._findings.clear(missing)
            text = "The log cannot be read: let the agent's user read it."
            self._findings.add("log_unreadable", path, text)
            return
        self._findings.clear(missing)
        self._findings.clear("log_unreadable")

    def _look_at_console(self, target: Any, is_running: bool) -> None:
        if not isinstance(target, Rcon):
            return
        refused, silent = "rcon_password", "rcon_unreachable"
        is_alive = not is_running or target.is_alive()
        if target.is_refused:
            text = "RCON refuses the password: give the one of server.properties."
            self._findings.add(refused, target.name, text)
        else:
            self._findings.clear(refused)
        if is_alive:
            self._silent_since = None
            self._findings.clear(silent)
            return
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        if now - self._silent_since >= self.CONSOLE_SECONDS:
            text = "RCON does not answer: set enable-rcon=true, check --rcon, and restart the game."
            self._findings.add(silent, target.name, text)


class Pinger:
    """Reports the status of the world and saves the commands that come back."""

    def __init__(
        self,
        server: Server,
        spool: Spool,
        level: Level,
        overloads: Overloads,
        is_running: Callable[[], bool],
        address: str,
        find: Callable[[bool], list[dict[str, str]]],
        on_stored: Callable[[int], None],
    ) -> None:
        self._on_stored = on_stored
        self._find = find
        self._server, self._spool, self._level = server, spool, level
        self._overloads, self._is_running, self._address = overloads, is_running, address
        self._fetch_one = threading.Lock()

    def step(self) -> float:
        self.ping()
        return PING_SECONDS

    def ping(self, seconds: float = TIMEOUT_SECONDS) -> None:
        # Two pings at once would save the same commands twice.
        if self._fetch_one.acquire(timeout=seconds):
            try:
                self._ping(seconds)
            finally:
                self._fetch_one.release()

    def _ping(self, seconds: float) -> None:
        number, behind, skipped = self._overloads.recent()
        is_running = self._is_running()
        form = {
            "server_name": self._server.host[:500],
            "is_server_running": "true" if is_running else "false",
            "findings": json.dumps(self._find(is_running), ensure_ascii=False),
            # The server answers how far it has the lines of this source.
            "source": self._spool.get("source") or "",
            "num_overloads": str(number),
            "ms_behind": str(behind),
            "skipped_ticks": str(skipped),
            # The server repeats commands until this acknowledges them.
            "commands_after": str(self._spool.last_command_id),
            **self._level.ping_fields(),
        }
        if self._address:
            form["address"] = self._address
        response = self._server.call("POST", "/api/v1/agents/ping", form, seconds=seconds)
        if response.status != 200:
            raise _rejected(response)
        stored = response.document.get("stored")
        if isinstance(stored, int):
            self._on_stored(stored)
        queued = [
            item for item in response.document.get("commands") or () if isinstance(item, dict)
        ]
        texts = [item["command"] for item in queued if isinstance(item.get("command"), str)]
        commands = [one_line(text) for text in texts if one_line(text)]
        if queued:
            numbers = [item["id"] for item in queued if isinstance(item.get("id"), int)]
            self._spool.save_commands(commands, max(numbers, default=0))
        ping_log.debug("Sent a ping and received %s commands.", len(commands))


@dataclass
class Worker:
    """A thread that repeats one step, with backoff after errors.

    An error can come and go with each step, as on a full disk. So each message is logged at most
    once a minute, and the work counts as going on again when it has gone well for a while.
    """

    name: str
    step: Callable[[], float]
    stop: threading.Event
    log: logging.Logger
    on_error: Callable[[], None] = lambda: None
    #: Called with an error that begins, and with None when it has ended.
    on_report: Callable[[BaseException | None], None] = lambda error: None
    backoff: Backoff = field(default_factory=Backoff)
    clock: Callable[[], float] = time.monotonic
    _failing: bool = False
    _last_failure: float = 0.0
    _last_delay: float = 0.0
    _logged: dict[str, float] = field(default_factory=dict)

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        while not self.stop.is_set():
            seconds = self.run_step()
            if seconds:
                self.stop.wait(seconds)

    def run_step(self) -> float:
        """Run the step; return the seconds until the next one."""
        try:
            seconds = self.step()
        except StillCompressing:
            self.on_error()
            return 1.0
        except (ServerError, *RETRYABLE_ERRORS) as error:
            self.on_report(error)
            return self._fail(str(error), getattr(error, "retry_after", 0.0))
        except Exception as error:
            return self._fail(f"Unexpected error: {error!r}.", 5.0, exc_info=True)
        if self._failing and self._has_recovered():
            self._failing = False
            self.backoff.reset()
            self.on_report(None)
            if self._logged:
                self.log.info("Working again.")
            self._logged.clear()
        return seconds

    def _has_recovered(self) -> bool:
        """Return whether no step has failed for longer than the delay after the last failure."""
        return self.clock() - self._last_failure > self._last_delay + RECOVERY_SECONDS

    def _fail(self, text: str, minimum: float, exc_info: bool = False) -> float:
        self.on_error()
        now, self._failing = self.clock(), True
        self._last_failure, self._last_delay = now, self.backoff.next(minimum)
        if now - self._logged.get(text, -REPEAT_SECONDS) >= REPEAT_SECONDS:
            if len(self._logged) >= 100:
                self._logged.clear()
            self._logged[text] = now
            self.log.warning("%s Trying again.", text, exc_info=exc_info)
        return self._last_delay


# ---------------------------------------------------------------------------------------------------------------
# The command line
# ---------------------------------------------------------------------------------------------------------------


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Report a Minecraft server to COAL, and deliver commands from COAL to the game.",
        epilog="Files are searched in ../, or in the current folder if it has server.properties.",
    )
    add = parser.add_argument
    add("-v", "--verbose", action="store_true", help="log more")
    add("--agent_logfile", default="agent.log", help="log of the agent; empty for none (agent.log)")
    add("--url", help="address of the COAL server, such as https://coal.example.org")
    add("--coal_host", help="host name of the COAL server, for https")
    add("--pair", metavar="CODE", help="pairing code of the world; needed once")
    add("--agent_client_id", help="client id, instead of --pair")
    add("--agent_secret", help="client secret, instead of --pair; or set COAL_AGENT_SECRET")
    add("--mc_logfile", help="log of the Minecraft server (../server.log or ../logs/latest.log)")
    add("--mc_levelfile", help="level.dat of the world (../world/level.dat)")
    add("--mc_pidfile", help="file with the process id of the server (../server.pid)")
    add("--mc_commandfifo", help="named pipe for commands (../command-fifo)")
    add("--parse_mc_history", action="store_true", help="also send earlier log lines")
    add(
        "--parse_all",
        action="store_true",
        help="with --parse_mc_history: send lines that COAL already has",
    )
    add("--skip_chat_history", action="store_true", help="leave out earlier chat")
    add("--mc_timezone", help="time zone of the log, such as Europe/Berlin (local zone)")
    add("--mc_log_encoding", help="encoding of the log (UTF-8, else windows-1252)")
    add("--address", default="", help="address for players: IP[:PORT]")
    add("--rcon", metavar="HOST:PORT", help="deliver commands over RCON instead of the pipe")
    add("--rcon_password", help="RCON password; or RCON_PASSWORD, or server.properties")
    add("--rcon_password_file", help="file with the RCON password")
    add(
        "--spool",
        default="mc_coal_agent.spool",
        help="file for unsent lines and log positions (mc_coal_agent.spool)",
    )
    add("--once", action="store_true", help="send what there is, ping once and exit")
    return parser


def is_output(handler: logging.FileHandler) -> bool:
    """Return whether a log is the file to which the error output is redirected. That then appends, too."""
    try:
        # Not on Windows, which `check_platform` refuses with a message.
        import fcntl

        number = sys.stderr.fileno()
        if not os.path.samestat(os.fstat(number), os.stat(handler.baseFilename)):
            return False
        fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_APPEND)
    except (AttributeError, OSError, ValueError):
        # There is no error output.
        return False
    return True


def configure_logging(file: str, verbose: bool) -> None:
    form = logging.Formatter(
        "%(asctime)s : %(name)-8s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S"
    )
    console = logging.StreamHandler()
    console.setLevel(logging.DEBUG if verbose else logging.INFO)
    handlers: list[logging.Handler] = [console]
    if file.strip():
        try:
            own = logging.handlers.RotatingFileHandler(
                file, maxBytes=5 << 20, backupCount=2, encoding="utf-8"
            )
        except OSError as error:
            raise ConfigurationError(
                f"The log {file} cannot be written: {error.strerror}"
            ) from None
        # `… > agent.log 2>&1`: each message would be there twice, and one would overwrite others.
        handlers = [own] if is_output(own) else [console, own]
    # On a full disk, each message would print a traceback.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.setLevel(logging.DEBUG)
    for handler in handlers:
        handler.setFormatter(form)
        root.addHandler(handler)


def make_server(options: argparse.Namespace, stored: Credentials | None) -> Server:
    """Return the server of the flags, of the last start, or of the original agent's app.yaml.

    Raises ConfigurationError if there is none.
    """
    url, host = options.url, options.coal_host
    if not url and not host and stored and stored.url:
        url = stored.url
    if not url and not host:
        with suppress(OSError):
            application = re.search(
                r"(?m)^application:\s*(\S+)", Path("app.yaml").read_text("utf-8")
            )
            host = application and f"{application.group(1)}.appspot.com"
    if not url and not host:
        raise ConfigurationError("No server: give --url.")
    if not url:
        url = f"{'http' if host == 'localhost:8080' else 'https'}://{host}"
    return Server(url)


def get_credentials(
    options: argparse.Namespace, server: Server, path: Path, stored: Credentials | None
) -> Credentials:
    """Return the credentials of the flags, of a new pairing code, or of the last start.

    Raises ConfigurationError if there are none.
    """
    secret = options.agent_secret or os.environ.get("COAL_AGENT_SECRET")
    if options.agent_client_id and secret:
        return Credentials(options.agent_client_id, secret)
    code = (options.pair or "").strip()
    if code and not (stored and stored.paired == _digest(code) and stored.url == server.url):
        stored = pair(server, code)
        stored.write(path)
        log.info("Paired. The credentials are in %s.", path)
    if not stored or not stored.client_id or not stored.secret:
        raise ConfigurationError("No credentials: give --pair with the pairing code of the world.")
    return stored


def make_command_target(options: argparse.Namespace, settings: Mapping[str, str]) -> Any:
    if not options.rcon:
        return NamedPipe(Path(options.mc_commandfifo))
    host, _, port = options.rcon.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigurationError("--rcon needs a host and a port, such as localhost:25575.")
    password = options.rcon_password
    if not password and options.rcon_password_file:
        try:
            password = Path(options.rcon_password_file).read_text("utf-8").strip()
        except OSError as error:
            raise ConfigurationError(f"{options.rcon_password_file}: {error.strerror}") from None
    password = password or os.environ.get("RCON_PASSWORD") or settings.get("rcon.password")
    if not password:
        raise ConfigurationError(
            "RCON needs a password: give --rcon_password_file or RCON_PASSWORD."
        )
    return Rcon(host.strip("[]") or "localhost", int(port), password)


def make_running_check(
    options: argparse.Namespace, target: Any, settings: Mapping[str, str]
) -> Callable[[], bool]:
    """Return a check whether the server runs: by its process id file, or else by its port."""
    pid_file = Path(options.mc_pidfile)
    port = settings.get("server-port", "")

    def is_running() -> bool:
        try:
            pid = pid_file.read_text("ascii").strip()
            if pid.isdigit() and int(pid) > 0:
                return is_process_running(int(pid))
        except (OSError, ValueError):
            pass
        if isinstance(target, Rcon) and target.is_alive():
            return True
        host = settings.get("server-ip") or "localhost"
        return port.isdigit() and 0 < int(port) < 65536 and is_port_open(host, int(port))

    return is_running


def find_server_folder() -> Path:
    """Return the folder of the Minecraft server: the current one, or its parent."""
    here = any(Path(name).exists() for name in ("server.properties", "logs/latest.log"))
    return Path(".") if here else Path("..")


def find_log(options: argparse.Namespace, folder: Path) -> Path:
    if options.mc_logfile:
        return Path(options.mc_logfile)
    usual = folder / "server.log"
    # With COAL's log4j settings, the server will create server.log.
    is_usual = usual.exists() or any(folder.glob("log4j2*.xml"))
    return usual if is_usual else folder / "logs" / "latest.log"


def find_encoding(name: str) -> str:
    """Return Python's name of an encoding. Raises ConfigurationError if it is unknown."""
    try:
        found = codecs.lookup(name).name if name.strip() else ""
        if found:
            # Some codecs are not of text.
            b"".decode(found)
    except (LookupError, ValueError):
        raise ConfigurationError(f"--mc_log_encoding: there is no encoding {name}.") from None
    # UTF-8 is tried first in any case; lines that are not UTF-8 are still read.
    return "" if found in ("utf-8", "ascii", "utf-8-sig") else found


def find_properties(log_path: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """Return the folder and entries of the server.properties nearest to a log."""
    for near in (log_path.parent, log_path.parent.parent):
        if (near / "server.properties").exists():
            return near, read_properties(near / "server.properties")
    return folder, read_properties(folder / "server.properties")


class Agent:
    """The agent, configured by the command line. Raises ConfigurationError or ServerError."""

    def __init__(self, options: argparse.Namespace) -> None:
        spool_path = Path(options.spool)
        credentials_path = spool_path.with_suffix(".credentials")
        stored = Credentials.read(credentials_path)
        self.server = make_server(options, stored)
        # First, since a pairing code works once and must not be used if the spool is locked.
        self.spool = Spool(spool_path)
        credentials = get_credentials(options, self.server, credentials_path, stored)
        self.server.credentials = credentials
        self._check_owner(credentials)
        zone_name = options.mc_timezone or local_zone()
        zone = find_zone(zone_name)
        if zone is None and options.mc_timezone:
            log.warning("This machine does not know the time zone %s.", zone_name)
        folder = find_server_folder()
        path = find_log(options, folder)
        folder, settings = find_properties(path, folder)
        options.mc_pidfile = options.mc_pidfile or str(folder / "server.pid")
        options.mc_commandfifo = options.mc_commandfifo or str(folder / "command-fifo")
        level = options.mc_levelfile or folder / settings.get("level-name", "world") / "level.dat"
        self._target = make_command_target(options, settings)
        self._findings = Findings()
        zone_check = ZoneCheck(zone_name, zone or timezone.utc, self._findings)
        self._self_check = SelfCheck(path, self._findings, zone_check)
        overloads = Overloads(lambda: datetime.now(zone).replace(tzinfo=None))
        line_filter = LineFilter(overloads, options.skip_chat_history)
        self._collector = LogCollector(
            LogFiles(path, find_encoding(options.mc_log_encoding or "")),
            self.spool,
            line_filter,
            zone,
            options.parse_mc_history,
            options.parse_all,
            self._findings,
            self._self_check.look_at_lines,
        )
        self._sender = Sender(self.server, self.spool, zone_name)
        is_running = make_running_check(options, self._target, settings)
        self._pinger = Pinger(
            self.server,
            self.spool,
            Level(Path(level)),
            overloads,
            is_running,
            options.address,
            lambda running: self._self_check.look(self._target, running),
            self._sender.check_stored,
        )
        self._console = Console(self.spool, self._target)
        self.stop = threading.Event()
        log.info("Monitoring '%s' and reporting to '%s'.", path, self.server.host)

    def _check_owner(self, credentials: Credentials) -> None:
        """Start a new source if the spool belonged to another agent."""
        before = self.spool.get("client")
        if before not in (None, credentials.client_id):
            log.warning("This spool belonged to another world: its lines go to this world now.")
            self.spool.start_new_source()
        if before != credentials.client_id:
            self.spool.set("commanded", "0")
            self.spool.set("client", credentials.client_id)

    def run(self, signals: int) -> int:
        """Run the workers until `signals` can be read, then send a last ping; return the exit status."""
        workers = [
            Worker(
                "ping", self._pinger.step, self.stop, ping_log, backoff=Backoff(PING_SECONDS, 30)
            ),
            Worker("send", self._sender.step, self.stop, line_log),
            Worker(
                "read",
                self._collector.step,
                self.stop,
                line_log,
                self._collector.reset,
                on_report=self._report_spool,
            ),
            Worker("console", self._console.step, self.stop, ping_log),
        ]
        threads = [worker.start() for worker in workers]
        os.read(signals, 1)
        log.info("Stopping.")
        self.stop.set()
        with suppress(ServerError, *RETRYABLE_ERRORS):
            self._pinger.ping(SHUTDOWN_TIMEOUT_SECONDS)
        until = time.monotonic() + 2
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return 0

    def _report_spool(self, error: BaseException | None) -> None:
        """Tell whether the spool can be written: on a full disk no line can be sent."""
        if isinstance(error, sqlite3.Error):
            text = "The agent cannot write its spool, so no line is sent: make room on its disk."
            self._findings.add("spool", str(self.spool.path), text)
        elif error is None:
            self._findings.clear("spool")

    def run_once(self) -> int:
        """Send all lines, ping and deliver commands once; return 1 if something is left."""
        try:
            # First, so that lines are spooled also if the server is unreachable.
            self._collector.read_all()
            self._sender.send_all()
            while self._collector.read_all():
                self._sender.send_all()
            self._pinger.ping()
        except (ServerError, StillCompressing, *RETRYABLE_ERRORS) as error:
            log.error("%s", error)
            return 1
        self._console.step()
        return 1 if self.spool.waiting or self.spool.next_command() else 0


def check_platform(name: str) -> None:
    """Raise ConfigurationError on Windows, where the log could not be rolled while it is open."""
    if name == "nt":
        raise ConfigurationError(
            "This agent needs Linux, macOS or another Unix: on Windows, run it in WSL."
        )


def main(args: Sequence[str] | None = None) -> int:
    options = build_parser().parse_args(args)
    try:
        check_platform(os.name)
        configure_logging(options.agent_logfile, options.verbose)
        agent = Agent(options)
    except (ConfigurationError, ServerError, OSError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 2
    if options.once:
        return agent.run_once()
    # The handler takes no lock: it runs in the main thread, which may hold any at that moment.
    signals, writing = os.pipe()
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        # nohup ignores SIGHUP, and that must stay so.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os.write(writing, b"."))
    return agent.run(signals)


if __name__ == "__main__":
    sys.exit(main())
