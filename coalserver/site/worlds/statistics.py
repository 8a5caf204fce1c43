"""Figures: what a world's history says of one player, in numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from coalserver.core.ports import About, Attendance, History, Lines, Place, Stay, Visits
from coalserver.site.worlds.context import bounded

#: Visits read at once, and at most, for the card of hours.
PIECE, MOST_VISITS = 500, 10_000
#: So far back the card of hours goes.
CARD_SECONDS = 365 * 86400.0
#: A visit that nobody has ended tells nothing after so long.
LONGEST_VISIT = 7 * 86400.0
LEVELS = 4
Card = list[list[float]]


@dataclass(frozen=True, slots=True)
class Cause:
    """What somebody died of, and how often."""

    words: str
    times: int


async def causes(history: History, world: int, username: str) -> list[Cause]:
    """What a player died of, the most frequent first: one for each phrase of the game and who did it."""
    wanted = Lines(world, About.DEATH, username=username)
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for (death, killer, message), times in await history.count(
        wanted, ("death", "killer", "message")
    ):
        # A phrase that the game does not have is a cause of its own.
        key = (death.removesuffix(".item"), killer) if death else (message, "")
        before, words = found.get(key, (0, message))
        # Without what it was done with.
        found[key] = before + times, min(words, message, key=len)
    listed = [Cause(words, times) for times, words in found.values()]
    return sorted(listed, key=lambda cause: (-cause.times, cause.words))


async def counted(history: History, wanted: Lines) -> int:
    return sum(one.lines for one in await history.count(wanted))


def played(attendance: Attendance | None, now: float) -> float:
    """Seconds in a world, with those of the visit that goes on."""
    if attendance is None:
        return 0.0
    there = 0.0 if attendance.there is None else max(0.0, now - attendance.there)
    return attendance.seconds + there


async def stays_since(history: History, world: int, username: str, since: float) -> list[Stay]:
    """The visits of a player since a time, as many as a card takes."""
    found: list[Stay] = []
    after: Place | None = None
    while len(found) < MOST_VISITS:
        wanted = Visits(world, username, since=since, after=after)
        some = await history.visits(wanted, PIECE)
        found += some
        if len(some) < PIECE:
            break
        after = Place(some[-1].visit.login.at, some[-1].id)
    return found


def card_of(stays: Iterable[Stay], zone: tzinfo, now: float) -> Card:
    """Hours spent in a world, by day of the week (Monday first) and hour of the day."""
    card = [[0.0] * 24 for _ in range(7)]
    for stay in stays:
        begin = bounded(stay.visit.login.at)
        ended = now if stay.visit.ended is None else stay.visit.ended
        end = min(bounded(ended), begin + LONGEST_VISIT)
        while begin < end:
            here = datetime.fromtimestamp(begin, zone)
            # By the clock: an hour may begin between whole hours of the world's time.
            left = timedelta(
                minutes=here.minute, seconds=here.second, microseconds=here.microsecond
            )
            until = min(end, begin + 3600.0 - left.total_seconds())
            card[here.weekday()][here.hour] += (until - begin) / 3600
            begin = until if until > begin else end
    return card


def levels(card: Card) -> list[list[int]]:
    """A card in a few shades: 0 is never, the highest is most of all."""
    most = max(max(row) for row in card)
    if not most:
        return [[0] * 24 for _ in range(7)]
    return [
        [0 if not hours else 1 + min(LEVELS - 1, int(hours / most * LEVELS)) for hours in row]
        for row in card
    ]
