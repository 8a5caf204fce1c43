"""For everyone: narrow screens, the keyboard alone, and those who listen to the page."""

from playwright.async_api import expect

from tests.browser.visitors import PHONE, Visitor, refused

#: As long as names may be, and impossible to break at a space.
NAME = "W" * 40
ROOM = "M" * 60
TEXT = "Donaudampfschifffahrt" * 20


async def fits(visitor: Visitor) -> None:
    """Nothing makes the page scroll sideways."""
    wide = await visitor.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360, visitor.page.url


async def test_nothing_scrolls_sideways_on_a_phone(visit, guest):
    ann, host = await visit(**PHONE), await guest(NAME)
    room = await host.opens(ROOM, password="x")
    await expect(ann.room(ROOM)).to_be_visible()
    await fits(ann)
    await ann.goes_to(room)
    await expect(ann.part("name-input")).to_be_visible()
    await fits(ann)
    await ann.takes_name(f"{NAME[:-1]}V")
    await ann.part("join-password").fill("x")
    await fits(ann)
    await ann.part("join").tap()
    await host.says(room, TEXT)
    await expect(ann.line(TEXT)).to_be_visible()
    await fits(ann)
    session = await host.starts(room)
    await host.says(session, TEXT)
    await expect(ann.line(TEXT)).to_be_visible()
    await fits(ann)
    await host.leaves(session)
    await ann.sees("result", "You win.")
    await fits(ann)
    await ann.part("leave").tap()
    await ann.page.get_by_text("Password and ready check").tap()
    await ann.part("name-change").tap()
    await fits(ann)
    ann.expect_errors(refused(410))
    await ann.goes_to(room)
    await ann.sees_error("This room is closed.")
    await fits(ann)


async def test_the_keyboard_alone_suffices(visit, guest):
    ann, bob = await visit(), await guest("Bob")
    await ann.is_live()
    await ann.tabs_to(ann.page.get_by_label("Your name"))
    await ann.types("Ann")
    await ann.sees("my-name", "Ann")
    await ann.tabs_to(ann.page.get_by_label("Or open your own room"))
    await ann.types("By hand")
    await expect(ann.page.get_by_role("heading", level=1)).to_be_focused()

    await bob.joins(f"/games{ann.page.url.partition('#')[2]}")
    await expect(ann.part("start")).to_be_enabled()
    await ann.tabs_to(ann.part("start"))
    await ann.keys("Enter")
    await expect(ann.board).to_be_visible()
    await expect(ann.page.get_by_role("heading", level=1)).to_be_focused()
    session = f"/games{ann.page.url.partition('#')[2]}"

    await ann.tabs_to(ann.cell(4))
    await ann.keys("Enter")
    await ann.sees("status", "Bob’s turn.")
    await bob.plays(session, 0)
    await ann.sees("status", "Your turn. You play crosses.")
    await expect(ann.cell(4)).to_be_focused()
    await ann.keys("Home", "ArrowUp", "ArrowRight", "Enter")
    await bob.plays(session, 8)
    await ann.sees_marks("OX..X...O")
    await ann.keys("End", "ArrowDown", "ArrowLeft", "ArrowDown", " ")
    await ann.sees("result", "You win.")
    await ann.tabs_to(ann.part("again"))
    await ann.keys("Enter")
    await ann.sees("status", "Waiting for one more player.")


async def test_a_listener_hears_whose_turn_it_is_and_finds_the_board(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    room = await bob.opens("Friday evening")
    await ann.room("Friday evening").get_by_role("button").click()
    await ann.sees("status", "Waiting for Bob to start.")
    session = await bob.starts(room)
    await bob.plays(session, 4)
    await ann.sees_marks("....X....")
    await expect(ann.page.get_by_role("region", name="Game", exact=True)).to_match_aria_snapshot(
        """
        - region "Game":
          - list "Players":
            - listitem: Bob Crosses
            - listitem: Ann You noughts
          - status:
            - paragraph: Your turn. You play noughts.
          - grid "Board, three rows of three. Move with the arrow keys."
          - button "Leave game"
        """
    )


async def test_a_listener_hears_a_room_as_it_is(visit, guest):
    ann, bob = await visit(name="Ann"), await guest("Bob")
    await ann.opens_room("Friday evening", password="x")
    await bob.joins(f"/games{ann.page.url.partition('#')[2]}", password="x")
    await expect(ann.part("seat")).to_have_count(2)
    await expect(ann.page.get_by_role("main")).to_match_aria_snapshot(
        """
        - main:
          - link "All rooms"
          - heading "Friday evening" [level=1]
          - paragraph: Noughts and Crosses Password
          - region "Players":
            - status: Everyone is here. Start when you like.
            - list:
              - listitem: Ann You, host
              - listitem:
                - text: Bob Here
                - button "Remove Bob"
            - button "Start game"
            - button "Leave room"
          - region "Invite someone":
            - heading "Invite someone" [level=2]
            - textbox "Link to this room"
            - button "Copy link"
          - region "Room chat":
            - heading "Chat" [level=2]
            - log "Messages":
              - list:
                - listitem: Bob came in.
            - textbox "Message"
            - button "Send"
        """
    )


async def test_a_listener_hears_what_can_be_played(visit, guest):
    ann, looker = await guest("Ann"), await visit()
    await ann.opens("Friday evening", password="x")
    await expect(looker.room("Friday evening")).to_be_visible()
    await expect(looker.page.get_by_role("article")).to_match_aria_snapshot(
        """
        - article "Noughts and Crosses":
          - heading "Noughts and Crosses" [level=3]
          - paragraph: 2 players
          - button "Quick join"
          - paragraph: Takes the next free seat, or opens a room for you.
          - text: Or open your own room
          - textbox "Or open your own room"
          - button "Create"
          - group: Password and ready check
          - heading "Open rooms" [level=4]
          - region "Open rooms of Noughts and Crosses":
            - list:
              - listitem:
                - link "Friday evening"
                - paragraph: Needs a password. by Ann
                - paragraph: 1/2 players
                - button "Join Friday evening"
        """
    )
