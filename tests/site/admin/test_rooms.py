"""Admin page of rooms and games in progress: listing, closing and kicking."""

import pytest

from tests.apis.app import make_session
from tests.site.admins import done, make_admin, submit, words


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


async def test_page_lists_rooms_and_games_with_escaped_names(test_app, browser):
    ann, bob, cem = await test_app.sign_in_guests("Ann", "<b>Bob</b>", "Cem")
    await ann.create_room(name="Friday <i>evening</i>")
    await make_session("noughts", bob, cem)
    answer = await browser.get("/admin/rooms")
    text = words(answer)
    assert "Open rooms (1) Friday <i>evening</i>" in text and "Games in progress (1)" in text
    assert "<b>Bob</b>" in text and b"<i>" not in answer.raw and b"<b>" not in answer.raw
    assert answer.raw.count(b"data-live=") == 2


async def test_closing_room_notifies_members(test_app, browser):
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


async def test_kicking_member_removes_them_once(test_app, browser):
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room(name="Friday")
    await bob.join(room)
    await submit(browser, f"/admin/rooms/1/kick/{bob.id}")
    assert len((await ann.get(room)).json["users"]) == 1
    assert done(test_app) == [("player_put_out", f"Bob ({bob.id})", "Friday (noughts 1)")]
    for player in (bob.id, 999_999):
        again = await submit(browser, f"/admin/rooms/1/kick/{player}")
        assert again.status == 400 and "has already left" in words(again)


async def test_ending_game_and_kicking_player_stop_the_session(test_app, browser):
    ann, bob, cem, dora = await test_app.sign_in_guests("Ann", "Bob", "Cem", "Dora")
    first = await make_session("noughts", ann, bob)
    second = await make_session("noughts", cem, dora)
    await submit(browser, "/admin/sessions/1/close")
    assert (await ann.get(first)).json["active"] is False
    await submit(browser, f"/admin/sessions/2/kick/{dora.id}")
    assert (await cem.get(second)).json["active"] is False
    assert [action for action, *_ in done(test_app)] == ["room_closed", "player_put_out"]
    again = await submit(browser, "/admin/sessions/1/close")
    assert again.status == 400 and "This game has already ended." in words(again)
