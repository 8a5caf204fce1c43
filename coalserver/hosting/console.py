"""The console of a hosted world: its lines are taken in to the history, each once over any restart.

Prescribed by hosting.md, section 7. The source of the lines is `console`, their sequences are the keeper's line
numbers, and their dates come from the keeper's stamps.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coalserver.core.commands.consoles import CONSOLE, log_console
from coalserver.core.commands.ingest import find_source, stored_sequence
from coalserver.core.engine import Core
from coalserver.core.ingest import last_line_before_start
from coalserver.domain.minecraft.log.dates import LiveDates
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine, join_chats, parse_line
from coalserver.hosting.segments import ConsoleLine, ConsoleReader

#: Lines of one command: each takes about 50 microseconds, and other commands wait meanwhile.
BATCH_LINES = 250
#: Above this rate, measured over a minute, only lines of recognised kinds are stored.
FLOOD_LINES = 200
FLOOD_SECONDS = 60
UNRECOGNISED = frozenset((LineKind.UNKNOWN, LineKind.CONTINUATION))
#: Numbers of own polls and their answers, which are not shown.
MAX_HIDDEN = 10_000

#: Called with each new line before it is stored; returns whether it is to be hidden.
OnLine = Callable[[ConsoleLine, ParsedLine], bool]


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of the console, as read and as parsed."""

    line: ConsoleLine
    parsed: ParsedLine


