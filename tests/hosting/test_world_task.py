"""Hosted worlds from the order to the end of their processes (hosting.md, 2, 3 and 6)."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from coalserver.core.commands.hosting_settings import set_further_properties
from coalserver.core.commands.worlds import archive_world
from coalserver.core.queries.worlds import online_visitors
from coalserver.domain.audit import TIME
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting.hosted_world import Wanted, pending_properties
from coalserver.domain.minecraft.hosting.properties_file import read_properties
from coalserver.domain.minecraft.hosting.transitions import Answer
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.hosting import machine
from coalserver.hosting.world_task import WorldTask
from tests.hosting.worlds import Worlds, run_worlds

#: The ladder in a hurry, for children that ignore its steps.
HASTY = {"stop_seconds": 0.3, "term_seconds": 0.3}


async def test_world_is_started_and_stopped(worlds: Worlds) -> None:
    world = await worlds.add("--then", "join Ada")
    await worlds.play(world)
    run = worlds.run(world)
    assert run.world.address == f"127.0.0.1:{worlds.options.first_port}"
    await worlds.until(lambda: worlds.core.query(online_visitors, world=world))
    await worlds.configure(stop_warning=0)
    await worlds.order(world, "pause")
    run = await worlds.wait_for(world, "stopped")
    assert (run.world.address, run.hosted.port, run.hosted.trouble) == ("", None, None)
    assert not worlds.core.query(online_visitors, world=world)
    await worlds.assert_complete(world)


async def test_restart_runs_another_process(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    first = worlds.hosted(world).run_id
    assert await worlds.order(world, "restart") is Answer.ACCEPTED
    await worlds.wait_for(world, "queued_restart")
    await worlds.wait_for(world, "running")
    assert worlds.hosted(world).run_id != first
    assert sum("Stopping server" in text for text in worlds.texts(world)) == 1


async def test_removed_line_leaves_server_properties_at_the_next_start(worlds: Worlds) -> None:
    world = await worlds.add()
    further = {"max-tick-time": "-1", "a": "1"}
    await worlds.core.execute(set_further_properties, world_id=world, changes=further)
    await worlds.play(world)
    path = worlds.options.folder / "worlds" / str(world) / "server" / "server.properties"
    assert read_properties(path.read_text()).items() >= further.items()
    assert pending_properties(worlds.run(world).world, worlds.hosted(world)) == []
    await worlds.core.execute(set_further_properties, world_id=world, changes={"a": None, "b": "2"})
    run = worlds.run(world)
    assert pending_properties(run.world, run.hosted) == ["file.a", "file.b"]
    await worlds.order(world, "restart")
    await worlds.wait_for(world, "queued_restart")
    await worlds.wait_for(world, "running")
    found = read_properties(path.read_text())
    assert "a" not in found and found["max-tick-time"] == "-1" and found["b"] == "2"
    assert pending_properties(worlds.run(world).world, worlds.hosted(world)) == []
    assert worlds.hosted(world).removed == b"[]"


async def test_kill_ends_the_process_at_once(worlds: Worlds) -> None:
    world = await worlds.add("--then", "fork")
    await worlds.play(world)
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")
    assert worlds.hosted(world).wanted is Wanted.PAUSE
    assert worlds.trouble(world) is None
    assert not any("Stopping" in text for text in worlds.texts(world))
    await worlds.assert_complete(world)


@pytest.mark.parametrize("order", ["pause", "kill"])
async def test_order_during_the_start_ends_it(worlds: Worlds, order: str) -> None:
    world = await worlds.add("--start-seconds", "20")
    await worlds.order(world, "play")
    await worlds.wait_for(world, "loaded")
    await worlds.wait_for_text(world, "Preparing spawn area")
    await worlds.restart(**HASTY)
    await worlds.order(world, order)
    await worlds.wait_for(world, "stopped")
    assert worlds.hosted(world).wanted is Wanted.PAUSE
    await worlds.assert_complete(world)


async def test_play_while_stopping_starts_again(worlds: Worlds) -> None:
    world = await worlds.add("--save-seconds", "0.5")
    await worlds.play(world)
    first = worlds.hosted(world).run_id
    await worlds.order(world, "pause")
    assert await worlds.order(world, "play") is Answer.ACCEPTED
    assert worlds.status(world) == "queued_stop"
    await worlds.wait_for(world, "running")
    assert worlds.hosted(world).run_id != first


async def test_pause_while_stopping_to_start_again_stays_stopped(worlds: Worlds) -> None:
    world = await worlds.add("--save-seconds", "0.3")
    await worlds.play(world)
    await worlds.order(world, "restart")
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    await worlds.assert_complete(world)


async def test_two_plays_at_once_are_one_start(worlds: Worlds) -> None:
    world = await worlds.add()
    answers = await asyncio.gather(worlds.order(world, "play"), worlds.order(world, "play"))
    assert sorted(answers) == [Answer.ACCEPTED, Answer.ALREADY]
    await worlds.wait_for(world, "running")
    assert sum("Starting minecraft" in text for text in worlds.texts(world)) == 1


@pytest.mark.parametrize("options", [{"memory": 700}, {"ports": 1}])
async def test_of_two_plays_for_the_last_of_something_one_is_refused(
    tmp_path: Path, options: dict[str, int]
) -> None:
    async with run_worlds(tmp_path / "hosting", **options) as worlds:
        both = [await worlds.add(), await worlds.add()]
        answers = await asyncio.gather(
            *(worlds.order(world, "play") for world in both), return_exceptions=True
        )
        assert sorted(isinstance(answer, DomainError) for answer in answers) == [False, True]


# Starts that fail


@pytest.mark.parametrize(
    ("args", "trouble"),
    [
        (("--never-ready",), "start_timeout"),
        (("--crash-before-ready",), "start_failed"),
        (("--wrong-java",), "wrong_java"),
    ],
)
async def test_start_that_fails(worlds: Worlds, args: tuple[str, ...], trouble: str) -> None:
    world = await worlds.add(*args)
    await worlds.restart(start_seconds=0.5 if "--never-ready" in args else 20)
    await worlds.order(world, "play")
    await worlds.wait_for(world, "stopped")
    assert worlds.trouble(world) == trouble
    assert (worlds.hosted(world).wanted, worlds.hosted(world).port) == (Wanted.PAUSE, None)
    await worlds.assert_complete(world)


async def test_missing_eula_is_the_trouble_of_a_program_that_asks_for_it(worlds: Worlds) -> None:
    world = await worlds.add(eula=False, no_eula=True)
    await worlds.order(world, "play")
    await worlds.wait_for(world, "stopped")
    assert worlds.trouble(world) == "eula"
    assert "eula=true" not in (worlds.files(world).server / "eula.txt").read_text()


async def test_program_that_is_gone(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await worlds.add()
    monkeypatch.setattr(
        "coalserver.hosting.versions.catalog.program_command", lambda *_, **__: ("/nowhere",)
    )
    await worlds.order(world, "play")
    await worlds.wait_for(world, "stopped")
    assert worlds.trouble(world) == "start_failed"


async def test_taken_port_leads_to_the_next_one(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "bound_ports", lambda *_: frozenset())
    first = worlds.options.first_port
    world = await worlds.add()
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", first):
        await worlds.order(world, "play")
        run = await worlds.wait_for(world, "running", "stopped")
    assert (run.status, run.hosted.port) == ("running", first + 1)


async def test_port_that_stays_taken(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "bound_ports", lambda *_: frozenset())
    held = worlds.options.first_port + 2
    world = await worlds.add("--port", str(held))
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", held):
        await worlds.order(world, "play")
        await worlds.wait_for(world, "stopped")
    assert worlds.trouble(world) == "port_taken"
    assert sum("FAILED TO BIND" in text for text in worlds.texts(world)) == 2


async def test_port_in_use_is_left_out(worlds: Worlds) -> None:
    first = worlds.options.first_port
    world = await worlds.add()
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", first):
        await worlds.play(world)
    assert worlds.hosted(world).port == first + 1


async def test_second_world_waits_until_the_first_is_ready(worlds: Worlds) -> None:
    first, second = await worlds.add("--start-seconds", "1"), await worlds.add()
    await worlds.order(first, "play")
    await worlds.order(second, "play")
    await worlds.wait_for(first, "loaded")
    assert worlds.status(second) == "queued_start"
    await worlds.wait_for(second, "loading", "loaded", "running")
    assert worlds.status(first) == "running"
    await worlds.wait_for(second, "running")


async def test_world_waits_no_longer_than_a_minute_for_another(tmp_path: Path) -> None:
    async with run_worlds(tmp_path / "hosting", turn_seconds=0.2) as worlds:
        first, second = await worlds.add("--never-ready"), await worlds.add()
        await worlds.order(first, "play")
        await worlds.order(second, "play")
        await worlds.wait_for(second, "running")
        assert worlds.status(first) == "loaded"


# Ends that nobody asked for


async def test_stop_from_inside_the_game(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await worlds.write(world, "fake stop")
    await worlds.wait_for(world, "stopped")
    assert (worlds.trouble(world), worlds.hosted(world).wanted) == ("stopped_inside", Wanted.PAUSE)
    await worlds.assert_complete(world)


@pytest.mark.parametrize("action", ["crash", "abort", "exit 0"])
async def test_crashed_world_starts_again(worlds: Worlds, action: str) -> None:
    world = await worlds.add()
    await worlds.play(world)
    first = worlds.hosted(world).run_id
    await worlds.write(world, f"fake {action}")
    await worlds.until(lambda: worlds.hosted(world).run_id != first)
    await worlds.wait_for(world, "running")
    assert len(worlds.hosted(world).crashes) == 1


async def test_end_right_after_the_ready_line_is_a_crash(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_on(task: WorldTask, *_: object) -> None:
        await task._wait(0.05)

    with monkeypatch.context() as patch:
        patch.setattr(WorldTask, "_attend_start", look_on)
        world = await worlds.add()
        await worlds.order(world, "play")
        await worlds.wait_for_text(world, "Done (")
        os.kill(worlds.child(world), signal.SIGKILL)
        await worlds.until(lambda: worlds.hosted(world).crashes)
    await worlds.wait_for(world, "running")
    assert worlds.trouble(world) is None


async def test_world_that_crashes_for_ever_stays_down(worlds: Worlds) -> None:
    world = await worlds.add("--then", "crash")
    await worlds.order(world, "play")
    await worlds.wait_for(world, "stopped")
    assert worlds.trouble(world) == "crash_loop"
    assert sum("Done (" in text for text in worlds.texts(world)) == 3
    await worlds.assert_complete(world)
    assert await worlds.order(world, "play") is Answer.ACCEPTED


async def test_pause_ends_the_wait_after_a_crash(tmp_path: Path) -> None:
    async with run_worlds(tmp_path / "hosting", crash_wait=60) as worlds:
        world = await worlds.add("--then", "crash")
        await worlds.order(world, "play")
        await worlds.until(lambda: worlds.hosted(world).starts_at)
        await worlds.order(world, "pause")
        await worlds.wait_for(world, "stopped")


# What the log says


def ends(caplog: pytest.LogCaptureFixture, world: int) -> list[str]:
    """Return what the log says of the ends of a world's processes."""
    begin = f"World {world} has "
    return [text for text in caplog.messages if text.startswith(begin)]


