"""The intake: lines that come one by one ask the history whether they are known, then go to the command."""

from collections.abc import Sequence

from coalserver.core.commands.ingest import log_lines
from coalserver.core.engine import Core
from coalserver.domain.minecraft.history import digest_of
from coalserver.domain.minecraft.log.parser import Reading


async def take_lines(core: Core, *, world: int, readings: Sequence[Reading]) -> list[bool]:
    """Store what is new of these lines, once however often they come; tells of each whether it is new."""
    digests = [digest_of(world, reading) for reading in readings]
    while True:
        # First: what lands while the history is read is among the recent lines, too.
        landed = core.state.recent.landed
        known = await core.history.known(digests)
        new = await core.do(
            log_lines,
            world_id=world,
            readings=readings,
            digests=digests,
            known=known,
            landed=landed,
        )
        if new is not None:
            return new
