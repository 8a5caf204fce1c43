"""Time zones, and the days of lines without a date."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.core.steps import complete
from coalserver.domain.minecraft.log.dates import (
    MAX_STEP_BACK_SECONDS,
    FileDates,
    LiveDates,
    NoDates,
    file_dates,
    first_day,
    parse_day,
    utc_timestamp,
    zone_or_utc,
)
from coalserver.domain.minecraft.log.parser import parse_batch, parse_line, parse_lines

DAY = date(2026, 9, 25)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def clock(text: str) -> int:
    hour, minute, second = map(int, text.split(":"))
    return hour * 3600 + minute * 60 + second


def days(dates, *times: str) -> list[str]:
    lines = [f"[{time}] [Server thread/INFO]: <Steve> hi" for time in times]
    return [parsed.day for parsed in parse_lines(lines, dates)[0]]


@pytest.mark.parametrize(
    ("zone", "written", "expected"),
    [
        ("America/Chicago", "2012-10-07 15:10:09", "2012-10-07 20:10:09"),
        # An ambiguous and a skipped hour: standard time.
        ("America/Chicago", "2014-11-02 01:30:00", "2014-11-02 07:30:00"),
        ("America/Chicago", "2014-03-09 02:30:00", "2014-03-09 08:30:00"),
        # Irish law defines summer time as standard time.
        ("Europe/Dublin", "2014-10-26 01:30:00", "2014-10-26 01:30:00"),
        ("Australia/Lord_Howe", "2014-04-06 01:45:00", "2014-04-05 15:15:00"),
        ("Asia/Kathmandu", "2014-04-06 01:45:00", "2014-04-05 20:00:00"),
        ("Nowhere/City", "2012-10-07 15:10:09", "2012-10-07 15:10:09"),
    ],
)
def test_time_is_in_the_zone_of_the_sender(zone, written, expected):
    parsed = parse_line(f"{written} [INFO] <bob> hi", NoDates(zone))
    assert parsed.at == at(expected)


@pytest.mark.parametrize(
    "name", ["", "utc/..", "../UTC", "/etc/passwd", "America", "x" * 9999, "\0", "\ud800", "Ümlaut"]
)
def test_invalid_zone_is_utc(name):
    assert zone_or_utc(name) == "UTC"
    assert parse_line("2012-10-07 15:10:09 [INFO] <bob> hi", NoDates(name)).at == at(
        "2012-10-07 15:10:09"
    )


@given(
    st.sampled_from(["America/Chicago", "Europe/Dublin", "Pacific/Apia", "UTC"]),
    st.dates(),
    st.integers(0, 1439),
)
def test_every_minute_has_a_timestamp(zone, day, minute):
    naive = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 60 * minute
    assert abs(utc_timestamp(zone, day, minute) - naive) < 26 * 3600


@pytest.mark.parametrize(
    ("now", "written", "day"),
    [
        ("2026-09-25 12:00:00", "11:59:58", "2026-09-25"),
        ("2026-09-25 00:00:01", "23:59:59", "2026-09-24"),
        ("2026-09-25 00:00:01", "12:00:00", "2026-09-25"),
        ("2026-09-25 00:00:01", "12:00:02", "2026-09-24"),
        # The sender's clock runs ahead.
        ("2026-09-25 12:00:00", "12:00:02", "2026-09-25"),
        ("2026-09-25 23:59:59", "00:00:01", "2026-09-26"),
        ("2026-09-25 23:59:59", "01:00:01", "2026-09-25"),
    ],
)
def test_live_line_has_the_nearest_day(now, written, day):
    assert days(LiveDates.from_time(at(now), "UTC"), written) == [day]


def test_current_day_is_that_of_the_zone():
    assert days(LiveDates.from_time(at("2026-09-25 02:00:00"), "America/Chicago"), "20:59:00") == [
        "2026-09-24"
    ]


def test_file_continues_with_the_next_day_at_midnight():
    dates = FileDates("UTC", DAY)
    times = ("10:00:00", "23:59:59", "00:00:00", "00:00:00", "22:00:00", "01:00:00")
    assert days(dates, *times) == ["2026-09-25"] * 2 + ["2026-09-26"] * 3 + ["2026-09-27"]


def test_clock_set_back_does_not_begin_a_day():
    assert days(FileDates("UTC", DAY), "03:00:00", "01:30:00", "02:00:00") == ["2026-09-25"] * 3


def test_file_may_be_parsed_in_parts():
    lines = [f"[{time}] [Server thread/INFO]: <Steve> hi" for time in ("23:00:00", "01:00:00")]
    first, dates = parse_lines(lines, FileDates("UTC", DAY))
    second, _ = parse_lines(lines, dates)
    assert [parsed.day for parsed in first + second] == [
        *("2026-09-25", "2026-09-26", "2026-09-26", "2026-09-27"),
    ]


def test_first_day_follows_from_the_last_day():
    times = [
        clock(time)
        for time in ("10:00:00", "23:00:00", "01:00:00", "00:30:00", "23:00:00", "01:00:00")
    ]
    assert first_day(times, DAY) == date(2026, 9, 23)
    assert first_day([], DAY) == DAY


@given(st.lists(st.integers(0, 86399), max_size=50), st.dates())
def test_file_with_computed_first_day_ends_on_its_last_day(seconds, last):
    dates = FileDates("UTC", first_day(seconds, last))
    start = dates.day
    for second in seconds:
        dates = dates.day_of(second)[1]
    nights = sum(b < a - MAX_STEP_BACK_SECONDS for a, b in zip(seconds, seconds[1:], strict=False))
    assert dates.day == last or (start == date.min and nights)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("2026-09-25-3.log.gz", DAY),
        ("2026-09-25.log", DAY),
        ("latest.log", None),
        ("2026-09-31-1.log.gz", None),
        ("2026-09-25", None),
        ("", None),
    ],
)
def test_file_name_has_the_day(name, day):
    dates = file_dates(name, "UTC")
    assert (dates.day if dates else None) == day


@pytest.mark.parametrize(
    "text",
    [
        *(
            "25Sep2026",
            "25Sept.2026",
            "25sept.2026",
            "25сент.2026",
            "25wrz2026",
            "25set.2026",
            "25Eyl2026",
        ),
        *("259月2026", "259월2026", "25SEP2026", "2026-09-25"),
    ],
)
def test_month_names_have_many_languages(text):
    assert parse_day(text) == DAY


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("25juin2026", 6),
        ("25juil.2026", 7),
        ("25März2026", 3),
        ("25août2026", 8),
        ("25Dez.2026", 12),
    ],
)
def test_month_names_with_the_same_beginning_are_distinguished(text, month):
    assert parse_day(text) == date(2026, month, 25)


@pytest.mark.parametrize(
    "text", ["0001-01-01", "1969-12-31", "9999-12-31", "01Jan0001", "2014-02-30"]
)
def test_implausible_day_is_none(text):
    assert parse_day(text) is None


def test_unknown_month_name_counts_as_no_date():
    line = "[25Xyz2026 12:34:56.500] [Server thread/INFO] [net.minecraft.X/]: <Steve> hi"
    assert parse_line(line, FileDates("UTC", DAY)).at == at("2026-09-25 12:34:56") + 0.5
    assert parse_line(line).at is None


@pytest.mark.parametrize(
    ("offset", "expected"), [("Z", 12), ("+02:00", 10), ("-0530", 17.5), ("+0000", 12)]
)
def test_line_may_have_its_own_offset(offset, expected):
    line = f"2026-09-25T12:00:00{offset} [Server thread/INFO]: <Steve> hi"
    assert parse_line(line, NoDates("Asia/Tokyo")).at == at("2026-09-25 00:00:00") + expected * 3600


@pytest.mark.parametrize("prefix", ["[", "2026-10-25 "])
def test_lines_before_the_clock_steps_back_are_of_the_first_hour(prefix):
    times = ("02:30:00", "02:59:59", "02:59:58", "02:00:01", "02:30:00", "03:10:00")
    texts = {
        "[": "[{}] [Server thread/INFO]: <Steve> hi",
        "2026-10-25 ": "2026-10-25 {} [INFO] <Steve> hi",
    }
    for dates in (
        FileDates("Europe/Berlin", date(2026, 10, 25)),
        LiveDates.from_time(at("2026-10-25 02:15:00"), "Europe/Berlin"),
    ):
        parsed = complete(parse_batch([texts[prefix].format(time) for time in times], dates))
        moments = [line.at - at("2026-10-25 00:00:00") for line in parsed if line.at is not None]
        assert moments == [1800, 3599, 3598, 3601, 5400, 7800]


def test_line_of_a_repeated_hour_alone_is_in_standard_time_unless_that_is_in_the_future():
    line = "2026-10-25 02:30:00 [INFO] <Steve> hi"
    first, second = at("2026-10-25 00:30:00"), at("2026-10-25 01:30:00")
    assert parse_line(line, LiveDates.from_time(first + 5, "Europe/Berlin")).at == first
    assert parse_line(line, LiveDates.from_time(second + 5, "Europe/Berlin")).at == second
    assert parse_line(line, LiveDates.from_time(second + 9**6, "Europe/Berlin")).at == second


def test_of_two_months_with_one_name_the_day_nearby_decides():
    assert parse_day("15srp2026") == date(2026, 8, 15)
    assert parse_day("15srp2026", near=date(2026, 7, 15)) == date(2026, 7, 15)
    assert parse_day("15May2026", near=date(2026, 11, 20)) == date(2026, 5, 15)
