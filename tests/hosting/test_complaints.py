"""The complaints of users of other panels (docs/hosting.md, section 5): each names tests, some of which are here."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from coalserver.core.commands.hosting_settings import set_further_properties, set_properties
from coalserver.domain.minecraft.hosting.hosted_world import Wanted, cost_mib
from coalserver.domain.minecraft.hosting.properties_file import read_properties
from coalserver.hosting.cgroups import Limits
from coalserver.hosting.versions.command_line import JarProgram, jar_command
from tests.hosting.worlds import Worlds
from tests.processes import ROOT

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
NAME = re.compile(r"`([\w/]+\.py)::(\w+)`")


def complaints() -> dict[int, tuple[str, list[tuple[str, str]]]]:
    """Return the rows of the table: number to complaint and (file, test)."""
    text = (ROOT / "docs" / "hosting.md").read_text("utf-8")
    section = text.partition("## 5.")[2]
    return {
        int(number): (complaint, NAME.findall(tests))
        for number, complaint, tests in ROW.findall(section)
    }


@cache
def names_in(file: str) -> frozenset[str]:
    """Return the names of the tests of a file, without running it."""
    tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_all_complaints_are_listed_once() -> None:
    section = (ROOT / "docs" / "hosting.md").read_text("utf-8").partition("## 5.")[2]
    assert [int(row[0]) for row in ROW.findall(section)] == list(range(1, 27))


@pytest.mark.parametrize("number", range(1, 27))
def test_complaint_names_tests_that_exist(number: int) -> None:
    complaint, tests = complaints()[number]
    assert complaint and tests
    for file, name in tests:
        assert name in names_in(file), f"there is no test {name} in {file}"


# 5


async def test_killed_world_stays_stopped_with_the_next_server(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.play(world)
    run = worlds.state(world).run
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")
    await worlds.restart()
    await worlds.wait_for(world, "stopped")
    assert worlds.hosted(world).wanted is Wanted.PAUSE
    assert worlds.state(world).run == run
    await worlds.assert_complete(world)


# 9


async def test_stop_text_of_its_start_stops_a_world_with_the_next_server(worlds: Worlds) -> None:
    world = await worlds.add(stop="fake stop")
    await worlds.play(world)
    await worlds.restart(stop_seconds=30)
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    # SIGTERM would have ended it without these words.
    assert any("Stopping the server" in text for text in worlds.texts(world))
    assert worlds.trouble(world) is None
    await worlds.assert_complete(world)


# 14


@pytest.mark.parametrize(("memory", "mib"), [("256M", 256), ("1G", 1024), ("8G", 8192)])
def test_limit_of_memory_leaves_room_beside_the_heap(memory: str, mib: int) -> None:
    assert f"-Xmx{memory}" in jar_command(JarProgram(Path("/java"), Path("/a.jar")), memory, Path())
    cost = cost_mib(json.dumps({"memory": memory}).encode())
    assert cost == mib + 400
    assert Limits.for_cost(cost, 100).memory == cost * 5 // 4 << 20


# 17


async def test_program_that_goes_on_in_another_process_is_ended_first(worlds: Worlds) -> None:
    world = await worlds.add("--then", "fork detach")
    await worlds.play(world)
    await worlds.wait_for_text(world, "fork line 2")
    first = worlds.state(world)
    await worlds.write(world, "fake exit 0")
    await worlds.until(lambda: worlds.state(world).run != first.run)
    assert first.members() == []
    await worlds.wait_for(world, "running")
    await worlds.order(world, "kill")
    await worlds.wait_for(world, "stopped")
    await worlds.assert_complete(world)


# 20


async def test_file_that_the_program_rewrites_gets_what_was_changed_meanwhile(
    worlds: Worlds,
) -> None:
    world = await worlds.add()
    path = worlds.files(world).server / "server.properties"
    await worlds.play(world)
    await worlds.core.execute(set_properties, world_id=world, changes={"motd": "New"})
    changes: dict[str, str | None] = {"max-tick-time": "-1"}
    await worlds.core.execute(set_further_properties, world_id=world, changes=changes)
    # The program writes what it knows.
    await worlds.write(world, "whitelist on")
    await worlds.wait_for_text(world, "Whitelist is now turned on")
    assert read_properties(path.read_text())["motd"] != "New"
    with path.open("a") as file:
        file.write("own-key=kept\n")
    await worlds.order(world, "restart")
    await worlds.wait_for(world, "queued_restart")
    await worlds.wait_for(world, "running")
    found = read_properties(path.read_text())
    assert (found["motd"], found["max-tick-time"]) == ("New", "-1")
    assert found["own-key"] == "kept"


# 26


async def test_idle_world_is_ended_and_not_frozen(worlds: Worlds) -> None:
    world = await worlds.add(properties={"idle_timeout": 5})
    await worlds.play(world)
    await worlds.until(lambda: worlds.run(world).world.empty_since)
    worlds.clock_ahead += 301
    worlds.hosting.wake_all()
    await worlds.wait_for(world, "stopped")
    assert any("Stopping server" in text for text in worlds.texts(world))
    await worlds.assert_complete(world)
