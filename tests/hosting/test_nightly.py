"""The time of nightly saved games: once a day, whatever the clocks do."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from coalserver.hosting.nightly import DAY, LastNight, due_before, next_night

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("now", "save_at", "zone", "due"),
    [
        (at("2026-07-01T00:00"), "00:00", "UTC", at("2026-07-01T00:00")),
        (at("2026-07-01T23:59"), "00:00", "UTC", at("2026-07-01T00:00")),
        (at("2026-07-01T03:59", BERLIN), "04:00", BERLIN, at("2026-06-30T04:00", BERLIN)),
        (at("2026-07-01T23:00"), "00:30", BERLIN, at("2026-07-02T00:30", BERLIN)),
        (at("2026-07-01T12:00"), "00:00", "No/Where", at("2026-07-01T00:00")),
    ],
)
def test_saves_are_due_once_a_day(now: float, save_at: str, zone: str, due: float) -> None:
    assert due_before(now, save_at, zone) == due


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_change_of_clocks_neither_doubles_nor_drops_a_night(day: str) -> None:
    start = at(f"{day}T00:00", BERLIN) - DAY / 2
    last = LastNight(due_before(start, "02:30", BERLIN), "02:30", BERLIN)
    nights = set()
    for minute in range(0, 2 * 24 * 60, 10):
        after = next_night(last, start + minute * 60, "02:30", BERLIN)
        if after != last:
            nights.add(after.at)
        last = after
    assert len(nights) == 2
    assert {datetime.fromtimestamp(night, ZoneInfo(BERLIN)).day for night in nights} == {
        int(day[-2:]),
        int(day[-2:]) + 1,
    }


def test_clock_that_is_set_back_does_not_repeat_a_night() -> None:
    last = LastNight(at("2026-07-01T00:00"), "00:00", "UTC")
    for now in (at("2026-06-30T23:55"), at("2026-07-01T00:00"), at("2026-07-01T00:10")):
        assert next_night(last, now, "00:00", "UTC") == last
    assert next_night(last, at("2026-07-02T00:00"), "00:00", "UTC").at == at("2026-07-02T00:00")


def test_clock_that_was_far_ahead_does_not_stop_the_nights() -> None:
    last = LastNight(at("2030-01-01T00:00"), "00:00", "UTC")
    now = at("2026-07-01T12:00")
    last = next_night(last, now, "00:00", "UTC")
    assert last.at == at("2026-07-01T00:00")
    assert next_night(last, now + DAY, "00:00", "UTC").at == at("2026-07-02T00:00")


def test_change_of_the_time_waits_for_the_next_one() -> None:
    last = LastNight(at("2026-07-01T00:00"), "00:00", "UTC")
    last = next_night(last, at("2026-07-01T12:00"), "09:00", "UTC")
    assert last == LastNight(at("2026-07-01T09:00"), "09:00", "UTC")
    assert next_night(last, at("2026-07-01T18:00"), "09:00", "UTC") == last
