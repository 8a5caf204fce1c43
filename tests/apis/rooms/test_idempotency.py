"""Idempotency-Key: a repeated POST acts once and returns the first answer."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tests.apis.app import Answer, ApiClient, TestApp

#: Repeated and ordinary requests have the same contract.

KEY = "5b4a1f1e-1f0f-4c0e-9d0c-0d1a7e0c8a11"


async def call(client: ApiClient, path: str, body: Any = None, key: str = KEY) -> Answer:
    """Send a POST with an Idempotency-Key."""
    return await client.post(path, body, Idempotency_Key=key)


def is_same(first: Answer, second: Answer) -> bool:
    """Return whether the answers are equal except for the cursor, which increases."""
    location = first.headers.get("Location") == second.headers.get("Location")
    return (first.status, first.raw) == (second.status, second.raw) and location


@dataclass(frozen=True)
class Post:
    """A POST with its client, expected status and event; `other` is another valid body."""

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


async def make_clients(test_app: TestApp) -> dict[str, ApiClient]:
    """Create a room and a session of Ann and Bob, and return them and Cid, who is in neither."""
    await test_app.create_game("free")
    ann, bob, cid = await test_app.sign_in_guests("Ann", "Bob", "Cid")
    rooms = [await ann.create_room("free", "first"), await ann.create_room("free", "second")]
    for room in rooms:
        await bob.join(room)
    await ann.start(rooms[1])
    return {"ann": ann, "bob": bob, "cid": cid}


async def count_events(clients: dict[str, ApiClient], post: Post, after: int) -> int:
    """Count the events of the POST after a cursor, on the feed that has them."""
    kind = "sessions/1" if "sessions" in post.path else "rooms"
    types = await clients["ann"].event_types(f"/games/free/{kind}", after)
    if post.event == "chat" and kind == "rooms":
        types = await clients["ann"].event_types(ROOM, after)
    return types.count(post.event)


@EACH
async def test_repeated_request_returns_the_first_answer(test_app: TestApp, post: Post) -> None:
    clients = await make_clients(test_app)
    head = test_app.core.feed.head
    first = await call(clients[post.by], post.path, post.body)
    assert first.status == post.status, first.raw
    for _ in range(3):
        assert is_same(await call(clients[post.by], post.path, post.body), first)
    assert await count_events(clients, post, head) == 1


@EACH
async def test_concurrent_repeats_act_once(test_app: TestApp, post: Post) -> None:
    clients = await make_clients(test_app)
    head = test_app.core.feed.head
    answers = await asyncio.gather(
        *(call(clients[post.by], post.path, post.body) for _ in range(5))
    )
    assert all(is_same(answer, answers[0]) for answer in answers)
    assert answers[0].status == post.status
    assert await count_events(clients, post, head) == 1


@EACH
async def test_repeat_after_a_restart_returns_the_first_answer(
    persistent_test_app: TestApp, post: Post
) -> None:
    clients = await make_clients(persistent_test_app)
    head = persistent_test_app.core.feed.head
    first = await call(clients[post.by], post.path, post.body)
    await persistent_test_app.restart()
    assert is_same(await call(clients[post.by], post.path, post.body), first)
    assert await count_events(clients, post, head) == 1


@pytest.mark.parametrize("post", [post for post in POSTS if post.other], ids=lambda post: post.path)
async def test_key_with_another_body_is_422(test_app: TestApp, post: Post) -> None:
    clients = await make_clients(test_app)
    await call(clients[post.by], post.path, post.body)
    answer = await call(clients[post.by], post.path, post.other)
    assert answer.status_and_error == (422, "request.key_reused")


async def test_key_with_another_path_is_422(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    await call(clients["cid"], ROOM + "/join")
    assert (await call(clients["cid"], ROOM + "/leave")).status_and_error == (
        422,
        "request.key_reused",
    )


async def test_two_users_can_use_the_same_key(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    assert (await call(clients["ann"], "/games/free/rooms", {"name": "a"})).json["roomId"] == 3
    assert (await call(clients["bob"], "/games/free/rooms", {"name": "b"})).json["roomId"] == 4


async def test_rejected_request_can_be_repeated_with_its_key(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    await clients["ann"].post(ROOM + "/kick", {"user_id": clients["bob"].id})
    assert (await call(clients["bob"], ROOM + "/leave")).status_and_error == (
        400,
        "room.not_in_room",
    )
    await clients["bob"].join(ROOM)
    assert (await call(clients["bob"], ROOM + "/leave")).status == 204


async def test_repeated_creation_succeeds_after_the_room_closed(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    path, body = "/games/free/rooms", {"name": "short"}
    first = await call(clients["cid"], path, body)
    await clients["cid"].post(first.headers["Location"] + "/leave")
    again = await call(clients["cid"], path, body)
    assert (again.status, again.json["roomId"]) == (201, first.json["roomId"])
    assert again.headers["Location"] == first.headers["Location"]


async def test_repeated_join_succeeds_after_the_start(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    first = await call(clients["cid"], ROOM + "/join")
    await clients["ann"].start(ROOM)
    assert is_same(await call(clients["cid"], ROOM + "/join"), first)


async def test_key_expires_after_a_day(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    path, body = "/games/free/rooms", {"name": "x"}
    await call(clients["cid"], path, body)
    await test_app.advance(86_300)
    assert (await call(clients["cid"], path, body)).json["roomId"] == 3
    await test_app.advance(200)
    assert (await call(clients["cid"], path, body)).json["roomId"] == 4


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_empty_or_too_long_key_is_malformed(test_app: TestApp, key: str) -> None:
    clients = await make_clients(test_app)
    answer = await call(clients["cid"], ROOM + "/join", key=key)
    assert answer.status_and_error == (400, "request.malformed")
    assert "Idempotency-Key" in answer.json["description"]


async def test_key_of_255_characters_is_accepted(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    assert (await call(clients["cid"], ROOM + "/join", key="x" * 255)).status == 200


async def test_routes_that_return_secrets_ignore_the_key(test_app: TestApp) -> None:
    body = {"credentialType": "guest"}
    first, second = [await call(test_app.anonymous, "/accounts/login", body) for _ in "ab"]
    assert first.json["token"] != second.json["token"]
    ann = await test_app.sign_in_guest()
    tickets = {(await call(ann, "/accounts/ticket")).json["ticket"] for _ in "ab"}
    assert len(tickets) == 2


async def test_posts_without_key_act_each_time(test_app: TestApp) -> None:
    clients = await make_clients(test_app)
    ids = [
        (await clients["cid"].post("/games/free/rooms", {"name": "x"})).json["roomId"] for _ in "ab"
    ]
    assert ids == [3, 4]
