"""Known defects of the original program that concern agents, each shown to be absent here."""

import unicodedata
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalserver.core import topics
from coalserver.core.commands.claims import create_claim
from coalserver.core.commands.worlds import queue_console_command
from coalserver.core.queries.accounts import find_account_by_username
from coalserver.domain.minecraft.events import LineLogged
from coalserver.domain.minecraft.visitor import ConsoleCommand, say_command
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import WorldFixture, make_user, make_world
from tests.apis.coal.original_agent import make_original_agent

PING, LINE = "/api/v1/agents/ping", "/api/v1/agents/logline"
UP = {"server_name": "x", "is_server_running": "true"}
DOWN = {"server_name": "x", "is_server_running": "false"}
#: Characters that some programs treat as line breaks, and terminal control sequences.
LINE_BREAKS = [
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
SendText = Callable[[WorldFixture, str], Awaitable[object]]


def is_one_line(text: str) -> bool:
    return text.splitlines() == [text] and not any(
        unicodedata.category(character) in INVISIBLE for character in text
    )


@given(st.text(), st.text())
def test_queued_command_is_always_one_line(name: str, text: str):
    """Defect 1: agents receive ConsoleCommand values only, and these are always one line."""
    line = ConsoleCommand(1, 1, say_command(name, text), 0.0, name)
    assert is_one_line(line.text) and line.text.startswith("/say")
    assert not line.username or is_one_line(line.username)


async def send_chat(world: WorldFixture, text: str) -> object:
    return await (await make_user(world.test_app)).send(world.path + "/chats", chat="hi" + text)


async def send_json_chat(world: WorldFixture, text: str) -> object:
    return await (await make_user(world.test_app)).post(
        world.path + "/chats", {"chat": "hi" + text}
    )


async def send_player_chat(world: WorldFixture, text: str) -> object:
    await world.write_log("2023-11-14 16:13:00 [INFO] <Ada> hi")
    ada = await make_user(world.test_app, usernames=("Ada",))
    return await ada.send(world.path + "/players/Ada/chats", chat="hi" + text)


async def send_chat_with_nickname(world: WorldFixture, text: str) -> object:
    user = await make_user(world.test_app, nickname="Tom" + text)
    return await user.send(world.path + "/chats", chat="hi")


async def queue_with_username(world: WorldFixture, text: str) -> object:
    await world.write_log("2023-11-14 16:13:00 [INFO] <Ada> hi")
    return await world.test_app.core.execute(
        queue_console_command, world_id=world.id, text="/say hi", username="Ada" + text
    )


async def queue_as_admin(world: WorldFixture, text: str) -> object:
    return await world.test_app.core.execute(
        queue_console_command, world_id=world.id, text="/say hi" + text
    )


@pytest.mark.parametrize("line_break", LINE_BREAKS, ids=ascii)
@pytest.mark.parametrize(
    "send",
    [
        send_chat,
        send_json_chat,
        send_player_chat,
        send_chat_with_nickname,
        queue_with_username,
        queue_as_admin,
    ],
)
async def test_line_break_in_a_text_creates_no_second_command(
    test_app: TestApp, send: SendText, line_break: str
):
    """Defect 1: any user who could chat could run any console command."""
    world = await make_world(test_app)
    await send(world, f"{line_break}op mallory")
    commands = (await world.agent.send(PING, **UP)).json["commands"]
    assert len(commands) == 1 and commands[0]["command"].startswith("/say")
    assert all(is_one_line(text) for text in commands[0].values() if text)


async def test_original_agent_writes_one_line_per_command(test_app: TestApp):
    """The agent appends a newline and encodes as ISO-8859-2, where other bytes are line breaks, too."""
    world = await make_world(test_app)
    for line_break in LINE_BREAKS:
        await test_app.core.execute(
            queue_console_command, world_id=world.id, text=f"/say hi{line_break}op mallory"
        )
    agent = await make_original_agent(world, [])
    await agent.start()
    await agent.follow()
    assert len(agent.fifo) == len(LINE_BREAKS)
    for line in agent.fifo:
        assert line.startswith(b"/say hi") and line.endswith(b"\n")
        assert len(line.decode("iso-8859-2").splitlines()) == 1


@pytest.mark.parametrize("line_break", LINE_BREAKS, ids=ascii)
async def test_log_line_with_a_line_break_is_stored_as_one_line(test_app: TestApp, line_break: str):
    """Defect 10: a line with other line breaks in it blocked all later lines."""
    world = await make_world(test_app)
    text = (
        f"2023-11-14 16:13:00 [INFO] <Ada> hi{line_break}2023-11-14 16:13:01 [INFO] Stopping server"
    )
    assert (await world.agent.send(LINE, line=text, zone="America/Chicago")).status == 201
    assert (await world.agent.send(LINE, line=text, zone="America/Chicago")).status == 200
    assert world.current.status is WorldStatus.UNKNOWN


async def test_old_line_is_emitted_as_not_live(test_app: TestApp):
    """Defect 11: old lines were sent to listeners as if they were new."""
    world, head = await make_world(test_app), test_app.core.feed.head
    for day in ("2012-10-07", "2023-11-14"):
        text = f"{day} 16:13:00 [INFO] <Ada> hi"
        assert (await world.agent.send(LINE, line=text, zone="America/Chicago")).status == 201
    entries, _ = await test_app.core.entries([topics.world(world.id)], head, 10)
    assert [entry.event.live for entry in entries if isinstance(entry.event, LineLogged)] == [
        False,
        True,
    ]


async def test_claim_code_in_an_old_line_proves_no_username(test_app: TestApp):
    """A claim code proves a username only while it is new."""
    world, thomas = await make_world(test_app), await make_user(test_app)
    claim = await test_app.core.execute(create_claim, account_id=thomas.id)
    for day, owner in (("2012-10-07", None), ("2023-11-14", thomas.id)):
        text = f"{day} 16:13:00 [INFO] <Ada> {claim.code}"
        await world.agent.send(LINE, line=text, zone="America/Chicago")
        found = test_app.core.query(find_account_by_username, username="Ada")
        assert (found and found.id) == owner
