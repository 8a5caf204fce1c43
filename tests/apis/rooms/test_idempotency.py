"""Repeats: a POST with an Idempotency-Key acts once, however often it is sent."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.apis.app import Answer, ApiClient, TestApp

KEY = "5b4a1f1e-1f0f-4c0e-9d0c-0d1a7e0c8a11"


async def call(who: ApiClient, path: str, body: Any = None, key: str = KEY) -> Answer:
    return await who.post(path, body, Idempotency_Key=key)


def same(one: Answer, other: Answer) -> bool:
    """The same answer, but for the cursor, which tells the time."""
    location = one.headers.get("Location") == other.headers.get("Location")
    return (one.status, one.raw) == (other.status, other.raw) and location


@dataclass(frozen=True)
class Post:
    """A POST, who makes it, and how often its event is heard however often it is sent."""

    path: str
    by: str
    body: Any
    status: int
    event: str
    other: Any = None


ROOM, SESSION = "/games/free/rooms/1", "/games/free/sessions/1"
POSTS = [
    Post("/games/free/rooms", "cid", {"name": "new"}, 201, "room_created", {"name": "other"}),
    Post("/games/free/rooms/quick-join", "cid", {}, 200, "user_join", {"name": "other"}),
    Post(ROOM + "/join", "cid", None, 200, "user_join", {"password": "x"}),
    Post(ROOM + "/leave", "bob", None, 204, "user_leave"),
    Post(ROOM + "/kick", "ann", {"user_id": 2}, 204, "user_leave", {"user_id": 3}),
    Post(ROOM + "/ready", "bob", {"ready": False}, 204, "user_ready", {"ready": True}),
    Post(ROOM + "/chat", "bob", {"text": "hi"}, 201, "chat", {"text": "ho"}),
    Post(ROOM + "/start", "ann", None, 201, "room_gone"),
    Post(SESSION + "/turn", "bob", {"n": 1}, 204, "turn", {"n": 2}),
    Post(SESSION + "/join", "cid", None, 200, "user_join", {"password": "x"}),
    Post(SESSION + "/leave", "bob", None, 204, "user_leave"),
    Post(SESSION + "/stop", "ann", None, 204, "session_over"),
    Post(SESSION + "/chat", "bob", {"text": "hi"}, 201, "chat", {"text": "ho"}),
]
EACH = pytest.mark.parametrize("post", POSTS, ids=lambda post: post.path)


async def cast(test_app: TestApp) -> dict[str, ApiClient]:
    """A room and a session of Ann and Bob; Cid is in neither."""
    await test_app.create_game("free")
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    rooms = [await ann.create_room("free", "first"), await ann.create_room("free", "second")]
    for room in rooms:
        await bob.join(room)
    await ann.start(rooms[1])
    return {"ann": ann, "bob": bob, "cid": cid}


async def heard(who: dict[str, ApiClient], post: Post, after: int) -> int:
    """How often the event came since then, on whatever feed tells it."""
    kind = "sessions/1" if "sessions" in post.path else "rooms"
    types = await who["ann"].event_types(f"/games/free/{kind}", after)
    if post.event == "chat" and kind == "rooms":
        types = await who["ann"].event_types(ROOM, after)
    return types.count(post.event)


@EACH
async def test_a_repeat_is_answered_alike_and_does_nothing(test_app: TestApp, post: Post) -> None:
    who = await cast(test_app)
    head = test_app.core.feed.head
    first = await call(who[post.by], post.path, post.body)
    assert first.status == post.status, first.raw
    for _ in range(3):
        assert same(await call(who[post.by], post.path, post.body), first)
    assert await heard(who, post, head) == 1


@EACH
async def test_two_at_once_act_once(test_app: TestApp, post: Post) -> None:
    who = await cast(test_app)
    head = test_app.core.feed.head
    answers = await asyncio.gather(*(call(who[post.by], post.path, post.body) for _ in range(5)))
    assert all(same(answer, answers[0]) for answer in answers)
    assert answers[0].status == post.status
    assert await heard(who, post, head) == 1


@EACH
async def test_a_repeat_after_a_restart_is_answered_alike(
    persistent_test_app: TestApp, post: Post
) -> None:
    who = await cast(persistent_test_app)
    head = persistent_test_app.core.feed.head
    first = await call(who[post.by], post.path, post.body)
    await persistent_test_app.restart()
    assert same(await call(who[post.by], post.path, post.body), first)
    assert await heard(who, post, head) == 1


@pytest.mark.parametrize("post", [post for post in POSTS if post.other], ids=lambda post: post.path)
async def test_the_key_with_another_body_is_422(test_app: TestApp, post: Post) -> None:
    who = await cast(test_app)
    await call(who[post.by], post.path, post.body)
    answer = await call(who[post.by], post.path, post.other)
    assert answer.status_and_error == (422, "request.key_reused")


async def test_the_key_with_another_path_is_422(test_app: TestApp) -> None:
    who = await cast(test_app)
    await call(who["cid"], ROOM + "/join")
    assert (await call(who["cid"], ROOM + "/leave")).status_and_error == (422, "request.key_reused")


async def test_two_users_may_use_the_same_key(test_app: TestApp) -> None:
    who = await cast(test_app)
    assert (await call(who["ann"], "/games/free/rooms", {"name": "a"})).json["roomId"] == 3
    assert (await call(who["bob"], "/games/free/rooms", {"name": "b"})).json["roomId"] == 4


async def test_what_was_refused_may_be_tried_again_with_the_same_key(test_app: TestApp) -> None:
    who = await cast(test_app)
    await who["ann"].post(ROOM + "/kick", {"user_id": who["bob"].id})
    assert (await call(who["bob"], ROOM + "/leave")).status_and_error == (400, "room.not_in_room")
    await who["bob"].join(ROOM)
    assert (await call(who["bob"], ROOM + "/leave")).status == 204


async def test_a_room_made_is_told_again_also_when_it_is_gone(test_app: TestApp) -> None:
    who = await cast(test_app)
    path, body = "/games/free/rooms", {"name": "short"}
    first = await call(who["cid"], path, body)
    await who["cid"].post(first.headers["Location"] + "/leave")
    again = await call(who["cid"], path, body)
    assert (again.status, again.json["roomId"]) == (201, first.json["roomId"])
    assert again.headers["Location"] == first.headers["Location"]


async def test_a_join_is_answered_again_also_when_the_room_has_started(test_app: TestApp) -> None:
    who = await cast(test_app)
    first = await call(who["cid"], ROOM + "/join")
    await who["ann"].start(ROOM)
    assert same(await call(who["cid"], ROOM + "/join"), first)


async def test_the_key_is_forgotten_after_a_day(test_app: TestApp) -> None:
    who = await cast(test_app)
    path, body = "/games/free/rooms", {"name": "x"}
    await call(who["cid"], path, body)
    await test_app.advance(86_300)
    assert (await call(who["cid"], path, body)).json["roomId"] == 3
    await test_app.advance(200)
    assert (await call(who["cid"], path, body)).json["roomId"] == 4


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_that_is_none_or_too_long_is_malformed(test_app: TestApp, key: str) -> None:
    who = await cast(test_app)
    answer = await call(who["cid"], ROOM + "/join", key=key)
    assert answer.status_and_error == (400, "request.malformed")
    assert "Idempotency-Key" in answer.json["description"]


async def test_a_key_of_255_characters_is_taken(test_app: TestApp) -> None:
    who = await cast(test_app)
    assert (await call(who["cid"], ROOM + "/join", key="x" * 255)).status == 200


async def test_what_answers_secrets_is_done_each_time(test_app: TestApp) -> None:
    body = {"credentialType": "guest"}
    first, second = [await call(test_app.anonymous, "/accounts/login", body) for _ in "ab"]
    assert first.json["token"] != second.json["token"]
    ann = await test_app.sign_in_guest()
    tickets = {(await call(ann, "/accounts/ticket")).json["ticket"] for _ in "ab"}
    assert len(tickets) == 2


async def test_without_a_key_each_post_acts(test_app: TestApp) -> None:
    who = await cast(test_app)
    ids = [(await who["cid"].post("/games/free/rooms", {"name": "x"})).json["roomId"] for _ in "ab"]
    assert ids == [3, 4]
