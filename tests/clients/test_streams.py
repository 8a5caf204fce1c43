"""Server-sent events, read by client libraries as they come, directly and through nginx."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import pytest

from coalserver.web.streaming import event_stream
from tests.apis.app import ApiClient, TestApp
from tests.apis.coal.clients import make_user, make_world
from tests.apis.coal.log_lines import AT, chat_line
from tests.apis.hosts.clients import make_hosted_session
from tests.apis.rooms.factories import make_room_with_chat
from tests.clients.followers import CLEAN_END, Follower
from tests.clients.following import follow
from tests.clients.streams import STREAM_CLIENTS, EventSource

EACH_CLIENT = pytest.mark.parametrize("kind", STREAM_CLIENTS.values(), ids=STREAM_CLIENTS)
Origins = Mapping[str, str]


def some(origins: Origins, *ways: str) -> Origins:
    """Return the origins of some ways."""
    return {way: origins[way] for way in ways}


def without_restarts(kind: type[Follower], origins: Origins) -> Origins:
    """Leave out the ways on which a program does not outlive a restart: EventSource gives up at any status but 200."""
    return some(origins, "direct") if kind is EventSource else origins


@EACH_CLIENT
async def test_room_events_arrive_one_by_one(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with follow(test_app, kind, origins, room + "/events", ann.bearer) as following:
        for count in range(1, 4):
            await ann.send_chat(room, str(count))
            await following.wait_for_texts(*map(str, range(1, count + 1)))
        assert not following.endings


@EACH_CLIENT
async def test_world_events_arrive_one_by_one(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    test_app.clock.now = AT
    user, world = await make_user(test_app), await make_world(test_app)
    path, ways = world.path + "/events", some(origins, "direct", "nginx")
    async with follow(test_app, kind, ways, path, user.bearer) as following:
        await world.write_log(chat_line("23:59:00", "bob", "hi"))
        await following.wait_for_texts("hi")
        await world.write_log(chat_line("23:59:01", "bob", "ho"))
        await following.wait_for_texts("hi", "ho")


@EACH_CLIENT
async def test_hosts_session_events_arrive_one_by_one(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    path, ways = session.path + "/events", some(origins, "direct", "nginx")
    async with follow(test_app, kind, ways, path, guest.bearer) as following:
        await session.send_message(session.host, type="command", name="say", data="hi")
        await following.wait_for_texts("hi")
        await session.send_message(session.host, type="command", name="say", data="ho")
        await following.wait_for_texts("hi", "ho")


@EACH_CLIENT
async def test_stream_resumes_after_a_cut(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    async with follow(test_app, kind, origins, room + "/events", ann.bearer) as following:
        await ann.send_chat(room, "before")
        await following.wait_for_texts("before")
        await test_app.cut_connections()
        await ann.send_chat(room, "meanwhile")
        await following.wait_for_texts("before", "meanwhile")
        await ann.send_chat(room, "after")
        await following.wait_for_texts("before", "meanwhile", "after")


@EACH_CLIENT
async def test_stream_resumes_after_a_restart(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    ways = without_restarts(kind, origins)
    async with follow(test_app, kind, ways, room + "/events", ann.bearer) as following:
        await ann.send_chat(room, "before")
        await following.wait_for_texts("before")
        await test_app.restart(same_port=True)
        await ann.send_chat(room, "after")
        await following.wait_for_texts("before", "after")


@EACH_CLIENT
async def test_stream_resumes_after_its_lifetime(
    test_app: TestApp, origins: Origins, kind: type[Follower], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "STREAM_SECONDS", 0.5)
    ann, room = await make_room_with_chat(test_app)
    async with follow(test_app, kind, origins, room + "/events", ann.bearer) as following:
        await ann.send_chat(room, "before")
        await following.wait_until_ended()
        await ann.send_chat(room, "after")
        await following.wait_for_texts("before", "after")
        assert following.endings == {CLEAN_END}


@EACH_CLIENT
async def test_client_sees_the_status_of_a_refusal(
    test_app: TestApp, origins: Origins, kind: type[Follower]
) -> None:
    ann, room = await make_room_with_chat(test_app)
    await ann.post(room + "/leave")
    feeds = {
        401: (room, {}),
        403: (room, ApiClient(test_app, "nonsense").bearer),
        404: ("/games/free/rooms/9", ann.bearer),
        410: (room, ann.bearer),
    }
    ways = some(origins, "direct", "nginx")
    async with AsyncExitStack() as stack:
        followings = {
            status: await stack.enter_async_context(
                follow(test_app, kind, ways, path + "/events", headers)
            )
            for status, (path, headers) in feeds.items()
        }
        for status, following in followings.items():
            assert await following.statuses() == {status}
