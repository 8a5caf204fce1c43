"""What is no join, no message or no handshake."""

import json

import pytest

from tests.apis.app import House
from tests.apis.hosts.guests import NOWHERE, Session, Socket, a_party, hosts, raw_socket

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


@pytest.mark.parametrize(("given", "code"), BAD_JOINS, ids=str)
async def test_a_join_that_is_none_is_refused_and_the_line_closed(
    house: House, given: dict[str, object], code: int
) -> None:
    session, (ann,) = await a_party(house)
    socket = await raw_socket(house, f"/sync/{session.id}")
    join = {"type": "join", "session_id": session.id, "player": ann.uuid, "token": ann.token}
    await socket.say(**{**join, **given})
    await socket.told(type="error", code=code)
    assert await socket.ends() == 1008


@pytest.mark.parametrize("text", ["", "x", "[]", "1", '{"a":' * 100, '"\\u0000"', "{" * 5000])
async def test_what_is_no_message_is_refused(house: House, text: str) -> None:
    session, (ann,) = await a_party(house)
    socket = await raw_socket(house, f"/sync/{session.id}")
    await socket.ws.send_str(text)
    await socket.told(type="error", code=400)
    assert await socket.ends() == 1008
    socket = await session.socket(ann)
    await socket.ws.send_str(text)
    await socket.told(type="error", code=400)
    await socket.settled()


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


@pytest.mark.parametrize(("said", "code"), BAD_MESSAGES, ids=lambda one: str(one)[:50])
async def test_a_message_that_is_wrong_is_refused_and_the_line_stays_open(
    house: House, said: dict[str, object], code: int
) -> None:
    session, (ann,) = await a_party(house)
    socket = await session.socket(session.host)
    await socket.say(**said)
    await socket.told(type="error", code=code)
    await socket.settled()
    answer = await session.says(ann, **said)
    assert answer.status in (400, 403, 404, 422)


async def test_a_plain_request_is_no_handshake(house: House) -> None:
    answer = await house.stranger.get("/sync/1")
    assert answer.status == 422
    answer = await house.stranger.get("/sync/1", Upgrade="websocket", Connection="Upgrade")
    assert answer.status == 422
    assert json.loads(answer.raw)["detail"][0]["loc"] == ["header", "Upgrade"]


async def test_a_room_of_another_api_is_no_session(house: House) -> None:
    ann = await house.guest()
    room = await ann.opens("noughts")
    bob = await house.guest("Bob")
    await bob.joins(room)
    await ann.starts(room)
    (host,) = await hosts(house, 1)
    socket: Socket = await Session(host, 1, "").socket(host)
    assert socket.accepted["code"] == 404
    assert (await host.get("/sessions/1")).status == 404
    socket = await Session(host, 1, "").socket(await as_host(ann))
    assert socket.accepted["code"] == 401


async def as_host(guest: object) -> object:
    guest.uuid = f"NONAME-{guest.id}"  # type: ignore[attr-defined]
    return guest
