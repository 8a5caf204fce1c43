"""Ingest commands: lines of a world's log, each taken once. They arrive read; here they meet what is known."""

import math
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import NamedTuple

from coalserver.core import topics
from coalserver.core.commands.claims import proved
from coalserver.core.commands.worlds import empty, keep_world, the_world
from coalserver.core.unit_of_work import Unit
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.events import LineLogged
from coalserver.domain.minecraft.history import LogLine, digests_in, line_of
from coalserver.domain.minecraft.log.kinds import Kind
from coalserver.domain.minecraft.log.names import settled
from coalserver.domain.minecraft.log.parser import Reading
from coalserver.domain.minecraft.visitor import Claim, Source, Visitor
from coalserver.domain.minecraft.visits import Mark, mark_of
from coalserver.domain.minecraft.world import World

#: A line that was written longer ago is no news: an agent tries again for a while, a file is read much later.
LATE = 300.0
#: Lines at once. More are for the next batch, so that nobody waits long.
MOST = 1000
LONGEST_SOURCE = 200
#: The largest number a line may have.
LAST = 2**63 - 1


class Taken(NamedTuple):
    """What has become of a batch."""

    #: The number up to which all lines of its source are stored.
    stored: int
    #: How many of its lines were not known before.
    new: int


def log_lines(
    unit: Unit,
    *,
    world_id: int,
    readings: Sequence[Reading],
    digests: Sequence[bytes],
    known: Container[bytes],
    landed: int,
) -> list[bool] | None:
    """Take lines that came one by one; tells of each whether it is new.

    `known` is what the history said of their digests, asked when `recent.landed` was `landed`. None: too much
    has come since then, and it must be asked again.
    """
    world = the_world(unit, world_id)
    recent = unit.state.recent
    if not recent.covers(landed):
        return None
    new: list[bool] = []
    taken: set[bytes] = set()
    lines = []
    for reading, digest in zip(readings, digests, strict=True):
        is_new = not (digest in recent or digest in known or digest in taken)
        new.append(is_new)
        if is_new:
            taken.add(digest)
            lines.append((reading, digest, 0))
    _take(unit, world, "", lines)
    return new


def log_batch(
    unit: Unit,
    *,
    world_id: int,
    source: str,
    readings: Sequence[Reading],
    sequences: Sequence[int],
) -> Taken:
    """Take lines that their source has numbered, ascending.

    A number that is stored is known, whatever the line says this time.
    """
    world = the_world(unit, world_id)
    if not 0 < len(source) <= LONGEST_SOURCE:
        raise Refusal(Why.MALFORMED, fields={"source": "length"})
    if len(readings) > MOST:
        raise Refusal(Why.MALFORMED, fields={"lines": "too_many"})
    ascending = all(one < next for one, next in zip(sequences, sequences[1:], strict=False))
    if not ascending or (sequences and not 0 < sequences[0] <= sequences[-1] <= LAST):
        raise Refusal(Why.MALFORMED, fields={"sequence": "not_ascending"})
    stored = stored_lines(unit, world_id=world.id, source=source)
    digests = digests_in(world.id, source, sequences)
    lines = [line for line in zip(readings, digests, sequences, strict=True) if line[2] > stored]
    _take(unit, world, source, lines)
    return Taken(lines[-1][2] if lines else stored, len(lines))


def stored_lines(unit: Unit, *, world_id: int, source: str) -> int:
    """The number up to which all lines of a source are stored; whoever is told so may forget them."""
    found = unit.one(Source, "name", (world_id, source))
    return found.sequence if found else 0


class _Crowd:
    """The visitors of a world while lines are taken; looked up one by one, for there may be thousands."""

    def __init__(self, unit: Unit, world: int) -> None:
        self._unit, self._world = unit, world
        self._found: dict[str, Visitor | None] = {}

    def called(self, name: str) -> Visitor | None:
        """The visitor of that name, as these lines have left him."""
        if name not in self._found:
            # Not of the unit, which would look through all that these lines have changed: new ones are here.
            found = self._unit.state.one(Visitor, "name", (self._world, name))
            self._found[name] = found and self._unit.get(Visitor, found.id)
        return self._found[name]

    def put(self, visitor: Visitor) -> None:
        self._found[visitor.name] = self._unit.put(visitor)

    def come(self, name: str) -> None:
        """Somebody is heard of, perhaps for the first time."""
        if name and self.called(name) is None:
            id = self._unit.new_id(Visitor)
            self.put(Visitor(id, self._world, name, self._unit.now))

    def empty(self, mark: Mark) -> None:
        """Everybody has gone home."""
        empty(self._unit, self._world, mark)
        for name, visitor in self._found.items():
            if visitor is not None:
                self._found[name] = self._unit.get(Visitor, visitor.id)


class _Names:
    """The names in a crowd: of all, or of those who are in the world."""

    def __init__(self, crowd: _Crowd, there: bool) -> None:
        self._crowd, self._there = crowd, there

    def __contains__(self, name: object) -> bool:
        visitor = self._crowd.called(str(name))
        return visitor is not None and (visitor.there or not self._there)


def _take(
    unit: Unit, before: World, source: str, lines: Sequence[tuple[Reading, bytes, int]]
) -> None:
    """Store lines that are new, and let them change what is known."""
    if not lines:
        return
    world, where, crowd = before, topics.world(before.id), _Crowd(unit, before.id)
    players, online = _Names(crowd, there=False), _Names(crowd, there=True)
    place = unit.one(Source, "name", (world.id, source)) or Source(0, world.id, source)
    newest = -math.inf if place.newest is None else place.newest
    claims = unit.state.count(Claim) > 0
    live = True
    for reading, digest, sequence in lines:
        reading = settled(reading, players, online)
        if reading.at is not None:
            live = reading.at >= unit.now - LATE
        id = unit.new_id(LogLine)
        tags = reading.tags
        crowd.come(reading.player)
        mark = mark_of(reading, id, id, newest)
        if mark is not None:
            newest = max(newest, mark.order)
            world, tells = _marked(crowd, world.heard(reading, unit.now), mark)
            tags = tags if tells else reading.tags_of_twin
        if claims and live and reading.kind is Kind.CHAT:
            proved(unit, username=reading.username, text=reading.chat)
        line = line_of(reading, id, world.id, unit.now, tags, source, sequence)
        unit.file(line, digest, mark)
        unit.say(LineLogged(world.id, line, live), where)
    marked = None if newest == -math.inf else newest
    came = replace(place, sequence=lines[-1][2], newest=marked)
    if came != place:
        unit.put(came if came.id else replace(came, id=unit.new_id(Source)))
    keep_world(unit, before, world)


def _marked(crowd: _Crowd, world: World, mark: Mark) -> tuple[World, bool]:
    """Let somebody, or everybody, come or go; tells whether a visit begins or ends by this very line."""
    if not mark.username:
        crowd.empty(mark)
        if world.emptied is None or mark > world.emptied:
            world = replace(world, emptied=mark)
        return world, True
    visitor = crowd.called(mark.username)
    assert visitor is not None
    after = visitor.seen(mark, world.emptied)
    crowd.put(after)
    if mark.arrival and world.idle is not None:
        world = replace(world, idle=None)
    # Of a time before the newest visit only the history can tell; it puts the tags right.
    late = visitor.latest is not None and mark < visitor.latest.login
    latest = after.latest
    return world, late or (latest is not None and mark in (latest.login, latest.logout))
