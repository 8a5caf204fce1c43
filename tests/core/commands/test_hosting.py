"""Commands about hosted worlds: orders, ends of processes, saved games, restores, versions and the EULA."""

import json
from dataclasses import replace
from functools import partial

import pytest

from coalserver.core.commands.hosting import (
    MachineFacts,
    begin_restore,
    begin_save,
    end_restore,
    give_order,
    record_exit,
    record_saved,
    resume_start,
    update_run,
)
from coalserver.core.commands.hosting_settings import (
    add_version,
    agree_to_eula,
    remove_version,
    set_further_properties,
    set_properties,
    update_version,
)
from coalserver.core.commands.worlds import archive_world, create_world, update_world
from coalserver.core.queries.hosting import (
    all_versions,
    get_run,
    hosted_world,
    idle_seconds_left,
    runs_to_drive,
)
from coalserver.core.queries.worlds import online_visitors
from coalserver.core.topics import world as topic
from coalserver.domain.audit import COMMAND_LINE, TIME, AuditAction, AuditEntry
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import EulaAgreement, Wanted
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.hosting.transitions import (
    Answer,
    Order,
    Run,
    ready,
    spawned,
    take_turn,
)
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.domain.minecraft.world import World, WorldStatus
from tests.core.table import Table
from tests.core.worlds import DAY, ingest, login, visitor
from tests.domain.builders import raises_code

FACTS = MachineFacts(budget=16_000, disk_free=50_000)


@pytest.fixture(autouse=True)
def set_noon(table: Table) -> None:
    table.now = DAY + 12 * 3600


def make_version(name: str = "1.20.4", **kwargs: object) -> Version:
    return Version(0, name, VersionKind.URL, 0.0, url="https://example.com/a.jar", **kwargs)  # type: ignore[arg-type]


def make_hosted(table: Table, name: str = "World") -> World:
    """Create a hosted world that can be started."""
    if not table.query(all_versions):
        table.execute(add_version, version=make_version())
    world = table.execute(create_world, name=name, hosted=True)
    table.execute(set_properties, world_id=world.id, changes={"version": "1.20.4"})
    table.execute(agree_to_eula, world_id=world.id, actor_id=0, agree=True)
    return world


def order(table: Table, world: World, what: Order, facts: MachineFacts = FACTS) -> Answer:
    return table.execute(give_order, world_id=world.id, order=what, actor=COMMAND_LINE, facts=facts)


def step(table: Table, world: World, transition: object) -> Run:
    return table.execute(update_run, world_id=world.id, transition=transition)


def run_of(table: Table, world: World) -> Run:
    return table.query(get_run, world_id=world.id)


def start(table: Table, world: World) -> Run:
    """Bring a world to RUNNING."""
    order(table, world, Order.PLAY)
    step(table, world, take_turn)
    step(table, world, lambda run, now: spawned(run, "run", run.world.properties, now))
    return step(table, world, lambda run, now: ready(run, "192.0.2.1:25565", now))


def end(table: Table, world: World, **kwargs: object) -> Run:
    arguments = {"stopping_seen": False, "cause": None, "crash_wait": 5.0}
    return table.execute(record_exit, world_id=world.id, **{**arguments, **kwargs})


def audit(table: Table) -> list[tuple[AuditAction, int]]:
    entries = sorted(table.state.all(AuditEntry), key=lambda entry: entry.id)
    return [(entry.action, entry.actor) for entry in entries]


def test_public_event_has_only_the_statuses_of_the_document(table):
    world = make_hosted(table)
    table.clear_events()
    start(table, world)
    order(table, world, Order.PAUSE)
    end(table, world)
    statuses = [event.status for event in table.events(at=("worlds", ""))]
    assert statuses == ["queued_start", "running", "queued_stop", "stopped"]


def test_each_state_is_an_event_for_pages(table):
    world = make_hosted(table)
    table.clear_events()
    start(table, world)
    names = [
        event.state
        for event in table.events(at=topic(world.id))
        if type(event).__name__ == "HostedWorldChanged"
    ]
    assert names == ["queued_start", "loading", "loaded", "running"]


def test_play_while_stopping_is_public_as_a_start(table):
    world = make_hosted(table)
    start(table, world)
    order(table, world, Order.PAUSE)
    table.clear_events()
    order(table, world, Order.PLAY)
    assert [event.status for event in table.events(at=("worlds", ""))] == ["queued_start"]


