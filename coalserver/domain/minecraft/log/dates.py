"""When a line was written: most headers tell no date, and none tells a zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol, Self
from zoneinfo import ZoneInfo

from coalserver.domain.minecraft.log.header import Header

#: A step back inside a file of up to this many seconds is the end of summer time, or a clock put
#: right; a longer one is midnight.
MAX_STEP_BACK_SECONDS = 90 * 60
HALF_DAY_SECONDS = 12 * 60 * 60
#: A sender's clock may be ahead of ours by this much when his midnight comes.
MAX_CLOCK_AHEAD_SECONDS = 30 * 60
#: No zone has one half as long.
MAX_ZONE_NAME_LENGTH = 64
ONE_DAY = timedelta(days=1)
#: No world is older, and no clock shows more; at the ends of the calendar another zone's day is none.
VALID_YEARS = range(1970, 9999)

#: First letters of months as Forge writes them, in its JVM's language; longer ones count first.
MONTHS: tuple[tuple[str, ...], ...] = (
    ("jan", "янв", "ene", "gen", "sty", "oca"),
    ("feb", "fév", "fev", "фев", "lut", "şub"),
    ("mar", "mär", "mrz", "maa", "mrt"),
    ("apr", "avr", "апр", "abr", "kwi", "nis"),
    ("may", "mai", "maj", "mei", "мая", "май", "mag"),
    ("jun", "juin", "июн", "giu", "cze", "haz"),
    ("jul", "juil", "июл", "lug", "lip", "tem"),
    ("aug", "aoû", "aou", "авг", "ago", "sie", "ağu"),
    ("sep", "сен", "set", "wrz", "eyl"),
    ("oct", "okt", "ott", "окт", "out", "paź", "eki"),
    ("nov", "ноя", "lis", "kas"),
    ("dec", "dez", "déc", "дек", "dic", "gru", "ara"),
)
_MONTH_NUMBERS = {start: number for number, starts in enumerate(MONTHS, 1) for start in starts}


def find_zone(name: str) -> ZoneInfo | None:
    """The zone, or none of that name."""
    return _zone(name) if len(name) <= MAX_ZONE_NAME_LENGTH else None


@lru_cache(256)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    # Besides the name that is not there: a folder's, one with odd characters, one that is too long.
    except (KeyError, ValueError, OSError):
        return None


def zone_or_utc(name: str) -> str:
    """The name of a zone that there is; UTC instead of any other."""
    return name if find_zone(name) else "UTC"


@lru_cache(4096)
def utc_timestamp(zone: str, day: date, minute: int) -> float:
    """When it is that minute of the day there.

    An hour that comes twice is the second one, and one that is left out is counted as before: standard time.
    """
    local_zone = find_zone(zone) or UTC
    local_time = datetime(
        day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=local_zone
    )
    offsets = [
        moment.utcoffset() or timedelta() for moment in (local_time, local_time.replace(fold=1))
    ]
    naive = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 60 * minute
    return naive - min(offsets).total_seconds()


@lru_cache(1024)
def parse_day(text: str) -> date | None:
    """The day a header names: `2013-04-19`, or `25Sep2026` in any of some languages."""
    try:
        if text[4:5] == "-":
            day = date.fromisoformat(text)
        else:
            day = date(int(text[-4:]), _parse_month(text[2:-4]), int(text[:2]))
    except ValueError:
        return None
    return day if day.year in VALID_YEARS else None


def _parse_month(text: str) -> int:
    """The number of a month; 0, which is none, for a word not known here."""
    number = text.rstrip("월月.")
    if number.isdecimal():
        return int(number)
    word = text.casefold()
    return _MONTH_NUMBERS.get(word[:4]) or _MONTH_NUMBERS.get(word[:3], 0)


class DateSource(Protocol):
    """Gives a day to lines that tell only the time."""

    @property
    def zone(self) -> str: ...

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """The day of a line written at that second of it, and the calendar for the next line."""


@dataclass(frozen=True, slots=True)
class NoDates:
    """Nothing is known of the day: such lines get no timestamp."""

    zone: str = "UTC"

    def day_of(self, second: int) -> tuple[date | None, Self]:
        return None, self


@dataclass(frozen=True, slots=True)
class LiveDates:
    """Lines that were written just now."""

    zone: str
    day: date
    second: int

    @classmethod
    def from_time(cls, now: float, zone: str) -> Self:
        """The calendar of what is received at this time from that zone."""
        zone = zone_or_utc(zone)
        local_time = datetime.fromtimestamp(now, find_zone(zone) or UTC)
        second = local_time.hour * 3600 + local_time.minute * 60 + local_time.second
        return cls(zone, local_time.date(), second)

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Today; yesterday, if that were half a day ahead, as a line of before midnight is."""
        ahead = second - self.second
        if ahead > HALF_DAY_SECONDS:
            return self.day - ONE_DAY, self
        if ahead < MAX_CLOCK_AHEAD_SECONDS - 24 * 60 * 60:
            return self.day + ONE_DAY, self
        return self.day, self


@dataclass(frozen=True, slots=True)
class FileDates:
    """Lines of a file, one after another: `day` is its first line's, later its last one's so far."""

    zone: str
    day: date
    #: Second of the day of the line before; that of the first is not before any other.
    second: int = 0

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """The day of the line before, or the next one where the time steps back far."""
        day = self.day
        if second < self.second - MAX_STEP_BACK_SECONDS and day < date.max:
            day += ONE_DAY
        # Not by `replace`, which takes longer than all the rest of this.
        return day, type(self)(self.zone, day, second)


def first_day(seconds: Iterable[int], last: date) -> date:
    """The day of a file's first line, from the times of its lines and the day of its last one.

    For `latest.log`, which has no date in its name: its modification time dates the last line.
    """
    dates = FileDates("UTC", date.min)
    for second in seconds:
        dates = dates.day_of(second)[1]
    elapsed = dates.day - date.min
    return last - elapsed if last - date.min >= elapsed else date.min


def file_dates(name: str, zone: str) -> FileDates | None:
    """The calendar of `2026-09-25-3.log.gz`; none for a name without a date."""
    day = parse_day(name[:10]) if name[10:11] in ("-", ".") else None
    return FileDates(zone_or_utc(zone), day) if day else None


def resolve_time(header: Header, dates: DateSource) -> tuple[date | None, float | None, DateSource]:
    """The day of a line there, its time in UTC if there is such a time, and the calendar for the next."""
    hour, minute, second = map(int, header.clock)
    if hour > 23 or minute > 59 or second > 59:
        return None, None, dates
    minute += 60 * hour
    day = parse_day(header.day) if header.day else None
    if day is None:
        # A month in a language not known here is no worse than no date.
        if header.day[4:5] == "-":
            return None, None, dates
        day, dates = dates.day_of(60 * minute + second)
        if day is None:
            return None, None, dates
    zone = "UTC" if header.offset else dates.zone
    at = utc_timestamp(zone, day, minute) + second - _offset_seconds(header.offset)
    if header.fraction:
        at += float(f".{header.fraction}")
    return day, at, dates


def _offset_seconds(offset: str) -> int:
    """Seconds that clocks are ahead of UTC: 7200 for `+02:00`."""
    if offset in ("", "Z"):
        return 0
    seconds = 3600 * int(offset[1:3]) + 60 * int(offset[-2:])
    return -seconds if offset[0] == "-" else seconds
