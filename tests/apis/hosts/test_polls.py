"""Taking part without the sync WebSocket: snapshot, event feeds and messages by POST."""

import pytest

from tests.apis.app import TestApp
from tests.apis.hosts.clients import make_host, make_hosted_session, open_socket

#: Parked and ordinary polls have the same contract.
pytestmark = pytest.mark.usefixtures("park_polls")


async def test_session_and_events_after_its_cursor_have_no_gap(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    update = {"type": "update", "source_of_truth_key": session.key}
    await session.send_message(session.host, **update, state={"n": 1})
    snapshot = await ann.get(session.path)
    assert snapshot.json == {
        "session_id": session.id,
        "players": [session.host.uuid, ann.uuid],
        "host": session.host.uuid,
        "version": 1,
        "state": {"n": 1},
    }
    updated = await session.send_message(session.host, **update, patch={"n": 2})
    assert updated.json["version"] == 2
    await session.send_message(session.host, type="command", name="go", to=ann.uuid)
    events = await session.poll_events(ann, snapshot.cursor)
    assert [(event["type"], event["id"] > snapshot.cursor) for event in events] == [
        ("update", True), ("command", True)
    ]  # fmt: skip
    assert events[0]["id"] == updated.json["id"]


async def test_waiting_poll_returns_the_event(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    for n in range(3):
        poll = await test_app.start_waiting(
            session.poll_events(ann, test_app.core.feed.head, wait=30)
        )
        await session.send_message(session.host, type="command", name=f"c{n}")
        assert [event["name"] for event in await poll] == [f"c{n}"]


async def test_all_transports_deliver_the_same_events(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    cursor = test_app.core.feed.head
    for n in range(3):
        await session.send_message(ann, type="command", name=f"c{n}")
    polled = await session.poll_events(bob, cursor)
    socket = await test_app.http.ws_connect(
        test_app.url(f"{session.path}/events?after-event-id={cursor}"), headers=bob.bearer
    )
    assert (await socket.receive_json(timeout=10))["type"] == "hello"
    assert [await socket.receive_json(timeout=10) for _ in polled] == polled
    await socket.close()
    accept = {**bob.bearer, "Accept": "text/event-stream"}
    url = test_app.url(f"{session.path}/events?after-event-id={cursor}")
    async with test_app.http.get(url, headers=accept) as stream:
        assert stream.headers["Access-Control-Allow-Origin"] == "*"
        lines: list[bytes] = []
        while sum(line.startswith(b"data: {") for line in lines) < 3:
            lines.append(await stream.content.readline())
    assert [line for line in lines if line.startswith(b"id: ")] == [
        b"id: %d\n" % event["id"] for event in polled
    ]


async def test_message_with_idempotency_key_counts_once(persistent_test_app: TestApp) -> None:
    test_app = persistent_test_app
    session, (ann,) = await make_hosted_session(test_app)
    key = {"Idempotency_Key": "k"}
    first = await session.send_message(ann, key, type="command", name="once")
    await test_app.restart()
    again = await session.send_message(ann, key, type="command", name="once")
    assert first.json == again.json
    other = await session.send_message(ann, key, type="command", name="twice")
    assert (other.status, other.json["detail"][0]["loc"]) == (422, ["header", "Idempotency-Key"])
    assert (
        len(
            [
                event
                for event in await session.poll_events(session.host)
                if event["type"] == "command"
            ]
        )
        == 1
    )


@pytest.mark.parametrize("key", ["", "x" * 300])
async def test_invalid_idempotency_key_is_rejected(test_app: TestApp, key: str) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    answer = await session.send_message(ann, {"Idempotency_Key": key}, type="leave")
    assert answer.status == 422


async def test_update_by_post_requires_the_source_of_truth_key(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    for key in ({}, {"source_of_truth_key": "x"}, {"source_of_truth_key": None}):
        for client in (ann, session.host):
            answer = await session.send_message(client, type="update", state=1, **key)
            assert (answer.status, answer.json) == (403, {"message": "not the source of truth"})
    answer = await session.send_message(
        ann, type="update", state=1, source_of_truth_key=session.key
    )
    assert answer.json["version"] == 1


async def test_banned_member_receives_the_departure_once(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    cursor = test_app.core.feed.head
    poll = await test_app.start_waiting(session.poll_events(ann, cursor, wait=30))
    await session.host.post(f"{session.host.path}/banlist?banned={ann.uuid}")
    (left,) = await poll
    expected = {"id": left["id"], "type": "left", "player": ann.uuid, "reason": "banned"}
    assert left == expected
    assert await session.poll_events(ann, cursor) == [left]
    answer = await ann.get(f"{session.path}/events?after-event-id={left['id']}")
    assert (answer.status, answer.json) == (403, {"message": "not in session"})


async def test_poll_receives_the_end_and_then_404(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    cursor = test_app.core.feed.head
    assert (await session.send_message(session.host, type="leave")).json == {}
    events = await session.poll_events(ann, cursor)
    assert [event["type"] for event in events] == ["left", "ended"]
    answer = await ann.get(f"{session.path}/events?after-event-id={events[-1]['id']}")
    assert (answer.status, answer.json) == (404, {"message": "no session"})
    for message in ({"type": "command", "name": "x"}, {"type": "leave"}):
        assert (await session.send_message(ann, **message)).status == 404


async def test_non_member_receives_no_events(test_app: TestApp) -> None:
    session, _ = await make_hosted_session(test_app)
    other = await make_host(test_app)
    for after in (-1, 0, test_app.core.feed.head):
        answer = await other.get(f"{session.path}/events?after-event-id={after}")
        assert answer.status == 403


@pytest.mark.parametrize("query", ["after-event-id=x", "after-event-id=-2", "wait=x", "wait=61"])
async def test_invalid_query_is_422_and_named(test_app: TestApp, query: str) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    answer = await ann.get(f"{session.path}/events?{query}")
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["query", query.partition("=")[0]]


async def test_cursor_above_the_newest_is_422(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    answer = await ann.get(f"{session.path}/events?after-event-id=1000000")
    assert answer.json["detail"][0]["loc"] == ["query", "after-event-id"]


async def test_ping_returns_pong(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    assert (await session.send_message(ann, type="ping")).json == {"type": "pong"}


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"null", b'{"type": "\\u0000"}'])
async def test_invalid_message_body_is_422(test_app: TestApp, body: bytes) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    answer = await ann.post(f"{session.path}/messages", body)
    assert answer.status == 422
    assert answer.json["detail"][0]["loc"][0] == "body"


async def test_expired_token_closes_open_connections(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    speaking, silent = await session.connect(ann), await session.connect(ann)
    host = await session.connect(session.host)
    test_app.clock.advance(7 * 86400 + 1)
    await speaking.send(type="command", name="late")
    await speaking.expect(type="error", code=401)
    assert await speaking.wait_closed() == 1008
    assert (await ann.get(session.path)).status == 401
    renewed = (await session.host.get("/hosts/access_token/renew")).json["token"]
    session.host.token = renewed
    await session.send_message(session.host, type="command", name="now")
    for line in (silent, host):
        assert await line.wait_closed() == 1008
    line = await open_socket(test_app, f"/sync/{session.id}")
    await line.send(type="join", session_id=session.id, player=ann.uuid, token=ann.token)
    await line.expect(type="error", code=401)
