"""Dates of log lines: most headers have no date, and hardly any has a UTC offset."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Protocol, Self
from zoneinfo import ZoneInfo

from coalserver.domain.minecraft.log.header import Header

#: A step back inside a file of up to this many seconds is the end of summer time or a corrected
#: clock; a longer one is midnight.
MAX_STEP_BACK_SECONDS = 90 * 60
HALF_DAY_SECONDS = 12 * 60 * 60
#: Allowance for a sender's clock that runs ahead, around midnight.
MAX_CLOCK_AHEAD_SECONDS = 30 * 60
#: About twice the length of the longest IANA name.
MAX_ZONE_NAME_LENGTH = 64
ONE_DAY = timedelta(days=1)
#: Excludes the ends of the calendar, where conversion between zones overflows.
VALID_YEARS = range(1970, 9999)

#: Prefixes of month names as Forge writes them, in its JVM's language. Longer prefixes are tried first.
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
    """Return the time zone with an IANA name, or None."""
    return _zone(name) if len(name) <= MAX_ZONE_NAME_LENGTH else None


@lru_cache(256)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    # KeyError: unknown. The others: names of directories, invalid characters, too long for a path.
    except (KeyError, ValueError, OSError):
        return None


def zone_or_utc(name: str) -> str:
    """Return the name if it is that of a time zone, otherwise "UTC"."""
    return name if find_zone(name) else "UTC"


@lru_cache(4096)
def utc_timestamp(zone: str, day: date, minute: int) -> float:
    """Return the UTC timestamp of a minute of a day in a zone.

    Standard time applies to an ambiguous hour and to a skipped one at changes of summer time.
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
    """Return the day in a header (`2013-04-19`, or `25Sep2026` in some languages), or None."""
    try:
        if text[4:5] == "-":
            day = date.fromisoformat(text)
        else:
            day = date(int(text[-4:]), _parse_month(text[2:-4]), int(text[:2]))
    except ValueError:
        return None
    return day if day.year in VALID_YEARS else None


def _parse_month(text: str) -> int:
    """Return the number of a month; 0, which no date accepts, for an unknown word."""
    number = text.rstrip("월月.")
    if number.isdecimal():
        return int(number)
    word = text.casefold()
    return _MONTH_NUMBERS.get(word[:4]) or _MONTH_NUMBERS.get(word[:3], 0)


class DateSource(Protocol):
    """A strategy that determines the day of lines without a date."""

    @property
    def zone(self) -> str:
        """The IANA name of the zone in which the lines are written."""

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return the day of a line written at this second of the day, or None.

        The second value is the date source for the next line.
        """


@dataclass(frozen=True, slots=True)
class NoDates:
    """A date source for lines of unknown days, which get no timestamp."""

    zone: str = "UTC"

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return None as the day."""
        return None, self


@dataclass(frozen=True, slots=True)
class LiveDates:
    """A date source for lines that were written just before they were received."""

    zone: str
    day: date
    second: int

    @classmethod
    def from_time(cls, now: float, zone: str) -> Self:
        """Return the date source for lines received at this time, written in a zone."""
        known = find_zone(zone)
        local_time = datetime.fromtimestamp(now, known or UTC)
        second = local_time.hour * 3600 + local_time.minute * 60 + local_time.second
        return cls(zone if known else "UTC", local_time.date(), second)

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return the current day, or the day before or after for a time across midnight."""
        ahead = second - self.second
        if ahead > HALF_DAY_SECONDS:
            return self.day - ONE_DAY, self
        if ahead < MAX_CLOCK_AHEAD_SECONDS - 24 * 60 * 60:
            return self.day + ONE_DAY, self
        return self.day, self


@dataclass(frozen=True, slots=True)
class FileDates:
    """A date source for consecutive lines of a file, which starts with the day of its first line."""

    zone: str
    #: The day of the previous line.
    day: date
    #: Second of the day of the previous line; 0 before the first.
    second: int = 0

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return the day of the previous line, or the next day after a step back in time."""
        day = self.day
        if second < self.second - MAX_STEP_BACK_SECONDS and day < date.max:
            day += ONE_DAY
        # `replace` takes longer than the rest of this method.
        return day, type(self)(self.zone, day, second)


def first_day(seconds: Iterable[int], last: date) -> date:
    """Return the day of a file's first line, given the times of its lines and its last day.

    For `latest.log`, whose name has no date: its modification time is that of the last line.
    """
    dates = FileDates("UTC", date.min)
    for second in seconds:
        dates = dates.day_of(second)[1]
    elapsed = dates.day - date.min
    return last - elapsed if last - date.min >= elapsed else date.min


def file_dates(name: str, zone: str) -> FileDates | None:
    """Return the date source of a file such as `2026-09-25-3.log.gz`; None without a date."""
    day = parse_day(name[:10]) if name[10:11] in ("-", ".") else None
    return FileDates(zone_or_utc(zone), day) if day else None


def resolve_time(header: Header, dates: DateSource) -> tuple[date | None, float | None, DateSource]:
    """Return the day of a line, its UTC timestamp, and the date source for the next line.

    Day and timestamp are None if they are unknown or impossible.
    """
    hour, minute, second = map(int, header.clock)
    if hour > 23 or minute > 59 or second > 59:
        return None, None, dates
    minute += 60 * hour
    day = parse_day(header.day) if header.day else None
    if day is None:
        # A month name in an unknown language counts as no date.
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
    """Return the seconds of a UTC offset: 7200 for `+02:00`."""
    if offset in ("", "Z"):
        return 0
    seconds = 3600 * int(offset[1:3]) + 60 * int(offset[-2:])
    return -seconds if offset[0] == "-" else seconds
