"""Dates of log lines: most headers have no date, and hardly any has a UTC offset."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol, Self
from zoneinfo import ZoneInfo

from coalserver.domain.minecraft.log.header import Header, half_of_day, parse_header
from coalserver.domain.minecraft.log.tables import rows, word_key

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

#: The step back of a clock at the end of summer time is longer; a shorter one is two threads that
#: write at once.
MAX_DISORDER_SECONDS = 60
#: A time further in the future has not come yet: of an hour that comes twice, it is the first.
MAX_FUTURE_SECONDS = 5 * 60.0
#: A Buddhist calendar is this many years ahead; Java uses one in Thai.
BUDDHIST_YEARS = 543
BUDDHIST_CENTURIES = range(2400, 2700)

#: Months by their short names in any language. Of names with several months, the most widely
#: spoken language's is the first.
_MONTHS = {name: tuple(map(int, numbers.split())) for name, numbers in rows("months.txt")}
_NAMED_DAY = re.compile(r"([0-9]{2}|[0-9](?![0-9]))(.*[^0-9].*?)([0-9]{4})", re.DOTALL)
#: Hours of a clock, and its minutes and seconds, by their digits.
_HOURS = {text: hour for hour in range(24) for text in (f"{hour}", f"{hour:02}")}
_SIXTIETHS = {f"{number:02}": number for number in range(60)}
_NUMERIC_DAY = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{1,4})")


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


def utc_timestamp(zone: str, day: date, minute: int) -> float:
    """Return the UTC timestamp of a minute of a day in a zone.

    Standard time applies to an ambiguous hour and to a skipped one at changes of summer time.
    """
    return utc_timestamps(zone, day, minute)[1]


@lru_cache(4096)
def utc_timestamps(zone: str, day: date, minute: int) -> tuple[float, float]:
    """Return the two UTC timestamps of a minute that comes twice; otherwise they are equal."""
    local_zone = find_zone(zone) or UTC
    local_time = datetime(
        day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=local_zone
    )
    first, second = (
        (moment.utcoffset() or timedelta()).total_seconds()
        for moment in (local_time, local_time.replace(fold=1))
    )
    naive = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 60 * minute
    standard = naive - min(first, second)
    return (naive - first, standard) if first > second else (standard, standard)


@lru_cache(1024)
def possible_days(text: str) -> tuple[date, ...]:
    """Return the days that a header's date can be, the most probable first; empty if not understood.

    Known are `2013-04-19`, `2013/04/19`, `19.04.2013`, `19/04/2013` and `19Apr2013` in any language.
    """
    numeric = _NUMERIC_DAY.fullmatch(text)
    if numeric is not None:
        first, separator, month, last = numeric.groups()
        if len(first) == 4:
            found = [_make_day(first, month, last)]
        else:
            found = [_make_day(last, month, first)]
            # The month stands first in some countries, with slashes.
            if separator == "/":
                found.append(_make_day(last, first, month))
        return tuple(dict.fromkeys(day for day in found if day is not None))
    named = _NAMED_DAY.fullmatch(text)
    if named is None:
        return ()
    months = _MONTHS.get(word_key(named[2]), ())
    days = (_make_day(named[3], month, named[1]) for month in months)
    return tuple(day for day in days if day is not None)


def _make_day(year: str, month: str | int, day: str) -> date | None:
    number = int(year)
    if number in BUDDHIST_CENTURIES:
        number -= BUDDHIST_YEARS
    if number not in VALID_YEARS:
        return None
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None


def parse_day(text: str, near: date | None = None) -> date | None:
    """Return the day in a header, or None.

    Of several possible days the one within a day of `near` applies, otherwise the most probable.
    """
    days = possible_days(text)
    if near is not None and len(days) > 1:
        return next((day for day in days if abs(day - near) <= ONE_DAY), days[0])
    return days[0] if days else None


#: Which pass of an hour that comes twice a line is in: the first, the second, the second for want of evidence, and the
#: second although the clock stepped back later.
FIRST, SECOND, ASSUMED, MISJUDGED = range(4)
#: The line is the first after a stored one, whose time decides.
CONTINUED = 4


class DateSource(Protocol):
    """A strategy that determines the day of lines without a date."""

    @property
    def zone(self) -> str:
        """The IANA name of the zone in which the lines are written."""

    @property
    def near(self) -> date | None:
        """A day near to that of the next line, or None."""

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return the day of a line written at this second of the day, or None.

        The second value is the date source for the next line.
        """

    def sender_day(self, second: int) -> tuple[date | None, Self]:
        """Return the day of a line whose own date is not understood: the sender's, never today."""

    def choose(self, first: float, second: float) -> tuple[float, Self]:
        """Return which of the timestamps of a repeated hour a line has: standard time without evidence."""

    @property
    def misjudged(self) -> bool:
        """Whether the clock stepped back after lines that were taken for those after the step."""

    def from_first_pass(self) -> Self:
        """Return the source for the same lines if the first of them is before the step back."""

    def following(self, previous: float) -> Self:
        """Return the source for lines that follow one with this time (UTC); 0: unknown."""


