"""The intake: lines that come one by one ask the history whether they are known, then go to the command."""

from collections.abc import Sequence

from coalserver.core.commands.ingest import log_lines
from coalserver.core.engine import Core
from coalserver.domain.minecraft.history import line_digest
from coalserver.domain.minecraft.log.parser import ParsedLine


async def ingest_lines(
    core: Core, *, world_id: int, parsed_lines: Sequence[ParsedLine]
) -> list[bool]:
    """Store what is new of these lines, once however often they come; tells of each whether it is new."""
    digests = [line_digest(world_id, reading) for reading in parsed_lines]
    while True:
        # First: what lands while the history is read is among the recent lines, too.
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
