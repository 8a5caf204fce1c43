"""The sync socket: joining, the state, commands, leaving, silence, and how it ends."""

from tests.apis.app import TestApp
from tests.apis.hosts.clients import make_host, make_hosted_session, make_hosts, make_noname_client


async def test_who_joins_is_accepted_and_told_the_state(test_app: TestApp) -> None:
    session, (guest,) = await make_hosted_session(test_app)
    socket = await session.connect(guest)
    said = socket.accepted
    assert (said["type"], said["host"]) == ("accepted", session.host.uuid)
    assert said["players"] == [session.host.uuid, guest.uuid]
    assert {**socket.state, "id": 0} == {"id": 0, "type": "state", "version": 0, "state": None}


async def test_the_state_is_changed_by_the_holder_of_its_key_and_told_to_the_others(
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


async def test_who_comes_late_or_again_is_told_the_whole_state(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    await host.send(type="update", state={"a": 1})
    await host.send(type="update", patch={"b": {"c": 2}})
    await host.wait_until_handled()
    for who in (ann, session.host, ann):
        socket = await session.connect(who)
        state = {"a": 1, "b": {"c": 2}}
        assert (socket.state["version"], socket.state["state"]) == (2, state)
        await socket.ws.close()


async def test_only_the_holder_of_the_key_changes_the_state(test_app: TestApp) -> None:
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


async def test_commands_go_to_all_others_to_the_host_or_to_one(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    host, one, two = [await session.connect(who) for who in (session.host, ann, bob)]
    await one.send(type="command", name="jump", data={"high": 1})
    await one.send(type="command", name="ask", data=None, to="host")
    await one.send(type="command", name="hit", to=bob.uuid.lower())
    await one.send(type="command", name="bye", data=[1])
    await one.wait_until_handled()
    said = {"type": "command", "from": ann.uuid}
    await host.expect(**said, name="jump", data={"high": 1})
    await host.expect(**said, name="ask", data=None)
    await host.expect(**said, name="bye", data=[1])
    await two.expect(**said, name="jump")
    await two.expect(**said, name="hit", data=None)
    await two.expect(**said, name="bye")


async def test_a_binary_frame_is_relayed_as_it_is(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    for data in (b"\x00\xff{}", b"", bytes(16 * 1024)):
        await host.ws.send_bytes(data)
        assert await guest.ws.receive_bytes(timeout=10) == data
    await host.ws.send_bytes(bytes(16 * 1024 + 1))
    await host.expect(type="error", code=400)
    (heard, *_) = await session.poll_events(ann)
    heard = [said for said in await session.poll_events(ann) if said["type"] == "binary"]
    assert heard[0]["data"] == "AP97fQ==" and heard[0]["from"] == session.host.uuid


async def test_the_others_hear_who_comes_and_goes(test_app: TestApp) -> None:
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


async def test_what_is_said_just_before_one_goes_is_heard(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    for n in range(20):
        await guest.send(type="command", name=f"c{n}")
    await guest.send(type="leave")
    await guest.ws.close()
    for n in range(20):
        await host.expect(type="command", name=f"c{n}")
    await host.expect(type="left", player=ann.uuid)


async def test_a_guest_without_a_name_plays_like_any_other(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    guest = await make_noname_client(session)
    assert guest.uuid.startswith("NONAME-")
    await host.expect(type="joined", player=guest.uuid)
    socket = await session.connect(guest)
    assert socket.accepted["players"] == [session.host.uuid, ann.uuid, guest.uuid]
    await host.send(type="command", name="hi", to=guest.uuid)
    await socket.expect(type="command", name="hi")


async def test_who_is_banned_hears_so_and_goes(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    guest, other = await session.connect(ann), await session.connect(bob)
    answer = await session.host.post(f"{session.host.path}/banlist?banned={ann.uuid}")
    assert answer.status == 200
    for socket in (guest, other):
        await socket.expect(type="left", player=ann.uuid, reason="banned")
    assert await guest.wait_closed() == 1000
    assert (await session.connect(ann)).accepted["code"] == 403


async def test_a_silent_player_is_dropped_after_half_a_minute(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    await test_app.advance(29)
    await host.wait_until_handled()
    await test_app.advance(1)
    await host.expect(type="left", player=ann.uuid, reason="timeout")


async def test_who_holds_a_socket_or_a_poll_open_is_not_silent(test_app: TestApp) -> None:
    session, (ann, bob) = await make_hosted_session(test_app, 2)
    host, guest = await session.connect(session.host), await session.connect(ann)
    poll = await test_app.start_waiting(session.poll_events(bob, test_app.core.feed.head, wait=40))
    for _ in range(10):
        await test_app.advance(20)
    await guest.wait_until_handled()
    assert not poll.done()
    await host.send(type="command", name="there?")
    assert [said["name"] for said in await poll] == ["there?"]


async def test_a_session_ends_when_its_host_is_gone(test_app: TestApp) -> None:
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


async def test_a_session_ends_when_it_is_empty(test_app: TestApp) -> None:
    (host,) = await make_hosts(test_app, 1)
    session = await host.launch()
    socket = await session.connect(host)
    await socket.send(type="leave")
    assert await socket.wait_closed() == 1000
    await host.launch()


async def test_who_comes_back_resumes_what_was_missed(test_app: TestApp) -> None:
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


async def test_a_message_with_a_key_counts_once_and_is_answered(test_app: TestApp) -> None:
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


async def test_a_state_may_be_anything_that_fits(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host, guest = await session.connect(session.host), await session.connect(ann)
    for version, state in enumerate([None, 0, [], "x" * 262142, {"a": None}], 1):
        await host.send(type="update", state=state)
        await guest.expect(type="state", version=version, state=state)


async def test_two_lines_of_one_player_hear_the_same(test_app: TestApp) -> None:
    session, (ann,) = await make_hosted_session(test_app)
    host = await session.connect(session.host)
    lines = [await session.connect(ann), await session.connect(ann)]
    await host.send(type="command", name="hi")
    for line in lines:
        await line.expect(type="command", name="hi")
    await lines[0].ws.close()
    await test_app.advance(40)
    await lines[1].wait_until_handled()
