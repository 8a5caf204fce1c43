"""Admins and play: games and their tokens, what goes on, who has to go, who is shut out."""

import pytest

from coalserver.core.queries.admin import active_bans
from coalserver.core.queries.games import all_games, game_by_token
from tests.apis.app import make_session
from tests.site.admins import done, make_admin, shown, submit, words

CHESS = {"tag": "chess", "name": "Chess", "min": "2", "max": "4", "open": "1"}


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


def tags(test_app):
    return [game.tag for game in test_app.core.query(all_games)]


def bans(test_app):
    found, _ = test_app.core.query(active_bans, now=test_app.clock.now, limit=10)
    return [(one.game, one.player, one.duration, one.reason) for one in found]


async def test_a_game_is_made_and_its_tokens_shown_once(test_app, browser):
    answer = await submit(browser, "/admin/games", **CHESS)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    api, private = shown(answer, "api-token"), shown(answer, "private-token")
    game = test_app.core.query(game_by_token, secret=api)
    assert (game.tag, game.name, game.min_players, game.max_players, game.open) == (
        "chess",
        "Chess",
        2,
        4,
        True,
    )
    page = (await browser.get("/admin/games")).raw.decode()
    assert api not in page and private not in page and "Chess" in page
    assert done(test_app) == [("game_added", "chess", "")]


async def test_a_game_may_be_for_its_own_players(test_app, browser):
    await submit(browser, "/admin/games", **{**CHESS, "open": "", "name": ""})
    game = test_app.core.query(all_games)[-1]
    assert (game.open, game.name) == (False, "Chess")
    assert "Own players only" in words(await browser.get("/admin/games"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tag": ""}, "A tag has"),
        ({"tag": "Über"}, "A tag has"),
        ({"tag": "x" * 33}, "A tag has"),
        ({"tag": "noughts"}, "Another game uses this tag."),
        ({"min": "3", "max": "2"}, "1 to 1000 players"),
        ({"min": "0"}, "1 to 1000 players"),
        ({"max": "1001"}, "1 to 1000 players"),
        ({"min": "two"}, "1 to 1000 players"),
        ({"name": "x" * 101}, "Enter a name"),
    ],
)
async def test_a_game_that_cannot_be_is_not_made(test_app, browser, fields, said):
    before = tags(test_app)
    answer = await submit(browser, "/admin/games", **{**CHESS, **fields})
    assert answer.status == 400 and said in words(answer)
    assert tags(test_app) == before and done(test_app) == []


async def test_new_tokens_end_the_old_ones(test_app, browser):
    first = shown(await submit(browser, "/admin/games", **CHESS), "api-token")
    second = shown(await submit(browser, "/admin/games/chess/rotate"), "api-token")
    assert test_app.core.query(game_by_token, secret=first) is None
    assert test_app.core.query(game_by_token, secret=second).tag == "chess"
    assert (await submit(browser, "/admin/games/nothing/rotate")).status == 404


async def test_all_that_goes_on_is_shown_with_who_is_in_it(test_app, browser):
    ann, bob, cem = await test_app.sign_in_guests("Ann", "<b>Bob</b>", "Cem")
    await ann.create_room(name="Friday <i>evening</i>")
    await make_session("noughts", bob, cem)
    answer = await browser.get("/admin/rooms")
    told = words(answer)
    assert "Open rooms (1) Friday <i>evening</i>" in told and "Games in progress (1)" in told
    assert "<b>Bob</b>" in told and b"<i>" not in answer.raw and b"<b>" not in answer.raw
    assert answer.raw.count(b"data-live=") == 2


async def test_a_room_is_closed_and_its_members_hear_it(test_app, browser):
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room(name="Friday")
    await bob.join(room)
    cursor = test_app.core.feed.head
    answer = await submit(browser, "/admin/rooms/1/close")
    assert answer.headers["Location"] == "/admin/rooms?done=closed"
    assert (
        "room_closed" in str(await bob.event_types(room, cursor))
        or (await bob.get(room)).status == 410
    )
    assert done(test_app) == [("lobby_closed", "Friday (noughts 1)", "")]
    again = await submit(browser, "/admin/rooms/1/close")
    assert again.status == 400 and "no longer exists" in words(again)


async def test_a_member_is_put_out(test_app, browser):
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room(name="Friday")
    await bob.join(room)
    await submit(browser, f"/admin/rooms/1/kick/{bob.id}")
    assert len((await ann.get(room)).json["users"]) == 1
    assert done(test_app) == [("player_put_out", f"Bob ({bob.id})", "Friday (noughts 1)")]
    for player in (bob.id, 999_999):
        again = await submit(browser, f"/admin/rooms/1/kick/{player}")
        assert again.status == 400 and "has already left" in words(again)


async def test_a_session_is_ended_and_one_who_plays_is_put_out(test_app, browser):
    ann, bob, cem, dora = await test_app.sign_in_guests("Ann", "Bob", "Cem", "Dora")
    first = await make_session("noughts", ann, bob)
    second = await make_session("noughts", cem, dora)
    await submit(browser, "/admin/sessions/1/close")
    assert (await ann.get(first)).json["active"] is False
    await submit(browser, f"/admin/sessions/2/kick/{dora.id}")
    assert (await cem.get(second)).json["active"] is False
    assert [what for what, *_ in done(test_app)] == ["room_closed", "player_put_out"]
    again = await submit(browser, "/admin/sessions/1/close")
    assert again.status == 400 and "This game has already ended." in words(again)


async def test_a_player_is_shut_out_and_let_in_again(test_app, browser):
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room(name="Friday")
    await bob.join(room)
    asked = {"game": "noughts", "player": str(bob.id), "duration": "week", "reason": "Rude"}
    answer = await submit(browser, "/admin/bans", **asked)
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
    ("fields", "said"),
    [
        ({"player": ""}, "Enter a player ID"),
        ({"player": "Bob"}, "Enter a player ID"),
        ({"player": "0"}, "Enter a player ID"),
        ({"player": "999999"}, "No player with this ID"),
        ({"duration": "eternity"}, "Choose a duration."),
        ({"reason": "x" * 201}, "A reason has"),
    ],
)
async def test_a_ban_that_cannot_be_is_none(test_app, browser, fields, said):
    ann = await test_app.sign_in_guest("Ann")
    await ann.create_room(name="Friday")
    asked = {"game": "noughts", "player": str(ann.id), "duration": "day", "reason": ""}
    answer = await submit(browser, "/admin/bans", **{**asked, **fields})
    assert answer.status == 400 and said in words(answer)
    assert bans(test_app) == [] and done(test_app) == []


async def test_a_room_leads_to_the_ban_of_one_who_is_in_it(test_app, browser):
    ann = await test_app.sign_in_guest("Ann")
    await ann.create_room(name="Friday")
    page = (await browser.get("/admin/rooms")).raw.decode()
    assert f'href="/admin/bans?game=noughts&amp;player={ann.id}#ban"' in page
    page = (await browser.get(f"/admin/bans?game=noughts&player={ann.id}")).raw.decode()
    assert f'name="player" type="text" value="{ann.id}"' in page
