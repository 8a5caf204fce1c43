"""The sync socket: joining, the state, commands, leaving, silence, and how it ends."""

from tests.apis.app import House
from tests.apis.hosts.guests import a_host, a_noname, a_party, hosts


async def test_who_joins_is_accepted_and_told_the_state(house: House) -> None:
    session, (guest,) = await a_party(house)
    socket = await session.socket(guest)
    said = socket.accepted
    assert (said["type"], said["host"]) == ("accepted", session.host.uuid)
    assert said["players"] == [session.host.uuid, guest.uuid]
    assert {**socket.state, "id": 0} == {"id": 0, "type": "state", "version": 0, "state": None}


async def test_the_state_is_changed_by_the_holder_of_its_key_and_told_to_the_others(
    house: House,
) -> None:
    session, (ann, bob) = await a_party(house, 2)
    host = await session.socket(session.host)
    guests = [await session.socket(ann), await session.socket(bob)]
    await host.say(type="update", state={"hp": 3, "at": [1, 2]})
    await host.settled()
    await host.say(type="update", patch={"hp": 2, "mp": None})
    for guest in guests:
        await guest.told(type="state", version=1, state={"hp": 3, "at": [1, 2]})
        await guest.told(type="update", version=2, patch={"hp": 2, "mp": None})
    await host.settled()


async def test_who_comes_late_or_again_is_told_the_whole_state(house: House) -> None:
    session, (ann,) = await a_party(house)
    host = await session.socket(session.host)
    await host.say(type="update", state={"a": 1})
    await host.say(type="update", patch={"b": {"c": 2}})
    await host.settled()
    for who in (ann, session.host, ann):
        socket = await session.socket(who)
        state = {"a": 1, "b": {"c": 2}}
        assert (socket.state["version"], socket.state["state"]) == (2, state)
        await socket.ws.close()


async def test_only_the_holder_of_the_key_changes_the_state(house: House) -> None:
    session, (ann, bob) = await a_party(house, 2)
    socket, other = await session.socket(ann), await session.socket(bob)
    await socket.say(type="update", state=1)
    await socket.told(type="error", code=403)
    await socket.say(type="update", state=1, source_of_truth_key="F" * 32)
    await socket.told(type="error", code=403)
    assert (await session.socket(ann, key="F" * 32)).accepted["code"] == 403
    await socket.say(type="update", state=1, source_of_truth_key=session.key.lower())
    await other.told(type="state", version=1, state=1)
    await socket.settled()


async def test_commands_go_to_all_others_to_the_host_or_to_one(house: House) -> None:
    session, (ann, bob) = await a_party(house, 2)
    host, one, two = [await session.socket(who) for who in (session.host, ann, bob)]
    await one.say(type="command", name="jump", data={"high": 1})
    await one.say(type="command", name="ask", data=None, to="host")
    await one.say(type="command", name="hit", to=bob.uuid.lower())
    await one.say(type="command", name="bye", data=[1])
    await one.settled()
    said = {"type": "command", "from": ann.uuid}
    await host.told(**said, name="jump", data={"high": 1})
    await host.told(**said, name="ask", data=None)
    await host.told(**said, name="bye", data=[1])
    await two.told(**said, name="jump")
    await two.told(**said, name="hit", data=None)
    await two.told(**said, name="bye")


async def test_a_binary_frame_is_relayed_as_it_is(house: House) -> None:
    session, (ann,) = await a_party(house)
    host, guest = await session.socket(session.host), await session.socket(ann)
    for data in (b"\x00\xff{}", b"", bytes(16 * 1024)):
        await host.ws.send_bytes(data)
        assert await guest.ws.receive_bytes(timeout=10) == data
    await host.ws.send_bytes(bytes(16 * 1024 + 1))
    await host.told(type="error", code=400)
    (heard, *_) = await session.heard(ann)
    heard = [said for said in await session.heard(ann) if said["type"] == "binary"]
    assert heard[0]["data"] == "AP97fQ==" and heard[0]["from"] == session.host.uuid


async def test_the_others_hear_who_comes_and_goes(house: House) -> None:
    session, (ann,) = await a_party(house)
    host = await session.socket(session.host)
    bob = await a_host(house)
    await bob.sits_with(session.host)
    await host.told(type="joined", player=bob.uuid)
    socket = await session.socket(bob)
    await socket.say(type="leave")
    await host.told(type="left", player=bob.uuid, reason="left")
    await socket.told(type="left", player=bob.uuid, reason="left")
    assert await socket.ends() == 1000


async def test_what_is_said_just_before_one_goes_is_heard(house: House) -> None:
    session, (ann,) = await a_party(house)
    host, guest = await session.socket(session.host), await session.socket(ann)
    for n in range(20):
        await guest.say(type="command", name=f"c{n}")
    await guest.say(type="leave")
    await guest.ws.close()
    for n in range(20):
        await host.told(type="command", name=f"c{n}")
    await host.told(type="left", player=ann.uuid)