@dataclass(frozen=True, slots=True)
class NoDates:
    """A date source for lines of unknown days, which get no timestamp."""

    zone: str = "UTC"
    near: None = None

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return None as the day."""
        return None, self

    sender_day = day_of

    def choose(self, first: float, second: float) -> tuple[float, Self]:
        """Return standard time."""
        return second, self

    misjudged = False

    def from_first_pass(self) -> Self:
        """Return the same source."""
        return self

    def following(self, previous: float) -> Self:
        """Return the same source."""
        return self


@dataclass(frozen=True, slots=True)
class LiveDates:
    """A date source for lines that were written just before they were received."""

    zone: str
    day: date
    second: int
    #: The time of receipt; 0: unknown.
    now: float = 0.0
    #: The pass of the previous line in an hour that comes twice, and the line's time in the first pass.
    fold: int | None = None
    last: float = 0.0
    #: The time (UTC) of the stored line before the first, 0 if unknown; None: no batch of a source.
    previous: float | None = None

    @classmethod
    def from_time(cls, now: float, zone: str) -> Self:
        """Return the date source for lines received at this time, written in a zone."""
        known = find_zone(zone)
        local_time = datetime.fromtimestamp(now, known or UTC)
        second = local_time.hour * 3600 + local_time.minute * 60 + local_time.second
        return cls(zone if known else "UTC", local_time.date(), second, now)

    @property
    def near(self) -> date:
        """The day of receipt."""
        return self.day

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return the current day, or the day before or after for a time across midnight."""
        ahead = second - self.second
        if ahead > HALF_DAY_SECONDS:
            return self.day - ONE_DAY, self
        if ahead < MAX_CLOCK_AHEAD_SECONDS - 24 * 60 * 60:
            return self.day + ONE_DAY, self
        return self.day, self

    def sender_day(self, second: int) -> tuple[date | None, Self]:
        """Return None: the sender knows no day."""
        return None, self

    def choose(self, first: float, second: float) -> tuple[float, Self]:
        """Return the timestamp of the pass that the lines before tell, or standard time unless it is in the future."""
        fold = self.fold
        if abs(first - self.last) > 2 * MAX_STEP_BACK_SECONDS:
            fold = fold if fold == FIRST and not self.last else None
        elif first < self.last - MAX_DISORDER_SECONDS:
            fold = _step_back(fold)
        if fold is None:
            fold = _pass_of(first, second, self.now, self.previous)
        return first if fold == FIRST else second, replace(self, fold=fold, last=first)

    @property
    def misjudged(self) -> bool:
        """Whether the clock stepped back after lines that were taken for those after the step."""
        return self.fold == MISJUDGED

    def from_first_pass(self) -> Self:
        """Return the source for the same lines if the first of them is before the step back."""
        return replace(self, fold=FIRST)

    def following(self, previous: float) -> Self:
        """Return the source for lines that follow one with this time (UTC); 0: unknown."""
        return replace(self, fold=None, last=0.0, previous=previous)


class FileDates(NamedTuple):
    """A date source for consecutive lines of a file, which starts with the day of its first line.

    A NamedTuple: each line makes a new one, and a dataclass takes three times as long.
    """

    zone: str
    #: The day of the previous line.
    day: date
    #: Second of the day of the previous line; 0 before the first.
    second: int = 0
    #: The time of receipt; 0: unknown.
    now: float = 0.0
    #: Which pass of an hour that comes twice the next line is in; None: unknown.
    fold: int | None = None
    #: The time (UTC) of the stored line before the first, 0 if unknown; None: no batch of a source.
    previous: float | None = None

    @property
    def near(self) -> date:
        """The day of the previous line."""
        return self.day

    def day_of(self, second: int) -> tuple[date | None, Self]:
        """Return the day of the previous line, or the next day after a step back in time."""
        day, last, fold = self.day, self.second, self.fold
        if second < last - MAX_DISORDER_SECONDS:
            if second < last - MAX_STEP_BACK_SECONDS and day < date.max:
                day += ONE_DAY
                fold = None
            else:
                fold = _step_back(fold)
        elif fold is None and self.previous:
            fold = CONTINUED
        elif (fold is None and last) or fold == CONTINUED:
            fold = FIRST
        elif second == last and fold == self.fold:
            # Lines of one second are common.
            return day, self
        return day, type(self)(self.zone, day, second, self.now, fold, self.previous)

    def sender_day(self, second: int) -> tuple[date | None, Self]:
        """Return the sender's day, as for a line without a date."""
        return self.day_of(second)

    def after(self, day: date, second: int) -> Self:
        """Return the date source after a line with this date."""
        if day == self.day and second >= self.second - MAX_STEP_BACK_SECONDS:
            return self.day_of(second)[1]
        return type(self)(self.zone, day, second, self.now, None, self.previous)

    def choose(self, first: float, second: float) -> tuple[float, Self]:
        """Return the timestamp of the pass that the lines before tell, or standard time unless it is in the future."""
        fold = self.fold
        if fold is None or fold == CONTINUED:
            fold = _pass_of(first, second, self.now, self.previous)
        return first if fold == FIRST else second, self._replace(fold=fold)

    @property
    def misjudged(self) -> bool:
        """Whether the clock stepped back after lines that were taken for those after the step."""
        return self.fold == MISJUDGED

    def from_first_pass(self) -> Self:
        """Return the source for the same lines if the first of them is before the step back."""
        return self._replace(fold=FIRST)

    def following(self, previous: float) -> Self:
        """Return the source for lines that follow one with this time (UTC); 0: unknown."""
        return self._replace(fold=None, previous=previous)


