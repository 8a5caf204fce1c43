"""WebSockets of client libraries as they come, directly and through nginx as the README configures it."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.apis.app import ApiClient, TestApp
from tests.apis.coal.clients import make_user, make_world
from tests.apis.coal.log_lines import AT, chat_line
from tests.apis.hosts.clients import make_hosted_session
from tests.apis.multiplayer.scene import make_scene
from tests.apis.multiplayer.socket_client import make_token
from tests.apis.rooms.factories import make_room_with_chat
from tests.clients.followers import Follower
from tests.clients.following import follow
from tests.clients.sockets import CONVERSATION_CLIENTS, FEED_CLIENTS, converse

EACH_FEED_CLIENT = pytest.mark.parametrize("kind", FEED_CLIENTS.values(), ids=FEED_CLIENTS)
EACH_CLIENT = pytest.mark.parametrize("library", CONVERSATION_CLIENTS)
WAYS = ("direct", "README")
EACH_WAY = pytest.mark.parametrize("way", WAYS)
Origins = Mapping[str, str]


@pytest.fixture
def socket_origins(origins: Origins) -> Origins:
    """The origins of the ways on which WebSockets are possible."""
    return {way: origins[way] for way in WAYS}


@EACH_FEED_CLIENT
async def test_feed_resumes_after_a_cut_and_a_restart(
    test_app: TestApp, socket_origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with follow(test_app, kind, socket_origins, room + "/events", ann.bearer) as following:
        await ann.send_chat(room, "first")
        await following.wait_for_texts("first")
        await ann.send_chat(room, "second")
        await following.wait_for_texts("first", "second")
        await test_app.cut_connections()
        await ann.send_chat(room, "third")
        await following.wait_for_texts("first", "second", "third")
        await test_app.restart(same_port=True)
        await ann.send_chat(room, "last")
        await following.wait_for_texts("first", "second", "third", "last")


@EACH_FEED_CLIENT
async def test_world_events_arrive_one_by_one(
    test_app: TestApp, socket_origins: Origins, kind: type[Follower]
) -> None:
    test_app.clock.now = AT
    user, world = await make_user(test_app), await make_world(test_app)
    path = world.path + "/events"
    async with follow(test_app, kind, socket_origins, path, user.bearer) as following:
        await world.write_log(chat_line("23:59:00", "bob", "hi"))
        await following.wait_for_texts("hi")
        await world.write_log(chat_line("23:59:01", "bob", "ho"))
        await following.wait_for_texts("hi", "ho")


@EACH_FEED_CLIENT
async def test_client_sees_the_status_of_a_refusal(
    test_app: TestApp, socket_origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    await ann.post(room + "/leave")
    refused = (
        (401, room, {}),
        (403, room, ApiClient(test_app, "nonsense").bearer),
        (404, "/games/free/rooms/9", ann.bearer),
        (410, room, ann.bearer),
    )
    for status, path, headers in refused:
        async with follow(test_app, kind, socket_origins, path + "/events", headers) as following:
            assert await following.statuses() == {status}


@EACH_FEED_CLIENT
async def test_client_learns_at_once_that_a_proxy_has_removed_its_upgrade(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    ways = {"nginx": origins["nginx"]}
    async with follow(test_app, kind, ways, room + "/events", ann.bearer) as following:
        assert await following.statuses() == {400}


@EACH_WAY
@EACH_CLIENT
async def test_realtime_messages_and_the_end_reach_the_client(
    test_app: TestApp, socket_origins: Origins, library: str, way: str
) -> None:
    scene = await make_scene(test_app)
    await scene.fill_room(realtime=True)
    url = f"{socket_origins[way]}/realtime?token="
    async with (
        converse(library, url + await make_token(scene.host)) as host,
        converse(library, url + await make_token(scene.guest)) as guest,
    ):
        assert (await host.receive())["type"] == "connected"
        assert (await guest.receive())["type"] == "connected"
        await guest.send({"type": "send", "command": "jump", "data": 1, "target": "host"})
        assert (await guest.receive())["type"] == "sent"
        received = await host.receive()
        assert (received["type"], received["command"]) == ("receive", "jump")
        ends = asyncio.gather(host.receive(), guest.receive())
        await test_app.restart(same_port=True)
        assert [end["closed"] for end in await ends] == [1012, 1012]


@EACH_WAY
@EACH_CLIENT
async def test_refused_realtime_token_is_a_close_reason(
    test_app: TestApp, socket_origins: Origins, library: str, way: str
) -> None:
    async with converse(library, f"{socket_origins[way]}/realtime?token=unknown") as socket:
        assert await socket.receive() == {"closed": 1008, "reason": "Invalid token"}


@EACH_WAY
@EACH_CLIENT
async def test_sync_socket_resumes_after_a_restart(
    test_app: TestApp, socket_origins: Origins, library: str, way: str
) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    url = f"{socket_origins[way]}/sync/{session.id}"
    join = {
        "type": "join",
        "session_id": session.id,
        "player": guest.uuid,
        "token": guest.token,
    }
    async with converse(library, url) as socket:
        await socket.send(join)
        accepted, state = await socket.receive(), await socket.receive()
        assert (accepted["type"], state["type"]) == ("accepted", "state")
        await session.send_message(session.host, type="command", name="first")
        assert (await socket.receive())["name"] == "first"
        await test_app.restart(same_port=True)
        assert (await socket.receive())["closed"] == 1012
    await session.send_message(session.host, type="command", name="second")
    async with converse(library, url) as socket:
        await socket.send({**join, "after": accepted["cursor"]})
        messages = [await socket.receive() for _ in range(4)]
        names = [message.get("name", message["type"]) for message in messages]
        assert names == ["accepted", "state", "first", "second"]


@EACH_WAY
@EACH_CLIENT
async def test_refused_join_of_a_sync_socket_is_a_message(
    test_app: TestApp, socket_origins: Origins, library: str, way: str
) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    async with converse(library, f"{socket_origins[way]}/sync/{session.id}") as socket:
        await socket.send(
            {"type": "join", "session_id": session.id, "player": guest.uuid, "token": "wrong"}
        )
        error = await socket.receive()
        assert (error["type"], error["code"]) == ("error", 401)
        assert (await socket.receive())["closed"] == 1008
