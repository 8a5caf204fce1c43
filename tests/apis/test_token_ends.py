"""Tokens that end while a poll waits, or a stream or socket is open.

By time, each ends within seconds, by itself. Of all APIs only the hosts API has tokens that end although they are used.
Those of the COAL API are checked before each entry is sent, see its own tests.
"""

import asyncio
from dataclasses import replace

import pytest

from coalserver.core.engine import Core
from coalserver.core.queries.players import token_by_secret
from coalserver.core.unit_of_work import UnitOfWork
from tests.apis.app import TIMEOUT_SECONDS, TestApp
from tests.apis.hosts.clients import HostClient, make_hosted_session
from tests.apis.multiplayer.scene import failure, make_scene, success
from tests.apis.rooms.factories import make_room_with_chat

REFUSED = 1008
#: Seconds that the token of a test has left.
SECONDS = 1.0
#: More than the wrong tokens that one address may send in a minute.
MANY = 12


def shorten_token(uow: UnitOfWork, *, secret: str, until: float) -> None:
    token = token_by_secret(uow.state, secret=secret)
    uow.save(replace(token, lifetime=until - token.created))


async def end_soon(test_app: TestApp, client: HostClient) -> None:
    core: Core = test_app.core
    until = core.expiry_time + SECONDS
    await core.execute(shorten_token, secret=client.token, until=until)


@pytest.mark.parametrize("poll_number", ["first", "second"])
@pytest.mark.usefixtures("park_polls")
async def test_waiting_poll_is_refused(test_app: TestApp, poll_number: str) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    await end_soon(test_app, ann)
    url = f"{session.path}/events?after-event-id=%d&wait=30"
    if poll_number == "second":
        poll = await test_app.start_waiting(ann.get(url % test_app.core.feed.head))
        await session.send_message(session.host, type="command", name="go")
        assert (await poll).json[0]["name"] == "go"
    poll = await test_app.start_waiting(ann.get(url % test_app.core.feed.head))
    test_app.clock.advance(SECONDS + 1)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        answer = await poll
    assert answer.status == 401 and answer.json["message"]
    assert (await ann.get(url % 0)).status == 401


@pytest.mark.parametrize("form", ["socket", "stream"])
async def test_open_feed_is_closed(test_app: TestApp, form: str) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    await end_soon(test_app, ann)
    url = test_app.url(f"{session.path}/events?after-event-id={test_app.core.feed.head}")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        if form == "socket":
            socket = await test_app.http.ws_connect(url, headers=ann.bearer)
            assert (await socket.receive_json())["type"] == "hello"
            test_app.clock.advance(SECONDS + 1)
            await socket.receive()
            assert socket.close_code == REFUSED
        else:
            accept = {**ann.bearer, "Accept": "text/event-stream"}
            async with test_app.http.get(url, headers=accept) as stream:
                assert await stream.content.readline() == b": open\n"
                test_app.clock.advance(SECONDS + 1)
                assert await stream.content.read() == b"\n"


async def test_sync_socket_is_closed(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    await end_soon(test_app, ann)
    socket = await session.connect(ann)
    test_app.clock.advance(SECONDS + 1)
    assert await socket.wait_closed() == REFUSED


async def test_feed_whose_token_lasts_stays_open(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    await end_soon(test_app, ann)
    url = test_app.url(f"{session.path}/events?after-event-id={test_app.core.feed.head}")
    socket = await test_app.http.ws_connect(url, headers=bob.bearer)
    other = await test_app.http.ws_connect(url, headers=ann.bearer)
    test_app.clock.advance(SECONDS + 1)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not other.closed:
            await other.receive()
        await session.send_message(session.host, type="command", name="go")
        assert (await socket.receive_json())["type"] == "hello"
        assert (await socket.receive_json())["name"] == "go"
    await socket.close()


@pytest.mark.usefixtures("park_polls")
async def test_token_revoked_while_its_poll_waits_is_not_a_wrong_one(test_app: TestApp) -> None:
    host, room = await make_room_with_chat(test_app)
    for _ in range(MANY):
        ann = await test_app.sign_in_guest()
        await ann.post(f"{room}/join")
        head = test_app.core.feed.head
        poll = await test_app.start_waiting(ann.get(f"{room}/events?after-event-id={head}&wait=30"))
        await ann.post("/accounts/logout")
        answer = await poll
        assert (answer.status, answer.json["error"]) == (403, "auth.invalid")
    # A request that comes with the token is one.
    statuses = {(await ann.get(f"{room}/events")).status for _ in range(MANY)}
    assert statuses == {403, 429}


async def test_key_replaced_while_its_poll_waits_is_not_a_wrong_one(test_app: TestApp) -> None:
    scene = await make_scene(test_app)
    await scene.fill_room()
    guest = scene.guest
    for _ in range(MANY):
        poll = await test_app.start_waiting(guest.get("game_room.php/updates/poll?wait=30"))
        rotated = success(await guest.post("game_players.php/rotate"))
        assert failure(await poll) == (401, "Invalid player token")
        guest.key = rotated["private_key"]
