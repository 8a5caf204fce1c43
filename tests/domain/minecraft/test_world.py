"""The run state of worlds from pings, log lines and silence."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from coalserver.domain.minecraft.log.dates import NoDates
from coalserver.domain.minecraft.log.parser import parse_line
from coalserver.domain.minecraft.world import SILENCE_SECONDS, Ping, World, WorldStatus
from tests.domain.builders import NOW

RUNNING, STOPPED, UNKNOWN = Ping(running=True), Ping(running=False), Ping()


def make_world(status: WorldStatus = WorldStatus.UNKNOWN, **parts) -> World:
    return replace(World(1, "Overworld"), status=status, **parts)


def make_line(text: str, second: float = NOW):
    written = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return parse_line(f"{written} [INFO] {text}", NoDates())


def started(second: float = NOW):
    return make_line("Starting minecraft server version 26.3", second)


def stopped(second: float = NOW):
    return make_line("Stopping server", second)


@pytest.mark.parametrize("before", [WorldStatus.UNKNOWN, WorldStatus.RUNNING, WorldStatus.STOPPED])
@pytest.mark.parametrize(
    ("ping", "status"),
    [
        (RUNNING, WorldStatus.RUNNING),
        (STOPPED, WorldStatus.STOPPED),
        (UNKNOWN, WorldStatus.UNKNOWN),
    ],
)
def test_ping_sets_the_status(before, ping, status):
    assert make_world(before).ping(ping, NOW).status is status


@pytest.mark.parametrize(
    ("before", "line", "status"),
    [
        *((before, started(), "running") for before in ("unknown", "stopped", "running")),
        *((before, stopped(), "stopped") for before in ("unknown", "running")),
        ("running", make_line("<Steve> Stopping server"), "running"),
    ],
)
def test_line_sets_the_status(before, line, status):
    assert make_world(WorldStatus(before)).apply_line(line, NOW).status == status


@pytest.mark.parametrize("before", WorldStatus)
@pytest.mark.parametrize("line", [started(), stopped()])
def test_line_does_not_change_the_status_of_a_hosted_world(before, line):
    world = replace(make_world(before), hosted=True)
    assert world.apply_line(line, NOW).status is before
    assert world.after_silence(NOW + SILENCE_SECONDS + 1) == world


def test_line_of_a_hosted_world_tells_its_version():
    world = replace(make_world(), hosted=True).apply_line(started(), NOW)
    assert (world.version, world.started) == ("26.3", NOW)


@pytest.mark.parametrize("line", [started(NOW - 5), stopped(NOW - 5)])
@pytest.mark.parametrize("ping", [RUNNING, STOPPED])
def test_line_older_than_the_last_ping_does_not_change_the_status(line, ping):
    world = make_world().ping(ping, NOW)
    assert world.apply_line(line, NOW + 1).status is world.status
    assert not world.is_newest(line)


@pytest.mark.parametrize("line", [started, stopped])
def test_old_line_does_not_change_an_unknown_status(line):
    assert (
        make_world().apply_line(line(NOW - SILENCE_SECONDS - 1), NOW).status is WorldStatus.UNKNOWN
    )
    assert (
        make_world().apply_line(line(NOW - SILENCE_SECONDS), NOW).status is not WorldStatus.UNKNOWN
    )


def test_newest_line_determines_the_status():
    world = make_world().apply_line(stopped(NOW), NOW).apply_line(started(NOW - 60), NOW)
    assert world.status is WorldStatus.STOPPED


def test_line_of_the_same_second_changes_the_status():
    assert (
        make_world(last_ping=NOW + 0.9).apply_line(stopped(NOW), NOW + 1).status
        is WorldStatus.STOPPED
    )


def test_line_from_the_future_does_not_block_later_lines():
    world = make_world().apply_line(started(NOW + 9999), NOW)
    assert world.apply_line(stopped(NOW + 1), NOW + 1).status is WorldStatus.STOPPED


def test_version_is_that_of_the_newest_start():
    old = make_line("Starting minecraft server version 1.7.10", NOW - 500)
    world = make_world().ping(RUNNING, NOW).apply_line(started(NOW - 100), NOW).apply_line(old, NOW)
    assert world.version == "26.3"


def test_line_with_an_impossible_time_changes_nothing():
    line = parse_line("2014-02-30 10:32:55 [INFO] Stopping server", NoDates())
    assert make_world(WorldStatus.RUNNING).apply_line(line, NOW) == make_world(WorldStatus.RUNNING)


def test_address_is_kept_while_the_world_runs():
    world = make_world().ping(Ping(running=True, address="1.2.3.4"), NOW)
    assert world.ping(RUNNING, NOW).address == "1.2.3.4"
    assert world.ping(UNKNOWN, NOW).address == "1.2.3.4"
    assert world.ping(STOPPED, NOW).address == ""
    assert world.apply_line(stopped(), NOW).address == ""


def test_last_ping_is_saved_each_minute_and_with_changes():
    world = make_world().ping(RUNNING, NOW)
    assert world.ping(RUNNING, NOW + 30) is world
    assert world.ping(RUNNING, NOW + 61).last_ping == NOW + 61
    assert world.ping(STOPPED, NOW + 30).last_ping == NOW + 30
    assert world.ping(Ping(running=True, overloads=1), NOW + 30).last_ping == NOW + 30


def test_ping_updates_reported_fields_only():
    full_ping = Ping(
        running=True,
        day=3,
        time=1000,
        raining=False,
        thundering=True,
        overloads=2,
        behind=9,
        skipped=4,
    )
    world = make_world().ping(full_ping, NOW).ping(Ping(running=True, raining=True), NOW + 1)
    assert (world.day, world.time, world.read) == (3, 1000, NOW)
    assert (world.raining, world.thundering) == (True, True)
    assert (world.overloads, world.behind, world.skipped) == (2, 9, 4)


def test_time_of_day_is_extrapolated_while_the_world_runs():
    world = make_world().ping(Ping(running=True, day=3, time=1000), NOW)
    assert world.time_of_day(NOW + 1220) == (1000 + 20 * 1220) % 24000 == 1400
    assert world.ping(Ping(running=False), NOW + 5).time_of_day(NOW + 1220) == 1000
    assert world.time_of_day(NOW - 9) == 1000
    assert make_world(WorldStatus.RUNNING).time_of_day(NOW) is None


def test_repeated_time_keeps_its_reading_time():
    world = make_world().ping(Ping(running=True, day=3, time=1000, read=NOW - 50), NOW)
    assert world.ping(Ping(running=True, day=3, time=1000), NOW + 9).read == NOW - 50


@pytest.mark.parametrize(
    ("status", "last_ping", "expected"),
    [
        (WorldStatus.RUNNING, NOW, WorldStatus.RUNNING),
        (WorldStatus.RUNNING, NOW - SILENCE_SECONDS - 1, WorldStatus.UNKNOWN),
        (WorldStatus.RUNNING, None, WorldStatus.UNKNOWN),
        (WorldStatus.STOPPED, NOW - SILENCE_SECONDS - 1, WorldStatus.STOPPED),
        (WorldStatus.UNKNOWN, None, WorldStatus.UNKNOWN),
    ],
)
def test_silent_world_becomes_unknown(status, last_ping, expected):
    assert make_world(status, last_ping=last_ping).after_silence(NOW).status is expected
