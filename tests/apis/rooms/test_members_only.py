"""Who hears what is for members only, and whose feed ends with the right to hear it."""

import asyncio

import pytest

from coalserver.core.commands.bans import ban
from coalserver.core.commands.lobbies import chat_in_lobby, kick_from_lobby
from tests.apis.app import Asker, House
from tests.apis.listeners import listening
from tests.apis.rooms.gathered import a_room

ENDED = {"poll": 403, "sse": "closed", "socket": 1008}


async def kicked_while_ann_talks(house: House, ann: Asker, bob: Asker) -> None:
    """Bob is kicked, and in the same moment his host goes on talking."""
    await asyncio.gather(
        house.core.do(kick_from_lobby, lobby_id=1, by=ann.id, player=bob.id),
        house.core.do(chat_in_lobby, lobby_id=1, player=ann.id, text="between us"),
    )


async def test_who_is_no_member_hears_no_chat(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann)
    async with listening(way, bob, room) as ear:
        await ann.says(room, "between us")
        await ann.put(room + "/options", {})
        assert await ear.types(1) == ["options_changed"]


async def test_who_joins_while_listening_hears_chat_from_then_on(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann)
    async with listening(way, bob, room) as ear:
        await bob.joins(room)
        await ann.says(room, "welcome")
        assert await ear.types(1) == ["user_join"]
        assert (await ear.next())["text"] == "welcome"


@pytest.mark.parametrize("how", ["kicked", "left", "banned"])
async def test_who_is_out_hears_no_chat_any_more(house: House, way: str, how: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    async with listening(way, bob, room) as ear:
        await ann.says(room, "hi")
        assert await ear.types(1) == ["chat"]
        if how == "kicked":
            await ann.post(room + "/kick", {"user_id": bob.id})
        elif how == "left":
            await bob.post(room + "/leave")
        else:
            await house.core.do(ban, game="free", player=bob.id, duration="hour")
        assert await ear.types(1) == ["user_leave"]
        await ann.says(room, "between us")
        await ann.put(room + "/options", {})
        assert await ear.types(1) == ["options_changed"]


async def test_what_is_said_right_after_a_kick_is_not_heard(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann, bob)
    async with listening(way, bob, room) as ear:
        await kicked_while_ann_talks(house, ann, bob)
        await ann.put(room + "/options", {})
        assert await ear.types(2) == ["user_leave", "options_changed"]


async def test_those_who_stay_hear_the_rest_of_what_a_kicked_one_does_not(
    house: House, way: str
) -> None:
    ann, bob, cid = await house.guests("Ann", "Bob", "Cid")
    room = await a_room(ann, bob, cid)
    async with listening(way, bob, room) as ear, listening(way, cid, room) as another:
        await kicked_while_ann_talks(house, ann, bob)
        await ann.put(room + "/options", {})
        assert await ear.types(2) == ["user_leave", "options_changed"]
        assert await another.types(3) == ["user_leave", "chat", "options_changed"]


async def test_a_feed_ends_with_its_token(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    room = await a_room(ann)
    async with listening(way, bob, room) as ear:
        await bob.post("/accounts/logout")
        assert await ear.end() == ENDED[way]


async def test_a_feed_does_not_end_with_another_token_of_its_user(house: House, way: str) -> None:
    body = {"email": "a@b.c", "password": "12345678", "username": "Ann"}
    await house.stranger.post("/accounts/register", body)
    body["credentialType"] = "password"
    logins = [(await house.stranger.post("/accounts/login", body)).json for _ in "ab"]
    first, second = [Asker(house, one["token"], one["user"]["userId"]) for one in logins]
    room = await a_room(first)
    async with listening(way, first, room) as ear:
        await second.post("/accounts/logout")
        await first.says(room, "still here")
        assert await ear.types(1) == ["chat"]


async def test_a_private_session_s_feed_ends_with_the_seat(house: House, way: str) -> None:
    await house.game("free")
    ann, bob = await house.guests("Ann", "Bob")
    room = await ann.opens("free", "x", password="p")
    await bob.joins(room, password="p")
    session = await ann.starts(room)
    async with listening(way, bob, session) as ear:
        await ann.plays(session, n=1)
        assert await ear.types(1) == ["turn"]
        await bob.post(session + "/leave")
        assert await ear.end() == ENDED[way]


async def test_nobody_listens_to_what_he_may_not_see(house: House, way: str) -> None:
    ann, bob = await house.guests("Ann", "Bob")
    await house.game("free")
    session = await ann.starts(await ann.opens("free", "x", password="p"))
    async with listening(way, bob, session) as ear:
        assert await ear.end() == 403
