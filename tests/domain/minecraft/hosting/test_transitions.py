"""Transitions of hosted worlds: every cell of the table in hosting.md 2, and the answers of section 3."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from coalserver.domain.minecraft.hosting.hosted_world import (
    HostedWorld,
    Trouble,
    TroubleCode,
    Wanted,
    pending_properties,
    wire_status,
)
from coalserver.domain.minecraft.hosting.transitions import (
    Answer,
    Order,
    Run,
    after_reboot,
    answer_to,
    apply_order,
    crashed,
    exited,
    keeper_lost,
    needs_checks,
    preparing_failed,
    progress,
    ready,
    saved,
    spawned,
    start_timed_out,
    stop_for_trouble,
    take_turn,
)
from coalserver.domain.minecraft.world import World, WorldStatus

NOW = 1_700_000_000.0
PLAY, PAUSE = Wanted.PLAY, Wanted.PAUSE
STATES = [status.upper() for status in WorldStatus]
#: A start was asked for while the world is in these states.
AGAIN = {"QUEUED_STOP+": "QUEUED_STOP", "SAVING+": "SAVING"}
CAUSE = Trouble(TroubleCode.EULA, NOW)


def make_run(state: str, **kwargs: object) -> Run:
    """Return a run in a state; `QUEUED_STOP+` and `SAVING+` are those in which a start was asked for."""
    status = WorldStatus(AGAIN.get(state, state).lower())
    rests = state in ("UNKNOWN", "STOPPED", "QUEUED_STOP", "SAVING")
    hosted = HostedWorld(1, wanted=PAUSE if rests else PLAY, port=25565, reserved_mib=656)
    address = "192.0.2.1" if status in (WorldStatus.RUNNING, WorldStatus.QUEUED_STOP) else ""
    world = World(1, "World", hosted=True, status=status, address=address)
    return Run(world, replace(hosted, **kwargs))  # type: ignore[arg-type]


def name_of(run: Run) -> str:
    """Return the state with a plus sign where the world starts again afterwards."""
    status = run.status.upper()
    ends = status in AGAIN.values()
    return f"{status}+" if ends and run.hosted.wanted is PLAY else status


def end(run: Run, now: float, **kwargs: object) -> Run:
    arguments = {"stopping_seen": False, "cause": None, "save_on_pause": True, "crash_wait": 5.0}
    return exited(run, now, **{**arguments, **kwargs})  # type: ignore[arg-type]


#: Order -> state -> state afterwards and the answer; `-`: nothing changes.
ORDERS: dict[str, dict[str, tuple[str, int]]] = {
    "play": {
        "UNKNOWN": ("QUEUED_START", 202),
        "STOPPED": ("QUEUED_START", 202),
        "QUEUED_START": ("-", 200),
        "LOADING": ("-", 200),
        "LOADED": ("-", 200),
        "RUNNING": ("-", 200),
        "QUEUED_STOP": ("QUEUED_STOP+", 202),
        "QUEUED_STOP+": ("-", 202),
        "QUEUED_RESTART": ("-", 200),
        "SAVING": ("SAVING+", 202),
        "SAVING+": ("-", 202),
    },
    "pause": {
        "UNKNOWN": ("-", 200),
        "STOPPED": ("-", 200),
        "QUEUED_START": ("STOPPED", 202),
        "LOADING": ("STOPPED", 202),
        "LOADED": ("QUEUED_STOP", 202),
        "RUNNING": ("QUEUED_STOP", 202),
        "QUEUED_STOP": ("-", 200),
        "QUEUED_STOP+": ("QUEUED_STOP", 202),
        "QUEUED_RESTART": ("QUEUED_STOP", 202),
        "SAVING": ("-", 200),
        "SAVING+": ("SAVING", 202),
    },
    "restart": {
        "UNKNOWN": ("QUEUED_START", 202),
        "STOPPED": ("QUEUED_START", 202),
        "QUEUED_START": ("-", 200),
        "LOADING": ("-", 200),
        "LOADED": ("QUEUED_RESTART", 202),
        "RUNNING": ("QUEUED_RESTART", 202),
        "QUEUED_STOP": ("QUEUED_RESTART", 202),
        "QUEUED_STOP+": ("QUEUED_RESTART", 202),
        "QUEUED_RESTART": ("-", 200),
        "SAVING": ("SAVING+", 202),
        "SAVING+": ("-", 202),
    },
    "kill": {
        "UNKNOWN": ("-", 200),
        "STOPPED": ("-", 200),
        "QUEUED_START": ("STOPPED", 202),
        "LOADING": ("STOPPED", 202),
        "LOADED": ("QUEUED_STOP", 202),
        "RUNNING": ("QUEUED_STOP", 202),
        "QUEUED_STOP": ("QUEUED_STOP", 202),
        "QUEUED_STOP+": ("QUEUED_STOP", 202),
        "QUEUED_RESTART": ("QUEUED_STOP", 202),
        "SAVING": ("-", 200),
        "SAVING+": ("-", 200),
    },
}


@pytest.mark.parametrize(
    ("order", "before", "after", "status"),
    [(order, state, *cell) for order, row in ORDERS.items() for state, cell in row.items()],
)
def test_order_changes_the_state(order: str, before: str, after: str, status: int):
    run = make_run(before)
    assert answer_to(run, Order(order)) is (Answer.ACCEPTED if status == 202 else Answer.ALREADY)
    changed = apply_order(run, Order(order), NOW)
    if after == "-":
        assert changed == run
    else:
        assert name_of(changed) == after
    # Only orders that lead to a start are checked, and none that leaves things as they are.
    assert needs_checks(run, Order(order)) == (order in ("play", "restart") and status == 202)


def test_kill_marks_the_process_to_be_killed():
    run = apply_order(make_run("RUNNING", played_since_save=True), Order.KILL, NOW)
    assert run.hosted.killed
    ended = end(run, NOW)
    assert (name_of(ended), ended.hosted.wanted, ended.hosted.killed) == ("STOPPED", PAUSE, False)


@pytest.mark.parametrize("order", ["play", "restart"])
def test_person_who_starts_a_world_clears_its_troubles(order: str):
    run = make_run("STOPPED", trouble=CAUSE, crashes=(NOW - 9, NOW - 8, NOW - 7))
    started = apply_order(run, Order(order), NOW).hosted
    assert (started.wanted, started.trouble, started.crashes) == (PLAY, None, ())


Step = Callable[[Run, float], Run]
#: What happens -> states in which it matters -> state afterwards. In all others, nothing changes.
EVENTS: list[tuple[str, Step, dict[str, str]]] = [
    ("its turn to start", take_turn, {"QUEUED_START": "LOADING"}),
    ("spawned", lambda run, now: spawned(run, "r1", b"{}", now), {"LOADING": "LOADED"}),
    (
        "preparing fails",
        lambda run, now: preparing_failed(run, CAUSE, now),
        {"QUEUED_START": "STOPPED", "LOADING": "STOPPED"},
    ),
    ("ready line", lambda run, now: ready(run, "192.0.2.1:25570", now), {"LOADED": "RUNNING"}),
    ("not ready in time", start_timed_out, {"LOADED": "QUEUED_STOP"}),
    (
        "exit",
        end,
        {
            "LOADED": "STOPPED",
            "RUNNING": "QUEUED_START",
            "QUEUED_STOP": "STOPPED",
            "QUEUED_STOP+": "QUEUED_START",
            "QUEUED_RESTART": "QUEUED_START",
        },
    ),
    (
        "exit after a player was there",
        lambda run, now: end(replace(run, hosted=replace(run.hosted, played_since_save=True)), now),
        {
            "LOADED": "STOPPED",
            "RUNNING": "QUEUED_START",
            "QUEUED_STOP": "SAVING",
            "QUEUED_STOP+": "SAVING+",
            "QUEUED_RESTART": "QUEUED_START",
        },
    ),
    (
        "exit after `Stopping server`",
        partial(end, stopping_seen=True),
        {
            "LOADED": "STOPPED",
            "RUNNING": "STOPPED",
            "QUEUED_STOP": "STOPPED",
            "QUEUED_STOP+": "QUEUED_START",
            "QUEUED_RESTART": "QUEUED_START",
        },
    ),
    ("packing done", saved, {"SAVING": "STOPPED", "SAVING+": "QUEUED_START"}),
    (
        "packing failed",
        lambda run, now: saved(run, now, Trouble(TroubleCode.SAVE_FAILED, now)),
        {"SAVING": "STOPPED", "SAVING+": "QUEUED_START"},
    ),
    (
        "keeper lost",
        keeper_lost,
        {
            "LOADED": "QUEUED_RESTART",
            "RUNNING": "QUEUED_RESTART",
            "QUEUED_STOP": "QUEUED_STOP",
            "QUEUED_STOP+": "QUEUED_RESTART",
            "QUEUED_RESTART": "QUEUED_RESTART",
        },
    ),
    (
        "full disk",
        lambda run, now: stop_for_trouble(run, Trouble(TroubleCode.DISK, now), now),
        {
            "QUEUED_START": "STOPPED",
            "LOADING": "STOPPED",
            "LOADED": "QUEUED_STOP",
            "RUNNING": "QUEUED_STOP",
            "QUEUED_STOP": "QUEUED_STOP",
            "QUEUED_STOP+": "QUEUED_STOP",
            "QUEUED_RESTART": "QUEUED_STOP",
        },
    ),
    (
        "reboot of the machine",
        after_reboot,
        {
            "QUEUED_START": "QUEUED_START",
            "LOADING": "QUEUED_START",
            "LOADED": "QUEUED_START",
            "RUNNING": "QUEUED_START",
            "QUEUED_STOP": "STOPPED",
            "QUEUED_STOP+": "QUEUED_START",
            "QUEUED_RESTART": "QUEUED_START",
        },
    ),
]


@pytest.mark.parametrize("before", [*STATES, *AGAIN])
@pytest.mark.parametrize(("event", "step", "cells"), EVENTS, ids=[event[0] for event in EVENTS])
def test_event_changes_the_state(event: str, step: Step, cells: dict[str, str], before: str):
    run = make_run(before)
    assert name_of(step(run, NOW)) == cells.get(before, before)


def test_world_at_rest_holds_nothing_and_has_no_address():
    run = end(make_run("QUEUED_STOP"), NOW)
    assert (run.hosted.port, run.hosted.reserved_mib, run.world.address) == (None, 0, "")


def test_world_that_starts_again_keeps_its_port_and_memory():
    run = end(make_run("QUEUED_RESTART"), NOW)
    assert (run.hosted.port, run.hosted.reserved_mib, run.world.address) == (25565, 656, "")


@pytest.mark.parametrize(
    ("state", "kwargs", "code"),
    [
        ("LOADED", {"cause": CAUSE}, TroubleCode.EULA),
        ("LOADED", {"stopping_seen": True}, TroubleCode.START_FAILED),
        ("RUNNING", {"stopping_seen": True}, TroubleCode.STOPPED_INSIDE),
    ],
)
def test_unasked_end_leaves_the_world_stopped_until_a_person_starts_it(state, kwargs, code):
    run = end(make_run(state), NOW, **kwargs)
    assert run.hosted.trouble is not None and run.hosted.trouble.code is code
    assert (name_of(run), run.hosted.wanted) == ("STOPPED", PAUSE)


def test_trouble_of_a_timeout_is_still_shown_after_the_end():
    run = end(start_timed_out(make_run("LOADED"), NOW), NOW + 5)
    assert run.hosted.trouble == Trouble(TroubleCode.START_TIMEOUT, NOW)
    assert (name_of(run), run.hosted.wanted) == ("STOPPED", PAUSE)


def test_crashed_world_waits_twice_as_long_each_time_and_stays_down_at_the_third():
    run = make_run("RUNNING")
    waits = []
    for seconds in (0, 60):
        run = end(replace(run, world=replace(run.world, status=WorldStatus.RUNNING)), NOW + seconds)
        assert run.hosted.starts_at is not None
        waits.append(run.hosted.starts_at - NOW - seconds)
    assert waits == [5.0, 10.0]
    run = end(replace(run, world=replace(run.world, status=WorldStatus.RUNNING)), NOW + 599)
    assert run.hosted.trouble is not None and run.hosted.trouble.code is TroubleCode.CRASH_LOOP
    assert (name_of(run), run.hosted.wanted) == ("STOPPED", PAUSE)


def test_crash_of_more_than_ten_minutes_ago_does_not_count():
    run = crashed(make_run("RUNNING", crashes=(NOW - 601, NOW - 600)), NOW, 5.0)
    assert (name_of(run), run.hosted.crashes) == ("QUEUED_START", (NOW,))


def test_ready_world_has_its_address_and_a_contact():
    run = ready(make_run("LOADED"), "192.0.2.1:25570", NOW)
    assert (run.world.address, run.world.last_ping, run.hosted.ready_at) == (
        "192.0.2.1:25570",
        NOW,
        NOW,
    )


@pytest.mark.parametrize(("state", "percent"), [("LOADING", 40), ("SAVING", 40), ("RUNNING", None)])
def test_percent_belongs_to_states_with_progress(state: str, percent: int | None):
    run = progress(make_run(state), 40)
    assert run.world.percent == percent
    assert run.to(WorldStatus.STOPPED, NOW).world.percent is None


WIRE = {
    "UNKNOWN": "UNKNOWN",
    "QUEUED_START": "QUEUED_START",
    "LOADING": "QUEUED_START",
    "LOADED": "QUEUED_START",
    "RUNNING": "RUNNING",
    "QUEUED_STOP": "QUEUED_STOP",
    "QUEUED_STOP+": "QUEUED_START",
    "QUEUED_RESTART": "QUEUED_START",
    "SAVING": "QUEUED_STOP",
    "SAVING+": "QUEUED_START",
    "STOPPED": "STOPPED",
}


@pytest.mark.parametrize(("state", "word"), WIRE.items())
def test_api_shows_one_of_five_words(state: str, word: str):
    run = make_run(state)
    assert wire_status(run.world, run.hosted) == word


def test_changed_property_is_pending_while_a_process_runs():
    run = make_run("RUNNING", applied=b'{"motd":"Old","pvp":false}')
    run = replace(run, world=replace(run.world, properties=b'{"motd":"New"}'))
    assert pending_properties(run.world, run.hosted) == ["motd"]
    assert pending_properties(run.to(WorldStatus.STOPPED, NOW).world, run.hosted) == []
