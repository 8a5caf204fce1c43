"""Chat to a world: its name, permissions and the limit to one console line."""

import asyncio

import pytest

from tests.apis.app import TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.log_lines import AT, log_line, login_line

KEY = "5b4a1f1e-1f0f-4c0e-9d0c-0d1a7e0c8a11"


async def queued_commands(world: WorldFixture) -> list[dict[str, str | None]]:
    """Return the console commands that the agent receives."""
    answer = await world.agent.send(
        "/api/v1/agents/ping", server_name="x", is_server_running="true"
    )
    assert answer.status == 200, answer.raw
    return answer.json["commands"]  # type: ignore[no-any-return]


@pytest.fixture
async def thomas(test_app: TestApp) -> User:
    test_app.clock.now = AT
    return await make_user(test_app, usernames=("first", "gumptionthomas"))


@pytest.fixture
async def world(test_app: TestApp) -> WorldFixture:
    world = await make_world(test_app)
    await world.write_log(login_line("10:00:00", "gumptionthomas"), login_line("10:00:01", "bob"))
    return world


async def test_chat_is_queued_under_the_username_seen_in_the_world(
    thomas: User, world: WorldFixture
):
    answer = await thomas.send(world.path + "/chats", chat="Hello world...")
    assert (answer.status, answer.raw) == (202, b"")
    assert await queued_commands(world) == [
        {"username": "gumptionthomas", "command": "/say <gumptionthomas> Hello world..."}
    ]
    assert await queued_commands(world) == []


async def test_chat_without_visitor_uses_nickname_or_email(test_app: TestApp, world: WorldFixture):
    named, unnamed = (
        await make_user(test_app, "n@x.org", nickname="nick"),
        await make_user(test_app, "m@x.org", nickname=""),
    )
    impostor = await make_user(test_app, "l@x.org", nickname="bob")
    for user in (named, unnamed, impostor):
        await user.post(world.path + "/chats", {"chat": "hi"})
    names = [command["command"] for command in await queued_commands(world)]
    assert names == ["/say <nick> hi", "/say <m@x.org> hi", "/say <*bob> hi"]


async def test_echo_of_a_chat_has_the_user_and_creates_no_player(
    test_app: TestApp, world: WorldFixture
):
    test_app.clock.now = AT
    user = await make_user(test_app, "n@x.org", nickname="nick")
    for second in range(2):
        await user.post(world.path + "/chats", {"chat": f"hi {second}"})
        assert [command["command"] for command in await queued_commands(world)] == [
            f"/say <nick> hi {second}"
        ]
        await world.write_log(log_line(f"23:59:5{second}", f"[Server] <nick> hi {second}"))
    answer = await user.get(world.path + "/chats")
    key = (await user.get("/api/v1/users/self")).json["key"]
    assert {chat["user_key"] for chat in answer.json["chats"]} == {key}
    assert (await user.get(world.path + "/players/nick")).status == 404


@pytest.mark.parametrize(
    "text",
    [
        "hi\nstop",
        "hi\r\nstop",
        "hi\rstop",
        "hi\u2028stop",
        "hi\x85stop",
        "hi\x0bstop",
        "hi\x1b[2Jstop",
        "hi\x7fstop",
    ],
)
async def test_chat_with_line_breaks_is_one_console_line(
    thomas: User, world: WorldFixture, text: str
):
    """Defect 1: the second line of a chat was run as a console command."""
    for path in ("/chats", "/players/gumptionthomas/chats"):
        for answer in (
            await thomas.send(world.path + path, chat=text),
            await thomas.post(world.path + path, {"chat": text}),
        ):
            assert answer.status == 202
    for command in await queued_commands(world):
        assert (command["command"] or "").startswith("/say <gumptionthomas> hi ")
        assert (command["command"] or "").isprintable()


