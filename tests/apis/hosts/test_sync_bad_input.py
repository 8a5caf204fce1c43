"""Invalid joins, messages and handshakes on the sync WebSocket."""

import json

import pytest

from tests.apis.app import TestApp
from tests.apis.hosts.clients import (
    NOWHERE,
    Session,
    SyncSocket,
    make_hosted_session,
    make_hosts,
    open_socket,
)

BAD_JOINS = [
    ({"type": "hello"}, 400),
    ({"session_id": "1"}, 400),
    ({"session_id": None}, 400),
    ({"session_id": 99}, 400),
    ({"player": 1}, 400),
    ({"player": None}, 400),
    ({"token": None}, 400),
    ({"source_of_truth_key": 1}, 400),
    ({"after": -2}, 400),
    ({"after": 10**9}, 400),
    ({"after": "1"}, 400),
    ({"token": "x"}, 401),
    ({"token": ""}, 401),
    ({"player": NOWHERE}, 401),
    ({"player": "x"}, 401),
    ({"source_of_truth_key": "x"}, 403),
]


@pytest.mark.parametrize(("changes", "code"), BAD_JOINS, ids=str)
async def test_invalid_join_closes_the_connection(
    test_app: TestApp, changes: dict[str, object], code: int
) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    socket = await open_socket(test_app, f"/sync/{session.id}")
    join = {"type": "join", "session_id": session.id, "player": ann.uuid, "token": ann.token}
    await socket.send(**{**join, **changes})
    await socket.expect(type="error", code=code)
    assert await socket.wait_closed() == 1008


@pytest.mark.parametrize("text", ["", "x", "[]", "1", '{"a":' * 100, '"\\u0000"', "{" * 5000])
async def test_invalid_text_is_rejected(test_app: TestApp, text: str) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    socket = await open_socket(test_app, f"/sync/{session.id}")
    await socket.ws.send_str(text)
    await socket.expect(type="error", code=400)
    assert await socket.wait_closed() == 1008
    socket = await session.connect(ann)
    await socket.ws.send_str(text)
    await socket.expect(type="error", code=400)
    await socket.wait_until_handled()


BAD_MESSAGES = [
    ({}, 400),
    ({"type": "join"}, 400),
    ({"type": 1}, 400),
    ({"type": []}, 400),
    ({"type": "command"}, 400),
    ({"type": "command", "name": ""}, 400),
    ({"type": "command", "name": None}, 400),
    ({"type": "command", "name": "x" * 201}, 400),
    ({"type": "command", "name": "x", "data": "x" * 16384}, 400),
    ({"type": "command", "name": "x", "to": 1}, 400),
    ({"type": "command", "name": "x", "to": "nobody"}, 404),
    ({"type": "command", "name": "x", "to": NOWHERE}, 404),
    ({"type": "command", "name": "x", "to": "NONAME-1"}, 404),
    ({"type": "command", "name": "x", "key": 1}, 400),
    ({"type": "command", "name": "x", "key": ""}, 400),
    ({"type": "update"}, 400),
    ({"type": "update", "state": 1, "patch": {}}, 400),
    ({"type": "update", "patch": 1}, 400),
    ({"type": "update", "patch": None}, 400),
    ({"type": "update", "state": "x" * 262144}, 400),
    ({"type": "update", "state": 10**30}, 400),
]


@pytest.mark.parametrize(("message", "code"), BAD_MESSAGES, ids=lambda value: str(value)[:50])
async def test_invalid_message_leaves_the_connection_open(
    test_app: TestApp, message: dict[str, object], code: int
) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    socket = await session.connect(session.host)
    await socket.send(**message)
    await socket.expect(type="error", code=code)
    await socket.wait_until_handled()
    answer = await session.send_message(ann, **message)
    assert answer.status in (400, 403, 404, 422)


async def test_request_without_handshake_is_422(test_app: TestApp) -> None:
    answer = await test_app.anonymous.get("/sync/1")
    assert answer.status == 422
    answer = await test_app.anonymous.get("/sync/1", Upgrade="websocket", Connection="Upgrade")
    assert answer.status == 422
    assert json.loads(answer.raw)["detail"][0]["loc"] == ["header", "Upgrade"]


async def test_room_of_another_api_is_not_found(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("noughts")
    bob = await test_app.sign_in_guest("Bob")
    await bob.join(room)
    await ann.start(room)
    (host,) = await make_hosts(test_app, 1)
    socket: SyncSocket = await Session(host, 1, "").connect(host)
    assert socket.accepted["code"] == 404
    assert (await host.get("/sessions/1")).status == 404
    socket = await Session(host, 1, "").connect(await as_host(ann))
    assert socket.accepted["code"] == 401


async def as_host(guest: object) -> object:
    guest.uuid = f"NONAME-{guest.id}"  # type: ignore[attr-defined]
    return guest
