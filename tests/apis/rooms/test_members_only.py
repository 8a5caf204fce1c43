"""Events for members only, and feeds that end with the right to read them."""

import asyncio

import pytest

from coalserver.core.commands import members
from coalserver.core.commands.moderation import ban
from coalserver.domain.play.lobby import Lobby
from tests.apis.app import ApiClient, TestApp
from tests.apis.listeners import listen
from tests.apis.rooms.factories import make_room

#: Parked and ordinary polls have the same contract.
pytestmark = pytest.mark.usefixtures("park_polls")

#: Transport -> status or close code of a feed whose client lost its access.
ENDED = {"poll": 403, "sse": "closed", "socket": 1008}


async def kick_and_chat(test_app: TestApp, ann: ApiClient, bob: ApiClient) -> None:
    """Kick Bob and send a chat message in the same batch."""
    await asyncio.gather(
        test_app.core.execute(members.kick, kind=Lobby, id=1, by=ann.id, player_id=bob.id),
        test_app.core.execute(members.chat, kind=Lobby, id=1, player_id=ann.id, text="between us"),
    )


async def test_non_member_receives_no_chat(test_app: TestApp, transport: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    async with listen(transport, bob, room) as listener:
        await ann.send_chat(room, "between us")
        await ann.put(room + "/options", {})
        assert await listener.types(1) == ["options_changed"]


async def test_listener_receives_chat_after_joining(test_app: TestApp, transport: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    async with listen(transport, bob, room) as listener:
        await bob.join(room)
        await ann.send_chat(room, "welcome")
        assert await listener.types(1) == ["user_join"]
        assert (await listener.next())["text"] == "welcome"


@pytest.mark.parametrize("reason", ["kicked", "left", "banned"])
async def test_former_member_receives_no_chat(
    test_app: TestApp, transport: str, reason: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen(transport, bob, room) as listener:
        await ann.send_chat(room, "hi")
        assert await listener.types(1) == ["chat"]
        if reason == "kicked":
            await ann.post(room + "/kick", {"user_id": bob.id})
        elif reason == "left":
            await bob.post(room + "/leave")
        else:
            await test_app.core.execute(ban, game="free", player_id=bob.id, duration="hour")
        assert await listener.types(1) == ["user_leave"]
        await ann.send_chat(room, "between us")
        await ann.put(room + "/options", {})
        assert await listener.types(1) == ["options_changed"]


async def test_kicked_member_misses_chat_of_the_same_batch(
    test_app: TestApp, transport: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann, bob)
    async with listen(transport, bob, room) as listener:
        await kick_and_chat(test_app, ann, bob)
        await ann.put(room + "/options", {})
        assert await listener.types(2) == ["user_leave", "options_changed"]


async def test_other_members_receive_chat_of_the_batch_of_a_kick(
    test_app: TestApp, transport: str
) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await make_room(ann, bob, cid)
    async with listen(transport, bob, room) as listener, listen(transport, cid, room) as another:
        await kick_and_chat(test_app, ann, bob)
        await ann.put(room + "/options", {})
        assert await listener.types(2) == ["user_leave", "options_changed"]
        assert await another.types(3) == ["user_leave", "chat", "options_changed"]


async def test_feed_ends_when_its_token_is_revoked(test_app: TestApp, transport: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await make_room(ann)
    async with listen(transport, bob, room) as listener:
        await bob.post("/accounts/logout")
        assert await listener.wait_ended() == ENDED[transport]


async def test_feed_survives_revocation_of_another_token(test_app: TestApp, transport: str) -> None:
    body = {"email": "a@b.c", "password": "12345678", "username": "Ann"}
    await test_app.anonymous.post("/accounts/register", body)
    body["credentialType"] = "password"
    logins = [(await test_app.anonymous.post("/accounts/login", body)).json for _ in "ab"]
    first, second = [
        ApiClient(test_app, login["token"], login["user"]["userId"]) for login in logins
    ]
    room = await make_room(first)
    async with listen(transport, first, room) as listener:
        await second.post("/accounts/logout")
        await first.send_chat(room, "still here")
        assert await listener.types(1) == ["chat"]


async def test_feed_of_a_private_session_ends_when_the_member_leaves(
    test_app: TestApp, transport: str
) -> None:
    await test_app.create_game("free")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("free", "x", password="p")
    await bob.join(room, password="p")
    session = await ann.start(room)
    async with listen(transport, bob, session) as listener:
        await ann.take_turn(session, n=1)
        assert await listener.types(1) == ["turn"]
        await bob.post(session + "/leave")
        assert await listener.wait_ended() == ENDED[transport]


async def test_private_session_rejects_other_listeners(test_app: TestApp, transport: str) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    await test_app.create_game("free")
    session = await ann.start(await ann.create_room("free", "x", password="p"))
    async with listen(transport, bob, session) as listener:
        assert await listener.wait_ended() == 403
