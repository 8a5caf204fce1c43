"""Ingestion of log lines: looks up in the history what the command has to know, then runs it."""

from collections.abc import Sequence

from coalserver.core.commands.ingest import log_lines
from coalserver.core.engine import Core
from coalserver.core.ports import LineQuery
from coalserver.domain.minecraft.history import line_digest
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine


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
