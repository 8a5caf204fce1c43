"""Questions about what admins have done."""

from coalserver.core.state import State
from coalserver.domain.audit import Deed


def deeds(state: State, *, limit: int, offset: int = 0) -> tuple[list[Deed], int]:
    """What was done, the newest first, and how much there is."""
    every = list(state.all(Deed))
    return every[::-1][offset : offset + limit], len(every)
