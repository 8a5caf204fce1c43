"""Rooms before the game: joining, leaving, kicking, ready check and start."""

from playwright.async_api import expect

from tests.browser.visitors import http_error


async def test_room_link_requires_name(visit, guest):
    ann = await guest("Ann")
    room = await ann.create_room("Friday evening")
    bob = await visit(f"/#{room.removeprefix('/games')}")
    await expect(bob.page.get_by_role("heading", level=1)).to_have_text(
        "You are invited to play Noughts and Crosses"
    )
    await expect(bob.page.get_by_text("Friday evening")).to_have_count(0)
    await bob.set_name("Bob")
    await expect(bob.page.get_by_role("heading", level=1)).to_have_text("Friday evening")
    await bob.part("join").click()
    await bob.expect_text("status", "Waiting for Ann to start.")


async def test_wrong_password_is_rejected(visit, guest):
    ann, bob = await guest("Ann"), await visit(name="Bob")
    await ann.create_room("Friends", password="Kohlenkeller")
    await expect(bob.room_row("Friends")).to_contain_text("Password required.")
    bob.expect_errors(http_error(400))
    await bob.room_row("Friends").get_by_role("button").click()
    await bob.expect_text("status", "This room requires a password.")

    await bob.part("join-password").fill("guess")
    await bob.part("join-password").press("Enter")
    await bob.expect_text("join-error", "Wrong password. Try again.")
    await expect(bob.part("join-password")).to_be_focused()
    await expect(bob.part("seat")).to_have_count(1)

    await bob.part("join-password").fill("Kohlenkeller")
    await bob.part("join-password").press("Enter")
    await bob.expect_text("status", "Waiting for Ann to start.")
    await expect(bob.part("seat")).to_have_count(2)


async def test_full_room_cannot_be_joined(visit, guest):
    ann, bob, late = await guest("Ann"), await guest("Bob"), await visit(name="Late")
    room = await ann.create_room("Friday evening")
    await late.open_path(room)
    await expect(late.part("join")).to_be_visible()
    await bob.join(room)
    await late.expect_text("status", "This room is full.")
    await expect(late.part("join")).to_be_hidden()
    await expect(late.part("chat-input")).to_be_disabled()
    await bob.leave(room)
    await late.expect_text("status", "A seat is free.")


async def test_closed_or_unknown_room_shows_reason(visit, guest):
    ann, bob, cid = await guest("Ann"), await visit(name="Bob"), await visit(name="Cid")
    room = await ann.create_room("Friday evening")
    await bob.open_path(room)
    await bob.part("join").click()
    await bob.expect_text("status", "Waiting for Ann to start.")
    await bob.expect_live()
    await ann.leave(room)
    await bob.expect_error_page("This room is closed.", "The host left, so the room was closed.")
    cid.expect_errors(http_error(410), http_error(404))
    await cid.open_path(room)
    await cid.expect_error_page("This room is closed.")
    await cid.open_path("/games/noughts/rooms/999")
    await cid.expect_error_page(
        "Room not found", "Check the link. Closed rooms are deleted after a while."
    )
    for page in ("rooms", "sessions"):
        await cid.open_path(f"/games/chess/{page}/1")
        await cid.expect_error_page(
            "This game is not available on this server.", "Check the link, or choose another game."
        )
    await cid.page.get_by_role("link", name="View open rooms").click()
    await expect(cid.part("game-card")).to_be_visible()


