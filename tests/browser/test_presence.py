"""Away players: their seats and their games."""

import pytest
from playwright.async_api import expect

from tests.browser.test_games import start_game_with

#: In seconds.
SHORT_TIMEOUTS = ("--away-after", "1", "--seat-grace", "1")


@pytest.mark.parametrize("server", [("--away-after", "1")], indirect=True, ids=["short timeouts"])
async def test_game_waits_for_away_player(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await ann.create_room("Friday evening")
    await bob.room_row("Friday evening").get_by_role("button").click()
    await bob.expect_text("status", "Waiting for Ann to start.")
    await ann.part("start").click()
    await ann.play(4)
    await bob.expect_board("....X....")
    await bob.page.close()
    await ann.expect_text("status", "Waiting for Bob to come back.")
    new_tab = await bob.open_tab()
    await ann.expect_text("status", "Bob’s turn.")
    await new_tab.play(0)
    await ann.expect_board("O...X....")


@pytest.mark.parametrize("server", [SHORT_TIMEOUTS], indirect=True, ids=["short timeouts"])
async def test_away_member_loses_seat(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await ann.create_room("Friday evening")
    await bob.room_row("Friday evening").get_by_role("button").click()
    await bob.expect_text("status", "Waiting for Ann to start.")
    await bob.page.close()
    await expect(ann.page.get_by_text("Bob was away for too long.")).to_be_visible()
    await ann.expect_text("status", "Waiting for one more player.")
    new_tab = await bob.open_tab()
    await new_tab.expect_text("status", "A seat is free.")


async def test_reload_keeps_seat(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    session = await start_game_with(ann, bob)
    await ann.page.reload()
    await bob.play(session, 0)
    await ann.play(1)
    await ann.expect_board("XO.......")
