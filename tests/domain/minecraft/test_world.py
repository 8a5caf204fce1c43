"""Worlds: the status that pings, lines and time make, for worlds of others and of ours."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.minecraft.log.dates import NoDates
from coalserver.domain.minecraft.log.parser import parse_line
from coalserver.domain.minecraft.world import PENDING, SILENCE_SECONDS, Ping, World, WorldStatus
from tests.domain.builders import NOW

UP, DOWN, UNSURE = Ping(running=True), Ping(running=False), Ping()
ON_THE_WAY = sorted(PENDING)


def make_world(status: WorldStatus = WorldStatus.UNKNOWN, **parts) -> World:
    pending = NOW - 1 if status in PENDING else None
    return replace(World(1, "Overworld"), status=status, pending_since=pending, **parts)


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
    [(UP, WorldStatus.RUNNING), (DOWN, WorldStatus.STOPPED), (UNSURE, WorldStatus.UNKNOWN)],
)
def test_a_ping_says_how_a_world_is(before, ping, status):
    assert make_world(before).ping(ping, NOW).status is status


#: State, what comes, and what is then.
TABLE = [
    *((coming, UP, WorldStatus.RUNNING) for coming in ("queued_start", "loading", "loaded")),
    *((coming, DOWN, coming) for coming in ("queued_start", "loading", "loaded")),
    *((coming, UNSURE, coming) for coming in ("queued_start", "loading", "loaded")),
    *((going, ping, going) for going in ("queued_stop", "saving") for ping in (UP, DOWN, UNSURE)),
    # The old one still runs.
    ("queued_restart", UP, "queued_restart"),
    ("queued_restart", UNSURE, "queued_restart"),
    ("queued_restart", DOWN, "queued_start"),
]


@pytest.mark.parametrize(("before", "ping", "status"), TABLE)
def test_a_world_on_its_way_hears_only_of_where_it_goes(before, ping, status):
    assert make_world(WorldStatus(before)).ping(ping, NOW).status == status


@pytest.mark.parametrize(
    ("before", "line", "status"),
    [
        *(
            (before, started(), "running")
            for before in ("unknown", "stopped", "queued_start", "loaded")
        ),
        *((before, stopped(), "stopped") for before in ("unknown", "running")),
        *((before, stopped(), before) for before in ("queued_start", "queued_stop", "saving")),
        ("queued_stop", started(), "queued_stop"),
        ("queued_restart", started(), "running"),
        ("queued_restart", stopped(), "queued_start"),
        ("running", make_line("<Steve> Stopping server"), "running"),
    ],
)
def test_a_line_says_how_a_world_is(before, line, status):
    assert make_world(WorldStatus(before)).apply_line(line, NOW).status == status


def test_a_restart_is_through_when_the_new_one_is_seen():
    world = make_world(WorldStatus.RUNNING).with_pending_status(WorldStatus.QUEUED_RESTART, NOW)
    for told, status in (
        (UP, WorldStatus.QUEUED_RESTART),
        (DOWN, WorldStatus.QUEUED_START),
        (DOWN, WorldStatus.QUEUED_START),
        (UP, WorldStatus.RUNNING),
    ):
        world = world.ping(told, NOW + 1)
        assert world.status is status
    assert world.pending_since is None


@pytest.mark.parametrize("before", WorldStatus)
def test_a_world_that_was_put_away_is_stopped_unless_it_is_wanted_again(before):
    wanted = ("queued_start", "loading", "loaded", "queued_restart")
    status = before if before in wanted else WorldStatus.STOPPED
    assert make_world(before).after_save().status is status


@pytest.mark.parametrize("line", [started(NOW - 5), stopped(NOW - 5)])
@pytest.mark.parametrize("ping", [UP, DOWN])
def test_a_line_of_before_the_last_ping_changes_no_status(line, ping):
    world = make_world().ping(ping, NOW)
    assert world.apply_line(line, NOW + 1).status is world.status
    assert not world.is_newest(line)


@pytest.mark.parametrize("line", [started, stopped])
def test_a_line_of_long_ago_changes_no_status_even_where_nothing_else_is_known(line):
    assert (
        make_world().apply_line(line(NOW - SILENCE_SECONDS - 1), NOW).status is WorldStatus.UNKNOWN
    )
    assert (
        make_world().apply_line(line(NOW - SILENCE_SECONDS), NOW).status is not WorldStatus.UNKNOWN
    )


def test_lines_in_the_wrong_order_end_with_the_newest():
    world = make_world().apply_line(stopped(NOW), NOW).apply_line(started(NOW - 60), NOW)
    assert world.status is WorldStatus.STOPPED


def test_a_line_of_the_same_second_is_news():
    assert (
        make_world(last_ping=NOW + 0.9).apply_line(stopped(NOW), NOW + 1).status
        is WorldStatus.STOPPED
    )


def test_a_clock_that_is_ahead_does_not_make_deaf():
    world = make_world().apply_line(started(NOW + 9999), NOW)
    assert world.apply_line(stopped(NOW + 1), NOW + 1).status is WorldStatus.STOPPED


def test_the_version_is_that_of_the_newest_start_even_of_long_ago():
    old = make_line("Starting minecraft server version 1.7.10", NOW - 500)
    world = make_world().ping(UP, NOW).apply_line(started(NOW - 100), NOW).apply_line(old, NOW)
    assert world.version == "26.3"


def test_an_impossible_time_changes_nothing():
    line = parse_line("2014-02-30 10:32:55 [INFO] Stopping server", NoDates())
    assert make_world(WorldStatus.RUNNING).apply_line(line, NOW) == make_world(WorldStatus.RUNNING)


def test_the_address_is_that_of_the_last_ping_with_one_while_it_runs():
    world = make_world().ping(Ping(running=True, address="1.2.3.4"), NOW)
    assert world.ping(UP, NOW).address == "1.2.3.4"
    assert world.ping(UNSURE, NOW).address == "1.2.3.4"
    assert world.ping(DOWN, NOW).address == ""
    assert world.apply_line(stopped(), NOW).address == ""


def test_a_ping_is_noted_each_minute_or_when_it_says_something():
    world = make_world().ping(UP, NOW)
    assert world.ping(UP, NOW + 30) is world
    assert world.ping(UP, NOW + 61).last_ping == NOW + 61
    assert world.ping(DOWN, NOW + 30).last_ping == NOW + 30
    assert world.ping(Ping(running=True, overloads=1), NOW + 30).last_ping == NOW + 30


def test_a_ping_brings_what_it_tells_and_leaves_the_rest():
    told = Ping(
        running=True,
        day=3,
        time=1000,
        raining=False,
        thundering=True,
        overloads=2,
        behind=9,
        skipped=4,
    )
    world = make_world().ping(told, NOW).ping(Ping(running=True, raining=True), NOW + 1)
    assert (world.day, world.time, world.read) == (3, 1000, NOW)
    assert (world.raining, world.thundering) == (True, True)
    assert (world.overloads, world.behind, world.skipped) == (2, 9, 4)


def test_the_time_in_a_world_goes_on_while_it_runs_and_the_day_does_not():
    world = make_world().ping(Ping(running=True, day=3, time=1000), NOW)
    assert world.time_of_day(NOW + 1220) == (1000 + 20 * 1220) % 24000 == 1400
    assert world.ping(Ping(running=False), NOW + 5).time_of_day(NOW + 1220) == 1000
    assert world.time_of_day(NOW - 9) == 1000
    assert make_world(WorldStatus.RUNNING).time_of_day(NOW) is None


def test_the_same_time_told_again_is_still_of_when_it_was_read():
    world = make_world().ping(Ping(running=True, day=3, time=1000, read=NOW - 50), NOW)
    assert world.ping(Ping(running=True, day=3, time=1000), NOW + 9).read == NOW - 50


@pytest.mark.parametrize(
    ("status", "pinged", "after"),
    [
        (WorldStatus.RUNNING, NOW, WorldStatus.RUNNING),
        (WorldStatus.RUNNING, NOW - SILENCE_SECONDS - 1, WorldStatus.UNKNOWN),
        (WorldStatus.RUNNING, None, WorldStatus.UNKNOWN),
        (WorldStatus.STOPPED, NOW - SILENCE_SECONDS - 1, WorldStatus.STOPPED),
        (WorldStatus.UNKNOWN, None, WorldStatus.UNKNOWN),
        (WorldStatus.QUEUED_START, None, WorldStatus.QUEUED_START),
    ],
)
def test_nothing_is_known_of_a_silent_world(status, pinged, after):
    assert make_world(status, last_ping=pinged).after_silence(NOW).status is after


@pytest.mark.parametrize("status", ON_THE_WAY)
def test_nobody_is_on_the_way_for_ever(status):
    world = make_world().with_pending_status(status, NOW, 50)
    assert world.after_silence(NOW + SILENCE_SECONDS).status is status
    lost = world.after_silence(NOW + SILENCE_SECONDS + 1)
    assert (lost.status, lost.pending_since, lost.percent) == (WorldStatus.UNKNOWN, None, None)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.sampled_from([UP, DOWN, UNSURE, started, stopped, *ON_THE_WAY, "saved", "silent"]),
        ),
        max_size=12,
    )
)
def test_a_world_is_on_its_way_exactly_while_it_has_a_time_for_it(steps):
    world, now = make_world(), NOW
    for seconds, step in steps:
        now += seconds
        if isinstance(step, Ping):
            world = world.ping(step, now)
        elif isinstance(step, WorldStatus):
            world = world.with_pending_status(step, now)
        elif callable(step):
            world = world.apply_line(step(now), now)
        else:
            world = world.after_save() if step == "saved" else world.after_silence(now)
        assert (world.pending_since is not None) == (world.status in PENDING)
        assert world.status is not WorldStatus.STOPPED or not world.address
