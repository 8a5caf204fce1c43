"""The feed of a world, on every transport: what is told, from where on, and to whom no longer."""

from typing import Any

import pytest

from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.oauth import create_personal_token
from coalserver.core.commands.worlds import archive_world, record_ping, update_world
from coalserver.domain.minecraft.world import Ping
from coalserver.web.streaming.event_stream import REFUSED
from tests.apis.app import ApiClient, TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.log_lines import AT, line, logged_in, said
from tests.apis.listeners import TRANSPORTS, Listener, listen
from tests.media.test_images import make_image

EACH_WAY = pytest.mark.parametrize("way", TRANSPORTS)


@pytest.fixture
async def thomas(test_app: TestApp) -> User:
    test_app.clock.now = AT
    return await make_user(test_app, usernames=("bob",))


async def only(user: User, path: str) -> dict[str, Any]:
    ((_, rows),) = (await user.get(path)).json.items()
    (row,) = rows
    return row  # type: ignore[no-any-return]


@EACH_WAY
async def test_line_event_equals_the_row_of_its_list(thomas: User, place: WorldFixture, way: str):
    async with listen(way, thomas, place.path) as listener:
        await place.logs(
            said("23:59:00", "bob", "hi"),
            line("23:59:01", "bob drowned"),
            line("23:59:02", "bob has made the advancement [Stone Age]"),
        )
        for name, type in (("chats", "chat"), ("deaths", "death"), ("achievements", "achievement")):
            row = await only(thomas, f"{place.path}/{name}")
            assert await listener.next() == {"type": type, "live": True, **row}
        await place.logs(logged_in("23:59:03", "eve"))
        row = await only(thomas, place.path + "/players/eve/loglines")
        assert await listener.next() == {"type": "logline", "live": True, **row}


async def test_event_of_an_old_line_is_not_live(thomas: User, place: WorldFixture):
    """Hole 11: a log that was read again set off all that new lines do."""
    async with listen("poll", thomas, place.path) as listener:
        await place.logs(said("10:00:00", "bob", "long ago"))
        assert (await listener.next())["live"] is False


@EACH_WAY
async def test_feed_delivers_world_changes_and_screenshots(
    test_app: TestApp, thomas: User, place: WorldFixture, way: str
):
    async with listen(way, thomas, place.path) as listener:
        await test_app.core.execute(
            record_ping, world_id=place.id, ping=Ping(True, "192.0.2.7:25565")
        )
        told = await listener.next()
        document = (await thomas.get(place.path)).json
        assert told == {
            "type": "server",
            **{name: document[name] for name in told if name != "type"},
        }
        assert (told["status"], told["address"]) == ("RUNNING", "192.0.2.7:25565")
        await test_app.core.execute(update_world, world_id=place.id, name="Brave New World")
        assert (await listener.next())["name"] == "Brave New World"
        picture, path = make_image(size=(6, 4)), place.path + "/screenshots"
        shot = (await thomas.request("POST", path, picture, Content_Type="image/png")).json
        assert await listener.next() == {
            "type": "screenshot",
            **{name: shot[name] for name in ("key", "server_key", "user_key")},
        }
        await thomas.request("DELETE", f"{place.path}/screenshots/{shot['key']}")
        assert await listener.next() == {
            "type": "screenshot_removed",
            "key": shot["key"],
            "server_key": shot["server_key"],
        }


