"""What fails behind a WebSocket's handshake ends with a close code and a line in the log, on every socket endpoint."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from coalserver.apis.hosts.sync import SyncConnection
from coalserver.apis.multiplayer import realtime
from coalserver.apis.multiplayer.relay import Member
from coalserver.core.feed import Feed
from coalserver.core.ports import StoreFailed
from coalserver.core.presence import Presence
from coalserver.web.streaming import duplex, event_stream, refusals
from coalserver.web.streaming.event_stream import EventStream, FeedConnection
from coalserver.web.streaming.websocket import WebSocketConnection
from tests.apis.app import TIMEOUT_SECONDS, TestApp
from tests.apis.browser import make_signed_in_browser
from tests.apis.coal.clients import make_user
from tests.apis.hosts.clients import make_hosted_session, open_socket
from tests.apis.multiplayer.scene import make_scene
from tests.apis.multiplayer.socket_client import connect, make_token
from tests.apis.rooms.factories import make_room_with_chat
from tests.site.sample_worlds import make_world

Socket = aiohttp.ClientWebSocketResponse
Connect = Callable[[TestApp], Awaitable[Socket]]


class Fault(Exception):
    """What no endpoint knows."""


def fail(*_args: Any, **_kwargs: Any) -> Any:
    raise Fault("in the middle")


async def fail_later(*_args: Any, **_kwargs: Any) -> Any:
    await asyncio.sleep(0)
    raise Fault("in the middle")


async def rooms_feed(test_app: TestApp) -> Socket:
    ann, room = await make_room_with_chat(test_app)
    return await test_app.http.ws_connect(test_app.url(f"{room}/events"), headers=ann.bearer)


async def list_feed(test_app: TestApp) -> Socket:
    [ann] = await test_app.sign_in_guests("Ann")
    url = test_app.url("/games/noughts/rooms/events")
    return await test_app.http.ws_connect(url, headers=ann.bearer)


async def hosts_feed(test_app: TestApp) -> Socket:
    session, _ = await make_hosted_session(test_app)
    url = test_app.url(f"{session.path}/events")
    return await test_app.http.ws_connect(url, headers=session.host.bearer)


async def coal_feed(test_app: TestApp) -> Socket:
    await make_world(test_app)
    user = await make_user(test_app)
    [key] = [row["key"] for row in (await user.get("/api/v1/servers")).json["servers"]]
    return await test_app.http.ws_connect(
        test_app.url(f"/api/v1/servers/{key}/events"), headers=user.bearer
    )


async def site_feed(test_app: TestApp) -> Socket:
    await make_world(test_app)
    ann = await make_signed_in_browser(test_app)
    cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())
    url = test_app.url("/servers/mill/events")
    return await test_app.http.ws_connect(url, headers={"Cookie": cookie})


async def realtime_socket(test_app: TestApp) -> Socket:
    scene = await make_scene(test_app)
    await scene.fill_room(realtime=True)
    return (await connect(test_app, f"?token={await make_token(scene.host)}", "/realtime")).socket


async def sync_socket(test_app: TestApp) -> Socket:
    session, _ = await make_hosted_session(test_app)
    socket = await open_socket(test_app, f"/sync/{session.id}")
    host = session.host
    await socket.send(type="join", session_id=session.id, player=host.uuid, token=host.token)
    return socket.ws


async def sync_socket_with_a_message(test_app: TestApp) -> Socket:
    socket = await sync_socket(test_app)
    await socket.send_str(json.dumps({"type": "ping"}))
    return socket


async def refused_socket(test_app: TestApp) -> Socket:
    return await test_app.http.ws_connect(test_app.url("/sessions/1/events?refuse=message"))


async def realtime_with_a_message(test_app: TestApp) -> Socket:
    socket = await realtime_socket(test_app)
    await socket.send_str(json.dumps({"type": "heartbeat"}))
    return socket


FEEDS = (rooms_feed, list_feed, hosts_feed, coal_feed, site_feed)


@dataclass(frozen=True)
class Case:
    """A socket, and what fails there."""

    connect: Connect
    owner: Any
    name: str
    failing: Callable[..., Any] = fail

    def __str__(self) -> str:
        return f"{self.connect.__name__}-{getattr(self.owner, '__name__', '')}.{self.name}"


CASES = (
    *(Case(feed, EventStream, "gap_notice") for feed in FEEDS),
    *(Case(feed, EventStream, "start") for feed in FEEDS),
    *(Case(feed, FeedConnection, "held") for feed in FEEDS),
    *(Case(feed, EventStream, "look") for feed in FEEDS),
    Case(realtime_socket, realtime, "render_connected"),
    Case(realtime_socket, realtime, "record_activity", fail_later),
    Case(realtime_socket, realtime, "client_type_param"),
    Case(realtime_socket, Presence, "hold"),
    Case(realtime_with_a_message, Member, "text"),
    Case(sync_socket, SyncConnection, "join"),
    Case(sync_socket, SyncConnection, "send_accepted", fail_later),
    Case(sync_socket, SyncConnection, "subscribe"),
    Case(sync_socket, duplex, "record_activity", fail_later),
    Case(sync_socket, duplex.DuplexStream, "start"),
    Case(sync_socket_with_a_message, SyncConnection, "handle_message", fail_later),
    Case(refused_socket, refusals, "frame"),
)


async def closing_message(socket: Socket) -> aiohttp.WSMessage:
    """Return the first message that is no text: frames that are none are errors of the protocol."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    return message


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_failure_behind_the_handshake_closes_with_1011_and_is_logged(
    test_app: TestApp,
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    held_before = test_app.core.feed.waiter_count()
    monkeypatch.setattr(case.owner, case.name, case.failing)
    socket = await case.connect(test_app)
    message = await closing_message(socket)
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1011)
    await socket.close()
    assert [record for record in caplog.records if "in the middle" in str(record.exc_info)]
    monkeypatch.undo()
    # Nothing waits for events any more.
    await test_app.wait_until(lambda: test_app.core.feed.waiter_count() <= held_before)


@pytest.mark.parametrize(
    "connect_socket", [*FEEDS, realtime_socket, refused_socket], ids=lambda one: one.__name__
)
async def test_client_that_has_gone_before_the_answer_is_not_logged(
    test_app: TestApp,
    connect_socket: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def accept(self: WebSocketConnection, request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()
        raise ConnectionResetError

    monkeypatch.setattr(WebSocketConnection, "accept", accept)
    with pytest.raises(aiohttp.ClientError):
        await connect_socket(test_app)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.__name__)
async def test_failure_while_stored_events_are_read_closes_with_1011(
    test_app: TestApp,
    feed: Connect,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(Feed, "covers", lambda *_: False)
    monkeypatch.setattr(event_stream, "read", fail_later)
    message = await closing_message(await feed(test_app))
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1011)
    assert [record for record in caplog.records if "in the middle" in str(record.exc_info)]


async def test_store_that_fails_closes_with_1012(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stop(*_args: Any) -> None:
        raise StoreFailed("the disk is gone")

    monkeypatch.setattr(realtime, "record_activity", stop)
    assert (await closing_message(await realtime_socket(test_app))).data == 1012
    monkeypatch.setattr(duplex, "record_activity", stop)
    assert (await closing_message(await sync_socket(test_app))).data == 1012


async def test_endpoint_that_handles_no_failure_closes_with_1011(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A new endpoint, which does not know `ended_by_failure`."""
    monkeypatch.setattr(FeedConnection, "receive_messages", fail_later)
    message = await closing_message(await rooms_feed(test_app))
    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1011)
    assert [record for record in caplog.records if "in the middle" in str(record.exc_info)]
