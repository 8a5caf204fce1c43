"""Games between two visitors, also while the server is killed and restarted."""

import re

from playwright.async_api import expect

from tests.browser.guests import Guest
from tests.browser.visitors import NO_SERVER, PHONE, Visitor


async def start_game(host: Visitor, other: Visitor) -> None:
    """Start a game of two visitors in a room of the host."""
    link = await host.create_room("Friday evening")
    await other.page.goto(link)
    await other.part("join").click()
    await other.expect_text("status", re.compile("Waiting for .* to start."))
    await host.part("start").click()
    for visitor in (host, other):
        await expect(visitor.board).to_be_visible()
        await visitor.expect_live()


async def start_game_with(visitor: Visitor, guest: Guest) -> str:
    """Start a game in a room of the guest and return the path of the session."""
    room = await guest.create_room("Friday evening")
    await visitor.room_row("Friday evening").get_by_role("button").click()
    await visitor.expect_text("status", re.compile("Waiting for .* to start."))
    session = await guest.start(room)
    await expect(visitor.board).to_be_visible()
    return session


async def expect_board_of_all(grid: str, *visitors: Visitor) -> None:
    for visitor in visitors:
        await visitor.expect_board(grid)


async def test_game_resumes_after_server_is_killed(visit, server):
    ann, bob = await visit(), await visit(**PHONE)
    await ann.set_name("Ann")
    await bob.set_name("Bob")
    ann.expect_errors(NO_SERVER)
    bob.expect_errors(NO_SERVER)
    await start_game(ann, bob)
    await ann.mark_page()
    await bob.mark_page()

    await ann.expect_text("status", "Your turn. You play crosses.")
    await bob.expect_text("status", "Ann’s turn.")
    await ann.play(4)
    await expect_board_of_all("....X....", ann, bob)
    await bob.cell(0).tap()
    await expect_board_of_all("O...X....", ann, bob)
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
    await expect_board_of_all("O.X.X....", ann, bob)
    await ann.expect_live()
    await bob.expect_live()
    await bob.send_chat("said after")
    for visitor in (ann, bob):
        for text in ("said before", "said in between", "said after"):
            await expect(visitor.chat_line(text)).to_have_count(1)

    await bob.cell(5).tap()
    server.kill()
    server.restart()
    await expect_board_of_all("O.X.XO...", ann, bob)
    await ann.expect_live()
    await ann.press("ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", " ")
    await expect_board_of_all("O.X.XOX..", ann, bob)

    await ann.expect_text("result", "You win.")
    await bob.expect_text("result", "Ann wins.")
    for visitor in (ann, bob):
        status = visitor.page.get_by_role("status").filter(has_text="Three in a row.")
        await expect(status).to_be_visible()
        assert await visitor.is_same_page()
        await visitor.page.reload()
        await expect(visitor.chat_line("said in between")).to_have_count(1)
        await expect(visitor.part("chat-line")).to_have_count(3)


async def test_turns_are_announced_and_shown_in_title(visit, guest):
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


async def test_empty_square_stays_empty_after_game(visit, guest):
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


async def test_rematch_after_draw(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await start_game(ann, bob)
    for turn, number in enumerate((0, 1, 2, 4, 3, 5, 7, 6, 8)):
        await (ann, bob)[turn % 2].play(number)
    await expect_board_of_all("XOXXOOOXX", ann, bob)
    await ann.expect_text("result", "Draw.")
    await ann.part("again").click()
    await ann.expect_text("status", "Waiting for one more player.")
    await bob.part("again").click()
    await bob.expect_text("status", "Waiting for Ann to start.")


async def test_game_without_board_has_chat(visit, server, guest):
    server.run_command("game", "add", "chess", "--max", "4")
    ann, bob = await visit(name="Ann"), await guest("Bob")
    room = await bob.create_room("Gambits", game="chess")
    await ann.open_path(room)
    await ann.part("join").click()
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
    await ann.part("question-yes").click()
    await expect(ann.part("game-card").first).to_be_visible()


async def test_game_cannot_be_left_before_it_is_loaded(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    room = await bob.create_room("Friday evening")
    await ann.room_row("Friday evening").get_by_role("button").click()
    session = await bob.start(room)
    await ann.expect_text("status", "Bob’s turn.")
    release = await ann.delay_response(session)
    await ann.page.reload()
    await ann.expect_text("status", "Loading game…")
    await expect(ann.part("leave")).to_be_hidden()
    release.set()
    await ann.part("leave").click()
    await ann.part("question-yes").click()
    await expect(ann.part("game-card").first).to_be_visible()


async def test_two_tabs_of_player_show_same_game(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await start_game(ann, bob)
    second_tab = await ann.open_tab()
    await second_tab.expect_live()
    await second_tab.play(4)
    await expect_board_of_all("....X....", ann, second_tab, bob)
    await bob.play(0)
    await expect_board_of_all("O...X....", ann, second_tab, bob)
    await ann.play(8)
    await expect_board_of_all("O...X...X", ann, second_tab, bob)
    await second_tab.send_chat("two of me")
    await expect(ann.chat_line("two of me")).to_have_count(1)
    await expect(second_tab.chat_line("two of me")).to_have_count(1)


async def test_question_before_leaving_a_game_can_be_declined(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    room = await bob.create_room("Friday evening")
    await ann.room_row("Friday evening").get_by_role("button").click()
    await bob.start(room)
    await ann.expect_text("status", "Bob’s turn.")
    await ann.part("leave").click()
    question = ann.part("question-dialog")
    await expect(question).to_contain_text("Leave this game? It may end for everyone.")
    await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    await ann.press("Enter")
    await expect(question).to_be_hidden()
    await ann.expect_text("status", "Bob’s turn.")
    await ann.part("leave").click()
    await ann.part("question-yes").click()
    await expect(ann.part("game-card").first).to_be_visible()
