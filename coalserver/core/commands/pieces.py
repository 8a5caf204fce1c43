"""Upkeep in pieces: much that has ended goes a little at a time."""

from collections.abc import Iterable
from itertools import islice

from coalserver.core.unit_of_work import Identified, Unit

#: Small enough that nobody waits for it.
PIECE = 500


def drop_piece(unit: Unit, ended: Iterable[Identified]) -> int:
    """These values are no more, or as many of them as one unit may hold up the others for; gives how many."""
    done = list(islice(ended, PIECE))
    for one in done:
        unit.drop(one)
    return len(done)
