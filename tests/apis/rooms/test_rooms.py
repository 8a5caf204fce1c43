"""Rooms: create, join, leave, kick and options."""

from typing import Any

import pytest

from coalserver.apis.rooms.render import RoomRowCache
from coalserver.core.commands.games import add_game
from coalserver.core.commands.moderation import admin_kick, ban
from coalserver.domain.play.lobby import Lobby
from tests.apis.app import ApiClient, TestApp
from tests.apis.rooms.factories import room_row

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")


async def user_ids(client: ApiClient, room: str) -> list[int]:
    """Return the ids of the members of a room."""
    return [row["user"]["userId"] for row in (await client.get(room)).json["users"]]


async def test_creator_is_member_and_host(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("noughts", "30m no rush")
    document = (await ann.get(room)).json
    assert document["host"] == ann.user
    me = {"user": ann.user, "isHost": True, "ready": True, "away": False}
    assert document["users"] == [me]


async def test_room_has_the_documented_members(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "x", password="p", options={"first": "host"})
    assert (await bob.get(room)).json == room_row(
        ann,
        options={"first": "host"},
        readyCheck=False,
        users=[{"user": ann.user, "isHost": True, "ready": True, "away": False}],
    )


async def test_creation_returns_the_documented_members(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.post("/games/noughts/rooms", {"name": "x", "options": {"a": 1}})
    assert answer.json == {
        "roomId": 1,
        "name": "x",
        "game": "noughts",
        "users": [{"user": ann.user, "isHost": True, "ready": True, "away": False}],
        "options": {"a": 1},
    }


async def test_optional_members_can_be_null(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    body = {"name": "x", "password": None, "options": None, "readyCheck": None}
    room = (await ann.post("/games/noughts/rooms", body)).headers["Location"]
    document = (await ann.get(room)).json
    assert (document["private"], document["options"]) == (False, {})


async def test_unknown_members_are_ignored(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.post("/games/noughts/rooms", {"name": "x", "colour": "red", "id": 9})
    assert answer.status == 201


async def test_name_is_trimmed_and_control_characters_become_spaces(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("noughts", "  a\tb\r\nc\u202e ")
    assert (await ann.get(room)).json["name"] == "a b  c"


async def test_private_room_requires_its_password(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "x", password="hunter2")
    assert (await bob.post(room + "/join")).status_and_error == (400, "room.wrong_password")
    wrong = await bob.post(room + "/join", {"password": "hunter3"})
    assert wrong.status_and_error == (400, "room.wrong_password")
    assert (await bob.post(room + "/join", {"password": "hunter2"})).status == 200


async def test_password_keeps_white_space(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "x", password="  \t")
    assert (await bob.post(room + "/join", {"password": ""})).status == 400
    await bob.join(room, password="  \t")


async def test_password_is_never_returned_or_logged(test_app: TestApp, caplog: Any) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "x", password="sesam-open")
    await bob.join(room, password="sesam-open")
    session = await ann.start(room)
    paths = (
        "/games/noughts/rooms?active=false",
        f"/accounts/{ann.id}/rooms-and-sessions",
        "/games/noughts/rooms/events?wait=0",
        room + "/events?wait=0",
        session,
        session + "/events?wait=0",
    )
    for path in paths:
        answer = await ann.get(path)
        assert answer.status == 200 and b"sesam" not in answer.raw
    assert "sesam" not in caplog.text


async def test_empty_password_means_no_password(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "x", password="")
    assert (await ann.get(room)).json["private"] is False
    await bob.join(room)


async def test_join_is_limited_after_ten_wrong_passwords(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room("noughts", "x", password="hunter2")
    for _ in range(10):
        await bob.post(room + "/join", {"password": "?"})
    limited = await bob.post(room + "/join", {"password": "hunter2"})
    assert limited.status_and_error == (429, "rate.limited")
    cid = await test_app.sign_in_guest("Cid")
    assert (await cid.post(room + "/join", {"password": "?"})).status == 429


async def test_full_room_rejects_join(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await ann.create_room()
    await bob.join(room)
    assert (await cid.post(room + "/join")).status_and_error == (400, "room.full")
    assert (await bob.post(room + "/join")).status == 200


async def test_room_capacity_is_that_of_the_game(test_app: TestApp) -> None:
    await test_app.create_game("quartet", 4, 4)
    ann = await test_app.sign_in_guest()
    assert (await ann.get(await ann.create_room("quartet"))).json["maxUsers"] == 4


async def test_room_is_not_found_in_another_game(test_app: TestApp) -> None:
    await test_app.create_game("chess", 2, 2)
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("noughts")
    other_path = room.replace("noughts", "chess")
    assert (await ann.get(other_path)).status_and_error == (404, "room.not_found")
    assert (await ann.post(other_path + "/leave")).status_and_error == (404, "room.not_found")


async def test_room_is_gone_after_its_host_left(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    assert (await ann.post(room + "/leave")).status == 204
    for method, path in (("GET", ""), ("POST", "/join"), ("POST", "/leave"), ("POST", "/start")):
        assert (await bob.request(method, room + path)).status_and_error == (410, "room.gone")


async def test_started_room_is_gone(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    await ann.start(room)
    for client in (ann, bob):
        for method, path in (("GET", ""), ("POST", "/leave"), ("POST", "/start")):
            assert (await client.request(method, room + path)).status_and_error == (
                410,
                "room.gone",
            )


async def test_refusal_for_a_started_room_names_the_session(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    session = await ann.start(room)
    feed = f"{room}/events?after-event-id={test_app.core.feed.head}"
    for answer in (
        await bob.get(room),
        await bob.post(f"{room}/ready", {"ready": True}),
        await bob.get(feed),
    ):
        assert answer.status_and_error == (410, "room.gone")
        assert answer.json["reason"] == "started"
        assert session.endswith("/" + answer.json["sessionId"])


async def test_refusal_names_a_private_session_to_its_members_only(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await ann.create_room(password="p")
    await bob.join(room, password="p")
    await ann.start(room)
    assert (await bob.get(room)).json["sessionId"] == "1"
    refused = (await cid.get(room)).json
    assert (refused["reason"], "sessionId" in refused) == ("started", False)


async def test_refusal_for_a_room_whose_host_left_has_the_reason(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    await ann.post(room + "/leave")
    refused = (await ann.get(room)).json
    assert (refused["reason"], "sessionId" in refused) == ("host_left", False)


@pytest.mark.parametrize("sanction", ["kick", "ban"])
async def test_room_of_a_host_whom_an_admin_removes_was_not_left_by_them(
    test_app: TestApp, sanction: str
) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    cursor = test_app.core.feed.head
    if sanction == "kick":
        await test_app.core.execute(admin_kick, kind=Lobby, id=1, player_id=ann.id)
    else:
        await test_app.core.execute(ban, game="noughts", player_id=ann.id, duration="hour")
    left, closed = (entry["event"] for entry in await bob.poll_events(room, cursor))
    assert (left["reason"], left["by"]) == ("kicked", "administrator")
    assert (closed["type"], closed["reason"]) == ("room_gone", "closed")
    assert (await bob.get(room)).json["reason"] == "closed"


async def test_closed_room_is_not_found_after_a_day(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    await ann.post(room + "/leave")
    await test_app.advance(86_300)
    assert (await ann.get(room)).status == 410
    await test_app.advance(100)
    assert (await ann.get(room)).status_and_error == (404, "room.not_found")


async def test_leaving_frees_the_seat(test_app: TestApp) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    room = await ann.create_room()
    await bob.join(room)
    assert (await bob.post(room + "/leave")).status == 204
    assert (await bob.post(room + "/leave")).status_and_error == (400, "room.not_in_room")
    await cid.join(room)
    assert await user_ids(ann, room) == [ann.id, cid.id]


async def test_kicked_member_can_join_again(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    room = await ann.create_room()
    await bob.join(room)
    assert (await ann.post(room + "/kick", {"user_id": bob.id})).status == 204
    assert await user_ids(ann, room) == [ann.id]
    await bob.join(room)


@pytest.mark.parametrize(
    ("by", "target", "error"),
    [
        ("ann", "ann", (400, "room.cannot_kick_self")),
        ("ann", "cid", (400, "room.user_not_in_room")),
        ("bob", "ann", (403, "room.not_host")),
        ("bob", "bob", (403, "room.not_host")),
        ("cid", "bob", (400, "room.not_in_room")),
    ],
)
async def test_invalid_kick_is_rejected(
    test_app: TestApp, by: str, target: str, error: tuple[int, str]
) -> None:
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    clients = {"ann": ann, "bob": bob, "cid": cid}
    room = await ann.create_room()
    await bob.join(room)
    answer = await clients[by].post(room + "/kick", {"user_id": clients[target].id})
    assert answer.status_and_error == error
    assert await user_ids(ann, room) == [ann.id, bob.id]


async def test_options_are_replaced_as_a_whole(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free", "x", options={"a": 1, "b": 2})
    assert (await ann.put(room + "/options", {"b": {"c": [None]}})).status == 204
    assert (await ann.get(room)).json["options"] == {"b": {"c": [None]}}


async def test_options_are_limited_to_16_kib(test_app: TestApp) -> None:
    await test_app.create_game("free")
    ann = await test_app.sign_in_guest()
    room = await ann.create_room("free")
    fits = {"x": "y" * (16 * 1024 - 8)}
    assert (await ann.put(room + "/options", fits)).status == 204
    fits["x"] += "y"
    assert (await ann.put(room + "/options", fits)).status_and_error == (400, "request.malformed")


async def test_option_that_the_game_rejects_is_named(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    room = await ann.create_room()
    answer = await ann.put(room + "/options", {"first": "nobody"})
    assert answer.status_and_error == (400, "room.bad_options")
    assert "first" in answer.json["description"]


async def test_rows_of_lists_are_kept_up_to_a_number_of_bytes(test_app: TestApp) -> None:
    await test_app.core.execute(add_game, tag="free")
    (ann,) = await test_app.sign_in_guests("Ann")
    cache = test_app.app_context.per_process(RoomRowCache)
    cache.MAX_BYTES = 40_000
    for number in range(8):
        await ann.create_room("free", options={"x": "y" * 10_000, "n": number})
        await ann.get("/games/free/rooms")
        # A row is kept twice, beside its options.
        assert len(cache._rows) <= 2
    assert len((await ann.get("/games/free/rooms")).json) == 8