def test_end_of_the_process_ends_all_visits(table):
    world = make_hosted(table)
    start(table, world)
    ingest(table, world, login("12:00:00"))
    assert table.query(online_visitors, world=world.id)
    table.now += 60
    end(table, world)
    assert table.query(online_visitors, world=world.id) == []
    assert visitor(table, world).latest_visit.ended_at == table.now


def test_orders_and_crashes_are_audited(table):
    world = make_hosted(table)
    table.execute(update_world, world_id=world.id, name="Mill")
    start(table, world)
    order(table, world, Order.PLAY)
    order(table, world, Order.RESTART)
    end(table, world)
    for transition in (take_turn, lambda run, now: spawned(run, "b", b"{}", now)):
        step(table, world, transition)
    step(table, world, lambda run, now: ready(run, "", now))
    end(table, world)
    order(table, world, Order.KILL)
    assert audit(table) == [
        (AuditAction.EULA_AGREED, COMMAND_LINE),
        (AuditAction.WORLD_PLAYED, COMMAND_LINE),
        (AuditAction.WORLD_RESTARTED, COMMAND_LINE),
        (AuditAction.WORLD_CRASHED, TIME),
        (AuditAction.WORLD_KILLED, COMMAND_LINE),
    ]


def test_third_crash_is_audited_as_a_crash_loop(table):
    world = make_hosted(table)
    for _ in range(3):
        if run_of(table, world).status is WorldStatus.UNKNOWN:
            start(table, world)
        else:
            step(table, world, take_turn)
            step(table, world, lambda run, now: spawned(run, "b", b"{}", now))
            step(table, world, lambda run, now: ready(run, "", now))
        end(table, world)
    assert [action for action, _ in audit(table)][-3:] == [
        AuditAction.WORLD_CRASHED,
        AuditAction.WORLD_CRASHED,
        AuditAction.WORLD_CRASH_LOOP,
    ]
    assert run_of(table, world).hosted.wanted is Wanted.PAUSE


def test_world_is_saved_after_a_pause_if_a_player_was_there(table):
    world = make_hosted(table)
    start(table, world)
    step(
        table,
        world,
        lambda run, now: replace(run, hosted=replace(run.hosted, played_since_save=True)),
    )
    order(table, world, Order.PAUSE)
    assert end(table, world).status is WorldStatus.SAVING
    assert table.execute(record_saved, world_id=world.id).status is WorldStatus.STOPPED
    assert not run_of(table, world).hosted.played_since_save


def test_world_is_not_saved_while_coalserver_ends_and_is_started_with_it_again(table):
    world = make_hosted(table)
    start(table, world)
    step(
        table,
        world,
        lambda run, now: replace(run, hosted=replace(run.hosted, played_since_save=True)).to(
            WorldStatus.QUEUED_STOP, now
        ),
    )
    run = end(table, world, server_ending=True)
    assert (run.status, run.hosted.wanted) == (WorldStatus.QUEUED_START, Wanted.PLAY)
    assert [one.world.id for one in table.query(runs_to_drive)] == [world.id]


def test_archived_world_is_stopped_and_driven_until_its_process_has_ended(table):
    world = make_hosted(table)
    start(table, world)
    table.execute(archive_world, world_id=world.id)
    with raises_code(ErrorCode.WORLD_NOT_FOUND):
        order(table, world, Order.PLAY)
    (run,) = table.query(runs_to_drive)
    assert (run.world.id, run.status) == (world.id, WorldStatus.QUEUED_STOP)
    end(table, world)
    assert table.query(runs_to_drive) == []
    # The port and the memory are free for another world.
    start(table, make_hosted(table, "Other"))


def test_restore_needs_a_stopped_world_and_keeps_it_stopped(table):
    world = make_hosted(table)
    kwargs = {"world_id": world.id, "saved_game": "x.zip", "actor": COMMAND_LINE, "facts": FACTS}
    start(table, world)
    with raises_refusal(RefusalCode.NOT_STOPPED):
        table.execute(begin_restore, **kwargs)
    order(table, world, Order.KILL)
    end(table, world)
    table.execute(begin_restore, **kwargs)
    for attempt in (
        partial(order, table, world, Order.PLAY),
        partial(table.execute, begin_restore, **kwargs),
        partial(table.execute, begin_save, world_id=world.id, actor=COMMAND_LINE, facts=FACTS),
    ):
        with raises_refusal(RefusalCode.BUSY):
            attempt()
    table.execute(end_restore, world_id=world.id, level_name="old world")
    assert run_of(table, world).hosted.level_name == "old world"
    assert order(table, world, Order.PLAY) is Answer.ACCEPTED


