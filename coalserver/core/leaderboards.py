"""Leaderboards: the players of a game ordered by fields of their data, updated as the data changes.

Larger numbers come first; missing values and values that are not numbers come last; of equal players
the older one comes first. So every player has a rank of their own: the number of players before them.
A player who is banned from the game is not ranked while the ban is active.
"""

import asyncio
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import islice
from math import inf
from operator import itemgetter
from typing import Any

from sortedcontainers import SortedList

from coalserver.core.queries.admin import find_active_ban
from coalserver.core.queries.players import players_of_game
from coalserver.core.state import State
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.play.player import Ban, Player

#: Leaderboards kept for one game; the least recently used one is dropped.
MAX_LEADERBOARDS = 16
#: Players added between two pauses: about a millisecond, during which the event loop is blocked.
CHUNK_SIZE = 128
#: Seconds that the worker pauses. As short as the system allows: releasing the GIL is what matters.
YIELD_SECONDS = 0.000_05
#: Seconds after which a client may retry when too many leaderboards are being built.
RETRY_AFTER = 10

#: Dotted names of the fields to order by, the most important first.
Fields = tuple[str, ...]
Scalar = str | int | float | bool | None
#: Dotted names, each once, and the values that players must have there.
Filters = tuple[tuple[str, Scalar], ...]
_decode = json.JSONDecoder().raw_decode
_Path = tuple[str, ...]
#: A number for each field, negated, and the player's id.
_SortKey = tuple[float, ...]
#: Identifies a leaderboard of a game. The flag is there because True equals 1 as a dictionary key.
_CacheKey = tuple[Fields, tuple[tuple[str, bool, Scalar], ...]]


class Leaderboard:
    """One order of a game's players. Takes about 150 bytes a player."""

    def __init__(self, fields: Fields, where: Filters = ()) -> None:
        self._fields: tuple[_Path, ...] = tuple(tuple(name.split(".")) for name in fields)
        self._where = tuple((tuple(name.split(".")), wanted) for name, wanted in where)
        self._order: SortedList[_SortKey] = SortedList()
        self._sort_keys: dict[int, _SortKey] = {}

    def __len__(self) -> int:
        return len(self._order)

    def update_player(self, player: int, data: Any) -> None:
        """Set a player's data: a parsed document, or None for a deleted player."""
        sort_key = self._sort_key(player, data)
        previous = self._sort_keys.get(player)
        if sort_key == previous:
            return
        if previous is not None:
            self._order.remove(previous)
        if sort_key is None:
            del self._sort_keys[player]
        else:
            self._order.add(sort_key)
            self._sort_keys[player] = sort_key

    def rank_of(self, player: int) -> int | None:
        """Return the number of players before this one; None if the player is not ranked."""
        sort_key = self._sort_keys.get(player)
        return None if sort_key is None else self._order.bisect_left(sort_key)

    def players(self, start: int, count: int) -> list[int]:
        """Return ids of players from a rank on. Ranks count from 0."""
        return [place[-1] for place in self._order.islice(start, start + count)]

    def _sort_key(self, player: int, data: Any) -> _SortKey | None:
        if data is None or not all(
            _json_equal(_value_at(data, path), one) for path, one in self._where
        ):
            return None
        return (*[_descending(_value_at(data, path)) for path in self._fields], player)


@dataclass(slots=True, eq=False)
class _Build:
    """A leaderboard that is being built, with the players whose data has changed since it began."""

    changed: dict[int, None] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    done: "asyncio.Task[Leaderboard] | None" = None


