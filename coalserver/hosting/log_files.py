"""Old log files of Minecraft servers: which there are, and their lines with their dates. Everything here blocks.

Prescribed by minecraft.md, 1.1 and 1.2. The agent reads the logs of worlds that run elsewhere by the same rules.
"""

import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

from coalserver.domain.minecraft.log.dates import (
    HALF_DAY_SECONDS,
    ONE_DAY,
    DateSource,
    FileDates,
    file_dates,
    find_zone,
    first_day,
    undated_second,
)
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine, parse_lines
from coalserver.hosting.child_files import open_regular

#: A longer line is read as several.
MAX_LINE_BYTES = 256 << 10
#: Lines of a batch, and of one that the lines without a header make longer.
BATCH_LINES, MAX_BATCH_LINES = 500, 1000
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_LOG_NAME = re.compile(r".{0,200}\.log(?:[.-][0-9]+(?:-[0-9]+)*)?(?:\.gz)?")
_ROLLED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]{1,9})\.log(?:\.gz)?")
#: The form of COAL's old log settings, which wrote ISO-8859-2, and letters that are in Windows-1252 only.
_OLD_COAL_FORM = re.compile(rb"\0*[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} \[\w+\] ")
_WINDOWS_LETTERS = re.compile(rb"[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that is to be imported."""

    path: Path
    #: The folder of the world, if the file is one of its own, which its process can replace at any time.
    folder: Path | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the file; a packed one is unpacked as it is read. Raises OSError."""
        with self._open() as file:
            is_packed = file.read(2) == _GZIP
            file.seek(0)
            if not is_packed:
                yield file
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked  # type: ignore[misc]

    def _open(self) -> IO[bytes]:
        if self.folder is not None:
            return open_regular(self.folder, self.path.relative_to(self.folder))
        # A pipe that nobody writes to would be waited for.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(0, "it is not a file")
        return os.fdopen(descriptor, "rb")

    def written(self) -> float:
        """Return when the file was last changed."""
        return self.path.lstat().st_mtime if self.folder else self.path.stat().st_mtime


def find_files(paths: Iterable[Path]) -> list[LogFile]:
    """Return the files at some paths, oldest first. Of a folder, those with names of logs. Raises OSError."""
    found = []
    for path in paths:
        if path.is_dir():
            found += [LogFile(path / name) for name in os.listdir(path) if _is_log(path / name)]
        else:
            found.append(LogFile(path))
    return _in_order(dict.fromkeys(found))


def own_files(server: Path) -> list[LogFile]:
    """Return the logs in the folder of a hosted world, oldest first: `logs/`, and `server.log` before 1.7."""
    logs = server / "logs"
    found = []
    if stat.S_ISDIR(_mode(logs)):
        found = [LogFile(logs / name, server) for name in os.listdir(logs)]
    found.append(LogFile(server / "server.log", server))
    return _in_order([one for one in found if _is_log(one.path)])


def _is_log(path: Path) -> bool:
    return _LOG_NAME.fullmatch(path.name) is not None and stat.S_ISREG(_mode(path))


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _in_order(files: Iterable[LogFile]) -> list[LogFile]:
    def order(file: LogFile) -> tuple[str, float, float]:
        written = file.written()
        rolled = _ROLLED.fullmatch(file.path.name)
        if rolled:
            return rolled[1], int(rolled[2]), written
        return datetime.fromtimestamp(written, UTC).date().isoformat(), float("inf"), written

    return sorted(files, key=order)


class LogFileReader:
    """Reads a file in batches. A line without a header is in the batch of the one that it continues."""

    def __init__(self, file: LogFile, zone: str, now: float, previous: float) -> None:
        """Open a file whose times are those of a zone. Raises OSError.

        `previous` is the time (UTC) of the last line of the file before, 0 without one.
        """
        #: Whether the rest of the file cannot be unpacked.
        self.is_damaged = False
        named = file_dates(file.path.name, zone)
        day = named.day if named else self._first_day(file, zone)
        self._dates: DateSource = FileDates(zone, day, now=now).following(previous)
        self._lines = self._read(file)
        self._next: ParsedLine | None = None
        self._advance()

    def batch(self) -> list[ParsedLine]:
        """Return the next lines, none at the end. Raises OSError."""
        found: list[ParsedLine] = []
        while self._next is not None and len(found) < MAX_BATCH_LINES:
            if len(found) >= BATCH_LINES and self._next.kind is not LineKind.CONTINUATION:
                break
            found.append(self._next)
            self._advance()
        return found

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def _advance(self) -> None:
        line = next(self._lines, None)
        if line is None:
            self._next = None
            return
        (self._next,), self._dates = parse_lines([line], self._dates)

    def _read(self, file: LogFile) -> Generator[str, None, None]:
        with file.open() as opened:
            try:
                yield from _decoded_lines(opened)
            except DAMAGED:
                self.is_damaged = True

    def _first_day(self, file: LogFile, zone: str) -> date:
        """Return the day of the first line of a file whose name has none: it was written with its last line."""
        written = datetime.fromtimestamp(file.written(), find_zone(zone) or UTC)
        last = written.date()
        seconds: list[int] = []
        lines = self._read(file)
        for line in lines:
            second = undated_second(line)
            # A new day shows only where the clock goes back.
            if second is not None and (len(seconds) < 2 or second < seconds[-1]):
                seconds.append(second)
            elif second is not None:
                seconds[-1] = second
        lines.close()
        at = written.hour * 3600 + written.minute * 60 + written.second
        if seconds and seconds[-1] - at > HALF_DAY_SECONDS:
            last -= ONE_DAY
        return first_day(seconds, last)


def _decoded_lines(file: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a file, blank ones left out: UTF-16 with its mark, else UTF-8 or an older encoding."""
    start = file.read(2)
    file.seek(0)
    if start in _UTF_16:
        with io.TextIOWrapper(file, "utf-16", "replace", newline="\n") as text:
            yield from _without_blank(iter(lambda: text.readline(MAX_LINE_BYTES), ""))
        return
    raw_lines = iter(lambda: file.readline(MAX_LINE_BYTES), b"")
    yield from _without_blank(map(_decode, raw_lines))


def _without_blank(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        line = line.rstrip("\r\n").replace("\0", "\ufffd")
        if line.strip():
            yield line


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        is_latin_2 = _OLD_COAL_FORM.match(raw) and not _WINDOWS_LETTERS.search(raw)
        return raw.decode("iso-8859-2" if is_latin_2 else "windows-1252", "replace")
