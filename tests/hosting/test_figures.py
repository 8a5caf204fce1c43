"""Figures of hosted worlds: what is measured, how it is kept, and what the ticks tell (hosting.md, 8)."""

import errno
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from coalserver.core.queries.worlds import online_visitors
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.samples import KEPT_SECONDS, SampleRow, Tally, world_series
from coalserver.hosting import machine, measuring
from coalserver.hosting.figures import FigureReader, SampleTaker
from coalserver.hosting.nightly import NightlySaves
from coalserver.hosting.overloads import Load, Overloads
from coalserver.hosting.ticks import MAX_UNANSWERED, TickQuery, has_tick_query
from tests.hosting.worlds import Worlds

PERCENTILES = "Percentiles: P50: 3.6ms P95: 8.3ms P99: 16.0ms. Sample: 100"
LOOP = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\nprint(flush=True)\ninput()"


def measures(worlds: Worlds) -> measuring.Measuring:
    return worlds.hosting._measures


async def rows(worlds: Worlds, world: int, step: int = 60) -> list[SampleRow]:
    return await worlds.core.history.samples(world_series(world), step, 0, 1e11, 1000)


async def test_running_world_is_measured(worlds: Worlds) -> None:
    world = await worlds.add("--then", "join Ada")
    assert worlds.hosting.figures(world) == Figures()
    await worlds.play(world)
    await worlds.until(lambda: worlds.core.query(online_visitors, world=world))
    await measures(worlds).measure()
    await measures(worlds).measure()
    figures = worlds.hosting.figures(world)
    assert figures.pid == worlds.child(world)
    assert figures.memory_used is not None and figures.memory_used > 1_000_000
    assert figures.cpu is not None and figures.cpu >= 0
    assert figures.cpu_seconds > 0
    worlds.clock_ahead += 60
    await measures(worlds).measure()
    (row,) = await rows(worlds, world)
    assert row.tallies["players"] == Tally(2, 2, 1)
    assert row.tallies["memory"].mean > 1_000_000
    assert set(row.tallies) == {"cpu", "memory", "players", "overloads", "behind"}


