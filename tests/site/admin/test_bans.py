"""Admin page of bans: adding and removing them."""

import pytest

from coalserver.core.queries.admin import active_bans
from coalserver.core.steps import complete
from coalserver.site.admin.bans import DURATIONS, MAX_GAMES
from tests.site.admins import done, make_admin, submit, words


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


def bans(test_app):
    found, _ = complete(test_app.core.query(active_bans, now=test_app.clock.now, limit=10))
    return [(ban.game, ban.player, ban.duration, ban.reason) for ban in found]


async def test_banned_player_leaves_room_and_returns_after_removal(test_app, browser):
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room(name="Friday")
    await bob.join(room)
    fields = {"game": "noughts", "player": str(bob.id), "duration": "week", "reason": "Rude"}
    answer = await submit(browser, "/admin/bans", **fields)
    assert answer.headers["Location"] == "/admin/bans?done=banned"
    assert bans(test_app) == [("noughts", bob.id, "week", "Rude")]
    assert len((await ann.get(room)).json["users"]) == 1
    assert (await bob.post(room + "/join")).status == 403
    assert "Rude" in words(await browser.get("/admin/bans"))
    await submit(browser, "/admin/bans/lift", game="noughts", player=str(bob.id))
    assert bans(test_app) == []
    await bob.join(room)
    assert done(test_app) == [
        ("player_banned", f"Bob ({bob.id}), noughts", "week, Rude"),
        ("ban_lifted", f"Bob ({bob.id}), noughts", ""),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"player": ""}, "Enter a player ID"),
        ({"player": "Bob"}, "Enter a player ID"),
        ({"player": "0"}, "Enter a player ID"),
        ({"player": "999999"}, "No player with this ID"),
        ({"duration": "eternity"}, "Choose a duration."),
        ({"reason": "x" * 201}, "A reason has"),
    ],
)
async def test_invalid_ban_is_rejected(test_app, browser, changes, message):
    ann = await test_app.sign_in_guest("Ann")
    await ann.create_room(name="Friday")
    fields = {"game": "noughts", "player": str(ann.id), "duration": "day", "reason": ""}
    answer = await submit(browser, "/admin/bans", **{**fields, **changes})
    assert answer.status == 400 and message in words(answer)
    assert bans(test_app) == [] and done(test_app) == []


async def test_link_of_a_member_fills_in_the_ban_form(test_app, browser):
    ann = await test_app.sign_in_guest("Ann")
    await ann.create_room(name="Friday")
    page = (await browser.get("/admin/rooms")).raw.decode()
    assert f'href="/admin/bans?game=noughts&amp;player={ann.id}#ban"' in page
    page = (await browser.get(f"/admin/bans?game=noughts&player={ann.id}")).raw.decode()
    assert f'name="player" type="text" value="{ann.id}"' in page


async def test_form_lets_type_the_tag_where_there_are_many_games(test_app, browser):
    page = (await browser.get("/admin/bans")).raw.decode()
    assert '<select class="field" id="game"' in page and "<datalist" not in page
    for number in range(MAX_GAMES):
        await test_app.create_game(f"g{number}")
    page = (await browser.get("/admin/bans")).raw.decode()
    assert '<select class="field" id="game"' not in page
    assert page.count('<option value="') - len(DURATIONS) == MAX_GAMES
    last = f"g{MAX_GAMES - 1}"
    answer = await browser.get(f"/admin/bans/confirm?game={last}&player=7&duration=day&reason=")
    assert answer.status == 200 and last in words(answer)
