"""Worlds: the status that pings, lines and time make, for worlds of others and of ours."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.domain.minecraft.log.dates import Undated
from coalserver.domain.minecraft.log.parser import read
from coalserver.domain.minecraft.world import PENDING, SILENCE, Ping, Status, World
from tests.domain.builders import NOW

UP, DOWN, UNSURE = Ping(running=True), Ping(running=False), Ping()
ON_THE_WAY = sorted(PENDING)


def a_world(status: Status = Status.UNKNOWN, **parts) -> World:
    pending = NOW - 1 if status in PENDING else None
    return replace(World(1, "Overworld"), status=status, pending=pending, **parts)


def a_line(text: str, second: float = NOW):
    written = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return read(f"{written} [INFO] {text}", Undated())


def started(second: float = NOW):
    return a_line("Starting minecraft server version 26.3", second)


def stopped(second: float = NOW):
    return a_line("Stopping server", second)


@pytest.mark.parametrize("before", [Status.UNKNOWN, Status.RUNNING, Status.STOPPED])
@pytest.mark.parametrize(
    ("ping", "status"), [(UP, Status.RUNNING), (DOWN, Status.STOPPED), (UNSURE, Status.UNKNOWN)]
)
def test_a_ping_says_how_a_world_is(before, ping, status):
    assert a_world(before).ping(ping, NOW).status is status


#: State, what comes, and what is then.
TABLE = [
    *((coming, UP, Status.RUNNING) for coming in ("queued_start", "loading", "loaded")),
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
    assert a_world(Status(before)).ping(ping, NOW).status == status


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
        ("running", a_line("<Steve> Stopping server"), "running"),
    ],
)
def test_a_line_says_how_a_world_is(before, line, status):
    assert a_world(Status(before)).heard(line, NOW).status == status


def test_a_restart_is_through_when_the_new_one_is_seen():
    world = a_world(Status.RUNNING).asked(Status.QUEUED_RESTART, NOW)
    for told, status in (
        (UP, Status.QUEUED_RESTART),
        (DOWN, Status.QUEUED_START),
        (DOWN, Status.QUEUED_START),
        (UP, Status.RUNNING),
    ):
        world = world.ping(told, NOW + 1)
        assert world.status is status
    assert world.pending is None


@pytest.mark.parametrize("before", Status)
def test_a_world_that_was_put_away_is_stopped_unless_it_is_wanted_again(before):
    wanted = ("queued_start", "loading", "loaded", "queued_restart")
    status = before if before in wanted else Status.STOPPED
    assert a_world(before).saved().status is status


@pytest.mark.parametrize("line", [started(NOW - 5), stopped(NOW - 5)])
@pytest.mark.parametrize("ping", [UP, DOWN])
def test_a_line_of_before_the_last_ping_changes_no_status(line, ping):
    world = a_world().ping(ping, NOW)
    assert world.heard(line, NOW + 1).status is world.status
    assert not world.news(line)


@pytest.mark.parametrize("line", [started, stopped])
def test_a_line_of_long_ago_changes_no_status_even_where_nothing_else_is_known(line):
    assert a_world().heard(line(NOW - SILENCE - 1), NOW).status is Status.UNKNOWN
    assert a_world().heard(line(NOW - SILENCE), NOW).status is not Status.UNKNOWN


def test_lines_in_the_wrong_order_end_with_the_newest():
    world = a_world().heard(stopped(NOW), NOW).heard(started(NOW - 60), NOW)
    assert world.status is Status.STOPPED


def test_a_line_of_the_same_second_is_news():
    assert a_world(pinged=NOW + 0.9).heard(stopped(NOW), NOW + 1).status is Status.STOPPED


def test_a_clock_that_is_ahead_does_not_make_deaf():
    world = a_world().heard(started(NOW + 9999), NOW)
    assert world.heard(stopped(NOW + 1), NOW + 1).status is Status.STOPPED


def test_the_version_is_that_of_the_newest_start_even_of_long_ago():
    old = a_line("Starting minecraft server version 1.7.10", NOW - 500)
    world = a_world().ping(UP, NOW).heard(started(NOW - 100), NOW).heard(old, NOW)
    assert world.version == "26.3"


def test_an_impossible_time_changes_nothing():
    line = read("2014-02-30 10:32:55 [INFO] Stopping server", Undated())
    assert a_world(Status.RUNNING).heard(line, NOW) == a_world(Status.RUNNING)


def test_the_address_is_that_of_the_last_ping_with_one_while_it_runs():
    world = a_world().ping(Ping(running=True, address="1.2.3.4"), NOW)
    assert world.ping(UP, NOW).address == "1.2.3.4"
    assert world.ping(UNSURE, NOW).address == "1.2.3.4"
    assert world.ping(DOWN, NOW).address == ""
    assert world.heard(stopped(), NOW).address == ""


def test_a_ping_is_noted_each_minute_or_when_it_says_something():
    world = a_world().ping(UP, NOW)
    assert world.ping(UP, NOW + 30) is world
    assert world.ping(UP, NOW + 61).pinged == NOW + 61
    assert world.ping(DOWN, NOW + 30).pinged == NOW + 30
    assert world.ping(Ping(running=True, overloads=1), NOW + 30).pinged == NOW + 30


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
    world = a_world().ping(told, NOW).ping(Ping(running=True, raining=True), NOW + 1)
    assert (world.day, world.time, world.read) == (3, 1000, NOW)
    assert (world.raining, world.thundering) == (True, True)
    assert (world.overloads, world.behind, world.skipped) == (2, 9, 4)


def test_the_time_in_a_world_goes_on_while_it_runs_and_the_day_does_not():
    world = a_world().ping(Ping(running=True, day=3, time=1000), NOW)
    assert world.ticks(NOW + 1220) == (1000 + 20 * 1220) % 24000 == 1400
    assert world.ping(Ping(running=False), NOW + 5).ticks(NOW + 1220) == 1000
    assert world.ticks(NOW - 9) == 1000
    assert a_world(Status.RUNNING).ticks(NOW) is None


def test_the_same_time_told_again_is_still_of_when_it_was_read():
    world = a_world().ping(Ping(running=True, day=3, time=1000, read=NOW - 50), NOW)
    assert world.ping(Ping(running=True, day=3, time=1000), NOW + 9).read == NOW - 50


@pytest.mark.parametrize(
    ("status", "pinged", "after"),
    [
        (Status.RUNNING, NOW, Status.RUNNING),
        (Status.RUNNING, NOW - SILENCE - 1, Status.UNKNOWN),
        (Status.RUNNING, None, Status.UNKNOWN),
        (Status.STOPPED, NOW - SILENCE - 1, Status.STOPPED),
        (Status.UNKNOWN, None, Status.UNKNOWN),
        (Status.QUEUED_START, None, Status.QUEUED_START),
    ],
)
def test_nothing_is_known_of_a_silent_world(status, pinged, after):
    assert a_world(status, pinged=pinged).silent(NOW).status is after


@pytest.mark.parametrize("status", ON_THE_WAY)
def test_nobody_is_on_the_way_for_ever(status):
    world = a_world().asked(status, NOW, 50)
    assert world.silent(NOW + SILENCE).status is status
    lost = world.silent(NOW + SILENCE + 1)
    assert (lost.status, lost.pending, lost.percent) == (Status.UNKNOWN, None, None)


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
    world, now = a_world(), NOW
    for seconds, step in steps:
        now += seconds
        if isinstance(step, Ping):
            world = world.ping(step, now)
        elif isinstance(step, Status):
            world = world.asked(step, now)
        elif callable(step):
            world = world.heard(step(now), now)
        else:
            world = world.saved() if step == "saved" else world.silent(now)
        assert (world.pending is not None) == (world.status in PENDING)
        assert world.status is not Status.STOPPED or not world.address
