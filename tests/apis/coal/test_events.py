"""The feed of a world, on every transport: what is told, from where on, and to whom no longer."""

from typing import Any

import pytest

from coalserver.core.commands.account_admin import change_account
from coalserver.core.commands.oauth import add_personal_token
from coalserver.core.commands.worlds import change_world, end_world, ping_world
from coalserver.domain.minecraft.world import Ping
from coalserver.web.streaming.event_stream import REFUSED
from tests.apis.app import Asker, House
from tests.apis.coal.folk import Place, User, a_user, a_world, an_admin
from tests.apis.coal.logs import AT, line, logged_in, said
from tests.apis.listeners import WAYS, Ear, listening
from tests.media.test_images import a_picture

EACH_WAY = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
async def thomas(house: House) -> User:
    house.clock.now = AT
    return await a_user(house, usernames=("bob",))


async def only(user: User, path: str) -> dict[str, Any]:
    ((_, rows),) = (await user.get(path)).json.items()
    (row,) = rows
    return row  # type: ignore[no-any-return]


@EACH_WAY
async def test_every_line_is_told_as_its_list_shows_it(thomas: User, place: Place, way: str):
    async with listening(way, thomas, place.path) as ear:
        await place.logs(
            said("23:59:00", "bob", "hi"),
            line("23:59:01", "bob drowned"),
            line("23:59:02", "bob has made the advancement [Stone Age]"),
        )
        for name, type in (("chats", "chat"), ("deaths", "death"), ("achievements", "achievement")):
            row = await only(thomas, f"{place.path}/{name}")
            assert await ear.next() == {"type": type, "live": True, **row}
        await place.logs(logged_in("23:59:03", "eve"))
        row = await only(thomas, place.path + "/players/eve/loglines")
        assert await ear.next() == {"type": "logline", "live": True, **row}


async def test_an_old_line_is_told_and_alarms_nobody(thomas: User, place: Place):
    """Hole 11: a log that was read again set off all that new lines do."""
    async with listening("poll", thomas, place.path) as ear:
        await place.logs(said("10:00:00", "bob", "long ago"))
        assert (await ear.next())["live"] is False


@EACH_WAY
async def test_how_a_world_is_and_its_screenshots_are_told(
    house: House, thomas: User, place: Place, way: str
):
    async with listening(way, thomas, place.path) as ear:
        await house.core.do(ping_world, world_id=place.id, ping=Ping(True, "192.0.2.7:25565"))
        told = await ear.next()
        document = (await thomas.get(place.path)).json
        assert told == {
            "type": "server",
            **{name: document[name] for name in told if name != "type"},
        }
        assert (told["status"], told["address"]) == ("RUNNING", "192.0.2.7:25565")
        await house.core.do(change_world, world_id=place.id, name="Brave New World")
        assert (await ear.next())["name"] == "Brave New World"
        picture, path = a_picture(size=(6, 4)), place.path + "/screenshots"
        shot = (await thomas.ask("POST", path, picture, Content_Type="image/png")).json
        assert await ear.next() == {
            "type": "screenshot",
            **{name: shot[name] for name in ("key", "server_key", "user_key")},
        }
        await thomas.ask("DELETE", f"{place.path}/screenshots/{shot['key']}")
        assert await ear.next() == {
            "type": "screenshot_removed",
            "key": shot["key"],
            "server_key": shot["server_key"],
        }


async def test_one_world_s_feed_tells_nothing_of_another(house: House, thomas: User, place: Place):
    other = await a_world(house)
    async with listening("poll", thomas, place.path) as ear:
        await other.logs(said("23:59:00", "eve", "elsewhere"))
        await place.logs(said("23:59:01", "bob", "here"))
        assert (await ear.next())["chat"] == "here"


async def test_what_is_told_to_the_agent_is_nobody_else_s(house: House, thomas: User, place: Place):
    await thomas.send(place.path + "/chats", chat="secret plan")
    head = house.core.feed.head
    await house.core.do(ping_world, world_id=place.id, ping=Ping(True))
    assert {row["event"]["type"] for row in await thomas.hears(place.path, head)} == {"server"}


LISTS = ["", "/chats", "/deaths", "/achievements", "/loglines", "/screenshots", "/users/self/screenshots", "/players",
         "/sessions", "/players/bob/chats", "/players/bob/sessions", "/chats?q=hi"]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
async def test_who_goes_on_from_a_document_s_cursor_misses_nothing(
    house: House, thomas: User, place: Place, path: str
):
    await place.logs(said("23:59:00", "bob", "hi"))
    answer = await thomas.get(place.path + path)
    assert answer.cursor == house.core.feed.head
    await place.logs(said("23:59:01", "bob", "new"))
    (row,) = await thomas.hears(place.path, answer.cursor)
    assert row["event"]["chat"] == "new"
    assert (await thomas.get("/api/v1/servers")).cursor == row["id"]


