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


async def test_rooms_and_games_come_in_pages(test_app, browser):
    players = await test_app.sign_in_guests(*(f"P{number}" for number in range(50)))
    for number, player in enumerate(players[:22]):
        await player.create_room(name=f"Room {number}.")
    for number in range(22, 50, 2):
        await make_session("noughts", *players[number : number + 2])
    first = await browser.get("/admin/rooms")
    assert "Open rooms (22)" in words(first) and "Games in progress (14)" in words(first)
    assert "Room 21." in words(first) and "Room 1." not in words(first)
    assert 'rel="next" href="/admin/rooms?page=2#open-rooms"' in first.raw.decode()
    second = await browser.get("/admin/rooms?page=2")
    assert "Room 1." in words(second) and "Room 2." not in words(second)
    # The script refreshes what is shown.
    assert 'id="open-rooms"' in second.raw.decode()
    assert 'data-from="/admin/rooms?page=2"' in second.raw.decode()


async def test_page_of_a_room_has_all_its_members(test_app, browser):
    await test_app.create_game("quiz", 1, 100)
    host, *others = await test_app.sign_in_guests(*(f"P{number}." for number in range(60)))
    room = await host.create_room("quiz", name="Friday")
    for player in others:
        await player.join(room)
    answer = await browser.get("/admin/rooms")
    assert "P7." in words(answer) and "P8." not in words(answer)
    assert "and 52 more" in words(answer)
    assert 'href="/admin/rooms?room=1"' in answer.raw.decode()
    first = await browser.get("/admin/rooms?room=1")
    assert "P49." in words(first) and "P50." not in words(first)
    assert "Games in progress" not in words(first)
    assert 'rel="next" href="/admin/rooms?room=1&amp;members=2#open-rooms"' in first.raw.decode()
    second = await browser.get("/admin/rooms?room=1&members=2")
    assert "P59." in words(second) and "/admin/rooms/1/kick/" in second.raw.decode()


@pytest.mark.parametrize(
    "query", ["room=2", "room=x", "room=%D9%A3", f"room={'9' * 40}", "session=1"]
)
async def test_page_of_an_unknown_room_is_the_list(test_app, browser, query):
    [ann] = await test_app.sign_in_guests("Ann")
    await ann.create_room(name="Friday")
    text = words(await browser.get(f"/admin/rooms?{query}"))
    assert "Friday" in text and "Games in progress (0)" in text
