"""The clock of the pages: one time zone and one format for every time that a page shows.

The zone is that of the account, else that of the browser, else UTC. Formats are those of the page's language. Scripts
get the same patterns and names with each page (`Clock.for_scripts`) and format as `times.js` does: the same texts.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from aiohttp import web
from babel import Locale
from babel.dates import format_date, format_datetime

from coalserver.web.pages.cookie_header import find_cookie
from coalserver.web.pages.i18n import N_, Language, request_language

#: All time zones of this machine, and UTC, which a machine without zone data lacks.
ZONES = tuple(sorted(available_timezones() | {"UTC"}))
KNOWN_ZONES = frozenset(ZONES)
#: Cookie with the time zone of the browser, which a script sets.
ZONE_COOKIE = "tz"
#: Languages whose dates are those of a region: day before month, 24 hours.
DATE_LOCALES = {"en": "en_GB"}
#: Returns the time of a request; set by `setup_pages`.
NOW_KEY: web.AppKey[Callable[[], float]] = web.AppKey("now")
#: Request key of the zone that the account has chosen.
ZONE_KEY = web.RequestKey("zone", str)

TODAY, YESTERDAY = N_("Today"), N_("Yesterday")
JUST_NOW, MINUTES_AGO = N_("just now"), N_("%(count)s min ago")


class Clock:
    """Formats times in one zone and language, as a page that is rendered at `now`."""

    def __init__(self, language: Language, zone: str, now: float) -> None:
        """Create a clock. An unknown zone counts as UTC."""
        self.zone = zone if zone in KNOWN_ZONES else "UTC"
        self.tzinfo = _find_zone(self.zone)
        self._language = language
        self._locale = _date_locale(language.locale)
        self._patterns = _patterns(self._locale)
        self._now = now
        self._local_now = self._local_time(now)

    def __call__(self, at: float) -> str:
        """Return a time: `14:05` today, `28 Nov, 14:05` this year, else `28 Nov 2025`."""
        local_time = self._local_time(at)
        return self._format(local_time, self._pattern_for(local_time))

    def date_time(self, at: float) -> str:
        """Return a time as `__call__` does, with the time of the day in other years as well."""
        local_time = self._local_time(at)
        pattern = self._pattern_for(local_time)
        return self._format(local_time, "date_time" if pattern == "date" else pattern)

    def end(self, at: float, since: float) -> str:
        """Return the end of a period: only the time if it began on the same day."""
        local_time = self._local_time(at)
        if self._local_time(since).date() == local_time.date():
            return self._format(local_time, "clock")
        return self.date_time(at)

    def text(self, at: float, name: str) -> str:
        """Return a time in a format: `moment` (as `__call__`), `date_time`, `clock`, `seconds`, `ago` or `duration`."""
        return str(getattr(self, name)(at))

    def moment(self, at: float) -> str:
        """Return what `__call__` returns."""
        return self(at)

    def duration(self, at: float) -> str:
        """Return the duration since a time, such as `2 h 5 min`."""
        return format_duration(max(0.0, self._now - at))

    def clock(self, at: float) -> str:
        """Return the time of the day, such as `14:05`."""
        return self._format(self._local_time(at), "clock")

    def seconds(self, at: float) -> str:
        """Return the time of the day with seconds, such as `14:05:33`."""
        return self._format(self._local_time(at), "seconds")

    def ago(self, at: float) -> str:
        """Return a time of the last hour as `5 min ago`, and others as `__call__` does."""
        minutes = int((self._now - at) // 60)
        if not -1 <= minutes < 60:
            return self(at)
        if minutes < 1:
            return self._language.gettext(JUST_NOW)
        return self._language(MINUTES_AGO, count=minutes)

    def day(self, at: float) -> str:
        """Return the day as a heading: `Today`, `Yesterday` or `Saturday, 28 November 2026`."""
        local_time = self._local_time(at)
        days = (self._local_now.date() - local_time.date()).days
        if days in (0, 1):
            return self._language.gettext(YESTERDAY if days else TODAY)
        return self._format(local_time, "day")

    def full(self, at: float) -> str:
        """Return a time with weekday, date, seconds and zone: `Sat, 28 Nov 2026, 14:05:33 CET`."""
        local_time = self._local_time(at)
        return f"{self._format(local_time, 'full')} {self._zone_name(local_time)}"

    def weekdays(self) -> list[str]:
        """Return the short names of the days of the week, Monday first."""
        names = _names(self._locale)["short_weekdays"]
        return [*names[1:], names[0]]

    def iso(self, at: float) -> str:
        """Return a time in UTC as RFC 3339 text."""
        utc_time = datetime.fromtimestamp(clamp_time(at), UTC)
        return utc_time.isoformat(timespec="seconds").replace("+00:00", "Z")

    def for_scripts(self) -> dict[str, Any]:
        """Return what `times.js` needs: zone, patterns (CLDR), names and texts, as JSON."""
        text = self._language.gettext
        return {
            "zone": self.zone,
            "zone_names": self._zone_names(),
            "patterns": self._patterns,
            "names": _names(self._locale),
            "texts": {
                "today": text(TODAY),
                "yesterday": text(YESTERDAY),
                "just_now": text(JUST_NOW),
                "minutes_ago": self._language(MINUTES_AGO, count="{count}"),
            },
        }

    def _pattern_for(self, local_time: datetime) -> str:
        if local_time.date() == self._local_now.date():
            return "clock"
        return "this_year" if local_time.year == self._local_now.year else "date"

    def _format(self, local_time: datetime, pattern: str) -> str:
        return str(format_datetime(local_time, self._patterns[pattern], locale=self._locale))

    def _zone_name(self, local_time: datetime) -> str:
        """Return the abbreviation of the zone, such as `CET`, or its offset, such as `UTC+5:30`."""
        minutes = round((local_time.utcoffset() or timedelta()).total_seconds() / 60)
        if name := self._zone_names().get(str(minutes)):
            return name
        hours, rest = divmod(abs(minutes), 60)
        sign = "-" if minutes < 0 else "+"
        return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")

    def _zone_names(self) -> dict[str, str]:
        return _zone_names(self.zone, self._local_now.year)

    def _local_time(self, at: float) -> datetime:
        return datetime.fromtimestamp(clamp_time(at), self.tzinfo)


def set_request_zone(request: web.Request, zone: str) -> None:
    """Render the times of a request in the zone of its account; empty: in that of the browser."""
    request[ZONE_KEY] = zone


def request_clock(request: web.Request) -> Clock:
    """Return the clock of a request: in the zone of the account, else of the browser, else in UTC."""
    zone = request.get(ZONE_KEY, "") or find_cookie(request.headers, ZONE_COOKIE) or ""
    now = request.app.get(NOW_KEY, time.time)()
    return Clock(request_language(request), zone, now)


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as "2 h 5 min"."""
    minutes = int(seconds // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def clamp_time(at: float) -> float:
    """Return the nearest time that `datetime` can represent. Log lines can have any time."""
    return min(max(at, -6e10), 2.5e11)


def _find_zone(zone: str) -> tzinfo:
    try:
        return UTC if zone == "UTC" else ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return UTC


@cache
def _zone_names(zone: str, year: int) -> dict[str, str]:
    """Return the abbreviations of a zone in a year, by offset in minutes; zones without letters have none."""
    found = {}
    for month in (1, 7):
        local_time = datetime(year, month, 1, tzinfo=_find_zone(zone))
        name, offset = local_time.tzname() or "", local_time.utcoffset() or timedelta()
        if name.isalpha():
            found[str(round(offset.total_seconds() / 60))] = name
    return found


def _date_locale(locale: Locale) -> Locale:
    return Locale.parse(DATE_LOCALES.get(str(locale), str(locale)))


@cache
def _patterns(locale: Locale) -> Mapping[str, str]:
    """Return the CLDR patterns of a locale by use."""
    clock, seconds = (str(locale.time_formats[name].pattern) for name in ("short", "medium"))
    joined = str(locale.datetime_formats["medium"])
    skeletons = {
        name: str(locale.datetime_skeletons[name].pattern) for name in ("MMMd", "yMMMd", "yMMMEd")
    }
    return {
        "clock": clock,
        "seconds": seconds,
        "this_year": joined.format(clock, skeletons["MMMd"]),
        "date": skeletons["yMMMd"],
        "date_time": joined.format(clock, skeletons["yMMMd"]),
        "day": str(locale.date_formats["full"].pattern),
        "full": joined.format(seconds, skeletons["yMMMEd"]),
    }


@cache
def _names(locale: Locale) -> Mapping[str, list[str]]:
    """Return the names of months and weekdays (Sunday first), and of the halves of a day."""
    months = [datetime(1970, month, 1) for month in range(1, 13)]
    weekdays = [datetime(1970, 1, 4 + day) for day in range(7)]
    noon = datetime(1970, 1, 1, 12)
    return {
        "months": [format_date(at, "MMMM", locale) for at in months],
        "short_months": [format_date(at, "MMM", locale) for at in months],
        "weekdays": [format_date(at, "EEEE", locale) for at in weekdays],
        "short_weekdays": [format_date(at, "EEE", locale) for at in weekdays],
        "periods": [
            str(format_datetime(at, "a", locale=locale))
            for at in (noon - timedelta(hours=12), noon)
        ],
    }