async def test_log_says_in_words_what_follows_on_the_end(
    worlds: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "coalserver")
    world = await worlds.add()
    await worlds.play(world)
    await worlds.order(world, "restart")
    await worlds.wait_for(world, "queued_restart")
    await worlds.wait_for(world, "running")
    await worlds.write(world, "fake crash")
    await worlds.until(lambda: worlds.hosted(world).crashes)
    await worlds.wait_for(world, "running")
    await worlds.write(world, "fake stop")
    await worlds.wait_for(world, "stopped")
    await worlds.play(world)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    await worlds.until(lambda: len(ends(caplog, world)) == 4)
    assert ends(caplog, world) == [
        f"World {world} has ended and starts again",
        f"World {world} has crashed and starts again",
        f"World {world} has ended: Stopped from inside the game",
        f"World {world} has ended",
    ]


async def test_log_says_that_a_world_starts_again_with_the_server(
    worlds: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "coalserver")
    world = await worlds.add()
    await worlds.play(world)
    await worlds.close(leave=False)
    await worlds.open()
    await worlds.wait_for(world, "running")
    assert ends(caplog, world) == [f"World {world} has ended and starts again with the server"]


async def test_log_says_in_words_why_a_world_stays_down(
    worlds: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "coalserver")
    world = await worlds.add("--then", "crash")
    await worlds.order(world, "play")
    await worlds.wait_for(world, "stopped")
    await worlds.until(lambda: len(ends(caplog, world)) == 3)
    end = "has crashed: Crashed 3 times in 10 minutes"
    assert ends(caplog, world)[-1] == f"World {world} {end}"
    words = {word.strip(".,:'()") for text in caplog.messages for word in text.split()}
    assert not words & {str(status) for status in WorldStatus if "_" in status}