@EACH_WAY
async def test_a_listener_that_was_away_hears_all_of_it_also_after_a_restart(
    stone_house: House, way: str
):
    stone_house.clock.now = AT
    user, place = await a_user(stone_house), await a_world(stone_house)
    cursor = (await user.get(place.path)).cursor
    await place.logs(*(said("23:59:00", "bob", str(number)) for number in range(250)))
    await stone_house.restart()
    async with listening(way, user, place.path, cursor) as ear:
        assert [(await ear.next())["chat"] for _ in range(250)] == [
            str(number) for number in range(250)
        ]
        await place.logs(said("23:59:01", "bob", "new"))
        assert (await ear.next())["chat"] == "new"


async def is_over(ear: Ear, way: str, status: int) -> None:
    """He hears nothing more, and why is told as his way of listening can."""
    assert await ear.end() == {"poll": status, "sse": "closed", "socket": REFUSED}[way]
    assert ear._heard.empty()


@EACH_WAY
async def test_who_may_not_come_in_any_more_hears_nothing_more(
    house: House, thomas: User, place: Place, way: str
):
    async with listening(way, thomas, place.path) as ear:
        await place.logs(said("23:59:00", "bob", "hi"))
        assert (await ear.next())["chat"] == "hi"
        await house.core.do(change_account, account=thomas.id, active=False)
        await place.logs(said("23:59:59", "eve", "not for him"))
        await is_over(ear, way, 403)


@EACH_WAY
async def test_a_token_that_has_ended_hears_nothing_more(
    house: House, thomas: User, place: Place, way: str
):
    token = await house.core.do(add_personal_token, account=thomas.id, lasts=100)
    short = User(house, token, thomas.id, "short")
    async with (
        listening(way, short, place.path) as ear,
        listening(way, thomas, place.path) as other,
    ):
        await place.logs(said("23:59:00", "bob", "hi"))
        assert (await ear.next())["chat"] == (await other.next())["chat"] == "hi"
        house.clock.forward(101)
        await place.logs(said("23:59:59", "eve", "not for him"))
        await is_over(ear, way, 401)
        assert (await other.next())["chat"] == "not for him"


@EACH_WAY
async def test_a_feed_ends_with_its_world(house: House, thomas: User, place: Place, way: str):
    async with listening(way, thomas, place.path) as ear:
        await place.logs(said("23:59:00", "bob", "hi"))
        assert (await ear.next())["chat"] == "hi"
        await house.core.do(end_world, world_id=place.id)
        await is_over(ear, way, 404)
    answer = await thomas.get(place.path + "/events")
    assert (answer.status, answer.raw) == (404, b"")


async def test_whom_a_feed_is_not_for_is_told_so(house: House, thomas: User, place: Place):
    path = place.path + "/events"
    for who, status in ((house.stranger, 401), (Asker(house, "x"), 401), (place.agent, 401)):
        assert (await who.get(path)).status == status
    gone = await a_user(house, "g@x.org", active=False)
    assert (await gone.get(path)).status == 403
    for bad in ("after-event-id=x", "after-event-id=999999", "wait=x"):
        answer = await thomas.get(f"{path}?{bad}")
        assert answer.status == 400 and answer.json["errors"]
    assert (await thomas.get("/api/v1/servers/x/events")).status == 404


async def test_a_ticket_opens_one_feed_of_this_api(house: House, thomas: User, place: Place):
    async def a_ticket() -> str:
        answer = await thomas.post("/api/v1/ticket")
        assert answer.json["expires_in"] == 30 and answer.headers["Cache-Control"] == "no-store"
        return str(answer.json["ticket"])

    feed, opened = f"{place.path}/events?wait=0&ticket=", await a_ticket()
    assert (await house.stranger.get(feed + opened)).status == 200
    assert (await house.stranger.get(feed + opened)).status == 401
    guest = await house.guest()
    foreign = (await guest.post("/accounts/ticket")).json["ticket"]
    assert (await house.stranger.get(feed + foreign)).status == 401
    room = await guest.opens()
    assert (
        await house.stranger.get(f"{room}/events?wait=0&ticket={await a_ticket()}")
    ).status == 403
    assert (await house.stranger.get(f"{place.path}/chats?ticket={await a_ticket()}")).status == 401
    late = await a_ticket()
    await house.core.do(change_account, account=thomas.id, active=False)
    assert (await house.stranger.get(feed + late)).status == 403
    assert (await (await an_admin(house)).get(feed + "x")).status == 200
