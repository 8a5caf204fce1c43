"""Accessibility: narrow screens, keyboard use and screen readers."""

from playwright.async_api import expect

from tests.browser.visitors import PHONE, Visitor, http_error

#: Names of the maximum length, without spaces at which a line could break.
NAME = "W" * 40
ROOM = "M" * 60
TEXT = "Donaudampfschifffahrt" * 20


async def expect_no_overflow(visitor: Visitor) -> None:
    """Assert that the page does not scroll horizontally."""
    width = await visitor.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, visitor.page.url


async def test_long_texts_do_not_overflow_on_a_phone(visit, guest):
    ann, host = await visit(**PHONE), await guest(NAME)
    room = await host.create_room(ROOM, password="x")
    await expect(ann.room_row(ROOM)).to_be_visible()
    await expect_no_overflow(ann)
    await ann.open_path(room)
    await expect(ann.part("name-input")).to_be_visible()
    await expect_no_overflow(ann)
    await ann.set_name(f"{NAME[:-1]}V")
    await ann.part("join-password").fill("x")
    await expect_no_overflow(ann)
    await ann.part("join").tap()
    await host.send_chat(room, TEXT)
    await expect(ann.chat_line(TEXT)).to_be_visible()
    await expect_no_overflow(ann)
    session = await host.start(room)
    await host.send_chat(session, TEXT)
    await expect(ann.chat_line(TEXT)).to_be_visible()
    await expect_no_overflow(ann)
    await host.leave(session)
    await ann.expect_text("result", "You win.")
    await expect_no_overflow(ann)
    await ann.part("leave").tap()
    await ann.page.get_by_text("Password and ready check").tap()
    await ann.part("name-change").tap()
    await expect_no_overflow(ann)
    ann.expect_errors(http_error(410))
    await ann.open_path(room)
    await ann.expect_error_page("This room is closed.")
    await expect_no_overflow(ann)


async def test_game_is_played_with_the_keyboard_alone(visit, guest):
    ann, bob = await visit(), await guest("Bob")
    await ann.expect_live()
    await ann.tab_to(ann.page.get_by_label("Your name"))
    await ann.type_line("Ann")
    await ann.expect_text("my-name", "Ann")
    await ann.tab_to(ann.page.get_by_label("Create room"))
    await ann.type_line("By hand")
    await expect(ann.page.get_by_role("heading", level=1)).to_be_focused()

    await bob.join(f"/games{ann.page.url.partition('#')[2]}")
    await expect(ann.part("start")).to_be_enabled()
    await ann.tab_to(ann.part("start"))
    await ann.press("Enter")
    await expect(ann.board).to_be_visible()
    await expect(ann.page.get_by_role("heading", level=1)).to_be_focused()
    session = f"/games{ann.page.url.partition('#')[2]}"

    await ann.tab_to(ann.cell(4))
    await ann.press("Enter")
    await ann.expect_text("status", "Bob’s turn.")
    await bob.play(session, 0)
    await ann.expect_text("status", "Your turn. You play crosses.")
    await expect(ann.cell(4)).to_be_focused()
    await ann.press("Home", "ArrowUp", "ArrowRight", "Enter")
    await ann.expect_text("status", "Bob’s turn.")
    await bob.play(session, 8)
    await ann.expect_board("OX..X...O")
    await ann.press("End", "ArrowDown", "ArrowLeft", "ArrowDown", " ")
    await ann.expect_text("result", "You win.")
    await ann.tab_to(ann.part("again"))
    await ann.press("Enter")
    await ann.expect_text("status", "Waiting for one more player.")


async def test_screen_reader_gets_the_turn_and_the_board(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    room = await bob.create_room("Friday evening")
    await ann.room_row("Friday evening").get_by_role("button").click()
    await ann.expect_text("status", "Waiting for Bob to start.")
    session = await bob.start(room)
    await bob.play(session, 4)
    await ann.expect_board("....X....")
    await expect(ann.page.get_by_role("region", name="Game", exact=True)).to_match_aria_snapshot(
        """
        - region "Game":
          - list "Players":
            - listitem: Bob Crosses
            - listitem: Ann You noughts
          - status:
            - paragraph: Your turn. You play noughts.
          - grid "Board, 3 rows and 3 columns. Use the arrow keys to move."
          - button "Leave game"
        """
    )


async def test_screen_reader_gets_the_members_of_a_room(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    await ann.create_room("Friday evening", password="x")
    await bob.join(f"/games{ann.page.url.partition('#')[2]}", password="x")
    await expect(ann.part("seat")).to_have_count(2)
    await expect(ann.page.get_by_role("main")).to_match_aria_snapshot(
        """
        - main:
          - link "All rooms"
          - heading "Friday evening" [level=1]
          - paragraph: Noughts and Crosses Password
          - region "Players":
            - status: Everyone is ready. You can start the game.
            - list:
              - listitem: Ann You, host
              - listitem:
                - text: Bob In the room
                - button "Kick Bob"
            - button "Start game"
            - button "Leave room"
          - region "Invite players":
            - heading "Invite players" [level=2]
            - textbox "Link to this room"
            - button "Copy link"
          - region "Room chat":
            - heading "Chat" [level=2]
            - log "Messages":
              - list:
                - listitem: Bob joined.
            - textbox "Message"
            - button "Send"
        """
    )


async def test_screen_reader_gets_the_games_and_open_rooms(visit, guest):
    ann, visitor = await guest("Ann"), await visit()
    await ann.create_room("Friday evening", password="x")
    await expect(visitor.room_row("Friday evening")).to_be_visible()
    await expect(visitor.page.get_by_role("article")).to_match_aria_snapshot(
        """
        - article "Noughts and Crosses":
          - heading "Noughts and Crosses" [level=3]
          - paragraph: 2 players
          - button "Quick play"
          - paragraph: Joins an open room or creates a new one.
          - text: Create room
          - textbox "Create room"
          - button "Create"
          - group: Password and ready check
          - heading "Open rooms" [level=4]
          - region "Open rooms of Noughts and Crosses":
            - list:
              - listitem:
                - link "Friday evening"
                - paragraph: Password required. by Ann
                - paragraph: 1/2 players
                - button "Join Friday evening"
        """
    )
