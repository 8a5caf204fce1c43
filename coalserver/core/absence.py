"""Absence: silent players are marked away, and their seats are freed when their grace is over."""

import asyncio
from collections.abc import Awaitable, Callable

from coalserver.core.commands.presence import mark_away, release_away_seats
from coalserver.core.due_times import DueTimes
from coalserver.core.engine import Core
from coalserver.core.presence import LOOK_SECONDS
from coalserver.core.queries.rooms import is_seated, next_release, short_grace_seats
from coalserver.domain.play.room import Room

#: Players, and rooms, that are looked at between two pauses: less than a millisecond, without the commands.
CHUNK_SIZE = 50
ROOMS_CHUNK_SIZE = 1000
#: Seconds between two looks at an away player's seats at most: a seat may be taken for them meanwhile.
MAX_LOOK_SECONDS = 10.0

#: Awaits a function of some arguments, and logs a failure.
Guard = Callable[..., Awaitable[None]]


class Absence:
    """Looks at players when they may have been silent for too long; each is handled by itself through `guard`."""

    def __init__(self, core: Core, away_after: float, guard: Guard) -> None:
        self._core = core
        self._away_after = away_after
        self._guard = guard
        #: Rooms with a source of truth: their grace is shorter than that of other rooms. By the steady clock.
        self._short_graces = DueTimes(core.state, Room, self._short_grace_due, bucket_seconds=1)

    def restart(self) -> None:
        """Read all times anew, after a step of the clock."""
        self._short_graces.clear()

    async def run_once(self, now: float) -> None:
        """Handle the players that are due at this steady time, some of them between two pauses."""
        presence, guard = self._core.presence, self._guard
        while presence.is_silent(now, self._away_after):
            for player in presence.expire(now, self._away_after, limit=CHUNK_SIZE):
                await guard(self._mark_away, player)
            await asyncio.sleep(0)
        while players := presence.take_pending(now, CHUNK_SIZE):
            for player in players:
                await guard(self._free_seats, player)
            await asyncio.sleep(0)
        rooms = self._short_graces
        while rooms.read(now, ROOMS_CHUNK_SIZE):
            await asyncio.sleep(0)
        taken = rooms.take(now)
        for start in range(0, len(taken), CHUNK_SIZE):
            ids = taken[start : start + CHUNK_SIZE]
            for id in ids:
                await guard(self._free_short_graces, id, now)
            rooms.put(ids, now)
            await asyncio.sleep(0)

    async def _mark_away(self, player: int) -> None:
        if not self._core.presence.away(player):
            # The player was active again while others were marked.
            return
        if self._core.query(is_seated, player=player):
            await self._core.execute(mark_away, player_id=player)
        else:
            self._core.presence.unwatch(player)

    async def _free_seats(self, player: int) -> None:
        core, presence = self._core, self._core.presence
        # By the steady clock, relative to the time of the command.
        now = core.clocks.steady()
        silent_seconds = now - presence.last_seen_at(player)
        last = core.now - silent_seconds
        waiting = await core.execute(release_away_seats, player_id=player, last_seen=last)
        if not core.query(is_seated, player=player):
            presence.unwatch(player)
        elif not waiting:
            presence.stop_pending(player)
        elif presence.is_pending(player):
            due = core.query(
                next_release,
                player=player,
                silent=silent_seconds,
                handover_after=core.context.limits.handover_after,
            )
            wait = min(max(due - silent_seconds, LOOK_SECONDS), MAX_LOOK_SECONDS)
            presence.look_at(player, now + wait)

    async def _free_short_graces(self, room: int, now: float) -> None:
        for player, grace in self._core.query(short_grace_seats, room=room):
            if not self._core.presence.online(player, now, grace):
                await self._free_seats(player)

    def _short_grace_due(self, room: Room, now: float) -> float | None:
        """Return a time before which no member of a room with a source of truth has been silent for too long."""
        grace = room.roster.grace
        if not room.authority or room.ended or grace is None:
            return None
        # That of a member who is present by a connection: they can be silent for the grace from now on.
        presence = self._core.presence
        due: float = now + grace / 2
        for player in room.roster:
            silent_at = presence.last_seen_at(player) + grace
            if silent_at > now or not presence.online(player, now, grace):
                due = min(due, max(silent_at, now + LOOK_SECONDS))
        return due