class Leaderboards:
    """The leaderboards that were requested lately, by game, fields and filters."""

    def __init__(self, state: State, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        #: When bans expire, with the game and the player: a heap.
        self._ban_expiries: list[tuple[float, str, int]] = []
        self._cache: dict[str, OrderedDict[_CacheKey, Leaderboard]] = {}
        self._building: dict[str, dict[_CacheKey, _Build]] = {}
        # One at a time: several workers would use up the pauses that each leaves to the event loop.
        self._lock = asyncio.Lock()
        state.watch(Player, self._on_player_change)
        state.watch(Ban, self._on_ban_change)
        for ban in state.all(Ban):
            self._on_ban_change(None, ban)

    async def get(self, game: str, fields: Fields, where: Filters = ()) -> Leaderboard:
        """Return the leaderboard of a game, and build it on first use.

        A cancelled caller does not cancel the build. Raises RATE_LIMITED while too many are built.
        """
        self._readmit_players()
        filters = sorted(where, key=itemgetter(0))
        cache_key = (fields, tuple((at, type(wanted) is bool, wanted) for at, wanted in filters))
        cached = self._cache.get(game)
        if cached is not None and cache_key in cached:
            cached.move_to_end(cache_key)
            return cached[cache_key]
        waiting = self._building.setdefault(game, {})
        building = waiting.get(cache_key)
        if building is None:
            if len(waiting) >= MAX_LEADERBOARDS:
                raise DomainError(
                    ErrorCode.RATE_LIMITED, subject="leaderboard", retry_after=RETRY_AFTER
                )
            building = waiting[cache_key] = _Build()
            build = self._build(game, cache_key, Leaderboard(fields, where), building)
            building.done = asyncio.create_task(build)
        assert building.done is not None
        return await asyncio.shield(building.done)

    async def _build(
        self, game: str, cache_key: _CacheKey, leaderboard: Leaderboard, building: _Build
    ) -> Leaderboard:
        try:
            async with self._lock:
                building.changed.clear()
                _, pieces = players_of_game(self._state, game=game, size=CHUNK_SIZE)
                await asyncio.to_thread(fill, leaderboard, pieces, building.cancelled)
                bans = (ban for ban in self._state.all(Ban) if ban.game == game)
                building.changed.update(dict.fromkeys(ban.player for ban in bans))
                while building.changed:
                    for id in list(islice(building.changed, CHUNK_SIZE)):
                        del building.changed[id]
                        leaderboard.update_player(id, self._ranked_data(game, id))
                    await asyncio.sleep(0)
        finally:
            building.cancelled.set()
            del self._building[game][cache_key]
        cached = self._cache.setdefault(game, OrderedDict())
        cached[cache_key] = leaderboard
        if len(cached) > MAX_LEADERBOARDS:
            cached.popitem(last=False)
        return leaderboard

    def _on_player_change(self, before: Player | None, after: Player | None) -> None:
        """Update the leaderboards after a player was created, changed or deleted."""
        player = after or before
        if player is None or (before and after and before.data == after.data):
            return
        self._update_player(player.game, player.id)

    def _on_ban_change(self, before: Ban | None, after: Ban | None) -> None:
        """Update the leaderboards after a player was banned or a ban was removed."""
        ban = after or before
        if ban is None:
            return
        if after is not None and after.until is not None:
            heappush(self._ban_expiries, (after.until, after.game, after.player))
        self._update_player(ban.game, ban.player)

    def _readmit_players(self) -> None:
        """Rank the players whose bans have expired since the last call."""
        while self._ban_expiries and self._ban_expiries[0][0] <= self._clock():
            _, game, player_id = heappop(self._ban_expiries)
            self._update_player(game, player_id)

    def _update_player(self, game: str, player_id: int) -> None:
        for building in self._building.get(game, {}).values():
            building.changed[player_id] = None
        cached = self._cache.get(game)
        if cached:
            data = self._ranked_data(game, player_id)
            for leaderboard in cached.values():
                leaderboard.update_player(player_id, data)

    def _ranked_data(self, game: str, player_id: int) -> Any:
        """Return the data of a player of a game, or None for one who is deleted, banned or of no game."""
        player = self._state.get(Player, player_id)
        if player is None or player.game != game:
            return None
        now = self._clock()
        if find_active_ban(self._state, game=game, player=player_id, now=now) is not None:
            return None
        return _data(player)


def fill(
    leaderboard: Leaderboard, pieces: Iterable[list[Player]], cancelled: threading.Event
) -> None:
    """Add players, in a worker thread, with a pause for the event loop after every piece."""
    for players in pieces:
        for player in players:
            leaderboard.update_player(player.id, _data(player))
        if cancelled.wait(YIELD_SECONDS):
            return


def _data(player: Player | None) -> Any:
    return None if player is None else _decode(player.data.decode())[0]


def _value_at(data: Any, path: _Path) -> Any:
    """Return the value of a document at a path, or None."""
    for name in path:
        if type(data) is not dict:
            return None
        data = data.get(name)
    return data


def _descending(value: Any) -> float:
    return -value if type(value) in (int, float) else inf


def _json_equal(value: Any, wanted: Scalar) -> bool:
    """Return whether two values are equal as JSON: true is not 1, and 1 is 1.0."""
    return value == wanted and isinstance(value, bool) is isinstance(wanted, bool)
