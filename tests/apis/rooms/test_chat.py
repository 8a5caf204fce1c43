"""Chat: said by members, to members, the last two hundred kept."""

import pytest

from tests.apis.app import ApiClient, TestApp, make_session


@pytest.fixture(params=["room", "session"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def make_place(kind: str, *members: ApiClient) -> str:
    """A room or a session with these members."""
    if kind == "session":
        return await make_session("cards", *members)
    await members[0].test_app.create_game("free")
    room = await members[0].create_room("free")
    for other in members[1:]:
        await other.join(room)
    return room


async def test_what_is_said_is_heard_and_kept(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    place = await make_place(kind, ann, bob)
    said = await bob.post(place + "/chat", {"text": " hello,\nAnn "})
    assert said.status == 201
    where = {"roomId": "1"} if kind == "room" else {"sessionId": "1"}
    at = int(test_app.clock() * 1000)
    event = {"type": "chat", "user": bob.user, "text": "hello,\nAnn", "at": at, **where}
    entry = {"id": said.json["id"], "event": event}
    assert (await ann.poll_events(place))[-1] == entry
    assert (await ann.get(place + "/chat")).json == [entry]


async def test_who_is_no_member_neither_speaks_nor_hears(test_app: TestApp, kind: str) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    place = await make_place(kind, ann, bob)
    await ann.send_chat(place, "between us")
    refused = (400, f"{kind}.not_in_{kind}")
    assert (await cid.post(place + "/chat", {"text": "me too"})).status_and_error == refused
    assert (await cid.get(place + "/chat")).status_and_error == refused
    assert "chat" not in await cid.event_types(place)


async def test_chat_is_on_no_feed_of_all_rooms(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await ann.send_chat(await make_place("room", ann, bob), "between us")
    assert await bob.event_types("/games/free/rooms") == ["room_created", "user_join"]


async def test_the_last_two_hundred_are_kept(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    place = await make_place(kind, ann, bob)
    for number in range(203):
        await ann.send_chat(place, str(number))
    kept = (await bob.get(place + "/chat")).json
    assert [row["event"]["text"] for row in kept] == [str(n) for n in range(3, 203)]


async def test_who_comes_late_reads_what_was_said(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free")
    await ann.send_chat(room, "anybody?")
    await bob.join(room)
    [kept] = (await bob.get(room + "/chat")).json
    assert kept["event"]["text"] == "anybody?"


async def test_after_the_end_of_a_session_members_still_talk(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    session = await make_session("noughts", ann, bob)
    for player, cell in ((ann, 0), (bob, 3), (ann, 1), (bob, 4), (ann, 2)):
        await player.take_turn(session, cell=cell)
    await bob.send_chat(session, "well played")
    assert (await ann.event_types(session))[-2:] == ["session_over", "chat"]


async def test_a_chat_s_cursor_leads_to_what_is_said_next(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    place = await make_place(kind, ann, bob)
    await ann.send_chat(place, "old")
    cursor = (await bob.get(place + "/chat")).cursor
    await ann.send_chat(place, "new")
    [heard] = await bob.poll_events(place, cursor)
    assert heard["event"]["text"] == "new"


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1001, None, 1, ["x"], "a\0b"])
async def test_a_text_that_is_none_is_malformed(test_app: TestApp, kind: str, text: object) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    place = await make_place(kind, ann, bob)
    answer = await ann.post(place + "/chat", {"text": text})
    assert answer.status_and_error == (400, "request.malformed")


async def test_a_thousand_characters_are_said_as_they_are(test_app: TestApp, kind: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    place = await make_place(kind, ann, bob)
    text = ("<b>ünï</b> 👩‍👩‍👧 \\ \" ' שלום\n" * 40)[:1000].strip()
    await ann.send_chat(place, text)
    assert (await bob.get(place + "/chat")).json[0]["event"]["text"] == text
