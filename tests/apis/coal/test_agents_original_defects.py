"""Faults and holes of the original program that agents have to do with, each shown to be closed."""

import unicodedata
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coalserver.core import topics
from coalserver.core.commands.claims import create_claim
from coalserver.core.commands.worlds import queue_console_command, update_world_status
from coalserver.core.queries.accounts import find_account_by_username
from coalserver.domain.minecraft.events import LineLogged
from coalserver.domain.minecraft.visitor import ConsoleCommand, say_command
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.original_agent import make_original

PING, LINE = "/api/v1/agents/ping", "/api/v1/agents/logline"
UP = {"server_name": "x", "is_server_running": "true"}
DOWN = {"server_name": "x", "is_server_running": "false"}
#: What ends a line for somebody, or does something to the terminal that shows it.
BREAKS = [
    "\n",
    "\r\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1b[2J",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1c",
    "\x7f",
    "\x9b2J",
]
INVISIBLE = ("Cc", "Zl", "Zp", "Cs")
Way = Callable[[WorldFixture, str], Awaitable[object]]


def is_one_line(text: str) -> bool:
    return text.splitlines() == [text] and not any(
        unicodedata.category(one) in INVISIBLE for one in text
    )


@given(some.text(), some.text())
def test_queued_command_is_always_one_line(name: str, text: str):
    """Hole 1, by construction: no other value is handed to an agent."""
    line = ConsoleCommand(1, 1, say_command(name, text), 0.0, name)
    assert is_one_line(line.text) and line.text.startswith("/say")
    assert not line.username or is_one_line(line.username)


async def as_a_chat(place: WorldFixture, text: str) -> object:
    return await (await make_user(place.test_app)).send(place.path + "/chats", chat="hi" + text)


async def as_a_chat_in_json(place: WorldFixture, text: str) -> object:
    return await (await make_user(place.test_app)).post(
        place.path + "/chats", {"chat": "hi" + text}
    )


async def as_a_player(place: WorldFixture, text: str) -> object:
    await place.logs("2023-11-14 16:13:00 [INFO] <Ada> hi")
    ada = await make_user(place.test_app, usernames=("Ada",))
    return await ada.send(place.path + "/players/Ada/chats", chat="hi" + text)


async def as_a_nickname(place: WorldFixture, text: str) -> object:
    user = await make_user(place.test_app, nickname="Tom" + text)
    return await user.send(place.path + "/chats", chat="hi")


async def as_a_username(place: WorldFixture, text: str) -> object:
    await place.logs("2023-11-14 16:13:00 [INFO] <Ada> hi")
    return await place.test_app.core.execute(
        queue_console_command, world_id=place.id, text="/say hi", username="Ada" + text
    )


async def as_an_admin(place: WorldFixture, text: str) -> object:
    return await place.test_app.core.execute(
        queue_console_command, world_id=place.id, text="/say hi" + text
    )


@pytest.mark.parametrize("broken", BREAKS, ids=ascii)
@pytest.mark.parametrize(
    "way", [as_a_chat, as_a_chat_in_json, as_a_player, as_a_nickname, as_a_username, as_an_admin]
)
async def test_line_break_in_a_text_creates_no_second_command(test_app: TestApp, way: Way, broken: str):
    """Hole 1: whoever could chat could have the console do anything."""
    place = await make_world(test_app)
    await way(place, f"{broken}op mallory")
    commands = (await place.agent.send(PING, **UP)).json["commands"]
    assert len(commands) == 1 and commands[0]["command"].startswith("/say")
    assert all(is_one_line(text) for text in commands[0].values() if text)


async def test_original_agent_writes_one_line_per_command(test_app: TestApp):
    """It ends each with a newline of its own, in an encoding in which other bytes are line breaks, too."""
    place = await make_world(test_app)
    for broken in BREAKS:
        await test_app.core.execute(
            queue_console_command, world_id=place.id, text=f"/say hi{broken}op mallory"
        )
    agent = await make_original(place, [])
    await agent.start()
    await agent.follow()
    assert len(agent.fifo) == len(BREAKS)
    for line in agent.fifo:
        assert line.startswith(b"/say hi") and line.endswith(b"\n")
        assert len(line.decode("iso-8859-2").splitlines()) == 1


@pytest.mark.parametrize("broken", BREAKS, ids=ascii)
async def test_log_line_with_a_line_break_is_stored_as_one_line(test_app: TestApp, broken: str):
    """Hole 10: what an agent takes for one line is one, and holds up none."""
    place = await make_world(test_app)
    text = f"2023-11-14 16:13:00 [INFO] <Ada> hi{broken}2023-11-14 16:13:01 [INFO] Stopping server"
    assert (await place.agent.send(LINE, line=text, zone="America/Chicago")).status == 201
    assert (await place.agent.send(LINE, line=text, zone="America/Chicago")).status == 200
    assert place.now.status is WorldStatus.UNKNOWN


async def test_old_line_is_emitted_as_not_live(test_app: TestApp):
    """Hole 11: every old line was told to listeners as if it had just been written."""
    place, head = await make_world(test_app), test_app.core.feed.head
    for day in ("2012-10-07", "2023-11-14"):
        text = f"{day} 16:13:00 [INFO] <Ada> hi"
        assert (await place.agent.send(LINE, line=text, zone="America/Chicago")).status == 201
    told, _ = await test_app.core.entries([topics.world(place.id)], head, 10)
    assert [entry.event.live for entry in told if isinstance(entry.event, LineLogged)] == [
        False,
        True,
    ]


async def test_claim_code_in_an_old_line_proves_no_username(test_app: TestApp):
    """A code is typed now; one that stands in a log of long ago is nobody's."""
    place, thomas = await make_world(test_app), await make_user(test_app)
    claim = await test_app.core.execute(create_claim, account_id=thomas.id)
    for day, owner in (("2012-10-07", None), ("2023-11-14", thomas.id)):
        text = f"{day} 16:13:00 [INFO] <Ada> {claim.code}"
        await place.agent.send(LINE, line=text, zone="America/Chicago")
        found = test_app.core.query(find_account_by_username, username="Ada")
        assert (found and found.id) == owner


async def test_restart_waits_until_the_old_process_has_stopped(test_app: TestApp):
    """Hole 15."""
    place = await make_world(test_app, hosted=True)
    await place.agent.send(PING, **UP)
    await test_app.core.execute(
        update_world_status, world_id=place.id, status=WorldStatus.QUEUED_RESTART
    )
    for ping, status in (
        (UP, WorldStatus.QUEUED_RESTART),
        (DOWN, WorldStatus.QUEUED_START),
        (DOWN, WorldStatus.QUEUED_START),
        (UP, WorldStatus.RUNNING),
    ):
        test_app.clock.advance(5)
        await place.agent.send(PING, **ping)
        assert place.now.status is status


async def test_world_that_did_not_start_can_be_queued_again(test_app: TestApp):
    """Hole 16: a world that was half started counted as started."""
    place, root = await make_world(test_app, hosted=True), await make_admin(test_app)
    play = place.path + "/queue/play"
    assert (await root.post(play)).status == 202
    assert (await root.post(play)).status == 200
    await test_app.advance(361)
    assert place.now.status is WorldStatus.UNKNOWN
    assert (await root.post(play)).status == 202 and place.now.status is WorldStatus.QUEUED_START