def _pass_of(first: float, second: float, now: float, previous: float | None) -> int:
    """Return the pass of a line without evidence in the lines that were received with it.

    A line of the future is in the first pass, one of the present in the second, and an older one in the first if it is
    not before the stored line `previous`. An old line of a source without one is taken for one of the first pass: the
    clock may step back in a later batch.
    """
    if now and second > now + MAX_FUTURE_SECONDS:
        return FIRST
    if now and second >= now - MAX_FUTURE_SECONDS:
        return ASSUMED
    if previous and abs(first - previous) <= 2 * MAX_STEP_BACK_SECONDS:
        return FIRST if first >= previous - MAX_DISORDER_SECONDS else SECOND
    return FIRST if now and previous is not None else ASSUMED


def _step_back(fold: int | None) -> int:
    """Return the pass after a step back of the clock at the end of summer time."""
    return MISJUDGED if fold in (ASSUMED, MISJUDGED) else SECOND


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


def undated_second(line: str) -> int | None:
    """Return the second of the day of a line whose header has a time but no date that is understood."""
    header = parse_header(line)
    if header is None or (header.day and possible_days(header.day)):
        return None
    clock, half = header.clock, header.half
    return _second_of_half_day(clock, half) if half else second_of_day(*clock)


def resolve_time(header: Header, dates: DateSource) -> tuple[date | None, float | None, DateSource]:
    """Return the day of a line, its UTC timestamp, and the date source for the next line.

    Day and timestamp are None if they are unknown or impossible. A date that is not understood counts as none, but
    only the sender can replace it.
    """
    clock, half = header.clock, header.half
    second = _second_of_half_day(clock, half) if half else second_of_day(*clock)
    if second is None:
        return None, None, dates
    if not (header.day or header.half or header.offset or header.fraction):
        return undated_time(second, dates)
    day, dates = _resolve_day(header, second, dates)
    if day is None:
        return None, None, dates
    first, at = utc_timestamps("UTC" if header.offset else dates.zone, day, second // 60)
    if first != at:
        at, dates = dates.choose(first, at)
    at += second % 60
    if header.offset:
        at -= _offset_seconds(header.offset)
    if header.fraction:
        at += float(f".{header.fraction}")
    return day, at, dates


def undated_time(second: int, dates: DateSource) -> tuple[date | None, float | None, DateSource]:
    """Return what `resolve_time` returns for a line with nothing but a clock, which shows this second of the day."""
    day, dates = dates.day_of(second)
    if day is None:
        return None, None, dates
    first, at = utc_timestamps(dates.zone, day, second // 60)
    if first != at:
        at, dates = dates.choose(first, at)
    return day, at + second % 60, dates


def second_of_day(hour: str, minute: str, second: str) -> int | None:
    """Return the second of the day of a clock of 24 hours; None if there is no such time."""
    try:
        # A look-up takes a third of the time of `int`.
        return 60 * (60 * _HOURS[hour] + _SIXTIETHS[minute]) + _SIXTIETHS[second]
    except KeyError:
        return None


def _second_of_half_day(clock: tuple[str, str, str], half: str) -> int | None:
    """Return the second of the day of a clock with a half of the day; None if there is no such time."""
    hour, minute, second = clock
    if 1 <= int(hour) <= 12:
        marker = half_of_day(half)
        if marker is not None:
            hour = str(int(hour) % 12 + (12 if marker == "pm" else 0))
    return second_of_day(hour, minute, second)


def _resolve_day(header: Header, second: int, dates: DateSource) -> tuple[date | None, DateSource]:
    """Return the day of a line and the date source for the next line."""
    if not header.day:
        # With an unknown half of the day, the time says nothing about the day.
        if header.half and half_of_day(header.half) is None:
            return dates.sender_day(second)
        return dates.day_of(second)
    days = possible_days(header.day)
    if not days:
        return dates.sender_day(second)
    day = days[0] if len(days) == 1 else parse_day(header.day, dates.near)
    # Lines with an offset do not tell what the clock of the others shows.
    if day is not None and isinstance(dates, FileDates) and not header.offset:
        dates = dates.after(day, second)
    return day, dates


def _offset_seconds(offset: str) -> int:
    """Return the seconds of a UTC offset: 7200 for `+02:00`."""
    if offset == "Z":
        return 0
    seconds = 3600 * int(offset[1:3]) + 60 * int(offset[-2:])
    return -seconds if offset[0] == "-" else seconds
