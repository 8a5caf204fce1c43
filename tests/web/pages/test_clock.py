"""The clock of the pages: zones, formats and what scripts get. `tests/browser/test_clock.py` compares the scripts."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from coalserver.web.pages.clock import Clock, request_clock, set_request_zone
from coalserver.web.pages.i18n import languages

ROOT = Path(__file__).parents[3]


def at(*fields: int, zone: str = "Europe/Berlin") -> float:
    return datetime(*fields, tzinfo=ZoneInfo(zone)).timestamp()


NOW = at(2026, 11, 28, 14, 5, 33)


def clock(tag: str = "en", zone: str = "Europe/Berlin", now: float = NOW) -> Clock:
    return Clock(languages()[tag], zone, now)


@pytest.mark.parametrize(
    ("moment", "english", "german"),
    [
        (NOW, "14:05", "14:05"),
        (at(2026, 11, 28, 0, 0), "00:00", "00:00"),
        (at(2026, 11, 27, 23, 59), "27 Nov, 23:59", "27. Nov., 23:59"),
        (at(2026, 1, 1, 0, 0), "1 Jan, 00:00", "1. Jan., 00:00"),
        (at(2025, 12, 31, 23, 59), "31 Dec 2025", "31. Dez. 2025"),
        (at(2027, 3, 1, 12, 0), "1 Mar 2027", "1. März 2027"),
    ],
)
def test_moment_has_the_parts_that_the_reader_needs(moment, english, german):
    assert [clock(tag)(moment) for tag in ("en", "de")] == [english, german]


def test_day_heading_names_today_and_yesterday():
    moments = (NOW, at(2026, 11, 27, 0, 0), at(2026, 11, 26, 12, 0), at(2026, 11, 29, 1, 0))
    assert [clock().day(moment) for moment in moments] == [
        "Today", "Yesterday", "Thursday, 26 November 2026", "Sunday, 29 November 2026",
    ]  # fmt: skip
    assert clock("de").day(moments[2]) == "Donnerstag, 26. November 2026"


def test_full_time_names_the_zone():
    assert clock().full(NOW) == "Sat, 28 Nov 2026, 14:05:33 CET"
    assert clock().full(at(2026, 7, 1, 8, 0)) == "Wed, 1 Jul 2026, 08:00:00 CEST"
    assert clock(zone="America/Sao_Paulo").full(NOW) == "Sat, 28 Nov 2026, 10:05:33 UTC-3"
    assert clock(zone="Asia/Kathmandu").full(NOW) == "Sat, 28 Nov 2026, 18:50:33 UTC+5:45"


def test_relative_times_end_after_an_hour():
    times = [NOW + 7200, NOW + 30, NOW, NOW - 59, NOW - 60, NOW - 3599, NOW - 3600]
    assert [clock().ago(moment) for moment in times] == [
        "16:05", "just now", "just now", "just now", "1 min ago", "59 min ago", "13:05",
    ]  # fmt: skip
    assert clock("de").ago(NOW - 300) == "vor 5 min"


def test_period_within_a_day_has_one_date():
    assert clock().end(at(2025, 5, 1, 15, 0), at(2025, 5, 1, 14, 0)) == "15:00"
    assert clock().end(at(2025, 5, 2, 1, 0), at(2025, 5, 1, 14, 0)) == "2 May 2025, 01:00"
    assert clock().date_time(at(2025, 5, 1, 14, 0)) == "1 May 2025, 14:00"


@pytest.mark.parametrize(
    ("account", "cookie", "zone"),
    [
        ("", "", "UTC"),
        ("", "tz=Asia/Tokyo", "Asia/Tokyo"),
        ("Europe/Berlin", "tz=Asia/Tokyo", "Europe/Berlin"),
        ("UTC", "tz=Asia/Tokyo", "UTC"),
        ("", "tz=../../etc/passwd", "UTC"),
        ("", "tz=" + "x" * 4000, "UTC"),
        ("", "tz=", "UTC"),
    ],
)
def test_zone_is_that_of_the_account_else_of_the_browser(account, cookie, zone):
    headers = {"Cookie": cookie} if cookie else {}
    request = make_mocked_request("GET", "/", headers=headers, app=web.Application())
    set_request_zone(request, account)
    assert request_clock(request).zone == zone


def test_any_time_can_be_formatted():
    for moment in (-1e18, -6e10, 0.0, 2.5e11, 1e18):
        assert all((clock()(moment), clock().full(moment), clock().day(moment)))


def test_scripts_know_every_field_of_the_patterns():
    for tag in languages():
        for pattern in clock(tag).for_scripts()["patterns"].values():
            assert set(re.sub(r"'[^']*'|[^A-Za-z]", "", pattern)) <= set("EMydHhmsa"), pattern


def test_only_the_clock_formats_times():
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for folder, kind in (
            ("static/js", "*.js"),
            ("templates", "**/*.html"),
            ("coalserver/site", "**/*.py"),
            ("coalserver/web/pages", "*.py"),
        )
        for path in (ROOT / folder).glob(kind)
    }
    own = re.compile(r"Intl\.|toLocale|getHours|toISOString|babel\.dates|strftime\(\"%H|<time ")
    assert {name for name, text in sources.items() if own.search(text)} == {
        "static/js/times.js",
        "templates/home.html",  # the empty element of a chat line, which a script fills
        "templates/macros.html",
        "templates/worlds/chats.html",
        "coalserver/web/pages/clock.py",
    }
