"""The sync WebSocket: join, state, commands, leaving, timeouts and the end."""

import pytest

from coalserver.apis.hosts import sync
from coalserver.core.commands.accounts import revoke_token
from coalserver.core.queries.players import token_by_secret
from coalserver.web.streaming import event_stream
from tests.apis.app import TestApp
from tests.apis.hosts.clients import (
    make_host,
    make_hosted_session,
    make_hosts,
    make_noname_client,
    open_socket,
)


async def test_join_returns_accepted_and_the_state(test_app: TestApp) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    socket = await session.connect(guest)
    accepted = socket.accepted
    assert (accepted["type"], accepted["host"]) == ("accepted", session.host.uuid)
    assert accepted["players"] == [session.host.uuid, guest.uuid]
    assert {**socket.state, "id": 0} == {"id": 0, "type": "state", "version": 0, "state": None}


async def test_state_update_reaches_the_other_members(
    test_app: TestApp,
) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    host = await session.connect(session.host)
    guests = [await session.connect(ann), await session.connect(bob)]
    await host.send(type="update", state={"hp": 3, "at": [1, 2]})
    await host.wait_until_handled()
    await host.send(type="update", patch={"hp": 2, "mp": None})
    for guest in guests:
        await guest.expect(type="state", version=1, state={"hp": 3, "at": [1, 2]})
        await guest.expect(type="update", version=2, patch={"hp": 2, "mp": None})
    await host.wait_until_handled()