# The ladder


async def test_players_are_warned(worlds: Worlds) -> None:
    world = await worlds.add("--then", "join Ada")
    await worlds.play(world)
    await worlds.configure(stop_warning=1)
    await worlds.until(lambda: worlds.core.query(online_visitors, world=world))
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    assert any("Stopping in 1 seconds" in text for text in worlds.texts(world))


async def test_program_that_ignores_its_stop_text_gets_sigterm(worlds: Worlds) -> None:
    world = await worlds.add("--hang-on-stop", "--style", "paper")
    await worlds.play(world)
    await worlds.restart(stop_seconds=0.3)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    assert worlds.trouble(world) is None
    assert any("Saving worlds" in text for text in worlds.texts(world))


async def test_program_that_ignores_everything_is_killed(worlds: Worlds) -> None:
    world = await worlds.add("--hang-on-stop", "--ignore-term")
    await worlds.play(world)
    await worlds.restart(**HASTY)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    assert worlds.trouble(world) == "stop_ignored"
    await worlds.assert_complete(world)


async def test_kill_overtakes_a_stop_that_takes_long(worlds: Worlds) -> None:
    world = await worlds.add("--hang-on-stop", "--ignore-term")
    await worlds.play(world)
    await worlds.order(world, "pause")
    await worlds.wait_for_text(world, "Stopping the server")
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")
    await worlds.assert_complete(world)


