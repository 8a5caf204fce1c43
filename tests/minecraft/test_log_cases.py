"""Logs that other Minecraft tools have read wrongly: each case of `log_cases` with its right result.

A case has either `lines`, sent with `day` by a batch, or files and steps for an agent, whose batches are sent on.
`expect` compares what it names: chats and deaths are `[name, text]`, oldest first (`a|b`: either is right), sessions
`[name, login, logout or null]`, newest login first, days and times those of the lines, playing who is in the world.
"""

import asyncio
import gzip
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coalserver.core.ports import LineCategory, LineQuery, VisitQuery
from coalserver.core.queries.worlds import online_visitors
from coalserver.domain.minecraft.history import LogLine
from tests.agent.fake_server import FakeServer
from tests.agent.machine import Agent, Machine, start_monitoring
from tests.apis.app import TestApp
from tests.apis.coal.clients import WorldFixture, make_world
from tests.processes import wait_until

CASES = sorted((Path(__file__).parent / "log_cases").glob("*.json"))
#: The agent looks at files twice a second.
STEP_SECONDS = 2.0


def cases(kind: str) -> list[Any]:
    found = []
    for path in CASES:
        case = json.loads(path.read_text("utf-8"))
        if kind in case:
            found.append(pytest.param(case, id=path.stem))
    return found


async def send(world: WorldFixture, zone: str, lines: list[dict[str, Any]]) -> None:
    body = {"source": "latest.log", "zone": zone, "lines": lines}
    answer = await world.agent.post("/api/v1/agents/loglines", body)
    assert answer.status == 200, answer.json


def local(zone_time: float | None) -> str | None:
    return (
        None if zone_time is None else datetime.fromtimestamp(zone_time, UTC).strftime("%H:%M:%S")
    )


async def observe(world: WorldFixture) -> dict[str, Any]:
    """Return what the world's history says, in the form of `expect`."""
    history = world.test_app.core.history

    async def lines(category: LineCategory) -> list[LogLine]:
        found = await history.lines(LineQuery(world.id, category), 100)
        return found[::-1]

    every = sorted(await lines(LineCategory.LINE), key=lambda line: line.sequence)
    visits = await history.visits(VisitQuery(world.id), 100)
    return {
        "chats": [[line.username, line.chat] for line in await lines(LineCategory.CHAT)],
        "deaths": [[line.username, line.message] for line in await lines(LineCategory.DEATH)],
        "achievements": [
            [line.username, line.title] for line in await lines(LineCategory.ACHIEVEMENT)
        ],
        "sessions": [
            [stored.visit.username, local(stored.visit.login.at), local(stored.visit.ended_at)]
            for stored in visits
        ],
        "days": [datetime.fromtimestamp(line.at or 0, UTC).strftime("%Y-%m-%d") for line in every],
        "times": [
            datetime.fromtimestamp(line.at or 0, UTC).strftime("%Y-%m-%d %H:%M:%S")
            for line in every
        ],
        "playing": [
            visitor.name for visitor in world.test_app.core.query(online_visitors, world=world.id)
        ],
    }


def matches(actual: Any, expected: Any) -> bool:
    """Return whether a value is the expected one; `a|b` is either."""
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(expected)
            and all(map(matches, actual, expected))
        )
    return bool(actual == expected or (isinstance(expected, str) and actual in expected.split("|")))


def check(actual: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        assert matches(actual[name], value), (name, actual[name], value)


@pytest.mark.parametrize("case", cases("lines"))
async def test_log_is_read_as_the_case_expects(persistent_test_app: TestApp, case):
    persistent_test_app.clock.now = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
    world = await make_world(persistent_test_app)
    day = {"date": case["day"]} if case.get("day") else {}
    numbered = [
        {"sequence": number, "line": line, **day} for number, line in enumerate(case["lines"], 1)
    ]
    await send(world, case["zone"], numbered)
    if case.get("ping_down"):
        ping = {"server_name": "x", "is_server_running": False}
        assert (await world.agent.post("/api/v1/agents/ping", ping)).status == 200
    check(await observe(world), case["expect"])


def write_files(folder: Path, files: list[dict[str, Any]]) -> None:
    for file in files:
        content = bytes.fromhex(file["hex"]) if "hex" in file else file["text"].encode()
        path = folder / file["name"]
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        if "mode" in file:
            path.chmod(file["mode"])


def do_step(folder: Path, step: list[str]) -> None:
    now = datetime.now(UTC)
    action, name, value = (
        part.replace("{now}", f"{now:%H:%M:%S}").replace("{today}", f"{now:%Y-%m-%d}")
        for part in step
    )
    path = folder / name
    if action == "append":
        with path.open("a", encoding="utf-8") as file:
            file.write(value)
    elif action == "copytruncate":
        (folder / value).write_bytes(path.read_bytes())
        os.truncate(path, 0)
    else:
        path.rename(folder / value)


def run_agent(machine: Machine, coal: FakeServer, case: dict[str, Any]) -> Agent:
    """Run the agent of a case until it has sent what it reads."""
    setting = case["agent"]
    write_files(machine.log.folder, setting["files"])
    agent = machine.agent(coal.url, "--mc_timezone", case["zone"], *setting["args"])
    steps = case.get("steps", ())
    if not steps:
        assert agent.run_once() == 0, agent.output
        return agent
    start_monitoring(agent)
    for step in steps:
        do_step(machine.log.folder, step)
        time.sleep(STEP_SECONDS)
    wait_until(lambda: len(coal.stored) >= len(case["expect"]["chats"]))
    agent.stop()
    return agent


@pytest.fixture
def coal() -> Iterator[FakeServer]:
    server = FakeServer()
    server.start()
    yield server
    server.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "minecraft")
    yield machine
    machine.close()


@pytest.mark.parametrize("case", cases("agent"))
async def test_files_are_read_by_the_agent_as_the_case_expects(
    persistent_test_app: TestApp, machine: Machine, coal: FakeServer, case
):
    if case.get("as_nobody") and os.geteuid() == 0:
        pytest.skip("root may read everything")
    await asyncio.to_thread(run_agent, machine, coal, case)
    persistent_test_app.clock.now = time.time()
    world = await make_world(persistent_test_app)
    for batch in coal.batches:
        answer = await world.agent.post("/api/v1/agents/loglines", batch)
        assert answer.status == 200
    check(await observe(world), case["expect"])
