"""Rankings: the players of a game in order of fields of their data, kept true as the data changes.

Larger numbers come first; what is missing or no number comes last; among equals the older player
comes first. So every player has a rank of his own, and it says how many are before him.
"""

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from operator import itemgetter
from typing import Any

from sortedcontainers import SortedList

from coalserver.core.state import State
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.play.player import Player

#: Rankings kept of one game; the one that nobody has asked for longest goes first.
MOST = 16
#: Players taken in between two breaths: about a millisecond, in which the loop stands still.
PIECE = 128
#: Seconds a worker leaves to the loop. As short as the system knows: only the letting go matters.
BREATH = 0.000_05
#: Seconds after which one may ask again for what too many are waiting for.
AGAIN = 10

#: Dotted names of what is compared, the most important first.
Fields = tuple[str, ...]
Plain = str | int | float | bool | None
#: Dotted names, each once, and what must be there.
Where = tuple[tuple[str, Plain], ...]
_read = json.JSONDecoder().raw_decode
_Path = tuple[str, ...]
#: A number for each field, negated, and the player's id.
_Place = tuple[float, ...]
#: What tells one ranking of a game from another. As a key of a dictionary true alone would be 1.
_Name = tuple[Fields, tuple[tuple[str, bool, Plain], ...]]


class Ranking:
    """One order of a game's players. Costs about 150 bytes a player."""

    def __init__(self, fields: Fields, where: Where = ()) -> None:
        self._fields: tuple[_Path, ...] = tuple(tuple(name.split(".")) for name in fields)
        self._where = tuple((tuple(name.split(".")), wanted) for name, wanted in where)
        self._order: SortedList[_Place] = SortedList()
        self._places: dict[int, _Place] = {}

    def __len__(self) -> int:
        return len(self._order)

    def put(self, player: int, data: Any) -> None:
        """This is the player's data from now on: a document, or None for one who is no more."""
        place = self._place(player, data)
        before = self._places.get(player)
        if place == before:
            return
        if before is not None:
            self._order.remove(before)
        if place is None:
            del self._places[player]
        else:
            self._order.add(place)
            self._places[player] = place

    def before(self, player: int) -> int | None:
        """How many are before this player; None where he is not in the ranking."""
        place = self._places.get(player)
        return None if place is None else self._order.bisect_left(place)

    def players(self, start: int, count: int) -> list[int]:
        """Ids from this place on, the first place being 0."""
        return [place[-1] for place in self._order.islice(start, start + count)]

    def _place(self, player: int, data: Any) -> _Place | None:
        if data is None or not all(_same(_at(data, path), one) for path, one in self._where):
            return None
        return (*[_descending(_at(data, path)) for path in self._fields], player)


@dataclass(slots=True, eq=False)
class _Building:
    """A ranking that is being made, and whose data has changed since that began."""

    late: dict[int, None] = field(default_factory=dict)
    given_up: threading.Event = field(default_factory=threading.Event)
    done: "asyncio.Task[Ranking] | None" = None


class Rankings:
    """The rankings somebody has asked for of late, by game, fields and filters."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._kept: dict[str, OrderedDict[_Name, Ranking]] = {}
        self._building: dict[str, dict[_Name, _Building]] = {}
        # One at a time, or each would take what the others leave to the loop.
        self._turn = asyncio.Lock()
        state.watch(Player, self._changed)

    async def ranking(self, game: str, fields: Fields, where: Where = ()) -> Ranking:
        """This order of a game's players. The first who asks has it made, and waits for it.

        Whoever gives up waiting stops nothing: the next one finds it further on, or made.
        """
        filters = sorted(where, key=itemgetter(0))
        name = (fields, tuple((at, type(wanted) is bool, wanted) for at, wanted in filters))
        kept = self._kept.get(game)
        if kept is not None and name in kept:
            kept.move_to_end(name)
            return kept[name]
        waiting = self._building.setdefault(game, {})
        building = waiting.get(name)
        if building is None:
            if len(waiting) >= MOST:
                raise Refusal(Why.RATE_LIMITED, what="ranking", wait=AGAIN)
            building = waiting[name] = _Building()
            making = self._made(game, name, Ranking(fields, where), building)
            building.done = asyncio.create_task(making)
        assert building.done is not None
        return await asyncio.shield(building.done)

    async def _made(self, game: str, name: _Name, ranking: Ranking, building: _Building) -> Ranking:
        try:
            async with self._turn:
                building.late.clear()
                ids = list(self._state.ids(Player, "game", game))
                await asyncio.to_thread(fill, ranking, self._state, ids, building.given_up)
                while building.late:
                    for id in list(islice(building.late, PIECE)):
                        del building.late[id]
                        ranking.put(id, _data(self._state.get(Player, id)))
                    await asyncio.sleep(0)
        finally:
            building.given_up.set()
            del self._building[game][name]
        kept = self._kept.setdefault(game, OrderedDict())
        kept[name] = ranking
        if len(kept) > MOST:
            kept.popitem(last=False)
        return ranking

    def _changed(self, before: Player | None, after: Player | None) -> None:
        """A player was made, has other data, or is no more. Costs nothing where nobody ranks."""
        player = after or before
        if player is None or (before and after and before.data == after.data):
            return
        for building in self._building.get(player.game, {}).values():
            building.late[player.id] = None
        kept = self._kept.get(player.game)
        if kept:
            data = _data(after)
            for ranking in kept.values():
                ranking.put(player.id, data)


def fill(ranking: Ranking, state: State, ids: Sequence[int], given_up: threading.Event) -> None:
    """Take in these players: a worker's task, that lets the loop go on after every piece."""
    for start in range(0, len(ids), PIECE):
        for id in ids[start : start + PIECE]:
            ranking.put(id, _data(state.get(Player, id)))
        if given_up.wait(BREATH):
            return


def _data(player: Player | None) -> Any:
    return None if player is None else _read(player.data.decode())[0]


def _at(data: Any, path: _Path) -> Any:
    """What a document has under a path; None where there is nothing."""
    for name in path:
        if type(data) is not dict:
            return None
        data = data.get(name)
    return data


def _descending(value: Any) -> float:
    return -value if type(value) in (int, float) else inf


def _same(value: Any, wanted: Plain) -> bool:
    """Equal as JSON: true is not 1, and 1 is 1.0."""
    return value == wanted and isinstance(value, bool) is isinstance(wanted, bool)
