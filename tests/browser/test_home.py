"""The home page: games, open rooms, and the player's name."""

from playwright.async_api import expect

from coalserver.site.home import GAMES_PER_PAGE
from tests.browser.test_games import start_game_with
from tests.browser.visitors import NO_SERVER, http_error

#: More than the connections that a browser opens to one server: some lists come over WebSockets.
GAME_COUNT = 8


async def test_room_list_updates(visit, guest):
    ann, bob, visitor = await guest("Ann"), await guest("Bob"), await visit()
    await expect(visitor.page.get_by_text("No open rooms.")).to_be_visible()
    await visitor.expect_text("rooms-open", "0")

    room = await ann.create_room("Friday evening")
    row = visitor.room_row("Friday evening")
    await expect(row).to_contain_text("by Ann")
    await expect(row).to_contain_text("1/2")
    await visitor.expect_text("rooms-open", "1")

    await bob.join(room)
    await expect(row).to_contain_text("2/2")
    await expect(row.get_by_role("button", name="Full: Friday evening")).to_be_disabled()
    await bob.leave(room)
    await expect(row.get_by_role("button", name="Join Friday evening")).to_be_enabled()
    await ann.leave(room)
    await expect(row.get_by_role("button", name="Closed")).to_be_disabled()
    await visitor.expect_text("rooms-open", "0")


