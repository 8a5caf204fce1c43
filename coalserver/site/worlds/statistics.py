"""Figures: what a world's history says of one player, in numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from coalserver.core.ports import (
    History,
    LineCategory,
    LineQuery,
    PageKey,
    PlaytimeStats,
    StoredVisit,
    VisitQuery,
)
from coalserver.site.worlds.context import clamp_time

#: Visits read at once, and at most, for the card of hours.
CHUNK_SIZE, MAX_VISITS = 500, 10_000
#: So far back the card of hours goes.
HOURS_PERIOD_SECONDS = 365 * 86400.0
#: A visit that nobody has ended tells nothing after so long.
MAX_VISIT_SECONDS = 7 * 86400.0
SHADE_LEVELS = 4
HourTable = list[list[float]]


@dataclass(frozen=True, slots=True)
class DeathCause:
    """What somebody died of, and how often."""

    message: str
    count: int


async def death_causes(history: History, world: int, username: str) -> list[DeathCause]:
    """What a player died of, the most frequent first: one for each phrase of the game and who did it."""
    query = LineQuery(world, LineCategory.DEATH, username=username)
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for (death, killer, message), times in await history.count_lines(
        query, ("death", "killer", "message")
    ):
        # A phrase that the game does not have is a cause of its own.
        key = (death.removesuffix(".item"), killer) if death else (message, "")
        previous, shortest = found.get(key, (0, message))
        # Without what it was done with.
        found[key] = previous + times, min(shortest, message, key=len)
    result = [DeathCause(words, times) for times, words in found.values()]
    return sorted(result, key=lambda cause: (-cause.count, cause.message))


async def count_lines(history: History, query: LineQuery) -> int:
    return sum(group.lines for group in await history.count_lines(query))


def seconds_played(attendance: PlaytimeStats | None, now: float) -> float:
    """Seconds in a world, with those of the visit that goes on."""
    if attendance is None:
        return 0.0
    current = 0.0 if attendance.online_since is None else max(0.0, now - attendance.online_since)
    return attendance.seconds + current


async def visits_since(
    history: History, world: int, username: str, since: float
) -> list[StoredVisit]:
    """The visits of a player since a time, as many as a card takes."""
    found: list[StoredVisit] = []
    after: PageKey | None = None
    while len(found) < MAX_VISITS:
        query = VisitQuery(world, username, since=since, after=after)
        chunk = await history.visits(query, CHUNK_SIZE)
        found += chunk
        if len(chunk) < CHUNK_SIZE:
            break
        after = PageKey(chunk[-1].visit.login.at, chunk[-1].id)
    return found


def hours_by_weekday(visits: Iterable[StoredVisit], zone: tzinfo, now: float) -> HourTable:
    """Hours spent in a world, by day of the week (Monday first) and hour of the day."""
    hours = [[0.0] * 24 for _ in range(7)]
    for stored in visits:
        begin = clamp_time(stored.visit.login.at)
        ended = now if stored.visit.ended_at is None else stored.visit.ended_at
        end = min(clamp_time(ended), begin + MAX_VISIT_SECONDS)
        while begin < end:
            local_time = datetime.fromtimestamp(begin, zone)
            # By the clock: an hour may begin between whole hours of the world's time.
            elapsed = timedelta(
                minutes=local_time.minute,
                seconds=local_time.second,
                microseconds=local_time.microsecond,
            )
            until = min(end, begin + 3600.0 - elapsed.total_seconds())
            hours[local_time.weekday()][local_time.hour] += (until - begin) / 3600
            begin = until if until > begin else end
    return hours


def shade_table(table: HourTable) -> list[list[int]]:
    """A card in a few shades: 0 is never, the highest is most of all."""
    maximum = max(max(row) for row in table)
    if not maximum:
        return [[0] * 24 for _ in range(7)]
    return [
        [
            0 if not hours else 1 + min(SHADE_LEVELS - 1, int(hours / maximum * SHADE_LEVELS))
            for hours in row
        ]
        for row in table
    ]
