"""Admin page of rooms and games in progress: listing, closing and kicking."""

import pytest

from tests.apis.app import make_session
from tests.site.admins import done, make_admin, submit, words


@pytest.fixture
async def browser(test_app):
    return await make_admin(test_app)


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
