"""Limits of use: each API answers 429 in its own words, with Retry-After."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from coalserver.config import Config
from tests.apis.app import Answer, TestApp, run_test_app
from tests.apis.browser import PASSWORD, Browser, make_account, make_signed_in_browser
from tests.apis.coal.clients import make_user, make_world
from tests.apis.hosts.clients import make_hosted_session
from tests.apis.multiplayer.clients import make_sample_game
from tests.apis.oauth.clients import DOCUMENT
from tests.apis.rooms.factories import make_room

#: One chat message and one other message, and two of everything else in an hour.
TIGHT = Config(
    chat_per_second=0.01,
    chat_burst=1,
    messages_per_second=0.01,
    messages_burst=1,
    guests_per_hour=2,
    rooms_per_hour=2,
    players_per_hour=2,
    hosts_per_hour=2,
    accounts_per_hour=2,
    oauth_clients_per_hour=2,
)
Call = Callable[[], Awaitable[Answer]]


@pytest.fixture
async def tight() -> AsyncIterator[TestApp]:
    async with run_test_app(config=TIGHT) as test_app:
        yield test_app


async def refused(call: Call, *, after: int, seconds: int) -> Answer:
    """Call until the first refusal, which must come after that many successes, and return it."""
    for _ in range(after):
        answer = await call()
        assert answer.status < 400, answer.raw
    answer = await call()
    assert answer.status == 429, answer.raw
    assert seconds - 5 <= int(answer.headers["Retry-After"]) <= seconds
    return answer


def rooms_error(seconds: int) -> dict[str, Any]:
    text = f"Too many requests. Try again in {seconds} seconds."
    return {"error": "rate.limited", "description": text}


async def test_guests_of_the_rooms_api(tight: TestApp) -> None:
    body = {"credentialType": "guest", "username": "Ann"}
    answer = await refused(
        lambda: tight.anonymous.post("/accounts/login", body), after=2, seconds=1800
    )
    assert answer.json == rooms_error(int(answer.headers["Retry-After"]))


async def test_rooms_and_quick_joins_that_create(tight: TestApp) -> None:
    ann, bob = await tight.sign_in_guests("Ann", "Bob")
    path = "/games/noughts/rooms"
    assert (await ann.post(f"{path}/quick-join", {})).status == 201
    for _ in range(3):
        # Who joins creates nothing.
        assert (await bob.post(f"{path}/quick-join", {})).status == 200
    answer = await refused(lambda: ann.post(path, {"name": "x"}), after=1, seconds=1800)
    assert answer.json == rooms_error(int(answer.headers["Retry-After"]))


async def test_chat_and_turns_of_the_rooms_api(tight: TestApp) -> None:
    (ann,) = await tight.sign_in_guests("Ann")
    room = await make_room(ann)
    answer = await refused(
        lambda: ann.post(f"{room}/chat", {"text": "hello"}), after=1, seconds=100
    )
    assert answer.json == rooms_error(int(answer.headers["Retry-After"]))
    session = (await ann.post(f"{room}/start", {})).headers["Location"]
    answer = await refused(lambda: ann.post(f"{session}/turn", {}), after=1, seconds=100)
    assert answer.json == rooms_error(int(answer.headers["Retry-After"]))
    data = f"/games/free/user-data/{ann.id}/key"
    assert (await ann.put(data, 1)).status == 429


async def test_refusal_precedes_an_invalid_body(tight: TestApp) -> None:
    (ann,) = await tight.sign_in_guests("Ann")
    room = await make_room(ann)
    for path, body in ((f"{room}/chat", {"text": 1}), (f"{room}/ready", {"ready": "x"})):
        assert (await ann.post(path, body)).status == 400
        assert (await ann.post(path, body)).status == 429
    game = await make_sample_game(tight)
    host = await game.make_player()
    assert (await host.post("game_room.php/create", {"room_name": "A"})).status == 200
    for path in ("updates", "actions"):
        # The address is the same, so that the room's messages have used its token.
        answer = await host.post(f"game_room.php/{path}", {"target_players": "nobody"})
        assert answer.status == 429
        assert answer.json["error"].startswith("Too many requests. Try again in ")
    assert (await tight.anonymous.post("/hosts")).status < 300


async def test_registrations_of_accounts(tight: TestApp) -> None:
    async def register(email: str) -> Answer:
        body = {"email": email, "password": PASSWORD, "username": "Ann"}
        return await tight.anonymous.post("/accounts/register", body)

    assert (await register("not an address")).status == 400
    assert (await register("ann@example.org")).status == 200
    assert (await register("bob@example.org")).status == 200
    assert (await register("cid@example.org")).status == 429
    fields = {"email": "cid@example.org", "password": PASSWORD}
    answer = await Browser(tight).send("/signup", page="/signup", **fields)
    assert answer.status == 429 and b"Too many requests." in answer.raw


async def test_players_rooms_and_updates_of_the_multiplayer_api(tight: TestApp) -> None:
    game = await make_sample_game(tight)
    answer = await refused(
        lambda: game.anonymous.post("game_players.php/register", {"player_name": "Pat"}),
        after=2,
        seconds=1200 + 600,
    )
    text = f"Too many requests. Try again in {answer.headers['Retry-After']} seconds."
    assert answer.json == {"success": False, "error": text}
    host, guest = await game.make_player(), await game.make_player()
    room = {"room_name": "A", "max_players": 4}
    joined = (await host.post("game_room.php/create", room)).json["room_id"]
    assert (await guest.post(f"game_room.php/{joined}/join", {})).status == 200
    lobby = {"max_players": 4}
    other = await game.make_player()
    assert (await other.post("matchmaking.php/create", lobby)).status == 200
    assert (await guest.post("game_room.php/create", room)).status == 429
    update = {"type": "move", "target_players": "all", "data": {"x": 1}}
    answer = await refused(lambda: host.post("game_room.php/updates", update), after=1, seconds=100)
    assert answer.json["error"].startswith("Too many requests. Try again in ")
    action = {"action_type": "move", "request_data": {}, "target_players": "all"}
    assert (await guest.post("game_room.php/actions", action)).status == 429
    assert (await guest.request("PUT", "game_data.php/player/update", {"a": 1})).status == 429


async def test_chat_sent_as_an_update_counts_as_chat() -> None:
    config = Config(chat_per_second=0.01, chat_burst=1)
    async with run_test_app(config=config) as test_app:
        game = await make_sample_game(test_app)
        host, guest = await game.make_player(), await game.make_player()
        room = (await host.post("game_room.php/create", {"room_name": "A"})).json["room_id"]
        await guest.post(f"game_room.php/{room}/join", {})
        chat = {"type": "chat", "target_players": "all", "data": {"text": "hello"}}
        await refused(lambda: host.post("game_room.php/updates", chat), after=1, seconds=100)
        update = {**chat, "type": "move"}
        assert (await host.post("game_room.php/updates", update)).status == 200


async def test_hosts_sessions_and_unnamed_guests_of_the_hosts_api() -> None:
    config = Config(hosts_per_hour=2, rooms_per_hour=1, guests_per_hour=1)
    async with run_test_app(config=config) as test_app:
        session, _ = await make_hosted_session(test_app)
        answer = await test_app.anonymous.post("/hosts")
        assert answer.status == 429
        wait = answer.headers["Retry-After"]
        assert answer.json == {"message": f"too many requests, try again in {wait} seconds"}
        unnamed = {"host": session.host.uuid, "guest": "NONAME"}
        await refused(
            lambda: test_app.anonymous.post("/sessions/players", unnamed), after=1, seconds=3600
        )
        assert (await session.host.post("/sessions", {"host": session.host.uuid})).status == 429


async def test_messages_of_the_hosts_api() -> None:
    config = Config(messages_per_second=0.01, messages_burst=5)
    async with run_test_app(config=config) as test_app:
        session, (guest,) = await make_hosted_session(test_app)
        socket = await session.connect(guest)
        for number in range(4):
            await socket.send(type="command", name="go", data=number)
        error = await socket.expect(type="error", code=429)
        assert error["message"].startswith("too many requests, try again in ")
        await refused(
            lambda: session.send_message(guest, type="command", name="go", data=1),
            after=0,
            seconds=100,
        )


async def test_chat_of_the_coal_api(tight: TestApp) -> None:
    world = await make_world(tight)
    user = await make_user(tight)
    answer = await refused(
        lambda: user.send(f"{world.path}/chats", chat="hello"), after=1, seconds=100
    )
    assert answer.json == {"errors": "Too many requests; try again later."}


async def test_chat_of_a_page(tight: TestApp) -> None:
    browser = await make_signed_in_browser(tight)
    page = f"/servers/{(await make_world(tight)).id}/chats"
    assert (await browser.send(page, page=page, chat="hello")).status == 302
    answer = await browser.send(page, page=page, chat="hello")
    assert answer.status == 429 and int(answer.headers["Retry-After"]) <= 100
    assert b"Too many requests." in answer.raw


async def test_clients_of_oauth(tight: TestApp) -> None:
    answer = await refused(
        lambda: tight.anonymous.post("/oauth/v1/register", DOCUMENT), after=2, seconds=1800
    )
    assert answer.json == {"error": "temporarily_unavailable"}


async def test_exempt_address_counts_in_no_bucket_but_its_failures_do(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await make_room(ann)
    for number in range(30):
        await ann.send_chat(room, str(number))
    await make_account(test_app, "ann@example.org")
    browser = Browser(test_app)
    statuses = [
        (await browser.sign_in("ann@example.org", "wrong password")).status for _ in range(11)
    ]
    assert statuses[-1] == 429


async def test_health_counts_refusals(tight: TestApp) -> None:
    body = {"credentialType": "guest", "username": "Ann"}
    await refused(lambda: tight.anonymous.post("/accounts/login", body), after=2, seconds=1800)
    document = (await tight.anonymous.get("/health")).json
    assert document["refused"] == {"guests": 1}


async def test_tokens_of_hosts() -> None:
    async with run_test_app(config=Config(messages_per_second=0.01, messages_burst=2)) as test_app:
        uuid = (await test_app.anonymous.post("/hosts")).json["uuid"]
        await refused(
            lambda: test_app.anonymous.get(f"/hosts/{uuid}/access_token"), after=2, seconds=100
        )