@pytest.mark.parametrize("nick", ["a\nstop", "> x\r/op me"])
async def test_nickname_with_line_breaks_is_one_console_line(
    test_app: TestApp, world: WorldFixture, nick: str
):
    user = await make_user(test_app, "n@x.org", nickname=nick)
    await user.send(world.path + "/chats", chat="hi")
    (command,) = await queued_commands(world)
    assert (command["command"] or "").isprintable() and (command["command"] or "").startswith(
        "/say <"
    )


@pytest.mark.parametrize(
    "body", [{}, {"chat": ""}, {"chat": "  "}, {"chat": None}, {"chat": "\n\t\x1b"}]
)
async def test_empty_chat_is_rejected(thomas: User, world: WorldFixture, body: object):
    for path in ("/chats", "/players/gumptionthomas/chats"):
        answer = await thomas.post(world.path + path, body)
        assert (answer.status, answer.json) == (400, {"errors": "chat: This field is required."})
    assert await queued_commands(world) == []


async def test_too_long_chat_is_rejected(thomas: User, world: WorldFixture):
    assert (await thomas.send(world.path + "/chats", chat="x" * 1000)).status == 202
    answer = await thomas.send(world.path + "/chats", chat="x" * 1001)
    assert answer.json == {"errors": "chat: Field cannot be longer than 1000 characters."}


async def test_chat_as_a_player_requires_the_claimed_username(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    root = await make_admin(test_app)
    key = (await thomas.get(world.path + "/players/gumptionthomas")).json["key"]
    for player in ("gumptionthomas", key):
        path = f"{world.path}/players/{player}/chats"
        assert (await thomas.send(path, chat="hi")).status == 202
        answer = await root.send(path, chat="hi")
        assert (answer.status, answer.raw) == (403, b"")
    for player in ("bob", "first", "nobody"):
        answer = await thomas.send(f"{world.path}/players/{player}/chats", chat="hi")
        assert (answer.status, answer.raw) == (403 if player == "bob" else 404, b"")
    assert len(await queued_commands(world)) == 2


async def test_invalid_chat_is_400_also_in_an_unknown_world(
    thomas: User,
):
    for path in ("/api/v1/servers/x/chats", "/api/v1/servers/x/players/bob/chats"):
        assert (await thomas.send(path)).status == 400
        assert (await thomas.send(path, chat="hi")).status == 404


async def test_repeated_chat_with_idempotency_key_is_queued_once(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    path = world.path + "/chats"
    other = await make_user(test_app, "o@x.org", nickname="other")
    answers = await asyncio.gather(
        *(thomas.post(path, {"chat": "hi"}, Idempotency_Key=KEY) for _ in range(5)),
        other.post(path, {"chat": "hi"}, Idempotency_Key=KEY),
    )
    assert [answer.status for answer in answers] == [202] * 6
    assert sorted(command["command"] or "" for command in await queued_commands(world)) == [
        "/say <gumptionthomas> hi",
        "/say <other> hi",
    ]
    for again, body in ((path, {"chat": "ho"}), (path + "?chat=x", {"chat": "hi"})):
        answer = await thomas.post(again, body, Idempotency_Key=KEY)
        assert answer.status == 422 and answer.json["errors"]
    assert await queued_commands(world) == []


async def test_chats_without_key_are_all_queued(thomas: User, world: WorldFixture):
    await asyncio.gather(*(thomas.send(world.path + "/chats", chat="hi") for _ in range(3)))
    assert len(await queued_commands(world)) == 3


async def test_queued_chat_survives_a_restart(persistent_test_app: TestApp):
    persistent_test_app.clock.now = AT
    user, world = await make_user(persistent_test_app), await make_world(persistent_test_app)
    await user.post(world.path + "/chats", {"chat": "hi"}, Idempotency_Key=KEY)
    await persistent_test_app.restart()
    assert (
        await user.post(world.path + "/chats", {"chat": "hi"}, Idempotency_Key=KEY)
    ).status == 202
    assert [command["command"] for command in await queued_commands(world)] == ["/say <thomas> hi"]