class FloodGate:
    """Tells which lines are stored while a program writes too many of them."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque()
        self._count = 0
        #: Lines that were not stored since the last note, and when that was.
        self.dropped = 0
        self._noted_at = 0.0
        self.is_flooded = False

    def admits(self, at: float, kind: LineKind) -> bool:
        """Return whether a line that was written at this time is stored."""
        second = int(at)
        if self._seconds and self._seconds[-1][0] >= second:
            # A clock that was set back does not open the gate.
            second = self._seconds[-1][0]
            self._seconds[-1] = (second, self._seconds[-1][1] + 1)
        else:
            self._seconds.append((second, 1))
        self._count += 1
        while self._seconds[0][0] <= second - FLOOD_SECONDS:
            self._count -= self._seconds.popleft()[1]
        self.is_flooded = self._count > FLOOD_LINES * FLOOD_SECONDS
        if not self.is_flooded or kind not in UNRECOGNISED:
            return True
        self.dropped += 1
        return False

    def take_note(self, at: float) -> int:
        """Return how many lines a note has to name now; 0: no note. Once a minute, and when the flood is over."""
        due = not self.is_flooded or at - self._noted_at >= FLOOD_SECONDS
        if not self.dropped or not due:
            return 0
        count, self.dropped, self._noted_at = self.dropped, 0, at
        return count


class Console:
    """Takes in the console of one world."""

    def __init__(self, core: Core, world_id: int, folder: Path, zone: str) -> None:
        """`folder` is the world's `run` folder, `zone` the time zone in which its process writes times."""
        self._core, self._world, self._zone = core, world_id, zone
        self._folder = folder
        self._reader = ConsoleReader(folder)
        self._gate = FloodGate()
        self._hidden: dict[int, None] = {}
        self._taking = asyncio.Lock()
        self._view = ConsoleReader(folder)
        self._viewing = asyncio.Lock()

    @property
    def stored(self) -> int:
        """The number up to which lines are taken in."""
        return self._core.query(stored_sequence, world_id=self._world, source=CONSOLE)

    async def take_in(self, on_line: OnLine) -> None:
        """Take in all lines that are on disk."""
        async with self._taking:
            while lines := await self._read(self._reader, self.stored, BATCH_LINES):
                await self._store(lines, on_line)

    async def see_again(self, after: int, on_line: OnLine) -> None:
        """Read lines that are taken in already, from a number on, for what they say about the process."""
        reader, last = ConsoleReader(self._folder), self.stored
        while lines := await self._read(reader, after, BATCH_LINES):
            for one in lines:
                if one.line.number > last:
                    return
                on_line(one.line, one.parsed)
            after = lines[-1].line.number

    async def _read(self, reader: ConsoleReader, after: int, limit: int) -> list[ReadLine]:
        return await asyncio.to_thread(self._read_parsed, reader, after, limit)

    def _read_parsed(self, reader: ConsoleReader, after: int, limit: int) -> list[ReadLine]:
        return [ReadLine(line, self._parse(line)) for line in reader.read(after, limit)]

    def _parse(self, line: ConsoleLine) -> ParsedLine:
        text = line.text.replace("\0", "\ufffd")
        return parse_line(text, LiveDates.from_time(line.at, self._zone))

    async def _store(self, lines: Sequence[ReadLine], on_line: OnLine) -> None:
        parsed_lines: list[ParsedLine] = []
        sequences: list[int] = []
        left_out: ReadLine | None = None
        for one in lines:
            if on_line(one.line, one.parsed):
                self._hide(one.line.number)
            elif self._gate.admits(one.line.at, one.parsed.kind):
                self._add_note(left_out, one.line.at, parsed_lines, sequences)
                left_out = None
                parsed_lines.append(one.parsed)
                sequences.append(one.line.number)
            else:
                left_out = one
        self._add_note(left_out, lines[-1].line.at, parsed_lines, sequences)
        join_chats(parsed_lines)
        source = self._core.query(find_source, world_id=self._world, source=CONSOLE)
        continues = bool(parsed_lines) and parsed_lines[0].kind is LineKind.CONTINUATION
        await self._core.execute(
            log_console,
            world_id=self._world,
            parsed_lines=parsed_lines,
            sequences=sequences,
            up_to=lines[-1].line.number,
            alive=await last_line_before_start(self._core, self._world, parsed_lines),
            chat=await self._core.history.line(source.chat) if source.chat and continues else None,
        )

    def _add_note(
        self,
        left_out: ReadLine | None,
        at: float,
        parsed_lines: list[ParsedLine],
        sequences: list[int],
    ) -> None:
        """Put a note in the place of the last line that was left out, if one is due."""
        if left_out is None or not (count := self._gate.take_note(at)):
            return
        text = f"coalserver: {count} lines were not stored: more than {FLOOD_LINES} a second"
        parsed_lines.append(left_out.parsed._replace(line=text, text=text))
        sequences.append(left_out.line.number)

    def _hide(self, number: int) -> None:
        self._hidden[number] = None
        if len(self._hidden) > MAX_HIDDEN:
            del self._hidden[next(iter(self._hidden))]

    async def delete_taken_in(self) -> None:
        """Delete segments that are taken in, but for the newest ones."""
        async with self._viewing:
            await asyncio.to_thread(self._view.delete_taken_in, self.stored)

    async def lines(self, after: int | None, size: int) -> tuple[list[ConsoleLine], int]:
        """Return up to `size` lines after a number, or the newest ones, and the number to go on from.

        Only lines that are taken in: before that it is not known which are to be hidden.
        """
        stored = self.stored
        async with self._viewing:
            if after is None:
                newest = await asyncio.to_thread(self._view.last_number)
                after = max(0, min(newest, stored) - size)
            if after >= stored:
                return [], after
            # Most polls find nothing new and read nothing.
            read = await asyncio.to_thread(self._view.read, after, min(size, stored - after))
        lines = [line for line in read if line.number <= stored]
        following = lines[-1].number if lines else after
        return [line for line in lines if line.number not in self._hidden], following

    async def lines_before(self, at: float, count: int) -> list[ConsoleLine]:
        """Return the last lines that were written up to a time, `count` at most."""
        stored = self.stored
        async with self._viewing:
            # Some of them may be hidden.
            read = await asyncio.to_thread(self._view.before, at, 2 * count)
        shown = (one for one in read if one.number <= stored and one.number not in self._hidden)
        return list(shown)[-count:]
