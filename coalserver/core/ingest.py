"""Ingestion of log lines: looks up in the history what the command has to know, then runs it."""

from collections.abc import Iterator, Sequence

from coalserver.core.commands.ingest import (
    IngestResult,
    check_batch,
    find_source,
    log_batch,
    log_lines,
)
from coalserver.core.engine import Core
from coalserver.core.ports import LineQuery
from coalserver.core.queries.worlds import count_online
from coalserver.domain.minecraft.history import LogLine, line_digest
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine

#: Work of one command, in microseconds or so.
MAX_WORK = 5500
#: The work of a line, of one about a player that changes their visits, of one about the world, for which the store
#: looks at the visits of a day, and of each visitor whom it logs out.
LINE_WORK, PLAYER_WORK, WORLD_WORK, LOG_OUT_WORK = 8, 18, 250, 8
#: Characters of a line other than a chat that are one unit of work.
CHARACTERS_PER_WORK = 32
_PLAYER_KINDS = frozenset(
    (LineKind.LOGGED_IN, LineKind.JOINED, LineKind.LEFT, LineKind.CONNECTION_LOST)
)
_WORLD_KINDS = frozenset((LineKind.STARTING, LineKind.STOPPING))


def parts_of(core: Core, world_id: int, parsed_lines: Sequence[ParsedLine]) -> Iterator[slice]:
    """Yield the parts of lines that one command each stores, so that none takes long.

    A part is to be stored before the next one is asked for. None but the first begins with a line without a header.
    """
    start = work = players = 0
    for number, parsed in enumerate(parsed_lines):
        kind = parsed.kind
        if kind in _PLAYER_KINDS:
            more = PLAYER_WORK
        elif kind in _WORLD_KINDS:
            online = count_online(core.state, world=world_id) + players
            more = WORLD_WORK + LOG_OUT_WORK * online
        elif kind is LineKind.CHAT:
            more = LINE_WORK
        else:
            # Names and phrases are looked for in their texts.
            more = LINE_WORK + len(parsed.line) // CHARACTERS_PER_WORK
        if work + more > MAX_WORK and number > start and kind is not LineKind.CONTINUATION:
            yield slice(start, number)
            start, work, players = number, 0, 0
        work += more
        players += kind in _PLAYER_KINDS
    yield slice(start, len(parsed_lines))


async def ingest_batch(
    core: Core,
    *,
    world_id: int,
    source: str,
    parsed_lines: Sequence[ParsedLine],
    sequences: Sequence[int],
    after: int = 0,
) -> IngestResult:
    """Store the lines of a source as `log_batch` does, in parts where they are much work.

    Other requests run between two parts, but no other batch of the source does. A part that fails leaves the ones
    before it stored, as if the sender had sent them alone; the error tells them nothing about those.
    """
    async with core.source_lock(world_id, source):
        new = 0
        for part in parts_of(core, world_id, parsed_lines):
            lines = parsed_lines[part]
            if part.start == 0 and part.stop < len(parsed_lines):
                # What is wrong with any line is known before the first one is stored.
                check_batch(source, sequences)
            result = await core.execute(
                log_batch,
                world_id=world_id,
                source=source,
                parsed_lines=lines,
                sequences=sequences[part],
                after=after,
                alive=await last_line_before_start(core, world_id, lines),
                chat=await open_chat(core, world_id, source, lines, sequences[part]),
            )
            new += result.new
            if result.stored < after:
                break
        return IngestResult(result.stored, new)


async def open_chat(
    core: Core,
    world_id: int,
    source: str,
    parsed_lines: Sequence[ParsedLine],
    sequences: Sequence[int],
) -> LogLine | None:
    """Return the chat with which the batch before has ended, if the first new line has no header; else None."""
    known = core.query(find_source, world_id=world_id, source=source)
    if not known.chat:
        return None
    numbered = zip(parsed_lines, sequences, strict=True)
    first = next((parsed for parsed, sequence in numbered if sequence > known.sequence), None)
    if first is None or first.kind is not LineKind.CONTINUATION:
        return None
    return await core.history.line(known.chat)


async def ingest_lines(
    core: Core,
    *,
    world_id: int,
    parsed_lines: Sequence[ParsedLine],
    as_received: ParsedLine | None = None,
) -> list[bool]:
    """Store those of the lines that are new; return for each whether it was. Repeats are harmless.

    `as_received` is a single line's garbled form, where the line was repaired: it is not new if
    that form is stored.
    """
    if as_received is not None:
        garbled = line_digest(world_id, as_received)
        if garbled in core.state.recent.digests or await core.history.existing_digests([garbled]):
            return [False]
    # One loop: each comprehension would be a call for each line that an agent sends singly.
    digests, alive, is_ascii = [], 0.0, True
    for parsed in parsed_lines:
        digests.append(line_digest(world_id, parsed))
        is_ascii = is_ascii and parsed.line.isascii()
        if parsed.kind is LineKind.STARTING and not alive:
            alive = await last_line_before_start(core, world_id, parsed_lines)
    chat = None
    if len(parsed_lines) == 1 and parsed_lines[0].kind is LineKind.CONTINUATION:
        newest = await core.history.lines(LineQuery(world_id), 1)
        chat = newest[0] if newest else None
    while True:
        # Read before the history: lines written meanwhile are among the recent digests as well.
        written = core.state.recent.written
        known_digests = await core.history.existing_digests(digests)
        new = await core.execute(
            log_lines,
            world_id=world_id,
            parsed_lines=parsed_lines,
            digests=digests,
            known_digests=known_digests,
            written=written,
            alive=alive,
            chat=chat,
            misread=None if is_ascii else as_received is not None,
        )
        if new is not None:
            return new


async def last_line_before_start(
    core: Core, world_id: int, parsed_lines: Sequence[ParsedLine]
) -> float:
    """Return the time of the last stored line before the first start among the lines; 0: none."""
    for parsed in parsed_lines:
        if parsed.kind is LineKind.STARTING and parsed.at is not None:
            return await last_line_at(core, world_id, before=parsed.at)
    return 0.0


async def last_line_at(core: Core, world_id: int, before: float | None = None) -> float:
    """Return the time of the newest line of a world, before a time if one is given; 0: none."""
    newest = await core.history.lines(LineQuery(world_id, before=before), 1)
    return newest[0].at or 0.0 if newest else 0.0
