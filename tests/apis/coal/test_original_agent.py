"""The original agent sends a small log, with restarts, repeats and expired tokens."""

from typing import Any

from coalserver.core.commands.worlds import send_chat
from coalserver.core.ports import LineQuery, VisitQuery
from coalserver.core.queries.worlds import get_visitor
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import WorldFixture, make_user, make_world
from tests.apis.coal.original_agent import OriginalAgent, make_original_agent

#: As written with the agent's log4j settings: Chicago time, ISO-8859-2. It is 16:13:20 in Chicago.
LOG = [
    b"2023-11-14 16:10:00 [INFO] Starting minecraft server version 1.7.10\n",
    b"2023-11-14 16:10:05 [INFO] Done (4.945s)! For help, type \"help\" or \"?\"\n",
    b"2023-11-14 16:11:00 [INFO] Ada[/203.0.113.7:50123] logged in with entity id 5 at (1.5, 64.0, -2.25)\n",
    b"2023-11-14 16:11:00 [INFO] Ada joined the game\n",
    b"2023-11-14 16:11:10 [INFO] <Ada> hi\n",
    b"2023-11-14 16:11:10 [INFO] <Ada> gr\xfc\xdfe, \xb3 = \xe6\n",
    b"2023-11-14 16:11:20 [WARN] Ada moved wrongly! 1.0,0.0,2.0\n",
    b"2023-11-14 16:11:30 [WARN] Can't keep up! Did the system time change, or is the server overloaded?"
    b" Running 2039ms behind, skipping 40 tick(s)\n",
    b"2023-11-14 16:11:40 [INFO] Ada was slain by Cave Spider\n",
    b"java.lang.NullPointerException: null\n",
    b"\tat net.minecraft.Thing.tick(Thing.java:7)\n",
    b"2023-02-30 16:11:45 [INFO] <Ada> never\n",
    b"2023-11-14 16:11:50 [INFO] <Ada> " + b"long " * 2000 + b"\n",
    b"2023-11-14 16:11:55 [INFO] Ada has just earned the achievement [Taking Inventory]\n",
    b"2023-11-14 16:12:00 [INFO] Ada lost connection: TextComponent{text='Disconnected', siblings=[]}\n",
    b"2023-11-14 16:12:01 [INFO] Ada left the game\n",
]  # fmt: skip
#: The agent sends neither "moved wrongly" nor "can't keep up".
SENT_LINES = len(LOG) - 2


async def history(world: WorldFixture) -> dict[str, Any]:
    """Return a summary of the lines and visits of a world."""
    core = world.test_app.core
    lines = await core.history.lines(LineQuery(world.id), 100)
    visits = await core.history.visits(VisitQuery(world.id), 100)
    return {
        "tags": sorted(line.tags[-1] for line in lines),
        "chats": [line.chat[:16] for line in reversed(lines) if "chat" in line.tags],
        "visits": [stored.visit.duration(0.0) for stored in visits],
    }


COMPLETE = {
    "tags": sorted([
        "starting", "server", "login", "connection", *["chat"] * 3, "death", "achievement", "logout", "connection",
    ]),
    "chats": ["hi", "grüße, ł = ć", "long long long l"],
    "visits": [60.0],
}  # fmt: skip


async def make_agent(test_app: TestApp, log: list[bytes]) -> tuple[WorldFixture, OriginalAgent]:
    world = await make_world(test_app)
    return world, await make_original_agent(world, log)


async def test_agent_authenticates_with_its_secret_and_sends_its_log(persistent_test_app: TestApp):
    world, agent = await make_agent(persistent_test_app, LOG)
    await agent.start(history=True)
    await agent.follow()
    assert (agent.bootstraps, agent.sent) == (1, [201] * SENT_LINES)
    assert await history(world) == COMPLETE
    assert world.current.status is WorldStatus.RUNNING and world.current.address == "203.0.113.5"
    persistent_test_app.clock.advance(5)
    await agent.follow()
    assert (agent.pings, world.current.overloads, world.current.behind, world.current.skipped) == (
        2,
        1,
        2039,
        40,
    )
    agent.running = False
    await agent.stop()
    assert world.current.status is WorldStatus.STOPPED and world.current.address == ""


async def test_server_restart_loses_no_line(persistent_test_app: TestApp):
    file = LOG[:7]
    world, agent = await make_agent(persistent_test_app, file)
    await agent.start(history=True)
    await agent.follow()
    await persistent_test_app.restart()
    file.extend(LOG[7:])
    await agent.follow()
    assert (agent.bootstraps, agent.sent) == (1, [201] * SENT_LINES)
    assert await history(world) == COMPLETE


async def test_restarted_agent_continues_after_the_last_line(persistent_test_app: TestApp):
    world, first = await make_agent(persistent_test_app, LOG[:6])
    await first.start(history=True)
    await first.follow()
    second = OriginalAgent(persistent_test_app, first.client_id, first.secret, LOG)
    await second.start(history=True)
    await second.follow()
    assert (first.sent, second.sent) == ([201] * 6, [201] * (SENT_LINES - 6))
    assert await history(world) == COMPLETE


async def test_repeated_log_is_stored_once(persistent_test_app: TestApp):
    world, agent = await make_agent(persistent_test_app, LOG)
    for _ in range(2):
        await agent.start(history=True, everything=True)
        await agent.follow()
        await persistent_test_app.restart()
    assert agent.sent == [201] * SENT_LINES + [200] * SENT_LINES
    assert await history(world) == COMPLETE
    ada = persistent_test_app.core.query(get_visitor, world=world.id, username="Ada")
    assert ada.last_login == persistent_test_app.clock() - 142


async def test_agent_without_history_sends_new_lines_only(test_app: TestApp):
    file = LOG[:5]
    world, agent = await make_agent(test_app, file)
    await agent.start()
    await agent.follow()
    assert agent.sent == [] and agent.pings == 1
    file.append(b"2023-11-14 16:13:20 [INFO] <Ada> now\n")
    await agent.follow()
    assert (await history(world))["chats"] == ["now"]


async def test_agent_replaces_expired_tokens(test_app: TestApp):
    world, agent = await make_agent(test_app, [*LOG])
    await agent.start()
    test_app.clock.advance(31 * 86400)
    await agent.follow()
    assert (agent.bootstraps, agent.refreshes) == (
        1,
        1,
    ) and world.current.status is WorldStatus.RUNNING
    # An expired refresh token is discarded, and the next request has no token.
    test_app.clock.advance(400 * 86400)
    agent.log.append(b"2023-11-14 16:13:20 [INFO] <Ada> still there\n")
    await agent.follow()
    assert (agent.bootstraps, agent.refreshes, agent.sent) == (2, 1, [201])


async def test_chat_from_the_site_is_written_to_the_pipe_once(test_app: TestApp):
    world, agent = await make_agent(test_app, [])
    thomas = await make_user(test_app)
    await agent.start()
    await test_app.core.execute(
        send_chat, world_id=world.id, account_id=thomas.id, text="gr\u00fc\u00df\n/op thomas"
    )
    agent.running = False
    await agent.follow()
    assert agent.fifo == []
    agent.running = True
    for _ in range(8):
        await agent.follow()
    assert agent.fifo == ["/say <thomas> gr\u00fc\u00df /op thomas\n".encode("iso-8859-2")]
    assert agent.pings == 2