async def test_host_kicks_member(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await bob.page.goto(await ann.create_room("Friday evening"))
    await bob.part("join").click()
    await ann.button("Kick Bob").click()
    await expect(ann.part("question-dialog")).to_contain_text("Kick Bob from this room?")
    await ann.press("Escape")
    await expect(ann.part("question-dialog")).to_be_hidden()
    await expect(ann.part("seat").filter(has_text="Bob")).to_have_count(1)
    await ann.button("Kick Bob").click()
    await ann.part("question-yes").click()
    await expect(bob.part("notice")).to_contain_text("The host kicked you from this room.")
    await expect(bob.part("chat-input")).to_be_disabled()
    await bob.expect_text("status", "A seat is free.")
    await ann.expect_text("status", "Waiting for one more player.")
    await expect(ann.part("seat")).to_have_count(1)


async def test_host_answers_requests_to_join(visit, app_player):
    ann, bob, cid = await visit(name="Ann"), await app_player("Bob"), await app_player("Cid")
    await ann.create_room("Friday evening")
    await ann.expect_live()
    await expect(ann.part("join-request")).to_have_count(0)
    declined = await bob.request_join("Friday evening")
    await expect(ann.part("join-request")).to_contain_text("Bob")
    await expect(ann.announcements).to_have_text("Bob wants to join.")
    accepted = await cid.request_join("Friday evening")
    await expect(ann.part("join-request")).to_have_count(2)
    await ann.page.reload()
    await expect(ann.part("join-request")).to_have_count(2)

    await ann.button("Decline Bob").click()
    await expect(ann.part("join-request")).to_have_count(1)
    await ann.button("Accept Cid").click()
    await expect(ann.part("join-request")).to_have_count(0)
    await expect(ann.part("seat")).to_have_count(2)
    await ann.expect_text("status", "Everyone is ready. You can start the game.")
    assert (await bob.status(declined), await cid.status(accepted)) == ("rejected", "approved")


async def test_request_that_ended_leaves_the_hosts_page(visit, app_player):
    ann, bob, cid = await visit(name="Ann"), await app_player("Bob"), await app_player("Cid")
    await ann.create_room("Friday evening")
    await ann.expect_live()
    await bob.request_join("Friday evening")
    await expect(ann.part("join-request")).to_have_count(1)
    await bob.post("matchmaking.php/create", {"max_players": 2})
    await expect(ann.part("join-request")).to_have_count(0)
    await expect(ann.page.get_by_role("log")).to_contain_text("The request of Bob has ended.")
    await cid.request_join("Friday evening")
    await expect(ann.button("Accept Cid")).to_be_enabled()


async def test_new_host_sees_requests_from_before(visit, app_player):
    ann, bob, cid = await visit(name="Ann"), await app_player("Bob"), await app_player("Cid")
    room = {"max_players": 2, "host_switch": True, "matchmaking_name": "Switch"}
    await bob.post("matchmaking.php/create", room)
    await cid.request_join("Switch")
    await ann.room_row("Switch").get_by_role("button").click()
    await ann.expect_text("status", "Waiting for Bob to start.")
    await ann.expect_live()
    await expect(ann.part("join-request")).to_have_count(0)
    await bob.post("matchmaking.php/leave")
    await expect(ann.part("join-request")).to_contain_text("Cid")


async def test_room_with_approval_offers_no_join_button(visit, app_player):
    ann, bob = await visit(name="Ann"), await app_player("Bob")
    room = {"max_players": 2, "join_by_requests": True, "matchmaking_name": "Club"}
    await bob.post("matchmaking.php/create", room)
    await ann.open_path("/games/noughts/rooms/1")
    await ann.expect_text(
        "status", "The host approves new players. Join this room in the game’s own app."
    )
    await expect(ann.part("join")).to_be_hidden()


async def test_member_kicked_while_joining_is_notified(visit, guest):
    ann, bob = await guest("Ann"), await visit(name="Bob")
    room = await ann.create_room("Friday evening")
    await bob.open_path(room)
    bob.expect_errors(http_error(403), http_error(400))
    release = await bob.delay_response(f"{room}/chat")
    async with bob.page.expect_request(f"**{room}/chat"):
        await bob.part("join").click()
    await ann.kick(room, "Bob")
    async with bob.page.expect_response(f"**{room}/chat"):
        release.set()
    await expect(bob.part("notice")).to_contain_text("The host kicked you from this room.")
    await bob.part("join").click()
    await bob.expect_text("status", "Waiting for Ann to start.")


async def test_ready_check_waits_for_all_members(visit):
    ann, bob = await visit(name="Ann"), await visit(name="Bob")
    await bob.page.goto(await ann.create_room("Friday evening", ready_check=True))
    await bob.part("join").click()
    await ann.expect_text("status", "Waiting for Bob to be ready.")
    await expect(ann.part("start")).to_be_disabled()
    await bob.button("Ready").click()
    await ann.expect_text("status", "Everyone is ready. You can start the game.")
    await bob.button("Ready").click()
    await expect(ann.part("start")).to_be_disabled()
    await bob.button("Ready").click()
    await ann.part("start").click()
    await bob.expect_text("status", "Ann’s turn.")


async def test_member_can_return_to_room_and_leave(visit, guest):
    ann, bob = await guest("Ann"), await visit(name="Bob")
    room = await ann.create_room("Friday evening")
    await bob.open_path(room)
    await bob.part("join").click()
    await ann.send_chat(room, "welcome")
    await expect(bob.chat_line("welcome")).to_be_visible()
    await bob.page.get_by_role("link", name="All rooms").click()
    await expect(bob.part("resume")).to_have_text("Friday eveningRoom")
    await bob.part("resume").click()
    await expect(bob.chat_line("welcome")).to_be_visible()
    await bob.part("leave").click()
    await expect(bob.room_row("Friday evening").get_by_role("button")).to_have_text("Join")
    await expect(bob.part("resume")).to_have_count(0)


async def test_spectator_is_notified_of_start(visit, guest):
    ann, bob, spectator = await guest("Ann"), await guest("Bob"), await visit(name="Cid")
    room = await ann.create_room("Friday evening")
    await spectator.open_path(room)
    await bob.join(room)
    await spectator.expect_text("status", "This room is full.")
    await ann.start(room)
    await spectator.expect_error_page("This room is closed.", "The game started without you.")


async def test_player_joining_during_start_enters_game(visit, guest):
    ann, bob = await guest("Ann"), await visit(name="Bob")
    room = await ann.create_room("Quick ones")
    bob.expect_errors(http_error(410))
    release = await bob.delay_response(room)
    async with bob.page.expect_request(f"**{room}"):
        await bob.room_row("Quick ones").get_by_role("button").click()
    await ann.start(room)
    release.set()
    await bob.expect_text("status", "Ann’s turn.")


async def test_spectator_joining_during_start_enters_game(visit, guest):
    ann, bob = await guest("Ann"), await visit(name="Bob")
    room = await ann.create_room("Quick ones")
    await bob.open_path(room)
    bob.expect_errors(http_error(410))
    await bob.expect_text("status", "A seat is free.")
    release = await bob.delay_response(room)
    async with bob.page.expect_request(f"**{room}"):
        await bob.part("join").click()
    await ann.start(room)
    release.set()
    await bob.expect_text("status", "Ann’s turn.")
