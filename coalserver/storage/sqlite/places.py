"""Places: the order of log lines as one number each, by world, by second, by what came first in that second.

A line's place is its row's number and its words' in the index: every list and every search of a world is a walk
down one stretch of numbers. It is given out when the line is written, once.
"""

import sqlite3
from math import floor

#: Bits for lines within a second, for seconds, and (what is left of 63) for worlds.
LINE_BITS, SECOND_BITS = 12, 33
POSITIONS_PER_SECOND = 1 << LINE_BITS
#: Seconds count from 1901; lines without a time lie in the first thirty years of that, in which no line was written.
EPOCH = 2**31
FIRST_SECOND = 2**30
#: Room for the last second to overflow.
LAST_SECOND = 2**SECOND_BITS - 2**20


def first_position(world: int) -> int:
    """The place below all of a world's lines; the next world's is above them."""
    return world << (LINE_BITS + SECOND_BITS)


def position_at(world: int, when: float | None) -> int:
    """The first place of a second; of lines without a time, the first of all."""
    second = 0 if when is None else min(max(floor(when) + EPOCH, FIRST_SECOND), LAST_SECOND)
    return first_position(world) + second * POSITIONS_PER_SECOND


def first_dated_position(world: int) -> int:
    """The first place of a line that has a time."""
    return first_position(world) + FIRST_SECOND * POSITIONS_PER_SECOND


class Positions:
    """Gives out the next places, within one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        #: The newest place of each world that is on disk; by a second's first place, the next free one.
        self._tops: dict[int, int] = {}
        self._free: dict[int, int] = {}

    def next(self, world: int, when: float | None) -> int:
        """A place behind all lines of the same second. A second that is full goes on into the next."""
        low = position_at(world, when)
        high = first_dated_position(world) if when is None else low + POSITIONS_PER_SECOND
        while (free := self._first_free(world, low, high)) == high:
            low, high = high, high + POSITIONS_PER_SECOND
        self._free[low] = free + 1
        return free

    def _first_free(self, world: int, low: int, high: int) -> int:
        free = self._free.get(low)
        if free is None:
            top = self._tops.get(world)
            if top is None:
                top = self._tops[world] = self._last(
                    first_position(world), first_position(world + 1)
                )
            free = self._free[low] = low if top < low else max(low, self._last(low, high) + 1)
        return free

    def _last(self, low: int, high: int) -> int:
        row = self._db.execute(
            "SELECT max(place) FROM line WHERE place >= ? AND place < ?", (low, high)
        ).fetchone()
        return -1 if row[0] is None else int(row[0])
