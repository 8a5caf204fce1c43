"""Names and messages are rendered as text, and scripts in them do not run."""

from playwright.async_api import expect

from tests.browser.servers import Server
from tests.browser.visitors import Visitor

IMAGE = "<img src=x onerror=window.scriptRan=1>"
SCRIPT = "<script>window.scriptRan=1</script>"
ARABIC = "مريم (أ) <b>"
EMOJI = "🎲🧑‍🚀 & \"x\" 'y'"


async def expect_no_script_ran(*visitors: Visitor) -> None:
    for visitor in visitors:
        assert await visitor.page.evaluate("window.scriptRan") is None


async def test_names_and_chat_are_escaped(visit):
    ann, bob = await visit(), await visit()
    await ann.set_name(IMAGE)
    await bob.set_name(ARABIC)
    link = await ann.create_room(SCRIPT)
    await expect(bob.room_row(SCRIPT)).to_contain_text(IMAGE)
    await bob.page.reload()
    await expect(bob.room_row(SCRIPT)).to_contain_text(IMAGE)
    await bob.room_row(SCRIPT).get_by_role("button").click()
    await bob.expect_text("status", f"Waiting for {IMAGE} to start.")
    await expect(ann.part("seat").nth(1)).to_contain_text(ARABIC)
    await expect(ann.page.get_by_text(f"{ARABIC} joined.")).to_be_visible()
    assert await bob.part("room-link").input_value() == link

    for text in (IMAGE, SCRIPT, ARABIC, EMOJI):
        await ann.send_chat(text)
        await expect(bob.chat_line(text)).to_have_count(1)
    await ann.part("start").click()
    await bob.expect_text("status", f"{IMAGE}’s turn.")
    await bob.send_chat(EMOJI)
    await expect(ann.chat_line(EMOJI)).to_have_count(1)
    await ann.play(0)
    await expect(bob.announcements).to_have_text(f"{IMAGE}: row 1, column 1.")
    await ann.part("leave").click()
    await ann.part("question-yes").click()
    await bob.expect_text("status", f"{IMAGE} left the game.")
    await expect_no_script_ran(ann, bob)


async def test_right_to_left_name_keeps_order_of_sentence(visit, guest):
    ann, bob = await visit(name="Ann"), await guest(ARABIC)
    room = await bob.create_room(ARABIC)
    await ann.room_row(ARABIC).get_by_role("button").click()
    await ann.expect_text("status", f"Waiting for {ARABIC} to start.")
    await bob.start(room)
    await ann.expect_text("status", f"{ARABIC}’s turn.")
    status = await ann.part("status").bounding_box()
    name = await ann.part("status").locator("bdi").bounding_box()
    assert status and name
    # The text is centred, and the part after the name is at its right.
    assert name["x"] + name["width"] < status["x"] + status["width"] - 10


async def test_name_of_game_is_escaped(visit, server: Server):
    server.run_command("game", "add", "odd", "--name", IMAGE)
    ann = await visit(name="Ann")
    card = ann.part("game-card").filter(has_text=IMAGE)
    await expect(card.get_by_role("heading", name=IMAGE)).to_be_visible()
    await expect_no_script_ran(ann)
