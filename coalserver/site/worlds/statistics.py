"""Statistics of a player in a world: play time, hours played and causes of death."""

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
from coalserver.web.pages.clock import clamp_time

#: Visits per query and in total for the table of hours.
CHUNK_SIZE, MAX_VISITS = 500, 10_000
#: The period of the table of hours.
HOURS_PERIOD_SECONDS = 365 * 86400.0
#: The log lacks the end of a longer visit: the rest of it does not count.
MAX_VISIT_SECONDS = 7 * 86400.0
SHADE_LEVELS = 4
HourTable = list[list[float]]


@dataclass(frozen=True, slots=True)
class DeathCause:
    """A cause of death as a message of the game, with its count."""

    message: str
    count: int


async def death_causes(history: History, world: int, username: str) -> list[DeathCause]:
    """Return a player's causes of death, the most frequent first.

    A cause is a death message of the game with its killer; the weapon makes no difference.
    """
    query = LineQuery(world, LineCategory.DEATH, username=username)
    causes: dict[tuple[str, str], tuple[int, str]] = {}
    for (death, killer, message), count in await history.count_lines(
        query, ("death", "killer", "message")
    ):
        # Messages that the parser does not know are separate causes.
        key = (death.removesuffix(".item"), killer) if death else (message, "")
        previous, shortest = causes.get(key, (0, message))
        # The shortest message is the one without the weapon.
        causes[key] = previous + count, min(shortest, message, key=len)
    result = [DeathCause(text, count) for count, text in causes.values()]
    return sorted(result, key=lambda cause: (-cause.count, cause.message))


async def count_lines(history: History, query: LineQuery) -> int:
    """Return the number of lines that match a query."""
    return sum(group.lines for group in await history.count_lines(query))


def seconds_played(stats: PlaytimeStats | None, now: float) -> float:
    """Return the seconds played in a world, including the current visit."""
    if stats is None:
        return 0.0
    current = 0.0 if stats.online_since is None else max(0.0, now - stats.online_since)
    return stats.seconds + current


async def visits_since(
    history: History, world: int, username: str, since: float
) -> list[StoredVisit]:
    """Return the visits of a player since a time, at most MAX_VISITS."""
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
    """Return the hours played by weekday (Monday first) and hour of the day, in a time zone."""
    hours = [[0.0] * 24 for _ in range(7)]
    for stored in visits:
        begin = clamp_time(stored.visit.login.at)
        ended = now if stored.visit.ended_at is None else stored.visit.ended_at
        end = min(clamp_time(ended), begin + MAX_VISIT_SECONDS)
        while begin < end:
            local_time = datetime.fromtimestamp(begin, zone)
            # In zones with an offset such as 5:30, hours do not begin with those of UTC.
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
    """Return the shade of each cell: 0 for none, SHADE_LEVELS for the largest value."""
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
