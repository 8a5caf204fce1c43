"""The feed of a world on every transport: payloads, cursors and access."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from coalserver.core import topics
from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.oauth import create_personal_token
from coalserver.core.commands.worlds import archive_world, record_ping, update_world
from coalserver.domain.minecraft.events import ConsoleCommandsDelivered
from coalserver.domain.minecraft.world import Ping
from coalserver.web.streaming import poll_group
from coalserver.web.streaming.event_stream import REFUSED
from coalserver.web.streaming.parked_poll import ParkingProtocol
from coalserver.web.streaming.write_queue import WriteQueue
from tests.apis.app import ApiClient, TestApp
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.log_lines import AT, chat_line, log_line, login_line
from tests.apis.listeners import TRANSPORTS, Listener, listen
from tests.media.test_images import make_image

#: Parked and ordinary polls have the same contract.
pytestmark = pytest.mark.usefixtures("park_polls")

EACH_TRANSPORT = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture
async def thomas(test_app: TestApp) -> User:
    test_app.clock.now = AT
    return await make_user(test_app, usernames=("bob",))


async def only_row(user: User, path: str) -> dict[str, Any]:
    ((_, rows),) = (await user.get(path)).json.items()
    (row,) = rows
    return row  # type: ignore[no-any-return]


@EACH_TRANSPORT
async def test_line_event_equals_the_row_of_its_list(
    thomas: User, world: WorldFixture, transport: str
):
    async with listen(transport, thomas, world.path) as listener:
        await world.write_log(
            chat_line("23:59:00", "bob", "hi"),
            log_line("23:59:01", "bob drowned"),
            log_line("23:59:02", "bob has made the advancement [Stone Age]"),
        )
        for name, type in (("chats", "chat"), ("deaths", "death"), ("achievements", "achievement")):
            row = await only_row(thomas, f"{world.path}/{name}")
            assert await listener.next() == {"type": type, "live": True, **row}
        await world.write_log(login_line("23:59:03", "eve"))
        row = await only_row(thomas, world.path + "/players/eve/loglines")
        assert await listener.next() == {"type": "logline", "live": True, **row}


async def test_event_of_an_old_line_is_not_live(thomas: User, world: WorldFixture):
    """Defect 11: lines of a log that was read again were treated as new."""
    async with listen("poll", thomas, world.path) as listener:
        await world.write_log(chat_line("10:00:00", "bob", "long ago"))
        assert (await listener.next())["live"] is False


@EACH_TRANSPORT
async def test_feed_delivers_world_changes_and_screenshots(
    test_app: TestApp, thomas: User, world: WorldFixture, transport: str
):
    async with listen(transport, thomas, world.path) as listener:
        await test_app.core.execute(
            record_ping, world_id=world.id, ping=Ping(True, "192.0.2.7:25565")
        )
        event = await listener.next()
        document = (await thomas.get(world.path)).json
        assert event == {
            "type": "server",
            **{name: document[name] for name in event if name != "type"},
        }
        assert (event["status"], event["address"]) == ("RUNNING", "192.0.2.7:25565")
        await test_app.core.execute(update_world, world_id=world.id, name="Brave New World")
        assert (await listener.next())["name"] == "Brave New World"
        picture, path = make_image(size=(6, 4)), world.path + "/screenshots"
        shot = (await thomas.request("POST", path, picture, Content_Type="image/png")).json
        assert await listener.next() == {
            "type": "screenshot",
            **{name: shot[name] for name in ("key", "server_key", "user_key")},
        }
        await thomas.request("DELETE", f"{world.path}/screenshots/{shot['key']}")
        assert await listener.next() == {
            "type": "screenshot_removed",
            "key": shot["key"],
            "server_key": shot["server_key"],
        }


async def test_feed_excludes_events_of_other_worlds(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    other = await make_world(test_app)
    async with listen("poll", thomas, world.path) as listener:
        await other.write_log(chat_line("23:59:00", "eve", "elsewhere"))
        await world.write_log(chat_line("23:59:01", "bob", "here"))
        assert (await listener.next())["chat"] == "here"


async def test_delivered_console_commands_are_not_in_the_feed(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    await thomas.send(world.path + "/chats", chat="secret plan")
    head = test_app.core.feed.head
    await test_app.core.execute(record_ping, world_id=world.id, ping=Ping(True))
    assert {row["event"]["type"] for row in await thomas.poll_events(world.path, head)} == {
        "server"
    }


LISTS = ["", "/chats", "/deaths", "/achievements", "/loglines", "/screenshots", "/users/self/screenshots", "/players",
         "/sessions", "/players/bob/chats", "/players/bob/sessions", "/chats?q=hi"]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
async def test_cursor_of_a_document_continues_without_a_gap(
    test_app: TestApp, thomas: User, world: WorldFixture, path: str
):
    await world.write_log(chat_line("23:59:00", "bob", "hi"))
    answer = await thomas.get(world.path + path)
    assert answer.cursor == test_app.core.feed.head
    await world.write_log(chat_line("23:59:01", "bob", "new"))
    (row,) = await thomas.poll_events(world.path, answer.cursor)
    assert row["event"]["chat"] == "new"
    assert (await thomas.get("/api/v1/servers")).cursor == row["id"]


@EACH_TRANSPORT
async def test_listener_from_an_old_cursor_receives_all_events_after_a_restart(
    persistent_test_app: TestApp, transport: str
):
    persistent_test_app.clock.now = AT
    user, world = await make_user(persistent_test_app), await make_world(persistent_test_app)
    cursor = (await user.get(world.path)).cursor
    await world.write_log(*(chat_line("23:59:00", "bob", str(number)) for number in range(250)))
    await persistent_test_app.restart()
    async with listen(transport, user, world.path, cursor) as listener:
        assert [(await listener.next())["chat"] for _ in range(250)] == [
            str(number) for number in range(250)
        ]
        await world.write_log(chat_line("23:59:01", "bob", "new"))
        assert (await listener.next())["chat"] == "new"


async def assert_ended(listener: Listener, transport: str, status: int) -> None:
    """Check that the listener ended with the status that its transport can show."""
    assert (
        await listener.wait_ended()
        == {"poll": status, "sse": "closed", "socket": REFUSED}[transport]
    )
    assert listener._events.empty()


async def check_receives(world: WorldFixture, *listeners: Listener, text: str = "hi") -> None:
    """Check that listeners receive a chat of the world."""
    await world.write_log(chat_line("23:59:00", "bob", text))
    assert {(await listener.next())["chat"] for listener in listeners} == {text}


@EACH_TRANSPORT
async def test_feed_ends_when_its_user_is_deactivated(
    test_app: TestApp, thomas: User, world: WorldFixture, transport: str
):
    async with listen(transport, thomas, world.path) as listener:
        await check_receives(world, listener)
        await test_app.core.execute(update_account, account_id=thomas.id, active=False)
        await world.write_log(chat_line("23:59:59", "eve", "not for him"))
        await assert_ended(listener, transport, 403)


@EACH_TRANSPORT
async def test_feed_ends_when_its_token_expires(
    test_app: TestApp, thomas: User, world: WorldFixture, transport: str
):
    token = await test_app.core.execute(create_personal_token, account_id=thomas.id, lifetime=100)
    short = User(test_app, token, thomas.id, "short")
    async with (
        listen(transport, short, world.path) as listener,
        listen(transport, thomas, world.path) as other,
    ):
        await check_receives(world, listener, other)
        test_app.clock.advance(101)
        await world.write_log(chat_line("23:59:59", "eve", "not for him"))
        await assert_ended(listener, transport, 401)
        assert (await other.next())["chat"] == "not for him"


@EACH_TRANSPORT
async def test_feed_ends_when_its_world_is_archived(
    test_app: TestApp, thomas: User, world: WorldFixture, transport: str
):
    async with listen(transport, thomas, world.path) as listener:
        await check_receives(world, listener)
        await test_app.core.execute(archive_world, world_id=world.id)
        await assert_ended(listener, transport, 404)
    answer = await thomas.get(world.path + "/events")
    assert (answer.status, answer.raw) == (404, b"")


async def test_feed_rejects_invalid_credentials_and_parameters(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    path = world.path + "/events"
    for client, status in (
        (test_app.anonymous, 401),
        (ApiClient(test_app, "x"), 401),
        (world.agent, 401),
    ):
        assert (await client.get(path)).status == status
    gone = await make_user(test_app, "g@x.org", active=False)
    assert (await gone.get(path)).status == 403
    for bad in ("after-event-id=x", "after-event-id=999999", "wait=x"):
        answer = await thomas.get(f"{path}?{bad}")
        assert answer.status == 400 and answer.json["errors"]
    assert (await thomas.get("/api/v1/servers/x/events")).status == 404


async def test_ticket_opens_one_feed_of_this_api(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    async def make_ticket() -> str:
        answer = await thomas.post("/api/v1/ticket")
        assert answer.json["expires_in"] == 30 and answer.headers["Cache-Control"] == "no-store"
        return str(answer.json["ticket"])

    feed, opened = f"{world.path}/events?wait=0&ticket=", await make_ticket()
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
        await test_app.anonymous.get(f"{world.path}/chats?ticket={await make_ticket()}")
    ).status == 401
    late = await make_ticket()
    await test_app.core.execute(update_account, account_id=thomas.id, active=False)
    assert (await test_app.anonymous.get(feed + late)).status == 403
    assert (await (await make_admin(test_app)).get(feed + "x")).status == 200


def connections_of(test_app: TestApp) -> list[ParkingProtocol]:
    server = test_app.server.runner.server
    return [one for one in server.connections if isinstance(one, ParkingProtocol) and one.there]


@asynccontextmanager
async def polling(
    test_app: TestApp, world: WorldFixture, users: Sequence[User]
) -> AsyncIterator[list[Listener]]:
    """Let each user poll the feed of a world; all have received the first event and wait."""
    async with AsyncExitStack() as stack:
        listeners = [
            await stack.enter_async_context(listen("poll", user, world.path)) for user in users
        ]
        await check_receives(world, *listeners)
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == len(users))
        yield listeners


async def test_polls_of_a_world_are_answered_as_a_group(
    test_app: TestApp, thomas: User, world: WorldFixture, park_polls: bool
):
    """Their rights are checked one by one, but aiohttp handles the first poll of each alone."""
    users = [thomas, await make_user(test_app, "a@x.org"), await make_user(test_app, "b@x.org")]
    async with polling(test_app, world, users) as listeners:
        counts = [one._request_count for one in connections_of(test_app)]
        assert len(counts) == 3 * park_polls
        for number in range(3):
            await check_receives(world, *listeners, text=f"line {number}")
            await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == 3)
        assert counts == [one._request_count for one in connections_of(test_app)]
        assert len({one._group for one in connections_of(test_app)}) == park_polls
        await test_app.core.execute(update_account, account_id=thomas.id, active=False)
        await check_receives(world, *listeners[1:], text="not for him")
        await assert_ended(listeners[0], "poll", 403)


async def publish_unseen(test_app: TestApp, world: WorldFixture) -> None:
    """Publish an event on the topic of a world that this API does not show."""
    await test_app.core.execute(
        lambda uow: uow.emit(ConsoleCommandsDelivered(world.id, (1,)), topics.world(world.id))
    )


async def test_event_that_is_not_shown_leaves_polls_parked(
    test_app: TestApp, thomas: User, world: WorldFixture, park_polls: bool
):
    """Only those who have lost their rights are handled again, which ends their polls."""
    users = [thomas, await make_user(test_app, "a@x.org"), await make_user(test_app, "b@x.org")]
    async with polling(test_app, world, users) as listeners:
        counts = [one._request_count for one in connections_of(test_app)]
        for _ in range(3):
            await publish_unseen(test_app, world)
        assert counts == [one._request_count for one in connections_of(test_app)]
        await check_receives(world, *listeners, text="seen")
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == 3)
        await test_app.core.execute(update_account, account_id=thomas.id, active=False)
        await publish_unseen(test_app, world)
        await assert_ended(listeners[0], "poll", 403)
        assert len(connections_of(test_app)) == 2 * park_polls
        await check_receives(world, *listeners[1:], text="not for him")


async def test_rights_are_checked_in_portions(
    test_app: TestApp, thomas: User, world: WorldFixture, monkeypatch: pytest.MonkeyPatch
):
    """A poll that is answered before its turn is not looked at again, and one that waits anew is."""
    monkeypatch.setattr(poll_group, "CLIENTS_AT_ONCE", 2)
    async with polling(test_app, world, [thomas] * 5) as listeners:
        parked = connections_of(test_app)
        if not parked:
            return
        group = parked[0]._group
        assert group is not None and len(group.waiting) == 5
        schedule = WriteQueue._schedule
        monkeypatch.setattr(WriteQueue, "_schedule", lambda self: None)
        await publish_unseen(test_app, world)
        assert (len(group._unchecked), len(group.waiting)) == (3, 5)
        await publish_unseen(test_app, world)
        # All are checked again: what was checked before the event says nothing about it.
        assert (len(group._unchecked), len(group.waiting)) == (5, 5)
        monkeypatch.setattr(WriteQueue, "_schedule", schedule)
        await check_receives(world, *listeners, text="seen")
        await test_app.wait_until(lambda: not group._unchecked)
        await check_receives(world, *listeners, text="seen again")


async def test_poll_whose_token_has_ended_is_refused_when_it_times_out(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    async with listen("poll", thomas, world.path) as listener:
        await check_receives(world, listener)
        await test_app.wait_until(lambda: test_app.core.feed.waiter_count() == 1)
        await test_app.core.execute(update_account, account_id=thomas.id, active=False)
        for one in connections_of(test_app):
            one._due = 0
            one.expire()
            await assert_ended(listener, "poll", 403)