async def test_quick_play_joins_room_of_first_visitor(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await ann.part("quick-join").click()
    await ann.expect_text("status", "Waiting for one more player.")
    await bob.part("quick-join").click()
    await bob.expect_text("status", "Waiting for Ann to start.")
    await ann.expect_text("status", "Everyone is ready. You can start the game.")
    assert ann.page.url == bob.page.url


async def test_quick_play_requires_name(visit):
    ann = await visit()
    await ann.part("quick-join").click()
    await expect(ann.page.get_by_text("Choose a name first.")).to_be_visible()
    await expect(ann.part("name-input")).to_be_focused()
    await ann.part("name-input").fill("Ann")
    await ann.part("quick-join").click()
    await expect(ann.part("seat")).to_have_text("AnnYou, host")


async def test_game_without_a_board_is_listed_apart_without_buttons(visit, server, guest):
    server.run_command("game", "add", "chess", "--name", "Chess")
    bob = await guest("Bob")
    await bob.create_room("Gambits", game="chess")
    for options in ({}, {"java_script_enabled": False}):
        ann = await visit(**options)
        apps = ann.part("app-games")
        await expect(apps.get_by_role("heading", level=2)).to_have_text("Played in their own apps")
        await expect(apps.get_by_role("heading", level=3)).to_have_text("Chess")
        await expect(ann.room_row("Gambits")).to_be_visible()
        await expect(apps.get_by_role("button")).to_have_count(0)
        await expect(apps.get_by_role("link")).to_have_count(0)
        await expect(ann.part("quick-join")).to_have_count(1)
    live = await visit()
    await live.expect_live()
    await bob.create_room("Endgames", game="chess")
    await expect(live.room_row("Endgames")).to_be_visible()
    await expect(live.part("app-games").get_by_role("button")).to_have_count(0)
    await expect(live.part("app-games").get_by_role("link")).to_have_count(0)


async def test_room_lists_of_many_games_update(visit, server, guest):
    for number in range(GAME_COUNT):
        server.run_command("game", "add", f"game-{number}")
    ann, bob = await visit(name="Ann"), await guest("Bob")
    await expect(ann.part("game-card")).to_have_count(GAME_COUNT + 1)
    await ann.expect_live()
    for number in range(GAME_COUNT):
        await bob.create_room(f"Room {number}", game=f"game-{number}")
        await expect(ann.room_row(f"Room {number}")).to_be_visible()
    await ann.expect_text("rooms-open", str(GAME_COUNT))
    await ann.expect_live()


async def test_new_game_appears(visit, server, guest):
    ann, bob = await visit(), await guest("Bob")
    await ann.page.clock.install()
    await ann.page.reload()
    await ann.expect_live()
    server.run_command("game", "add", "chess", "--name", "Chess <1>")
    await ann.page.clock.fast_forward("01:01")
    card = ann.page.get_by_role("article", name="Chess <1>")
    await expect(card).to_be_visible()
    await bob.create_room("Gambits", game="chess")
    await expect(card).to_contain_text("Gambits")
    await ann.expect_text("rooms-open", "1")


async def test_page_is_fetched_once_for_a_new_game_of_another_page(visit, server):
    for number in range(GAMES_PER_PAGE):
        server.run_command("game", "add", f"game-{number}")
    ann = await visit("/?games=1")
    await ann.page.clock.install()
    await ann.page.reload()
    await ann.expect_live()
    requests = []

    def note(request):
        if "application/json" not in request.headers.get("accept", ""):
            requests.append(request.url.removeprefix(server.url))

    ann.page.on("request", note)
    server.run_command("game", "add", "chess")
    async with ann.page.expect_response("**/?games=1"):
        await ann.page.clock.fast_forward("01:01")
    for _ in range(3):
        async with ann.page.expect_response("**/games"):
            await ann.page.clock.fast_forward("01:01")
    assert requests.count("/?games=1") == 1
    await expect(ann.page.get_by_role("article", name="Chess")).to_have_count(0)


async def test_rooms_of_games_on_other_pages_are_counted(visit, server, guest):
    for number in range(GAMES_PER_PAGE + 1):
        server.run_command("game", "add", f"game-{number}")
    elsewhere, (ann, bob, cem) = (
        f"game-{GAMES_PER_PAGE}",
        [await guest(name) for name in ("Ann", "Bob", "Cem")],
    )
    await ann.create_room("First", game=elsewhere)
    await bob.create_room("Second", game="game-0")
    visitor = await visit()
    await visitor.page.clock.install()
    await visitor.page.reload()
    await visitor.expect_live()
    await visitor.expect_text("rooms-open", "2")
    await cem.create_room("Third", game="game-1")
    await visitor.expect_text("rooms-open", "3")
    await bob.create_room("Fourth", game=elsewhere)
    await visitor.page.clock.fast_forward("01:01")
    await visitor.expect_text("rooms-open", "4")


async def test_rooms_without_a_row_are_counted_unless_they_are_full(visit, guest):
    await (await guest("Ann")).create_room("Friday")
    visitor = await visit()
    totals = {"limit=100": "130", "limit=1&full=false": "120"}

    async def pretend(route):
        answer = await route.fetch()
        total = totals[route.request.url.partition("?")[2]]
        await route.fulfill(response=answer, headers={**answer.headers, "X-Total-Results": total})

    await visitor.page.route("**/games/noughts/rooms?*", pretend)
    await visitor.page.clock.install()
    await visitor.page.reload()
    await visitor.expect_live()
    await visitor.expect_text("rooms-open", "120")
    totals["limit=1&full=false"] = "90"
    await visitor.page.clock.fast_forward("01:01")
    await visitor.expect_text("rooms-open", "90")


async def test_home_page_shows_own_turn_within_a_minute(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    await ann.page.clock.install()
    session = await start_game_with(ann, bob)
    await ann.page.get_by_role("link", name="All rooms").click()
    await ann.expect_text("resume", "Friday eveningGame")
    await bob.play(session, 4)
    await ann.page.clock.fast_forward("01:01")
    await ann.expect_text("resume", "Friday eveningYour turn")


async def test_page_recovers_from_deleted_data(visit, server, guest):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    for visitor in (ann, bob):
        visitor.expect_errors(NO_SERVER, http_error(403), http_error(400), http_error(404))
    await ann.create_room("Friday evening")
    await bob.room_row("Friday evening").get_by_role("button").click()
    await bob.expect_text("status", "Waiting for Ann to start.")
    await bob.page.get_by_role("link", name="All rooms").click()
    await expect(bob.part("resume")).to_be_visible()
    server.kill()
    await ann.expect_reconnecting()
    await bob.expect_reconnecting()
    server.delete_data()
    server.restart()
    await ann.expect_error_page("Room not found")
    await bob.expect_live()
    await expect(bob.part("resume")).to_have_count(0)
    await expect(bob.part("my-name")).to_have_text("Bob")
    await (await guest("Cid")).create_room("Saturday evening")
    await expect(bob.room_row("Saturday evening")).to_be_visible()
    await expect(bob.room_row("Friday evening")).to_have_count(0)


async def test_own_games_load_after_server_restarts(visit, server, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    ann.expect_errors(NO_SERVER)
    session = await start_game_with(ann, bob)
    await bob.play(session, 4)
    await ann.expect_text("status", "Your turn. You play noughts.")
    server.kill()
    await ann.expect_reconnecting()
    await ann.page.get_by_role("link", name="All rooms").click()
    await expect(ann.part("game-card")).to_be_visible()
    server.restart()
    await ann.expect_text("resume", "Friday eveningYour turn")
    await ann.expect_live()


async def test_new_name_creates_new_player(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    room = await bob.create_room("Friday evening")
    await ann.room_row("Friday evening").get_by_role("button").click()
    await ann.expect_text("status", "Waiting for Bob to start.")
    await ann.page.get_by_role("link", name="All rooms").click()
    await ann.part("name-change").click()
    await expect(ann.page.get_by_text("A new name creates a new player")).to_be_visible()
    await ann.set_name("Anna")
    await expect(ann.part("resume")).to_have_count(0)
    await expect(ann.room_row("Friday evening")).to_contain_text("1/2")
    assert await bob.list_members(room) == ["Bob"]
