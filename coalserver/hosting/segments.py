"""The console of a world on disk: reading and deleting the segments that its keeper writes.

The format is described in `keeper`. Everything here blocks; call it in a thread.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from coalserver.hosting.keeper import SEGMENT_NAME, first_number

#: Segments that are taken in are kept up to this size, for the console page.
KEEP_BYTES = 64 << 20
CHUNK_SIZE = 262_144
#: Two for each of several readers of a console.
MAX_POSITIONS = 32


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """A stored line: its number, unixtime in seconds, stream (`out`, `err`, `keeper`) and text."""

    number: int
    at: float
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class _Segment:
    ordinal: int
    path: Path
    #: Number of its first line.
    first: int


@dataclass(frozen=True, slots=True)
class _Position:
    """Where the line after the last one that was read begins."""

    ordinal: int
    number: int
    offset: int


class ConsoleReader:
    """Reads the console in a `run` folder by line numbers.

    A line that is being written is not returned. Lines that could not be stored, or were deleted because the console
    was too large, are missing: the numbers jump.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._firsts: dict[int, int] = {}
        #: Where lines begin that are likely to be asked for next, by their number.
        self._positions: OrderedDict[int, _Position] = OrderedDict()

    def read(self, after: int, limit: int = 1_000) -> list[ConsoleLine]:
        """Return up to `limit` lines with numbers above `after`, in order.

        A caller that passes the number of the last line it got, gets each line once.
        """
        # Listed before any is read: a segment that has a successor is complete.
        segments = self._segments()
        start = max(
            (index for index, one in enumerate(segments) if one.first <= after + 1), default=0
        )
        lines: list[ConsoleLine] = []
        for segment in segments[start:]:
            if len(lines) >= limit:
                break
            lines += self._read_segment(
                segment, lines[-1].number if lines else after, limit - len(lines)
            )
        return lines

    def before(self, at: float, limit: int) -> list[ConsoleLine]:
        """Return the last `limit` lines that were written up to a time, in order."""
        lines: list[ConsoleLine] = []
        for segment in reversed(self._segments()):
            found = deque(_until(segment, at), maxlen=limit)
            lines = [*found, *lines][-limit:]
            if len(lines) >= limit:
                break
        return lines

    def last_number(self) -> int:
        """Return the number of the newest whole line, 0 if there is none."""
        segments = self._segments()
        if not segments:
            return 0
        count = 0
        with segments[-1].path.open("rb") as file:
            while chunk := file.read(CHUNK_SIZE):
                count += chunk.count(b"\n")
        return segments[-1].first + count - 2

    def delete_taken_in(self, number: int, keep_bytes: int = KEEP_BYTES) -> int:
        """Delete segments whose lines are all taken in, up to this number. Returns how many were deleted.

        The newest ones, `keep_bytes` in all, stay in any case.
        """
        segments = self._segments()
        newer_bytes = deleted = 0
        following = None
        for segment in reversed(segments):
            size = _size(segment.path)
            if following and newer_bytes >= keep_bytes and following.first - 1 <= number:
                # The keeper may have deleted it as well.
                segment.path.unlink(missing_ok=True)
                deleted += 1
            newer_bytes += size
            following = segment
        return deleted

    def _segments(self) -> list[_Segment]:
        """Return the readable segments, oldest first."""
        found: dict[int, Path] = {}
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if match := SEGMENT_NAME.fullmatch(path.name):
                found[int(match[1])] = path
        self._firsts = {
            ordinal: first for ordinal, first in self._firsts.items() if ordinal in found
        }
        for ordinal in found.keys() - self._firsts.keys():
            first = first_number(str(found[ordinal]))
            if first is not None:
                self._firsts[ordinal] = first
        return [_Segment(one, found[one], self._firsts[one]) for one in sorted(self._firsts)]

    def _read_segment(self, segment: _Segment, after: int, limit: int) -> list[ConsoleLine]:
        number, offset = segment.first - 1, 0
        position = self._positions.get(after + 1)
        if position and position.ordinal == segment.ordinal:
            number, offset = position.number, position.offset
        lines: list[ConsoleLine] = []
        at = 0.0
        for data in _whole_lines(segment.path, offset):
            # The first line of a segment is its header.
            if number > after and number >= segment.first:
                if not lines:
                    # For another reader, which is a little behind.
                    self._remember(_Position(segment.ordinal, number, offset))
                lines.append(_parse(number, data, at))
                at = lines[-1].at
            number += 1
            offset += len(data)
            if len(lines) >= limit:
                break
        self._remember(_Position(segment.ordinal, number, offset))
        return lines

    def _remember(self, position: _Position) -> None:
        self._positions[position.number] = position
        self._positions.move_to_end(position.number)
        if len(self._positions) > MAX_POSITIONS:
            self._positions.popitem(last=False)


def _until(segment: _Segment, at: float) -> Iterator[ConsoleLine]:
    """Yield the lines of a segment up to the first that was written after a time."""
    previous_at = 0.0
    # The first line of a segment is its header.
    for index, data in enumerate(islice(_whole_lines(segment.path, 0), 1, None)):
        line = _parse(segment.first + index, data, previous_at)
        if line.at > at:
            return
        previous_at = line.at
        yield line


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _whole_lines(path: Path, offset: int) -> Iterator[bytes]:
    """Yield the lines from an offset that have an end, with it."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        rest = b""
        while chunk := file.read(CHUNK_SIZE):
            # `splitlines` would also split at characters that end no line here.
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"


def _parse(number: int, data: bytes, previous_at: float) -> ConsoleLine:
    """Return a line. One that a crash of the machine has damaged is returned as it is, with the time before it."""
    text = data[:-1].decode("utf-8", "replace")
    try:
        stamp, stream, rest = text.split(" ", 2)
        return ConsoleLine(number, float(stamp), stream, rest)
    except ValueError:
        return ConsoleLine(number, previous_at, "out", text)
