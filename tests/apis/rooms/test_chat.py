"""Chat of rooms and sessions, for members only."""

import pytest

from tests.apis.app import ApiClient, TestApp, make_session

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")


@pytest.fixture(params=["room", "session"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def make_room_or_session(kind: str, *members: ApiClient) -> str:
    """Create a room or session with these members and return its path."""
    if kind == "session":
        return await make_session("cards", *members)
    await members[0].test_app.create_game("free")
    room = await members[0].create_room("free")
    for other in members[1:]:
        await other.join(room)
    return room


async def test_chat_message_is_sent_and_stored(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    path = await make_room_or_session(kind, ann, bob)
    answer = await bob.post(path + "/chat", {"text": " hello,\nAnn "})
    assert answer.status == 201
    id_member = {"roomId": "1"} if kind == "room" else {"sessionId": "1"}
    at = int(test_app.clock() * 1000)
    event = {"type": "chat", "user": bob.user, "text": "hello,\nAnn", "at": at, **id_member}
    entry = {"id": answer.json["id"], "event": event}
    assert (await ann.poll_events(path))[-1] == entry
    assert (await ann.get(path + "/chat")).json == [entry]


async def test_non_member_can_neither_send_nor_read_chat(test_app: TestApp, kind: str) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    path = await make_room_or_session(kind, ann, bob)
    await ann.send_chat(path, "between us")
    error = (400, f"{kind}.not_in_{kind}")
    assert (await cid.post(path + "/chat", {"text": "me too"})).status_and_error == error
    assert (await cid.get(path + "/chat")).status_and_error == error
    assert "chat" not in await cid.event_types(path)


async def test_feed_of_all_rooms_has_no_chat(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await ann.send_chat(await make_room_or_session("room", ann, bob), "between us")
    assert await bob.event_types("/games/free/rooms") == ["room_created", "user_join"]


async def test_chat_returns_the_last_two_hundred(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    path = await make_room_or_session(kind, ann, bob)
    for number in range(203):
        await ann.send_chat(path, str(number))
    chat = (await bob.get(path + "/chat")).json
    assert [row["event"]["text"] for row in chat] == [str(n) for n in range(3, 203)]


async def test_new_member_reads_earlier_chat(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    await ann.send_chat(room, "hello?")
    await bob.join(room)
    [chat] = (await bob.get(room + "/chat")).json
    assert chat["event"]["text"] == "hello?"


async def test_members_can_chat_after_the_end_of_a_session(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    for player, cell in ((ann, 0), (bob, 3), (ann, 1), (bob, 4), (ann, 2)):
        await player.take_turn(session, cell=cell)
    await bob.send_chat(session, "well played")
    assert (await ann.event_types(session))[-2:] == ["session_over", "chat"]


async def test_chat_cursor_continues_without_a_gap(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    path = await make_room_or_session(kind, ann, bob)
    await ann.send_chat(path, "old")
    cursor = (await bob.get(path + "/chat")).cursor
    await ann.send_chat(path, "new")
    [entry] = await bob.poll_events(path, cursor)
    assert entry["event"]["text"] == "new"


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1001, None, 1, ["x"], "a\0b"])
async def test_invalid_chat_text_is_malformed(test_app: TestApp, kind: str, text: object) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    path = await make_room_or_session(kind, ann, bob)
    answer = await ann.post(path + "/chat", {"text": text})
    assert answer.status_and_error == (400, "request.malformed")


async def test_chat_text_of_a_thousand_characters_is_unchanged(
    test_app: TestApp, kind: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    path = await make_room_or_session(kind, ann, bob)
    text = ("<b>ünï</b> 👩‍👩‍👧 \\ \" ' שלום\n" * 40)[:1000].strip()
    await ann.send_chat(path, text)
    assert (await bob.get(path + "/chat")).json[0]["event"]["text"] == text


async def test_chat_before_the_start_is_delivered_to_members_who_ask_after_it(
    test_app: TestApp,
) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await make_room_or_session("room", ann, bob)
    cursor = test_app.core.feed.head
    await ann.send_chat(room, "let us begin")
    await ann.post(room + "/start", {})
    for member in (ann, bob):
        types = [entry["event"]["type"] for entry in await member.poll_events(room, cursor)]
        assert types == ["chat", "room_gone"]
    types = [entry["event"]["type"] for entry in await cid.poll_events(room, cursor)]
    assert types == ["room_gone"]
    answer = await bob.get(f"{room}/events?after-event-id={test_app.core.feed.head}")
    assert answer.status_and_error == (410, "room.gone")