async def test_a_guest_without_a_name_plays_like_any_other(house: House) -> None:
    session, (ann,) = await a_party(house)
    host = await session.socket(session.host)
    guest = await a_noname(session)
    assert guest.uuid.startswith("NONAME-")
    await host.told(type="joined", player=guest.uuid)
    socket = await session.socket(guest)
    assert socket.accepted["players"] == [session.host.uuid, ann.uuid, guest.uuid]
    await host.say(type="command", name="hi", to=guest.uuid)
    await socket.told(type="command", name="hi")


async def test_who_is_banned_hears_so_and_goes(house: House) -> None:
    session, (ann, bob) = await a_party(house, 2)
    guest, other = await session.socket(ann), await session.socket(bob)
    answer = await session.host.post(f"{session.host.path}/banlist?banned={ann.uuid}")
    assert answer.status == 200
    for socket in (guest, other):
        await socket.told(type="left", player=ann.uuid, reason="banned")
    assert await guest.ends() == 1000
    assert (await session.socket(ann)).accepted["code"] == 403


async def test_a_silent_player_is_dropped_after_half_a_minute(house: House) -> None:
    session, (ann,) = await a_party(house)
    host = await session.socket(session.host)
    await house.after(29)
    await host.settled()
    await house.after(1)
    await host.told(type="left", player=ann.uuid, reason="timeout")


async def test_who_holds_a_socket_or_a_poll_open_is_not_silent(house: House) -> None:
    session, (ann, bob) = await a_party(house, 2)
    host, guest = await session.socket(session.host), await session.socket(ann)
    poll = await house.begun(session.heard(bob, house.core.feed.head, wait=40))
    for _ in range(10):
        await house.after(20)
    await guest.settled()
    assert not poll.done()
    await host.say(type="command", name="there?")
    assert [said["name"] for said in await poll] == ["there?"]


async def test_a_session_ends_when_its_host_is_gone(house: House) -> None:
    session, (ann,) = await a_party(house)
    host, guest = await session.socket(session.host), await session.socket(ann)
    await host.ws.close()
    await guest.settled()
    await house.until(lambda: not house.core.presence.online(1, house.clock.now + 30, 30))
    await house.after(30)
    await guest.told(type="left", player=session.host.uuid, reason="timeout")
    await guest.told(type="ended", reason="host_left")
    assert await guest.ends() == 1000
    assert (await session.socket(ann)).accepted == {
        "type": "error", "code": 404, "message": "no session"
    }  # fmt: skip
    await session.host.launches()


async def test_a_session_ends_when_it_is_empty(house: House) -> None:
    (host,) = await hosts(house, 1)
    session = await host.launches()
    socket = await session.socket(host)
    await socket.say(type="leave")
    assert await socket.ends() == 1000
    await host.launches()


async def test_who_comes_back_resumes_what_was_missed(house: House) -> None:
    session, (ann,) = await a_party(house)
    host, guest = await session.socket(session.host), await session.socket(ann)
    await host.say(type="command", name="c0")
    cursor = (await guest.told(name="c0"))["id"]
    await guest.ws.close()
    await host.say(type="command", name="c1")
    await host.say(type="update", state={"n": 1})
    await host.ws.send_bytes(b"c2")
    await host.say(type="command", name="c3", to=ann.uuid)
    await host.settled()
    guest = await session.socket(ann, after=cursor)
    assert guest.state["version"] == 1
    await guest.told(type="command", name="c1")
    assert await guest.ws.receive_bytes(timeout=10) == b"c2"
    await guest.told(type="command", name="c3")
    await host.say(type="command", name="c4")
    await guest.told(type="command", name="c4")


async def test_a_message_with_a_key_counts_once_and_is_answered(house: House) -> None:
    session, (ann,) = await a_party(house)
    host, guest = await session.socket(session.host), await session.socket(ann)
    for _ in range(2):
        await host.say(type="update", patch={"n": 1}, key="k1")
        assert (await host.told(type="done", key="k1"))["version"] == 1
        await host.say(type="command", name="once", key="k2")
        await host.told(type="done", key="k2")
    await guest.told(type="update", version=1)
    await guest.told(type="command", name="once")
    await host.say(type="command", name="other", key="k2")
    await host.told(type="error", code=400)
    await guest.settled()


async def test_a_state_may_be_anything_that_fits(house: House) -> None:
    session, (ann,) = await a_party(house)
    host, guest = await session.socket(session.host), await session.socket(ann)
    for version, state in enumerate([None, 0, [], "x" * 262142, {"a": None}], 1):
        await host.say(type="update", state=state)
        await guest.told(type="state", version=version, state=state)


async def test_two_lines_of_one_player_hear_the_same(house: House) -> None:
    session, (ann,) = await a_party(house)
    host = await session.socket(session.host)
    lines = [await session.socket(ann), await session.socket(ann)]
    await host.say(type="command", name="hi")
    for line in lines:
        await line.told(type="command", name="hi")
    await lines[0].ws.close()
    await house.after(40)
    await lines[1].settled()
