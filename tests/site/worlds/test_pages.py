"""The overview page of a world, starting and stopping a hosted world, and the world cards of the home page."""

import re

from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.worlds import create_world, update_world
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.core.queries.worlds import get_world
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.site.worlds.context import MAX_ONLINE
from tests.apis.browser import Browser
from tests.apis.hosting import Stage, make_startable, set_stage
from tests.site.sample_worlds import JSON, log_lines, login, logout, make_world, send_ping


async def fetch_state(browser, world="mill"):
    response = await browser.get(f"/servers/{world}", **JSON)
    assert response.status == 200
    return response.json


async def make_admin(test_app):
    account = test_app.core.query(get_account_by_email, email="ann@example.org")
    await test_app.core.execute(update_account, account_id=account.id, admin=True)


async def test_overview_shows_state_of_the_world(test_app, world, ann):
    await send_ping(
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
    await log_lines(
        test_app, world, "Starting minecraft server version 1.21.4", login(), "<Ada> hi"
    )
    state = await fetch_state(ann)
    assert (state["status"], state["words"], state["running"]) == ("running", "Running", True)
    assert (state["day"], state["clock"], state["weather"]) == (12, "14:30", "Rain")
    assert (state["address"], state["version"]) == ("mc.example.org", "1.21.4")
    assert state["lag"] == {"times": 3, "ms": 2100, "ticks": 42}
    assert [player["name"] for player in state["there"]] == ["Ada"]
    page = (await ann.get("/servers/mill")).raw.decode()
    for text in (
        "Running",
        "14:30",
        "Rain",
        "mc.example.org",
        "1.21.4",
        "Ada",
        "Lagging: 3 stalls, 2.1 s in 5 min",
    ):
        assert text in page


async def test_state_without_reports_is_unknown(test_app, ann):
    world = await make_world(test_app, "new")
    await send_ping(test_app, world, running=False, address="")
    state = await fetch_state(ann, "new")
    assert [state[name] for name in ("day", "clock", "weather", "there")] == [None, None, None, []]
    assert "Nobody online" in (await ann.get("/servers/new")).raw.decode()


async def test_player_who_left_is_not_online(test_app, world, ann):
    await log_lines(test_app, world, login("Ada"), login("Bob"), logout("Ada"))
    assert [player["name"] for player in (await fetch_state(ann))["there"]] == ["Bob"]


async def test_overview_is_translated(test_app, world, ann):
    page = (await ann.get("/servers/mill", Accept_Language="de")).raw.decode()
    assert "Läuft" in page and "Letzte Aktivitäten" in page


async def test_member_starts_hosted_world_and_admin_stops_it(test_app, ann):
    world = await make_world(test_app, "ours", hosted=True)
    await make_startable(test_app.core, world.id)
    stage = Stage(WorldStatus.STOPPED)
    await test_app.core.execute(set_stage, world_id=world.id, stage=stage)
    assert ">Start<" in (await ann.get("/servers/ours")).raw.decode()
    assert (await fetch_state(ann, "ours"))["may"] == {"play": True}
    response = await ann.send("/servers/ours/play", page="/servers/ours")
    assert (response.status, response.headers["Location"]) == (302, "/servers/ours")
    assert test_app.core.query(get_world, id=world.id).status is WorldStatus.QUEUED_START
    assert (await ann.send("/servers/ours/pause", page="/servers/ours/chats")).status == 403
    assert (await ann.get("/servers/ours/pause")).status == 403
    await make_admin(test_app)
    assert "Stop…" in (await ann.get("/servers/ours")).raw.decode()
    assert (await fetch_state(ann, "ours"))["may"] == {
        "play": False,
        "pause": True,
        "restart": False,
        "kill": False,
        "save": False,
        "saves": True,
        "download": False,
        "restore": False,
    }
    question = (await ann.get("/servers/ours/pause")).raw.decode()
    assert "Players who are online are disconnected." in question
    assert test_app.core.query(get_world, id=world.id).status is WorldStatus.QUEUED_START
    assert (await ann.send("/servers/ours/pause", page="/servers/ours/pause")).status == 302
    assert test_app.core.query(get_world, id=world.id).status is WorldStatus.STOPPED


async def test_refused_start_is_a_message_on_the_page(test_app, ann):
    world = await make_world(test_app, "ours", hosted=True)
    stage = Stage(WorldStatus.STOPPED)
    await test_app.core.execute(set_stage, world_id=world.id, stage=stage)
    response = await ann.send("/servers/ours/play", page="/servers/ours")
    assert response.status == 400
    assert "This world has no version yet." in response.raw.decode()


async def test_connected_world_cannot_be_started_or_stopped(test_app, world, ann):
    await make_admin(test_app)
    assert ">Start<" not in (await ann.get("/servers/mill")).raw.decode()
    for action in ("play", "pause"):
        chat = {"page": "/servers/mill/chats"}
        assert (await ann.send(f"/servers/mill/{action}", **chat)).status == 404
        assert (await ann.post(f"/servers/mill/{action}")).status == 403
        assert (await Browser(test_app).send(f"/servers/mill/{action}")).status == 302
        assert (await ann.send(f"/servers/nowhere/{action}", **chat)).status == 404


async def test_admin_is_led_from_a_world_to_its_settings(test_app, world, ann):
    hosted = await make_world(test_app, "ours", hosted=True)
    addresses = {"/servers/mill": world.id, "/servers/ours": hosted.id}
    for address in addresses:
        assert ">Manage<" not in (await ann.get(address)).raw.decode()
    await make_admin(test_app)
    for address, id in addresses.items():
        assert f'href="/admin/servers/{id}">Manage<' in (await ann.get(address)).raw.decode()
    settings = (await ann.get(f"/admin/servers/{hosted.id}/gce")).raw.decode()
    for page in ("console", "saves"):
        assert f'href="/admin/servers/{hosted.id}/{page}"' in settings


async def test_public_world_hides_its_address_without_account(test_app, ann):
    await make_world(test_app, "open", public=True)
    guest = Browser(test_app)
    assert "mc.example.org" not in (await guest.get("/servers/open")).raw.decode()
    assert "address" not in await fetch_state(guest, "open")
    assert (await guest.get("/servers/mill")).status == 302


async def test_home_page_lists_accessible_worlds(test_app, world, ann):
    await make_world(test_app, "open", public=True)
    await log_lines(test_app, world, login(), at=test_app.clock.now - 4000)
    member_page = (await ann.get("/")).raw.decode()
    assert (
        'href="/servers/mill"' in member_page
        and 'href="/servers/open"' in member_page
        and "Ada" in member_page
    )
    assert "1 h 6 min" in member_page
    guest_page = (await Browser(test_app).get("/")).raw.decode()
    assert 'href="/servers/mill"' not in guest_page and 'href="/servers/open"' in guest_page


async def test_home_page_shows_worlds_first_to_members_only(test_app, world, ann):
    await test_app.core.execute(update_world, world_id=world.id, public=True)
    for browser, worlds_first in ((ann, True), (Browser(test_app), False)):
        page = (await browser.get("/")).raw.decode()
        assert page.count('id="worlds-title"') == 1
        assert (page.index('id="worlds-title"') < page.index("<h1")) is worlds_first


async def test_world_that_was_never_connected_shows_no_lag_and_says_so_in_the_chat(test_app, ann):
    await test_app.core.execute(create_world, name="New", short_name="new")
    overview, chat = await ann.get("/servers/new"), await ann.get("/servers/new/chats")
    assert re.search(r"<dt>Lag</dt><dd[^>]*>–</dd>", overview.raw.decode())
    assert "Not connected. Your message will be delivered when the world is running." in (
        chat.raw.decode()
    )


async def test_page_names_the_players_who_came_last_and_counts_all(test_app, world, ann):
    await log_lines(test_app, world, *(login(f"p{number}") for number in range(MAX_ONLINE + 3)))
    for path in ("/servers/mill", "/servers/mill/chats"):
        page = (await ann.get(path)).raw.decode()
        assert f'data-ref="count">{MAX_ONLINE + 3}<' in page and "and 3 more" in page
        assert page.count('class="online-player"') == MAX_ONLINE
    state = (await ann.get("/servers/mill", **JSON)).json
    assert state["online"] == MAX_ONLINE + 3
    names = [player["name"] for player in state["there"]]
    assert names == [f"p{number}" for number in range(MAX_ONLINE + 2, 2, -1)]
