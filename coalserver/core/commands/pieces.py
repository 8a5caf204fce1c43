"""Upkeep in pieces: much that has ended goes a little at a time."""

from collections.abc import Iterable
from itertools import islice

from coalserver.core.unit_of_work import Identified, UnitOfWork

#: Small enough that nobody waits for it.
CHUNK_SIZE = 500


def delete_chunk(uow: UnitOfWork, ended: Iterable[Identified]) -> int:
    """These values are no more, or as many of them as one unit may hold up the others for; gives how many."""
    chunk = list(islice(ended, CHUNK_SIZE))
    for entity in chunk:
        uow.delete(entity)
    return len(chunk)