@pytest.mark.parametrize("kind", ["fork", "fork detach", "fork detach ignore-term"])
async def test_processes_that_outlive_the_main_one_are_ended(worlds: Worlds, kind: str) -> None:
    world = await worlds.add("--then", kind)
    await worlds.play(world)
    await worlds.wait_for_text(world, "fork line 2")
    await worlds.restart(term_seconds=0.5)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    await worlds.assert_complete(world)


async def test_program_that_has_closed_its_pipes_is_stopped(worlds: Worlds) -> None:
    world = await worlds.add("--then", "close-stdout", "--then", "close-stdin")
    await worlds.play(world)
    await worlds.restart(**HASTY)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    await worlds.assert_complete(world)


async def test_stop_signal_takes_the_place_of_the_stop_text(worlds: Worlds) -> None:
    world = await worlds.add("--style", "paper", stop="SIGTERM")
    await worlds.play(world)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    assert not any("Stopping the server" in text for text in worlds.texts(world))
    assert any("Saving worlds" in text for text in worlds.texts(world))


async def test_archived_world_is_stopped(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await worlds.core.execute(archive_world, world_id=world)
    await worlds.until(lambda: worlds.status(world) == "stopped")
    await worlds.assert_complete(world)


# Idle and hung worlds


async def test_idle_world_is_paused(worlds: Worlds) -> None:
    world = await worlds.add(properties={"idle_timeout": 5})
    await worlds.play(world)
    await worlds.until(lambda: worlds.run(world).world.empty_since)
    worlds.clock_ahead += 301
    worlds.hosting.wake_all()
    await worlds.wait_for(world, "stopped")
    entries = worlds.audit()
    assert (entries[-1].action, entries[-1].actor) == ("world_paused", TIME)


async def test_world_with_a_player_is_not_idle(worlds: Worlds) -> None:
    world = await worlds.add("--then", "join Ada", properties={"idle_timeout": 5})
    await worlds.play(world)
    await worlds.until(lambda: worlds.core.query(online_visitors, world=world))
    worlds.clock_ahead += 301
    await worlds.write(world, "fake leave Ada")
    await worlds.until(lambda: worlds.run(world).world.empty_since)
    assert worlds.status(world) == "running"
    assert worlds.hosted(world).played_since_save


@pytest.mark.parametrize("kills", [False, True])
async def test_hung_world_is_reported_and_killed_if_wanted(tmp_path: Path, kills: bool) -> None:
    async with run_worlds(
        tmp_path / "hosting", ask_seconds=0.1, hang_seconds=0.3, look_seconds=0.05
    ) as worlds:
        world = await worlds.add("--no-port")
        await worlds.configure(kill_hung=kills)
        await worlds.play(world)
        await worlds.wait_for_text(world, "There are 0 of a max")
        await worlds.write(world, "fake hang")
        if kills:
            await worlds.until(lambda: worlds.hosted(world).crashes)
        else:
            await worlds.until(lambda: worlds.trouble(world) == "hung")
        assert not any("There are" in one.line for one in worlds.stored(world))
        shown, _ = await worlds.hosting.console(world, 0, 1000)
        assert not any("There are" in line.text for line in shown)


# Processes that are killed


@pytest.mark.parametrize("state", ["loaded", "running", "queued_stop"])
@pytest.mark.parametrize("killed", ["keeper", "child", "both"])
async def test_killed_process(worlds: Worlds, state: str, killed: str) -> None:
    args = ("--never-ready",) if state == "loaded" else ("--hang-on-stop",)
    world = await worlds.add(*args)
    await worlds.order(world, "play")
    await worlds.wait_for(world, "loaded" if state == "loaded" else "running")
    if state == "queued_stop":
        await worlds.order(world, "pause")
        await worlds.wait_for_text(world, "Stopping the server")
    found = worlds.state(world)
    assert found.child is not None
    for name in ("keeper", "child"):
        if killed in (name, "both"):
            os.kill({"keeper": found.keeper, "child": found.child}[name]["pid"], signal.SIGKILL)
    if state == "queued_stop":
        await worlds.wait_for(world, "stopped")
    elif state == "loaded" and killed == "child":
        await worlds.wait_for(world, "stopped")
        assert worlds.trouble(world) == "start_failed"
    else:
        await worlds.until(lambda: worlds.hosted(world).crashes)
        await worlds.until(lambda: worlds.hosted(world).run_id != found.run)
    assert [stat.pid for stat in found.members()] == []
