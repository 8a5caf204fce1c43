"""The page of a world: how it is, who is in it; asking one of ours to run and to stop."""

from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.worlds import update_world
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.core.queries.worlds import get_world
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.browser import Browser
from tests.site.sample_worlds import JSON, logged, login, logout, make_world, pinged


async def told(browser, world="mill"):
    answer = await browser.get(f"/servers/{world}", **JSON)
    assert answer.status == 200
    return answer.json


async def make_admin(test_app):
    account = test_app.core.query(get_account_by_email, email="ann@example.org")
    await test_app.core.execute(update_account, account_id=account.id, admin=True)


async def test_it_says_how_the_world_is(test_app, world, ann):
    await pinged(
        test_app,
        world,
        day=12,
        time=8500,
        raining=True,
        thundering=False,
        overloads=3,
        behind=2100,
        skipped=42,
    )
    await logged(test_app, world, "Starting minecraft server version 1.21.4", login(), "<Ada> hi")
    view = await told(ann)
    assert (view["status"], view["words"], view["running"]) == ("running", "Running", True)
    assert (view["day"], view["clock"], view["weather"]) == (12, "14:30", "Rain")
    assert (view["address"], view["version"]) == ("mc.example.org", "1.21.4")
    assert view["lag"] == {"times": 3, "ms": 2100, "ticks": 42}
    assert [one["name"] for one in view["there"]] == ["Ada"]
    page = (await ann.get("/servers/mill")).raw.decode()
    for text in ("Running", "14:30", "Rain", "mc.example.org", "1.21.4", "Ada", "2100 ms"):
        assert text in page


async def test_of_a_world_that_was_never_heard_of_nothing_is_made_up(test_app, ann):
    world = await make_world(test_app, "new")
    await pinged(test_app, world, running=False, address="")
    view = await told(ann, "new")
    assert (view["day"], view["clock"], view["weather"], view["there"]) == (None, None, None, [])
    assert "Nobody is here." in (await ann.get("/servers/new")).raw.decode()


async def test_who_has_left_is_no_longer_there(test_app, world, ann):
    await logged(test_app, world, login("Ada"), login("Bob"), logout("Ada"))
    assert [one["name"] for one in (await told(ann))["there"]] == ["Bob"]


async def test_a_german_reads_german(test_app, world, ann):
    page = (await ann.get("/servers/mill", Accept_Language="de")).raw.decode()
    assert "Läuft" in page and "Gerade da" in page


async def test_any_member_starts_a_world_of_ours_and_an_admin_stops_it(test_app, ann):
    world = await make_world(test_app, "ours", hosted=True)
    await pinged(test_app, world, running=False)
    assert "Start the world" in (await ann.get("/servers/ours")).raw.decode()
    assert (await told(ann, "ours"))["may"] == {"play": True}
    answer = await ann.send("/servers/ours/play", page="/servers/ours")
    assert (answer.status, answer.headers["Location"]) == (302, "/servers/ours")
    assert test_app.core.query(get_world, id=world.id).status is WorldStatus.QUEUED_START
    assert (await ann.send("/servers/ours/pause", page="/servers/ours/chats")).status == 403
    await make_admin(test_app)
    assert "Stop the world" in (await ann.get("/servers/ours")).raw.decode()
    assert (await told(ann, "ours"))["may"] == {"play": False, "pause": True}
    assert (await ann.send("/servers/ours/pause", page="/servers/ours")).status == 302
    assert test_app.core.query(get_world, id=world.id).status is WorldStatus.QUEUED_STOP


async def test_somebody_elses_world_is_not_ours_to_start(test_app, world, ann):
    await make_admin(test_app)
    assert "Start the world" not in (await ann.get("/servers/mill")).raw.decode()
    for order in ("play", "pause"):
        there = {"page": "/servers/mill/chats"}
        assert (await ann.send(f"/servers/mill/{order}", **there)).status == 404
        assert (await ann.post(f"/servers/mill/{order}")).status == 403
        assert (await Browser(test_app).send(f"/servers/mill/{order}")).status == 302
        assert (await ann.send(f"/servers/nowhere/{order}", **there)).status == 404


async def test_strangers_see_a_public_world_without_its_address(test_app, ann):
    await make_world(test_app, "open", public=True)
    stranger = Browser(test_app)
    assert "mc.example.org" not in (await stranger.get("/servers/open")).raw.decode()
    assert "address" not in await told(stranger, "open")
    assert (await stranger.get("/servers/mill")).status == 302


async def test_the_first_page_has_the_worlds_one_may_see(test_app, world, ann):
    await make_world(test_app, "open", public=True)
    await logged(test_app, world, login(), at=test_app.clock.now - 4000)
    mine = (await ann.get("/")).raw.decode()
    assert 'href="/servers/mill"' in mine and 'href="/servers/open"' in mine and "Ada" in mine
    assert "1 h 6 min" in mine
    strangers = (await Browser(test_app).get("/")).raw.decode()
    assert 'href="/servers/mill"' not in strangers and 'href="/servers/open"' in strangers


async def test_the_first_page_begins_with_worlds_for_members_and_with_what_this_is_for_others(
    test_app, world, ann
):
    await test_app.core.execute(update_world, world_id=world.id, public=True)
    for browser, worlds_first in ((ann, True), (Browser(test_app), False)):
        page = (await browser.get("/")).raw.decode()
        assert page.count('id="worlds-title"') == 1
        assert (page.index('id="worlds-title"') < page.index("<h1")) is worlds_first