class raises_refusal:
    """Expect ORDER_REFUSED with a RefusedOrder of this code."""

    def __init__(self, code: RefusalCode) -> None:
        self._code = code

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        assert isinstance(error, DomainError) and error.code is ErrorCode.ORDER_REFUSED
        assert error.details["refusal"].code is self._code
        return True


def test_eula_keeps_who_agreed_and_when(table):
    world = table.execute(create_world, name="World", hosted=True)
    at = table.now
    table.execute(agree_to_eula, world_id=world.id, actor_id=0, agree=True)
    table.now += 60
    table.execute(set_properties, world_id=world.id, changes={"eula_agree": True})
    assert run_of(table, world).hosted.eula == EulaAgreement(at)
    table.execute(set_properties, world_id=world.id, changes={"eula_agree": False})
    assert run_of(table, world).hosted.eula is None


def test_agreement_from_before_hosting_counts(table):
    world = table.execute(create_world, name="World", hosted=True)
    table.state.set(World, world.id, replace(world, properties=b'{"eula_agree":true}'))
    assert run_of(table, world).hosted.eula == EulaAgreement(world.updated)


def test_version_of_a_world_must_be_defined_and_cannot_be_removed(table):
    world = make_hosted(table)
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(set_properties, world_id=world.id, changes={"version": "2.0"})
    with raises_code(ErrorCode.VERSION_IN_USE):
        table.execute(remove_version, name="1.20.4")
    table.execute(archive_world, world_id=world.id)
    table.execute(remove_version, name="1.20.4")
    assert table.query(all_versions) == []


def test_version_of_a_stopped_world_that_was_removed_refuses_its_start(table):
    world = make_hosted(table)
    table.state.set(Version, table.query(all_versions)[0].id, None)
    with raises_refusal(RefusalCode.UNKNOWN_VERSION):
        order(table, world, Order.PLAY)


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a/b", "ä", "1.20\n"])
def test_invalid_version_name_is_refused(table, name):
    if name == "1.20\n":
        # White space around a name is not part of it.
        assert table.execute(add_version, version=make_version(name)).name == "1.20"
        return
    with raises_code(ErrorCode.INVALID_REQUEST):
        table.execute(add_version, version=make_version(name))


def test_version_names_are_unique_and_its_file_is_recorded(table):
    table.execute(add_version, version=make_version("paper 1"))
    with raises_code(ErrorCode.VERSION_EXISTS):
        table.execute(add_version, version=make_version("paper 1"))
    table.execute(update_version, name="paper 1", changes={"jar": "ab" * 32, "needed_java": 21})
    (version,) = table.query(all_versions)
    assert (version.jar, version.java_version) == ("ab" * 32, 21)


def test_further_properties_are_one_line_each_and_bounded(table):
    world = make_hosted(table)
    changes = {"max-tick-time": "60000", "bug-report-link": "a\nb"}
    table.execute(set_further_properties, world_id=world.id, changes=changes)
    hosted = run_of(table, world).hosted
    assert json.loads(hosted.further) == {"max-tick-time": "60000", "bug-report-link": "a b"}
    table.execute(set_further_properties, world_id=world.id, changes={"bug-report-link": None})
    assert json.loads(run_of(table, world).hosted.further) == {"max-tick-time": "60000"}
    for bad in ({"a\nb": "x"}, {"": "x"}, {f"k{n}": "x" for n in range(101)}, {"k": "x" * 2001}):
        with raises_code(ErrorCode.INVALID_REQUEST):
            table.execute(set_further_properties, world_id=world.id, changes=bad)


def test_idle_time_counts_from_ready_or_the_last_leave(table):
    world = make_hosted(table)
    run = start(table, world)
    assert table.query(idle_seconds_left, run=run, now=table.now + 60) == 240
    ingest(table, world, login("12:00:00"))
    assert table.query(idle_seconds_left, run=run_of(table, world), now=table.now) is None


def test_world_that_should_run_is_started_again_after_a_restart(table):
    world = make_hosted(table)
    start(table, world)
    run = table.execute(resume_start, world_id=world.id)
    assert (run.status, run.hosted.port) == (WorldStatus.QUEUED_START, 25565)


def test_hosted_world_without_a_stored_run_has_initial_values(table):
    world = table.execute(create_world, name="World", hosted=True)
    hosted = table.query(hosted_world, world=world)
    assert (hosted.wanted, hosted.eula, hosted.port) == (Wanted.PAUSE, None, None)