async def test_join_returns_the_whole_state(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    await host.send(type="update", state={"a": 1})
    await host.send(type="update", patch={"b": {"c": 2}})
    await host.wait_until_handled()
    for client in (ann, session.host, ann):
        socket = await session.connect(client)
        state = {"a": 1, "b": {"c": 2}}
        assert (socket.state["version"], socket.state["state"]) == (2, state)
        await socket.ws.close()


async def test_update_requires_the_source_of_truth_key(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    socket, other = await session.connect(ann), await session.connect(bob)
    await socket.send(type="update", state=1)
    await socket.expect(type="error", code=403)
    await socket.send(type="update", state=1, source_of_truth_key="F" * 32)
    await socket.expect(type="error", code=403)
    assert (await session.connect(ann, key="F" * 32)).accepted["code"] == 403
    await socket.send(type="update", state=1, source_of_truth_key=session.key.lower())
    await other.expect(type="state", version=1, state=1)
    await socket.wait_until_handled()


async def test_command_reaches_all_the_host_or_one_player(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    members = (session.host, ann, bob)
    host, guest, other = [await session.connect(member) for member in members]
    await guest.send(type="command", name="jump", data={"high": 1})
    await guest.send(type="command", name="ask", data=None, to="host")
    await guest.send(type="command", name="hit", to=bob.uuid.lower())
    await guest.send(type="command", name="bye", data=[1])
    await guest.wait_until_handled()
    command = {"type": "command", "from": ann.uuid}
    await host.expect(**command, name="jump", data={"high": 1})
    await host.expect(**command, name="ask", data=None)
    await host.expect(**command, name="bye", data=[1])
    await other.expect(**command, name="jump")
    await other.expect(**command, name="hit", data=None)
    await other.expect(**command, name="bye")


async def test_binary_frame_is_relayed_unchanged(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    for data in (b"\x00\xff{}", b"", bytes(16 * 1024)):
        await host.ws.send_bytes(data)
        assert await guest.ws.receive_bytes(timeout=10) == data
    await host.ws.send_bytes(bytes(16 * 1024 + 1))
    await host.expect(type="error", code=400)
    binary = [event for event in await session.poll_events(ann) if event["type"] == "binary"]
    assert binary[0]["data"] == "AP97fQ==" and binary[0]["from"] == session.host.uuid


async def test_members_receive_joined_and_left(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    bob = await make_host(test_app)
    await bob.join_host(session.host)
    await host.expect(type="joined", player=bob.uuid)
    socket = await session.connect(bob)
    await socket.send(type="leave")
    await host.expect(type="left", player=bob.uuid, reason="left")
    await socket.expect(type="left", player=bob.uuid, reason="left")
    assert await socket.wait_closed() == 1000


async def test_messages_before_leaving_are_delivered(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    for n in range(20):
        await guest.send(type="command", name=f"c{n}")
    await guest.send(type="leave")
    await guest.ws.close()
    for n in range(20):
        await host.expect(type="command", name=f"c{n}")
    await host.expect(type="left", player=ann.uuid)


async def test_noname_guest_takes_part_like_others(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    guest = await make_noname_client(session)
    assert guest.uuid.startswith("NONAME-")
    await host.expect(type="joined", player=guest.uuid)
    socket = await session.connect(guest)
    assert socket.accepted["players"] == [session.host.uuid, ann.uuid, guest.uuid]
    await host.send(type="command", name="hi", to=guest.uuid)
    await socket.expect(type="command", name="hi")


async def test_socket_without_a_join_ends_at_once_when_the_server_stops(
    test_app: TestApp,
) -> None:
    session, _ = await make_hosted_session(test_app)
    socket = await open_socket(test_app, f"/sync/{session.id}")
    await test_app.wait_until(lambda: ("joining", 0) in test_app.core.feed._subscribers)
    assert test_app.core.feed.waiter_count() == 0
    test_app.core.feed.close()
    assert await socket.wait_closed() == 1012


@pytest.mark.parametrize("step", ["prepare_snapshot", "run_duplex"])
async def test_token_that_ends_while_its_member_joins_ends_the_connection(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The handshake is answered already: a response of HTTP would be no frame."""
    session, (ann,) = await make_hosted_session(test_app)
    proceed = getattr(sync, step)

    async def revoke_first(*args: object) -> None:
        token = test_app.core.query(token_by_secret, secret=ann.token)
        await test_app.core.execute(revoke_token, token_id=token.id)
        await proceed(*args)

    monkeypatch.setattr(sync, step, revoke_first)
    socket = await open_socket(test_app, f"/sync/{session.id}")
    await socket.send(type="join", session_id=session.id, player=ann.uuid, token=ann.token)
    if step == "run_duplex":
        await socket.expect(type="accepted")
        await socket.expect(type="state")
    assert (await socket.receive())["code"] == 401
    assert await socket.wait_closed() == 1008


async def test_banned_member_is_removed_and_disconnected(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    guest, other = await session.connect(ann), await session.connect(bob)
    answer = await session.host.post(f"{session.host.path}/banlist?banned={ann.uuid}")
    assert answer.status == 200
    for socket in (guest, other):
        await socket.expect(type="left", player=ann.uuid, reason="banned")
    assert await guest.wait_closed() == 1000
    assert (await session.connect(ann)).accepted["code"] == 403


async def test_silent_member_is_removed_after_thirty_seconds(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    await test_app.advance(29)
    await host.wait_until_handled()
    await test_app.advance(1)
    await host.expect(type="left", player=ann.uuid, reason="timeout")


async def test_open_connection_or_poll_keeps_the_seat(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    host, guest = await session.connect(session.host), await session.connect(ann)
    poll = await test_app.start_waiting(session.poll_events(bob, test_app.core.feed.head, wait=40))
    for _ in range(10):
        await test_app.advance(20)
    await guest.wait_until_handled()
    assert not poll.done()
    await host.send(type="command", name="there?")
    assert [event["name"] for event in await poll] == ["there?"]


async def test_session_ends_when_its_host_times_out(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    await host.ws.close()
    await guest.wait_until_handled()
    await test_app.wait_until(
        lambda: not test_app.core.presence.online(1, test_app.clock.now + 30, 30)
    )
    await test_app.advance(30)
    await guest.expect(type="left", player=session.host.uuid, reason="timeout")
    await guest.expect(type="ended", reason="host_left")
    assert await guest.wait_closed() == 1000
    assert (await session.connect(ann)).accepted == {
        "type": "error", "code": 404, "message": "no session"
    }  # fmt: skip
    await session.host.launch()


async def test_empty_session_ends(test_app: TestApp) -> None:
    (host,) = await make_hosts(test_app, 1)
    session = await host.launch()
    socket = await session.connect(host)
    await socket.send(type="leave")
    assert await socket.wait_closed() == 1000
    await host.launch()


async def test_rejoin_with_after_delivers_missed_messages(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    await host.send(type="command", name="c0")
    cursor = (await guest.expect(name="c0"))["id"]
    await guest.ws.close()
    await host.send(type="command", name="c1")
    await host.send(type="update", state={"n": 1})
    await host.ws.send_bytes(b"c2")
    await host.send(type="command", name="c3", to=ann.uuid)
    await host.wait_until_handled()
    guest = await session.connect(ann, after=cursor)
    assert guest.state["version"] == 1
    await guest.expect(type="command", name="c1")
    assert await guest.ws.receive_bytes(timeout=10) == b"c2"
    await guest.expect(type="command", name="c3")
    await host.send(type="command", name="c4")
    await guest.expect(type="command", name="c4")


async def test_message_with_key_counts_once_and_is_acknowledged(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    for _ in range(2):
        await host.send(type="update", patch={"n": 1}, key="k1")
        assert (await host.expect(type="done", key="k1"))["version"] == 1
        await host.send(type="command", name="once", key="k2")
        await host.expect(type="done", key="k2")
    await guest.expect(type="update", version=1)
    await guest.expect(type="command", name="once")
    await host.send(type="command", name="other", key="k2")
    await host.expect(type="error", code=400)
    await guest.wait_until_handled()


async def test_state_can_be_any_json_up_to_the_limit(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    for version, state in enumerate([None, 0, [], "x" * 262142, {"a": None}], 1):
        await host.send(type="update", state=state)
        await guest.expect(type="state", version=version, state=state)


async def test_many_connections_receive_an_event_in_portions(
    test_app: TestApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "REQUESTS_AT_ONCE", 1)
    portions: list[int] = []
    original = event_stream.StreamChecks.write_some

    def write_some(self: event_stream.StreamChecks) -> bool:
        portions.append(len(self._streams))
        return original(self)

    monkeypatch.setattr(event_stream.StreamChecks, "write_some", write_some)
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    connections = [await session.connect(ann) for _ in range(5)]
    await host.send(type="command", name="hi")
    for connection in connections:
        await connection.expect(type="command", name="hi")
    assert portions[-5:] == [5, 4, 3, 2, 1]
    portions.clear()
    # The sender is told at once, before the answer to the next message.
    await connections[2].send(type="leave")
    await connections[2].expect(type="left", player=ann.uuid)
    await host.expect(type="left", player=ann.uuid)
    assert portions[0] == 5


async def test_two_connections_of_one_player_receive_the_same(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    connections = [await session.connect(ann), await session.connect(ann)]
    await host.send(type="command", name="hi")
    for connection in connections:
        await connection.expect(type="command", name="hi")
    await connections[0].ws.close()
    await test_app.advance(40)
    await connections[1].wait_until_handled()
