"""Import of old logs of a hosted world: finds out which of their lines are new, and stores those.

A line is known if the history has a line of that second with the same text: the console may have brought it in another
shape (`[10:00:00 INFO]: ` for `[10:00:00] [Server thread/INFO]: `), or an overlapping file. Lines that are equal within
a second are counted, so that as many are stored as one source has at most.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from coalserver.core.commands.ingest import log_imported
from coalserver.core.engine import Core
from coalserver.core.ingest import last_line_before_start, parts_of
from coalserver.core.ports import LineQuery, PageKey
from coalserver.domain.minecraft.history import LogLine
from coalserver.domain.minecraft.log.header import parse_header, strip_colors
from coalserver.domain.minecraft.log.parser import ParsedLine, join_chats, line_identity

#: Lines of the history that are read at once.
PAGE_LINES = 1000
#: A clock is set back by less at the end of summer time; equal lines further apart are not counted together.
MEMORY_SECONDS = 3 * 3600
#: First byte of digests of imported lines; those of other lines begin with other bytes.
_MARK = b"\xfe"


@dataclass(slots=True)
class ImportCounts:
    """Lines of a file: all, those that were stored, that were stored before, and that are left out."""

    lines: int = 0
    new: int = 0
    known: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A file that was imported; `damaged`: its rest could not be unpacked."""

    name: str
    counts: ImportCounts
    damaged: bool


@dataclass(slots=True)
class FileImport:
    """The state between the batches of one file."""

    world: int
    counts: ImportCounts = field(default_factory=ImportCounts)
    #: Second -> text -> how often the file has had it.
    _seen: dict[int, Counter[str]] = field(default_factory=dict)
    #: The same of the lines before the first one with a time.
    _untimed: Counter[str] = field(default_factory=Counter)
    #: Whether the last line with a time is stored, and its digest; lines without a header follow it.
    _is_new: bool = True
    _is_left_out: bool = False
    _digest: bytes = b""
    _has_stored: bool = False

    async def add(
        self, core: Core, parsed_lines: Sequence[ParsedLine], left_out: Sequence[bool]
    ) -> None:
        """Store those of the next lines that are new.

        `left_out` says for each line with a time that it is not to be stored. Raises WORLD_NOT_FOUND.
        """
        stored = await self._stored(core, parsed_lines)
        found: list[tuple[ParsedLine, bytes]] = []
        for parsed, is_left_out in zip(parsed_lines, left_out, strict=True):
            self._decide(parsed, is_left_out, stored)
            self.counts.left_out += self._is_left_out
            self.counts.known += not (self._is_left_out or self._is_new)
            if self._is_new and not self._is_left_out:
                found.append((parsed, self._digest))
        self.counts.lines += len(parsed_lines)
        self._forget()
        await self._store(core, found)

    def _decide(
        self, parsed: ParsedLine, is_left_out: bool, stored: Mapping[tuple[int, str], int]
    ) -> None:
        """Decide whether a line is new. One without a time belongs to the last one that has a time."""
        text = _normalised(parsed.text)
        if parsed.at is not None:
            second = int(parsed.at)
            texts = self._seen.setdefault(second, Counter())
            texts[text] += 1
            self._is_left_out = is_left_out
            self._is_new = texts[text] > stored.get((second, text), 0)
            self._digest = _digest(line_identity(self.world, parsed), texts[text])
        elif self._seen:
            self._digest = _digest(self._digest, 1)
        else:
            self._untimed[text] += 1
            self._digest = _digest(line_identity(self.world, parsed), self._untimed[text])

    async def _stored(
        self, core: Core, parsed_lines: Sequence[ParsedLine]
    ) -> Mapping[tuple[int, str], int]:
        """Return how often the history has each text in each second of some lines."""
        times = [int(parsed.at) for parsed in parsed_lines if parsed.at is not None]
        counts: Counter[tuple[int, str]] = Counter()
        if not times:
            return counts
        wanted, after = set(times), None
        while True:
            query = LineQuery(
                self.world, since=min(times), before=max(times) + 1, after=after, ascending=True
            )
            page = await core.history.lines(query, PAGE_LINES)
            for line in page:
                if line.at is not None and int(line.at) in wanted:
                    counts[int(line.at), _text_of(line)] += 1
            if len(page) < PAGE_LINES:
                return counts
            after = PageKey(page[-1].at, page[-1].id)

    async def _store(self, core: Core, found: Sequence[tuple[ParsedLine, bytes]]) -> None:
        # Of an import in another time zone, or before the first line with a time.
        known = await core.history.existing_digests([digest for _, digest in found])
        new = [(parsed, digest) for parsed, digest in found if digest not in known]
        self.counts.known += len(found) - len(new)
        self.counts.new += len(new)
        if not new:
            return
        parsed_lines = [parsed for parsed, _ in new]
        join_chats(parsed_lines)
        digests = [digest for _, digest in new]
        for part in parts_of(core, self.world, parsed_lines):
            lines = parsed_lines[part]
            await core.execute(
                log_imported,
                world_id=self.world,
                parsed_lines=lines,
                digests=digests[part],
                begins=not self._has_stored,
                alive=await last_line_before_start(core, self.world, lines),
            )
            self._has_stored = True

    def _forget(self) -> None:
        """Forget lines that are too old to come again."""
        if not self._seen:
            return
        newest = max(self._seen)
        for second in [one for one in self._seen if one < newest - MEMORY_SECONDS]:
            del self._seen[second]


def _digest(identity: bytes, number: int) -> bytes:
    return _MARK + blake2b(identity + number.to_bytes(8, "big"), digest_size=16).digest()


def _text_of(line: LogLine) -> str:
    """Return the text of a stored line after its header, as the parser has it."""
    header = parse_header(line.line.lstrip("\0\ufffd"))
    text = line.line if header is None else header.text
    return _normalised(strip_colors(text))


def _normalised(text: str) -> str:
    return text.rstrip()
