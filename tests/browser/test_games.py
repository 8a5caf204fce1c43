"""A whole game between two people, through whatever happens to the server."""

import re

from playwright.async_api import expect

from tests.browser.guests import Guest
from tests.browser.visitors import NO_SERVER, PHONE, Visitor


async def play_in_a_room(host: Visitor, other: Visitor) -> None:
    """Both sit at one board; the host begins."""
    link = await host.create_room("Friday evening")
    await other.page.goto(link)
    await other.part("join").click()
    await other.expect_text("status", re.compile("Waiting for .* to start."))
    await host.part("start").click()
    for visitor in (host, other):
        await expect(visitor.board).to_be_visible()
        await visitor.expect_live()


async def start_game_with(visitor: Visitor, guest: Guest) -> str:
    """The guest is the host and begins; gives the path of their session."""
    room = await guest.create_room("Friday evening")
    await visitor.room_row("Friday evening").get_by_role("button").click()
    await visitor.expect_text("status", re.compile("Waiting for .* to start."))
    session = await guest.start(room)
    await expect(visitor.board).to_be_visible()
    return session


async def both_see(grid: str, *visitors: Visitor) -> None:
    for visitor in visitors:
        await visitor.expect_board(grid)


async def test_a_game_goes_on_where_it_was_when_the_server_was_killed(visit, server):
    ann, bob = await visit(), await visit(**PHONE)
    await ann.set_name("Ann")
    await bob.set_name("Bob")
    ann.expect_errors(NO_SERVER)
    bob.expect_errors(NO_SERVER)
    await play_in_a_room(ann, bob)
    await ann.mark_page()
    await bob.mark_page()

    await ann.expect_text("status", "Your turn. You play crosses.")
    await bob.expect_text("status", "Ann’s turn.")
    await ann.play(4)
    await both_see("....X....", ann, bob)
    await bob.cell(0).tap()
    await both_see("O...X....", ann, bob)
    await ann.send_chat("said before")
    await expect(bob.chat_line("said before")).to_have_count(1)

    server.kill()
    await bob.expect_reconnecting()
    await ann.expect_reconnecting()
    await ann.send_chat("said in between")
    await expect(ann.chat_line("said in between")).to_contain_text("Waiting for the connection")
    await ann.cell(4).focus()
    await ann.press("ArrowUp", "ArrowRight", "Enter")
    await ann.expect_text("status", "Reconnecting… Your turn is sent when you are back.")

    server.restart()
    await both_see("O.X.X....", ann, bob)
    await ann.expect_live()
    await bob.expect_live()
    await bob.send_chat("said after")
    for visitor in (ann, bob):
        for text in ("said before", "said in between", "said after"):
            await expect(visitor.chat_line(text)).to_have_count(1)

    await bob.cell(5).tap()
    server.kill()
    server.restart()
    await both_see("O.X.XO...", ann, bob)
    await ann.expect_live()
    await ann.press("ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", " ")
    await both_see("O.X.XOX..", ann, bob)

    await ann.expect_text("result", "You win.")
    await bob.expect_text("result", "Ann wins.")
    for visitor in (ann, bob):
        told = visitor.page.get_by_role("status").filter(has_text="Three in a row.")
        await expect(told).to_be_visible()
        assert await visitor.is_same_page()
        await visitor.page.reload()
        await expect(visitor.chat_line("said in between")).to_have_count(1)
        await expect(visitor.part("chat-line")).to_have_count(3)


async def test_who_moved_where_is_announced_and_whose_turn_it_is_stands_in_the_title(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    session = await start_game_with(ann, bob)
    await expect(ann.page).to_have_title("Bob’s turn. · Friday evening")
    await ann.cell(3).click(force=True)
    await expect(ann.announcements).to_have_text("It is not your turn.")
    await bob.play(session, 2)
    await expect(ann.announcements).to_have_text("Bob: row 1, column 3.")
    await expect(ann.page).to_have_title("Your turn. You play noughts. · Friday evening")
    await ann.cell(2).click(force=True)
    await expect(ann.announcements).to_have_text("This square is taken.")


async def test_a_square_without_a_mark_stays_empty_when_the_game_is_over(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    session = await start_game_with(ann, bob)
    await bob.play(session, 0)
    await ann.play(4)
    await ann.expect_board("X...O....")
    await bob.leave(session)
    await ann.expect_text("result", "You win.")
    await ann.expect_text("status", "Bob left the game.")
    await expect(ann.cell(8).locator("svg")).to_have_css("opacity", "0")
    await expect(ann.cell(0).locator("svg")).not_to_have_css("opacity", "0")


async def test_a_game_can_be_drawn_and_followed_by_another(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await play_in_a_room(ann, bob)
    for turn, number in enumerate((0, 1, 2, 4, 3, 5, 7, 6, 8)):
        await (ann, bob)[turn % 2].play(number)
    await both_see("XOXXOOOXX", ann, bob)
    await ann.expect_text("result", "Draw.")
    await ann.part("again").click()
    await ann.expect_text("status", "Waiting for one more player.")
    await bob.part("again").click()
    await bob.expect_text("status", "Waiting for Ann to start.")


async def test_a_game_the_page_has_no_board_for_is_a_place_to_chat(visit, server, guest):
    server.run_command("game", "add", "chess", "--max", "4")
    ann, bob = await visit(name="Ann"), await guest("Bob")
    room = await bob.create_room("Gambits", game="chess")
    await ann.room_row("Gambits").get_by_role("button").click()
    await ann.expect_text("status", "Waiting for Bob to start.")
    session = await bob.start(room)
    await ann.expect_text("status", "Game in progress.")
    await expect(ann.page.get_by_text("This game is played in its own app.")).to_be_visible()
    await bob.send_chat(session, "e4")
    await expect(ann.chat_line("e4")).to_have_count(1)
    await (await guest("Cid")).join(session)
    await expect(ann.part("player")).to_have_count(3)
    await ann.page.get_by_role("link", name="All rooms").click()
    await ann.expect_text("resume", "GambitsGame")
    await ann.part("resume").click()
    await ann.part("leave").click()
    await expect(ann.part("game-card").first).to_be_visible()


async def test_two_tabs_of_one_player_show_one_game(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await play_in_a_room(ann, bob)
    twin = await ann.open_tab()
    await twin.expect_live()
    await twin.play(4)
    await both_see("....X....", ann, twin, bob)
    await bob.play(0)
    await both_see("O...X....", ann, twin, bob)
    await ann.play(8)
    await both_see("O...X...X", ann, twin, bob)
    await twin.send_chat("two of me")
    await expect(ann.chat_line("two of me")).to_have_count(1)
    await expect(twin.chat_line("two of me")).to_have_count(1)