async def test_figures_that_are_not_stored_yet_are_stored_at_the_end(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await measures(worlds).measure()
    assert await rows(worlds, world) == []
    await worlds.close(leave=False)
    assert len(await worlds.store.samples(world_series(world), 60, 0, 1e11, 9)) == 1
    assert [
        len(await worlds.store.samples(world_series(world), step, 0, 1e11, 9))
        for step in KEPT_SECONDS
    ] == [1, 1, 1]
    await worlds.open()


async def test_stopped_world_has_no_figures_but_its_processor_time(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    await measures(worlds).measure()
    spent = worlds.hosting.figures(world).cpu_seconds
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    worlds.clock_ahead += 60
    await measures(worlds).measure()
    assert worlds.hosting.figures(world) == Figures(cpu_seconds=spent)
    assert len(await rows(worlds, world)) == 1
    await worlds.play(world)
    await measures(worlds).measure()
    assert worlds.hosting.figures(world).cpu_seconds > spent


async def test_overloads_of_five_minutes_are_those_of_the_world(worlds: Worlds) -> None:
    world = await worlds.add("--then", "lag", "--then", "lag")
    await worlds.play(world)
    await worlds.until(lambda: sum("keep up" in one.line for one in worlds.stored(world)) == 2)
    await measures(worlds).measure()
    stored = worlds.run(world).world
    assert (stored.overloads, stored.behind, stored.skipped) == (2, 4690, 92)
    figures = worlds.hosting.figures(world)
    assert (figures.overloads, figures.behind) == (2, 4690)
    worlds.clock_ahead += 301
    await measures(worlds).measure()
    stored = worlds.run(world).world
    assert (stored.overloads, stored.behind, stored.skipped) == (0, 0, 0)


async def test_overloads_are_known_after_a_restart_of_coalserver(worlds: Worlds) -> None:
    world = await worlds.add("--then", "lag")
    await worlds.play(world)
    await worlds.until(lambda: sum("keep up" in one.line for one in worlds.stored(world)) == 1)
    await worlds.restart()
    await measures(worlds).measure()
    assert worlds.run(world).world.overloads == 1


async def test_stopped_world_has_no_overloads(worlds: Worlds) -> None:
    world = await worlds.add("--then", "lag")
    await worlds.play(world)
    await worlds.until(lambda: sum("keep up" in one.line for one in worlds.stored(world)) == 1)
    await measures(worlds).measure()
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")
    await measures(worlds).measure()
    assert worlds.run(world).world.overloads == 0


async def test_ticks_are_asked_if_that_is_set_and_the_answer_is_hidden(worlds: Worlds) -> None:
    world = await worlds.add("--style", "26")
    await worlds.play(world)
    await measures(worlds).measure()
    assert not any("Target tick" in text for text in worlds.texts(world))
    await worlds.configure(ticks=True)
    await measures(worlds).measure()
    await worlds.wait_for_text(world, "Percentiles")
    process = worlds.hosting.process(world)
    assert process is not None
    await worlds.until(lambda: process.ticks.ticks_per_second is not None)
    await measures(worlds).measure()
    assert worlds.hosting.figures(world).ticks_per_second == 20.0
    # Once a minute only.
    assert sum("Percentiles" in text for text in worlds.texts(world)) == 1
    await worlds.write(world, "list")
    await worlds.until(lambda: any("There are" in one.line for one in worlds.stored(world)))
    for hidden in ("The game is", "Target tick rate", "Average time", "Percentiles"):
        assert not any(hidden in one.line for one in worlds.stored(world)), hidden
    shown, _ = await worlds.hosting.console(world, 0, 1000)
    assert shown and not any("Target tick" in line.text for line in shown)
    await worlds.configure(ticks=False)
    await measures(worlds).measure()
    assert worlds.hosting.figures(world).ticks_per_second is None


async def test_older_versions_are_not_asked_for_ticks(worlds: Worlds) -> None:
    world = await worlds.add("--style", "1.12")
    await worlds.configure(ticks=True)
    await worlds.play(world)
    await measures(worlds).measure()
    process = worlds.hosting.process(world)
    assert process is not None and process.seen.minecraft == "1.12.2"
    await worlds.write(world, "list")
    await worlds.wait_for_text(world, "There are")
    assert not any("nknown" in text for text in worlds.texts(world))


@pytest.mark.parametrize(
    ("answer", "ticks"),
    [
        (["The game is running normally", "Target tick rate: 20.0 per second.",
          "Average time per tick: 4.0ms (Target: 50.0ms)", PERCENTILES], 20.0),
        (["The game is running, but can't keep up with the target tick rate", "Target tick rate: 20.0 per second.",
          "Average time per tick: 80.0ms (Target: 50.0ms)", PERCENTILES], 12.5),
        (["The game is running normally", "Target tick rate: 100,0 per second.",
          "Average time per tick: 0,0ms (Target: 10,0ms)", PERCENTILES.replace(".", ",")], 100.0),
        (["The game is sprinting", "Target tick rate: 20.0 per second (ignored, reference only).",
          "Average time per tick: 2.0ms", PERCENTILES], 20.0),
        (["The game is frozen", "Target tick rate: 20.0 per second.",
          "Average time per tick: 2.0ms (Target: 50.0ms)", PERCENTILES], 0.0),
        # In one line.
        (["The game is running normally",
          "Target tick rate: 20.0 per second. Average time per tick: 100.0 ms (Target: 50.0ms)",
          PERCENTILES], 10.0),
    ],
)  # fmt: skip
def test_ticks_are_read_from_every_form_of_the_answer(answer: list[str], ticks: float) -> None:
    query = TickQuery()
    assert not any(query.see(text, 1.0) for text in answer), "nothing was asked"
    query.ask(1.0)
    assert all(query.see(text, 2.0) for text in answer)
    assert query.ticks_per_second == ticks and query.is_answered
    assert not query.see("Target tick rate: 20.0 per second.", 2.0), "of somebody else"


def test_lines_that_are_no_answer_are_not_hidden() -> None:
    query = TickQuery()
    query.ask(1.0)
    for text in ("<Ada> The game is frozen", "[Ada: Target tick rate: 20.0 per second.]", "Ada joined the game",
                 "Unknown or incomplete command, see below for error", "say hi<--[HERE]"):  # fmt: skip
        assert not query.see(text, 2.0), text
    assert not query.see("The game is frozen", 99.0)


def test_process_that_does_not_answer_is_not_asked_any_more() -> None:
    query = TickQuery()
    for _ in range(MAX_UNANSWERED):
        assert query.is_answered
        query.ask(1.0)
    assert not query.is_answered
    query = TickQuery()
    query.ask(1.0)
    assert query.see("tick query<--[HERE]", 1.5)
    assert not query.is_answered


def test_ticks_of_an_unanswered_question_are_unknown() -> None:
    query = TickQuery()
    query.ask(1.0)
    query.see("Average time per tick: 100.0ms", 1.0)
    assert query.ticks_per_second == 10.0
    query.ask(61.0)
    assert query.ticks_per_second == 10.0
    query.ask(121.0)
    assert query.ticks_per_second is None


@pytest.mark.parametrize(
    ("minecraft", "has"),
    [("1.20.3", True), ("1.20.2", False), ("26.3", True), ("1.20.5 Pre-Release 4", True), ("", False),
     ("something", False), ("1.7.10", False), ("23w13a", False), ("24w03a", True)],
)  # fmt: skip
def test_versions_with_the_command_are_known(minecraft: str, has: bool) -> None:
    assert has_tick_query(minecraft) is has


def test_overloads_are_counted_for_five_minutes() -> None:
    overloads = Overloads()
    overloads.add(100.0, 2000, 40)
    overloads.add(150.0, 500, 10)
    assert overloads.recent(400.0) == Load(2, 2500, 50)
    assert overloads.recent(401.0) == Load(1, 500, 10)
    assert overloads.recent(500.0) == Load()


def test_processor_time_never_becomes_less() -> None:
    reader = FigureReader()

    def start(seconds: float) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", LOOP.format(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        return process

    with start(0.3) as first:
        figures = reader.read(first.pid, (), 10.0)
        assert figures.cpu is None and figures.memory_used
        spent = reader.cpu_seconds
        assert spent >= 0.25
        with start(0.2) as second:
            figures = reader.read(first.pid, [second.pid], 20.0)
            assert figures.cpu is not None and 1 <= figures.cpu <= 50
            assert reader.cpu_seconds >= spent + 0.15
            spent = reader.cpu_seconds
            second.communicate(b"\n")
        # The time of a process that has ended is not taken away.
        reader.read(first.pid, [second.pid], 30.0)
        assert reader.cpu_seconds >= spent
        spent = reader.cpu_seconds
        first.communicate(b"\n")
    with start(0.1) as third:
        figures = reader.read(third.pid, (), 40.0)
        assert figures.cpu is None
        assert reader.cpu_seconds >= spent + 0.05
        third.communicate(b"\n")
    assert reader.read(third.pid, (), 50.0).memory_used is None


def test_sample_is_taken_when_its_minute_is_over() -> None:
    taker = SampleTaker(3)
    assert taker.take(0.0) is None and taker.take() is None
    taker.add(Figures(pid=1, cpu=10.0, memory_used=100), 2, 60.0)
    taker.add(Figures(pid=1, cpu=30.0, memory_used=300, ticks_per_second=19.5), 4, 119.0)
    assert taker.take(119.9) is None
    sample = taker.take(120.0)
    assert sample is not None and (sample.series, sample.at) == ("world 3", 119.0)
    assert sample.tallies["cpu"] == Tally(2, 40.0, 30.0)
    assert sample.tallies["memory"] == Tally(2, 400, 300)
    assert sample.tallies["players"] == Tally(2, 6, 4)
    assert sample.tallies["ticks"] == Tally(1, 19.5, 19.5)
    assert taker.take(180.0) is None


async def test_world_above_the_limit_is_reported_once_a_day(
    worlds: Worlds, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()
    folder = worlds.files(world).server
    folder.mkdir(parents=True)
    with (folder / "region.mca").open("wb") as file:
        file.truncate((1025 << 20) + 1)
    sizes = worlds.hosting._sizes
    await sizes.measure_all()
    assert worlds.hosting.figures(world).excess is None and not caplog.records
    await worlds.configure(world_limit=1025)
    await sizes.measure_all()
    assert worlds.hosting.figures(world).excess == (1025 << 20) + 1
    await sizes.measure_all()
    assert [record.message for record in caplog.records] == [
        f"World {world} has 1.0 GiB, more than the 1.0 GiB that a world may have"
    ]
    monkeypatch.setattr("coalserver.hosting.sizes.WARNING_SECONDS", 0.0)
    await sizes.measure_all()
    assert len(caplog.records) == 2
    await worlds.configure(world_limit=2048)
    assert worlds.hosting.figures(world).excess is None


async def test_time_of_a_saved_game_is_measured(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    assert worlds.hosting.figures(world).save_seconds is None
    await worlds.hosting.save(world, COMMAND_LINE)
    await worlds.until(lambda: worlds.hosting.figures(world).save_seconds is not None)
    taken = worlds.hosting.figures(world).save_seconds
    assert taken is not None and taken > 0


@pytest.fixture
def quick_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coalserver.hosting.service.MEASURE_SECONDS", 0.01)


@pytest.mark.usefixtures("quick_measuring")
async def test_measuring_goes_on_after_an_error_of_the_system(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = await worlds.add()
    await worlds.play(world)
    failures = 2

    async def measure(self: measuring.Measuring) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise OSError(24, "Too many open files")
        await original(self)

    original = measuring.Measuring.measure
    monkeypatch.setattr(measuring.Measuring, "measure", measure)
    await worlds.until(lambda: failures < 0)
    await worlds.until(lambda: worlds.hosting.figures(world).memory_used)
    assert "Hosted worlds cannot be measured" in caplog.text


@pytest.mark.usefixtures("quick_measuring")
async def test_measuring_goes_on_while_the_free_space_is_not_known(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = await worlds.add()
    await worlds.play(world)
    failures = 2

    def disk_free(folder: Path) -> int:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise OSError(errno.EIO, "Input/output error")
        return original(folder)

    original = machine.disk_free
    monkeypatch.setattr(machine, "disk_free", disk_free)
    await worlds.until(lambda: failures < 0)
    await worlds.until(lambda: worlds.hosting.figures(world).memory_used)
    assert "The free space of hosted worlds is not known" in caplog.text


async def test_error_of_one_world_does_not_lose_the_figures_of_another(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await worlds.add(), await worlds.add()
    for world in (first, second):
        await worlds.play(world)
    await measures(worlds).measure()
    broken = worlds.child(first)
    original = FigureReader.read

    def read(self: FigureReader, pid: int, members: Iterable[int], now: float) -> Figures:
        if pid == broken:
            raise OSError(errno.EMFILE, "Too many open files")
        return original(self, pid, members, now)

    monkeypatch.setattr(FigureReader, "read", read)
    worlds.clock_ahead += 60
    with pytest.raises(OSError, match="Too many open files"):
        await measures(worlds).measure()
    assert len(await rows(worlds, second)) == 1
    assert await rows(worlds, first) == []


async def test_nightly_saves_go_on_after_an_error_of_the_system(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    async def run_due(self: NightlySaves) -> None:
        nonlocal calls
        calls += 1
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(NightlySaves, "run_due", run_due)
    monkeypatch.setattr(NightlySaves, "seconds_left", lambda self: 0.01)
    await worlds.restart()
    await worlds.until(lambda: calls > 2)
    assert "The nightly saved games are not made now" in caplog.text
