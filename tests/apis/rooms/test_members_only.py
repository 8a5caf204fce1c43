"""Who hears what is for members only, and whose feed ends with the right to hear it."""

import asyncio

import pytest

from coalserver.core.commands.lobbies import chat_in_lobby, kick_from_lobby
from coalserver.core.commands.moderation import ban
from tests.apis.app import ApiClient, TestApp
from tests.apis.listeners import listen
from tests.apis.rooms.factories import make_room

ENDED = {"poll": 403, "sse": "closed", "socket": 1008}


async def kicked_while_ann_talks(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> None:
    """Bob is kicked, and in the same moment his host goes on talking."""
    await asyncio.gather(
        test_app.core.execute(kick_from_lobby, lobby_id=1, by=ann.id, player_id=bob.id),
        test_app.core.execute(chat_in_lobby, lobby_id=1, player_id=ann.id, text="between us"),
    )


async def test_who_is_no_member_hears_no_chat(test_app: TestApp, way: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    async with listen(way, bob, room) as listener:
        await ann.send_chat(room, "between us")
        await ann.put(room + "/options", {})
        assert await listener.types(1) == ["options_changed"]


async def test_who_joins_while_listening_hears_chat_from_then_on(
    test_app: TestApp, way: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    async with listen(way, bob, room) as listener:
        await bob.join(room)
        await ann.send_chat(room, "welcome")
        assert await listener.types(1) == ["user_join"]
        assert (await listener.next())["text"] == "welcome"


@pytest.mark.parametrize("how", ["kicked", "left", "banned"])
async def test_who_is_out_hears_no_chat_any_more(test_app: TestApp, way: str, how: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen(way, bob, room) as listener:
        await ann.send_chat(room, "hi")
        assert await listener.types(1) == ["chat"]
        if how == "kicked":
            await ann.post(room + "/kick", {"user_id": bob.id})
        elif how == "left":
            await bob.post(room + "/leave")
        else:
            await test_app.core.execute(ban, game="free", player_id=bob.id, duration="hour")
        assert await listener.types(1) == ["user_leave"]
        await ann.send_chat(room, "between us")
        await ann.put(room + "/options", {})
        assert await listener.types(1) == ["options_changed"]


async def test_what_is_said_right_after_a_kick_is_not_heard(test_app: TestApp, way: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen(way, bob, room) as listener:
        await kicked_while_ann_talks(test_app, ann, bob)
        await ann.put(room + "/options", {})
        assert await listener.types(2) == ["user_leave", "options_changed"]


async def test_those_who_stay_hear_the_rest_of_what_a_kicked_one_does_not(
    test_app: TestApp, way: str
) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await make_room(ann, bob, cid)
    async with listen(way, bob, room) as listener, listen(way, cid, room) as another:
        await kicked_while_ann_talks(test_app, ann, bob)
        await ann.put(room + "/options", {})
        assert await listener.types(2) == ["user_leave", "options_changed"]
        assert await another.types(3) == ["user_leave", "chat", "options_changed"]


async def test_a_feed_ends_with_its_token(test_app: TestApp, way: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    async with listen(way, bob, room) as listener:
        await bob.post("/accounts/logout")
        assert await listener.wait_ended() == ENDED[way]


async def test_a_feed_does_not_end_with_another_token_of_its_user(
    test_app: TestApp, way: str
) -> None:
    body = {"email": "a@b.c", "password": "12345678", "username": "Ann"}
    await test_app.anonymous.post("/accounts/register", body)
    body["credentialType"] = "password"
    logins = [(await test_app.anonymous.post("/accounts/login", body)).json for _ in "ab"]
    first, second = [ApiClient(test_app, one["token"], one["user"]["userId"]) for one in logins]
    room = await make_room(first)
    async with listen(way, first, room) as listener:
        await second.post("/accounts/logout")
        await first.send_chat(room, "still here")
        assert await listener.types(1) == ["chat"]


async def test_a_private_session_s_feed_ends_with_the_seat(test_app: TestApp, way: str) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free", "x", password="p")
    await bob.join(room, password="p")
    session = await ann.start(room)
    async with listen(way, bob, session) as listener:
        await ann.take_turn(session, n=1)
        assert await listener.types(1) == ["turn"]
        await bob.post(session + "/leave")
        assert await listener.wait_ended() == ENDED[way]


async def test_nobody_listens_to_what_he_may_not_see(test_app: TestApp, way: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await test_app.create_game("free")
    session = await ann.start(await ann.create_room("free", "x", password="p"))
    async with listen(way, bob, session) as listener:
        assert await listener.wait_ended() == 403