async def test_feed_excludes_events_of_other_worlds(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    other = await make_world(test_app)
    async with listen("poll", thomas, place.path) as listener:
        await other.logs(said("23:59:00", "eve", "elsewhere"))
        await place.logs(said("23:59:01", "bob", "here"))
        assert (await listener.next())["chat"] == "here"


async def test_delivered_console_commands_are_not_in_the_feed(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    await thomas.send(place.path + "/chats", chat="secret plan")
    head = test_app.core.feed.head
    await test_app.core.execute(record_ping, world_id=place.id, ping=Ping(True))
    assert {row["event"]["type"] for row in await thomas.poll_events(place.path, head)} == {
        "server"
    }


LISTS = ["", "/chats", "/deaths", "/achievements", "/loglines", "/screenshots", "/users/self/screenshots", "/players",
         "/sessions", "/players/bob/chats", "/players/bob/sessions", "/chats?q=hi"]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
async def test_cursor_of_a_document_continues_without_a_gap(
    test_app: TestApp, thomas: User, place: WorldFixture, path: str
):
    await place.logs(said("23:59:00", "bob", "hi"))
    answer = await thomas.get(place.path + path)
    assert answer.cursor == test_app.core.feed.head
    await place.logs(said("23:59:01", "bob", "new"))
    (row,) = await thomas.poll_events(place.path, answer.cursor)
    assert row["event"]["chat"] == "new"
    assert (await thomas.get("/api/v1/servers")).cursor == row["id"]


@EACH_WAY
async def test_listener_from_an_old_cursor_receives_all_events_after_a_restart(
    persistent_test_app: TestApp, way: str
):
    persistent_test_app.clock.now = AT
    user, place = await make_user(persistent_test_app), await make_world(persistent_test_app)
    cursor = (await user.get(place.path)).cursor
    await place.logs(*(said("23:59:00", "bob", str(number)) for number in range(250)))
    await persistent_test_app.restart()
    async with listen(way, user, place.path, cursor) as listener:
        assert [(await listener.next())["chat"] for _ in range(250)] == [
            str(number) for number in range(250)
        ]
        await place.logs(said("23:59:01", "bob", "new"))
        assert (await listener.next())["chat"] == "new"


async def is_over(listener: Listener, way: str, status: int) -> None:
    """He hears nothing more, and why is told as his way of listening can."""
    assert await listener.wait_ended() == {"poll": status, "sse": "closed", "socket": REFUSED}[way]
    assert listener._events.empty()


@EACH_WAY
async def test_feed_ends_when_its_user_is_deactivated(
    test_app: TestApp, thomas: User, place: WorldFixture, way: str
):
    async with listen(way, thomas, place.path) as listener:
        await place.logs(said("23:59:00", "bob", "hi"))
        assert (await listener.next())["chat"] == "hi"
        await test_app.core.execute(update_account, account_id=thomas.id, active=False)
        await place.logs(said("23:59:59", "eve", "not for him"))
        await is_over(listener, way, 403)


@EACH_WAY
async def test_feed_ends_when_its_token_expires(
    test_app: TestApp, thomas: User, place: WorldFixture, way: str
):
    token = await test_app.core.execute(create_personal_token, account_id=thomas.id, lifetime=100)
    short = User(test_app, token, thomas.id, "short")
    async with (
        listen(way, short, place.path) as listener,
        listen(way, thomas, place.path) as other,
    ):
        await place.logs(said("23:59:00", "bob", "hi"))
        assert (await listener.next())["chat"] == (await other.next())["chat"] == "hi"
        test_app.clock.advance(101)
        await place.logs(said("23:59:59", "eve", "not for him"))
        await is_over(listener, way, 401)
        assert (await other.next())["chat"] == "not for him"


@EACH_WAY
async def test_feed_ends_when_its_world_is_archived(
    test_app: TestApp, thomas: User, place: WorldFixture, way: str
):
    async with listen(way, thomas, place.path) as listener:
        await place.logs(said("23:59:00", "bob", "hi"))
        assert (await listener.next())["chat"] == "hi"
        await test_app.core.execute(archive_world, world_id=place.id)
        await is_over(listener, way, 404)
    answer = await thomas.get(place.path + "/events")
    assert (answer.status, answer.raw) == (404, b"")


async def test_feed_rejects_invalid_credentials_and_parameters(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    path = place.path + "/events"
    for who, status in (
        (test_app.anonymous, 401),
        (ApiClient(test_app, "x"), 401),
        (place.agent, 401),
    ):
        assert (await who.get(path)).status == status
    gone = await make_user(test_app, "g@x.org", active=False)
    assert (await gone.get(path)).status == 403
    for bad in ("after-event-id=x", "after-event-id=999999", "wait=x"):
        answer = await thomas.get(f"{path}?{bad}")
        assert answer.status == 400 and answer.json["errors"]
    assert (await thomas.get("/api/v1/servers/x/events")).status == 404


async def test_ticket_opens_one_feed_of_this_api(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    async def make_ticket() -> str:
        answer = await thomas.post("/api/v1/ticket")
        assert answer.json["expires_in"] == 30 and answer.headers["Cache-Control"] == "no-store"
        return str(answer.json["ticket"])

    feed, opened = f"{place.path}/events?wait=0&ticket=", await make_ticket()
    assert (await test_app.anonymous.get(feed + opened)).status == 200
    assert (await test_app.anonymous.get(feed + opened)).status == 401
    guest = await test_app.sign_in_guest()
    foreign = (await guest.post("/accounts/ticket")).json["ticket"]
    assert (await test_app.anonymous.get(feed + foreign)).status == 401
    room = await guest.create_room()
    assert (
        await test_app.anonymous.get(f"{room}/events?wait=0&ticket={await make_ticket()}")
    ).status == 403
    assert (
        await test_app.anonymous.get(f"{place.path}/chats?ticket={await make_ticket()}")
    ).status == 401
    late = await make_ticket()
    await test_app.core.execute(update_account, account_id=thomas.id, active=False)
    assert (await test_app.anonymous.get(feed + late)).status == 403
    assert (await (await make_admin(test_app)).get(feed + "x")).status == 200
