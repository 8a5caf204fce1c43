"""Who goes silent keeps the seat for a while, and is waited for."""

import pytest
from playwright.async_api import expect

from tests.browser.test_games import start_game_with

#: Seconds. A server that is soon impatient.
IMPATIENT = ("--away-after", "1", "--seat-grace", "1")


@pytest.mark.parametrize("server", [("--away-after", "1")], indirect=True, ids=["impatient"])
async def test_a_game_waits_for_who_is_away(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await ann.create_room("Friday evening")
    await bob.room_row("Friday evening").get_by_role("button").click()
    await bob.expect_text("status", "Waiting for Ann to start.")
    await ann.part("start").click()
    await ann.play(4)
    await bob.expect_board("....X....")
    await bob.page.close()
    await ann.expect_text("status", "Waiting for Bob to come back.")
    back = await bob.open_tab()
    await ann.expect_text("status", "Bob’s turn.")
    await back.play(0)
    await ann.expect_board("O...X....")


@pytest.mark.parametrize("server", [IMPATIENT], indirect=True, ids=["impatient"])
async def test_a_seat_in_a_room_is_given_up_in_the_end(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await ann.create_room("Friday evening")
    await bob.room_row("Friday evening").get_by_role("button").click()
    await bob.expect_text("status", "Waiting for Ann to start.")
    await bob.page.close()
    await expect(ann.page.get_by_text("Bob was away for too long.")).to_be_visible()
    await ann.expect_text("status", "Waiting for one more player.")
    back = await bob.open_tab()
    await back.expect_text("status", "A seat is free.")


async def test_a_tab_that_is_loaded_again_keeps_the_seat(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    session = await start_game_with(ann, bob)
    await ann.page.reload()
    await bob.play(session, 0)
    await ann.play(1)
    await ann.expect_board("XO.......")
