"""Ingestion of single log lines: looks up whether they are stored, then runs the command."""

from collections.abc import Sequence

from coalserver.core.commands.ingest import log_lines
from coalserver.core.engine import Core
from coalserver.domain.minecraft.history import line_digest
from coalserver.domain.minecraft.log.parser import ParsedLine


async def ingest_lines(
    core: Core, *, world_id: int, parsed_lines: Sequence[ParsedLine]
) -> list[bool]:
    """Store those of the lines that are new; return for each whether it was. Repeats are harmless."""
    digests = [line_digest(world_id, reading) for reading in parsed_lines]
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
        )
        if new is not None:
            return new
