"""One game with a player in each of two APIs, over all transports."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from coalserver.core.commands.games import rotate_game_tokens
from coalserver.core.commands.lobbies import add_member
from coalserver.core.queries.lobbies import get_lobby
from tests.apis.app import ApiClient, TestApp
from tests.apis.listeners import TRANSPORTS, Listener, listen
from tests.apis.multiplayer.clients import PlayerClient, SampleGame
from tests.apis.multiplayer.scene import failure, success
from tests.apis.multiplayer.socket_client import connect_socket

TAG = "noughts"
BOARD = {"grid": "....0...."}


@dataclass
class SharedGame:
    """Ann uses the rooms API, Bob the multiplayer API; the game is without or with rules."""

    sample_game: SampleGame
    ann: ApiClient
    bob: PlayerClient

    @property
    def test_app(self) -> TestApp:
        return self.sample_game.test_app

    @property
    def tag(self) -> str:
        return self.sample_game.tag

    async def lobbies(self) -> list[dict[str, Any]]:
        """Return the lobbies that Bob sees."""
        return success(await self.bob.post("matchmaking.php/list"))["lobbies"]  # type: ignore[no-any-return]

    async def poll_updates(self, **params: Any) -> list[tuple[str, Any]]:
        """Return all updates that Bob received in the room."""
        params = {"from_players": "all", **params}
        response = success(await self.bob.post("game_room.php/updates/poll", params))
        return [(row["type"], row["data"]) for row in response["updates"]]

    async def send_turn(self, **turn: Any) -> Any:
        """Take a turn as Bob."""
        params = {"action_type": "turn", "request_data": turn}
        return await self.bob.post("game_room.php/actions", params)

    async def send_update(self, target: str, **params: Any) -> Any:
        """Send an update as Bob and return the response."""
        params = {"target_players": target, **params}
        return success(await self.bob.post("game_room.php/updates", params))

    async def start_session(self) -> str:
        """Start a session with Ann as host and Bob as member; return its path."""
        room = await self.ann.create_room(self.tag)
        (row,) = await self.lobbies()
        success(await self.bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
        return await self.ann.start(room)

    @asynccontextmanager
    async def listen_everywhere(self, place: str) -> AsyncIterator[list[Listener]]:
        """Open feeds for Ann on all transports."""
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(listen(way, self.ann, place)) for way in TRANSPORTS
            ]


@pytest.fixture
async def noughts(test_app: TestApp) -> SharedGame:
    """A game with rules: noughts and crosses."""
    created = await test_app.core.execute(rotate_game_tokens, tag=TAG)
    sample_game = SampleGame(test_app, TAG, created["api_token"], created["private_token"])
    return SharedGame(
        sample_game, await test_app.sign_in_guest("Ann"), await sample_game.make_player("Bob")
    )


@pytest.fixture
async def free_game(noughts: SharedGame) -> SharedGame:
    """A game without rules, which relays turns."""
    tag = await noughts.test_app.create_game("free")
    created = await noughts.test_app.core.execute(rotate_game_tokens, tag=tag)
    sample_game = SampleGame(noughts.test_app, tag, created["api_token"], created["private_token"])
    return SharedGame(sample_game, noughts.ann, await sample_game.make_player("Bob"))


async def expect_everywhere(listeners: list[Listener], *types: str) -> list[dict[str, Any]]:
    """Return the next events and check that all listeners receive the same."""
    received = [[await listener.next() for _ in types] for listener in listeners]
    assert all([event["type"] for event in one] == list(types) for one in received), received
    assert all(one == received[0] for one in received)
    return received[0]


async def test_noughts_from_a_room_of_the_rooms_api(noughts):
    ann, bob = noughts.ann, noughts.bob
    room = await ann.create_room(TAG, "Ann's game")
    async with noughts.listen_everywhere(room) as listeners:
        (row,) = await noughts.lobbies()
        assert (row["matchmaking_name"], row["host_name"], row["max_players"]) == (
            "Ann's game",
            "Ann",
            2,
        )
        success(await bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
        (joined,) = await expect_everywhere(listeners, "user_join")
        assert joined["user"] == {"userId": bob.id, "username": "Bob"}
        assert [user["user"]["username"] for user in (await ann.get(room)).json["users"]] == [
            "Ann",
            "Bob",
        ]
        session = await ann.start(room)
        (closed,) = await expect_everywhere(listeners, "room_gone")
        assert closed["reason"] == "started" and session.endswith(f"/{closed['sessionId']}")
    room_now = success(await bob.get("game_room.php/current"))["room"]
    assert (room_now["room_name"], room_now["is_host"]) == ("Ann's game", False)

    async with noughts.listen_everywhere(session) as listeners:
        await ann.take_turn(session, cell=4)
        ((kind, turn),) = await noughts.poll_updates(from_players="host")
        assert kind == "turn"
        assert (turn["player_id"], turn["turn"], turn["environment"]) == (
            ann.id,
            {"cell": 4},
            BOARD,
        )
        assert failure(await noughts.send_turn(cell=4))[0] == 400
        (action,) = success(await noughts.send_turn(cell=0))["action_ids"]
        (answered,) = success(await bob.get("game_room.php/actions/poll"))["actions"]
        assert answered["action_id"] == action
        assert answered["response_data"] == {"grid": "1...0...."}
        assert failure(await noughts.send_turn(cell=1)) == (400, "It is not your turn")
        _, turn = await expect_everywhere(listeners, "turn", "turn")
        assert (turn["player"], turn["cell"]) == (1, 0)

        await ann.send_chat(session, "well played")
        message = {"player_id": ann.id, "player_name": "Ann", "text": "well played"}
        assert ("chat", message) in await noughts.poll_updates()
        await expect_everywhere(listeners, "chat")

        await ann.take_turn(session, cell=2)
        success(await noughts.send_turn(cell=1))
        await ann.take_turn(session, cell=6)
        ended = (await expect_everywhere(listeners, "turn", "turn", "turn", "session_over"))[-1]
        assert ended["outcome"] == {"winner": 0}
    assert not success(await bob.get("game_room.php/current"))["in_room"]
    _, turn = (await noughts.poll_updates())[-1]
    assert (turn["turn"], turn["outcome"]) == ({"cell": 6}, {"winner": 0})
    assert (await ann.get(session)).json["outcome"] == {"winner": 0}


async def test_noughts_from_a_lobby_of_the_multiplayer_api(noughts):
    ann, bob = noughts.ann, noughts.bob
    created = {"max_players": 4, "matchmaking_name": "Bob's game", "strict_full": True}
    async with noughts.listen_everywhere(f"/games/{TAG}/rooms") as listeners:
        lobby = success(await bob.post("matchmaking.php/create", created))
        assert lobby["max_players"] == 2
        (created,) = await expect_everywhere(listeners, "room_created")
        room = f"/games/{TAG}/rooms/{created['roomId']}"
        assert created["room"]["host"] == {"userId": bob.id, "username": "Bob"}
        message = "Lobby must be full to start (strict_full enabled)"
        assert failure(await bob.post("matchmaking.php/start")) == (400, message)
        await ann.join(room)
        rows = success(await bob.get("matchmaking.php/players"))["players"]
        assert [row["player_name"] for row in rows] == ["Bob", "Ann"]
        assert success(await bob.post("matchmaking.php/start"))["players_transferred"] == 2
        closed = (await expect_everywhere(listeners, "user_join", "room_gone"))[-1]
    session = f"/games/{TAG}/sessions/{closed['sessionId']}"
    async with noughts.listen_everywhere(session) as listeners:
        success(await noughts.send_turn(cell=4))
        (turn,) = await expect_everywhere(listeners, "turn")
        assert (turn["player"], turn["environment"]) == (0, BOARD)
        await ann.take_turn(session, cell=0)
        success(await bob.post("game_room.php/leave"))
        received = await expect_everywhere(listeners, "turn", "user_leave", "session_over")
        assert received[1]["user"]["userId"] == bob.id


async def test_host_kicks_a_member_of_the_other_api(free_game):
    ann, bob = free_game.ann, free_game.bob
    room = await ann.create_room(free_game.tag)
    (row,) = await free_game.lobbies()
    success(await bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
    assert (await ann.post(f"{room}/kick", {"user_id": bob.id})).status == 204
    assert not success(await bob.get("matchmaking.php/current"))["in_matchmaking"]

    success(await bob.post("matchmaking.php/create", {"max_players": 4}))
    rooms = (await ann.get(f"/games/{free_game.tag}/rooms")).json
    mine = next(row["roomId"] for row in rooms if row["host"]["userId"] == bob.id)
    room = f"/games/{free_game.tag}/rooms/{mine}"
    async with free_game.listen_everywhere(room) as listeners:
        await ann.join(room)
        success(await bob.post("matchmaking.php/kick", {"player_id": ann.id}))
        _, left = await expect_everywhere(listeners, "user_join", "user_leave")
        assert (left["user"]["userId"], left["reason"]) == (ann.id, "kicked")


async def test_turn_without_rules_is_an_update_in_the_other_api(free_game):
    ann, bob = free_game.ann, free_game.bob
    session = await free_game.start_session()
    await ann.take_turn(session, dance="waltz")
    assert await free_game.poll_updates() == [("turn", {"dance": "waltz"})]
    assert await free_game.poll_updates(from_players="specific", from_players_ids=[bob.id]) == []


async def test_room_of_the_multiplayer_api_is_a_session_to_join(free_game):
    ann, bob = free_game.ann, free_game.bob
    created = success(
        await bob.post("game_room.php/create", {"room_name": "Hall", "password": "x"})
    )
    success(await bob.post("game_room.php/password", {"password": None}))
    (row,) = (await ann.get(f"/games/{free_game.tag}/sessions?open=true")).json
    assert row["name"] == "Hall"
    await ann.join(f"/games/{free_game.tag}/sessions/{row['sessionId']}")
    (mine, other) = success(await bob.get("game_room.php/players"))["players"]
    assert (mine["player_name"], other["player_name"]) == ("Bob", "Ann")
    updates = success(
        await bob.post("game_room.php/updates", {"target_players": "others", "type": "hello"})
    )
    assert updates["target_players_ids"] == [ann.id]
    success(await bob.post("game_room.php/stop"))
    assert (await ann.get(f"/games/{free_game.tag}/sessions/{row['sessionId']}")).json[
        "active"
    ] is False
    assert failure(await bob.post(f"game_room.php/{created['room_id']}/join")) == (
        400,
        "Room inactive",
    )


async def test_player_of_the_other_api_can_be_banned(free_game):
    ann = free_game.ann
    room = await ann.create_room(free_game.tag)
    headers = {"X_Api_Private_Token": free_game.sample_game.private}
    body = {"player_id": ann.id, "ban_duration": "day"}
    success(await free_game.sample_game.anonymous.post("game_players.php/ban", body, **headers))
    assert (await ann.get(room)).status == 410
    answer = await ann.post(f"/games/{free_game.tag}/rooms", {"name": "again"})
    assert answer.status_and_error == (403, "auth.banned")


async def test_waiting_client_receives_events_of_the_other_api(free_game):
    ann, bob = free_game.ann, free_game.bob
    session = await free_game.start_session()
    poll = await free_game.test_app.start_waiting(bob.get("game_room.php/updates/poll?wait=30"))
    await ann.send_chat(session, "hello")
    assert [row["type"] for row in success(await poll)["updates"]] == ["chat"]


async def test_realtime_relay_works_in_a_shared_game(free_game):
    ann, bob = free_game.ann, free_game.bob
    cid = await free_game.sample_game.make_player("Cid")
    created = {"max_players": 4, "realtime_room": True}
    lobby = success(await bob.post("matchmaking.php/create", created))["matchmaking_id"]
    success(await cid.post(f"matchmaking.php/{lobby}/join"))
    (row,) = (await ann.get(f"/games/{free_game.tag}/rooms")).json
    await ann.join(f"/games/{free_game.tag}/rooms/{row['roomId']}")
    success(await bob.post("matchmaking.php/start"))
    (session,) = (await ann.get(f"/games/{free_game.tag}/sessions")).json
    place = f"/games/{free_game.tag}/sessions/{session['sessionId']}"
    async with free_game.listen_everywhere(place) as listeners:
        first, second = await connect_socket(bob), await connect_socket(cid)
        await first.send("wave", data={"hand": "left"}, target="all")
        assert (await second.receive_message())["data"] == {"hand": "left"}
        await ann.take_turn(place, step=1)
        await expect_everywhere(listeners, "turn")
        assert await free_game.poll_updates() == [("turn", {"step": 1})]


async def test_updates_of_multiplayer_reach_the_addressed_members_of_the_rooms_api(free_game):
    ann, bob = free_game.ann, free_game.bob
    session = await free_game.start_session()
    eve = await free_game.test_app.sign_in_guest("Eve")
    assert (await eve.post(f"{session}/join")).status == 200
    async with (
        free_game.listen_everywhere(session) as listeners,
        listen("poll", eve, session) as eves_listener,
    ):
        await free_game.send_update("all", type="wave", data={"hand": 1})
        sent = await free_game.send_update(
            "specific", type="wink", data=[2], target_players_ids=[ann.id]
        )
        assert (sent["updates_sent"], sent["target_players_ids"]) == (1, [ann.id])
        await free_game.send_update("all", type="end", data=None)
        received = await expect_everywhere(listeners, "update", "update", "update")
        assert [(one["updateType"], one["data"]) for one in received] == [
            ("wave", {"hand": 1}),
            ("wink", [2]),
            ("end", {}),
        ]
        assert {(one["playerId"], one["userId"]) for one in received} == {(1, bob.id)}
        eves = [await eves_listener.next() for _ in range(2)]
        assert [one["updateType"] for one in eves] == ["wave", "end"]
    assert [kind for kind, _ in await free_game.poll_updates()] == ["wave", "end"]


async def test_actions_of_multiplayer_are_answered_through_the_rooms_api(free_game):
    ann, bob = free_game.ann, free_game.bob
    session = await free_game.start_session()
    async with free_game.listen_everywhere(session) as listeners:
        params = {
            "action_type": "trade",
            "target_players": "host",
            "request_data": {"wood": 3},
        }
        sent = success(await bob.post("game_room.php/actions", params))
        assert sent["target_players_ids"] == [ann.id]
        (action,) = await expect_everywhere(listeners, "action")
        expected = {
            "actionType": "trade",
            "actionId": sent["action_ids"][0],
            "playerId": 1,
            "userId": bob.id,
            "data": {"wood": 3},
        }
        assert expected.items() <= action.items()
    assert (await ann.get(session)).json["actions"] == [expected]
    path = f"{session}/actions/{action['actionId']}"
    for body in ({}, {"status": "pending"}, {"status": 1}):
        assert (await ann.post(path, body)).json["error"] == "request.malformed"
    eve = await free_game.test_app.sign_in_guest("Eve")
    for client, wrong_path in ((eve, path), (ann, f"{session}/actions/0")):
        answer = await client.post(wrong_path, {"status": "failed"})
        assert (answer.status, answer.json["error"]) == (404, "session.action_not_found")
    assert (await ann.post(path, {"status": "processing"})).status == 204
    answer = {"status": "completed", "data": {"gold": 1}}
    for _ in range(2):
        assert (await ann.post(path, answer, **{"Idempotency_Key": "k"})).status == 204
    assert (await ann.post(path, answer)).status == 404
    (finished,) = success(await bob.get("game_room.php/actions/poll"))["actions"]
    assert (finished["status"], finished["response_data"]) == ("completed", {"gold": 1})
    assert (await ann.get(session)).json["actions"] == []


async def test_action_turn_without_rules_is_a_turn_for_the_rooms_api_and_an_action_for_others(
    free_game,
):
    ann, bob = free_game.ann, free_game.bob
    session = await free_game.start_session()
    cid = await free_game.sample_game.make_player("Cid")
    room_id = success(await bob.get("game_room.php/current"))["room"]["room_id"]
    success(await cid.post(f"game_room.php/{room_id}/join"))
    async with free_game.listen_everywhere(session) as listeners:
        params = {
            "action_type": "turn",
            "target_players": "others",
            "request_data": {"card": 7},
        }
        sent = success(await bob.post("game_room.php/actions", params))
        assert sent["target_players_ids"] == [ann.id, cid.id]
        (turn,) = await expect_everywhere(listeners, "turn")
        assert (turn["player"], turn["card"], turn["number"]) == (1, 7, 1)
    (pending,) = success(await cid.get("game_room.php/actions/pending"))["actions"]
    assert (pending["action_type"], pending["request_data"]) == ("turn", {"card": 7})
    updates = success(await cid.post("game_room.php/updates/poll", {"from_players": "all"}))[
        "updates"
    ]
    assert updates == []
    (finished,) = success(await bob.get("game_room.php/actions/poll"))["actions"]
    assert (finished["target_id"], finished["status"]) == (ann.id, "completed")


async def test_update_of_type_chat_is_chat_for_the_rooms_api(free_game):
    ann, bob = free_game.ann, free_game.bob
    session = await free_game.start_session()
    cid = await free_game.sample_game.make_player("Cid")
    room_id = success(await bob.get("game_room.php/current"))["room"]["room_id"]
    success(await cid.post(f"game_room.php/{room_id}/join"))
    async with free_game.listen_everywhere(session) as listeners:
        data = {"text": " hello\u0007", "colour": "red"}
        sent = await free_game.send_update("all", type="chat", data=data)
        assert sent["target_players_ids"] == [ann.id, bob.id, cid.id]
        assert len(set(sent["update_ids"])) == 3
        await free_game.send_update("host", type="chat", data={"text": "psst"})
        await free_game.send_update("host", type="chat", data={"text": " "})
        await free_game.send_update("host", type="chat", data={"text": "x" * 1001})
        received = await expect_everywhere(listeners, "chat", "chat", "update", "update")
        assert [one["text"] for one in received[:2]] == ["hello", "psst"]
        assert received[0]["user"] == {"userId": bob.id, "username": "Bob"}
    chat = (await ann.get(f"{session}/chat")).json
    assert [entry["event"]["text"] for entry in chat] == ["hello"]
    assert await free_game.poll_updates() == [("chat", data)]
    for sender, expected in (("others", [("chat", data)]), ("host", [])):
        params = {"from_players": sender}
        rows = success(await cid.post("game_room.php/updates/poll", params))["updates"]
        assert [(row["type"], row["data"]) for row in rows] == expected
    assert rows == [] or rows[0]["update_id"] == sent["update_ids"][2]


@pytest.mark.parametrize("approved", [False, True], ids=["joins", "is approved"])
async def test_multiplayer_member_counts_as_ready(noughts: SharedGame, approved: bool) -> None:
    room = await noughts.ann.create_room(noughts.tag, readyCheck=True)
    (row,) = await noughts.lobbies()
    lobby = noughts.test_app.core.query(get_lobby, id=int(room.rsplit("/", 1)[1]))
    if approved:
        await noughts.test_app.core.execute(
            add_member, lobby=lobby, player_id=noughts.bob.id, approved=True
        )
    else:
        success(await noughts.bob.post(f"matchmaking.php/{row['matchmaking_id']}/join"))
    users = (await noughts.ann.get(room)).json["users"]
    assert [user["ready"] for user in users] == [True, True]
    assert (await noughts.ann.event_types(room))[-2:] == ["user_join", "user_ready"]
    assert (await noughts.ann.post(f"{room}/start")).status == 201


@pytest.mark.parametrize("started", [False, True], ids=["room", "session"])
async def test_new_names_and_passwords_are_events(free_game: SharedGame, started: bool) -> None:
    lobby = success(
        await free_game.bob.post("matchmaking.php/create", {"max_players": 4, "host_switch": True})
    )["matchmaking_id"]
    place = f"/games/{free_game.tag}/rooms/1"
    assert lobby
    await free_game.ann.join(place)
    if started:
        success(await free_game.bob.post("matchmaking.php/start"))
        place = f"/games/{free_game.tag}/sessions/1"
    file = "game_room.php" if started else "matchmaking.php"
    async with free_game.listen_everywhere(place) as listeners:
        success(await free_game.bob.post(f"{file}/password", {"password": "p"}))
        (changed,) = await expect_everywhere(listeners, "password_changed")
        assert changed["private"] is True
        success(
            await free_game.bob.request("PUT", "game_players.php/rename", {"new_name": "Robert"})
        )
        (renamed,) = await expect_everywhere(listeners, "user_renamed")
        assert renamed["user"] == {"userId": free_game.bob.id, "username": "Robert"}


async def request_to_join(game: SharedGame, room: str, client: PlayerClient | None = None) -> str:
    """Request to join a room of the rooms API as Bob, or as another client; return the request's id."""
    lobby = game.test_app.core.query(get_lobby, id=int(room.rsplit("/", 1)[1]))
    path = f"matchmaking.php/{lobby.code}/request"
    return str(success(await (client or game.bob).post(path))["request_id"])


async def request_status(client: PlayerClient, request: str) -> tuple[str, int | None, str | None]:
    """Return status, answering player and reason of a client's join request."""
    found = success(await client.get(f"matchmaking.php/{request}/status"))["request"]
    return found["status"], found["responded_by"], found["reason"]


async def answer(game: SharedGame, room: str, request: str, accept: bool = True) -> Any:
    """Answer a join request as Ann; return None or the error."""
    response = await game.ann.post(f"{room}/requests/{request}", {"accept": accept})
    return None if response.status == 204 else response.status_and_error


@pytest.mark.parametrize("accept", [True, False])
async def test_host_of_the_rooms_api_sees_and_answers_a_join_request(
    free_game: SharedGame, accept: bool
) -> None:
    ann, bob = free_game.ann, free_game.bob
    room = await ann.create_room(free_game.tag)
    eve = await free_game.test_app.sign_in_guest("Eve")
    await eve.join(room)
    async with (
        free_game.listen_everywhere(room) as listeners,
        listen("poll", eve, room) as eves_listener,
    ):
        request = await request_to_join(free_game, room)
        (asked,) = await expect_everywhere(listeners, "join_requested")
        sender = {"userId": bob.id, "username": "Bob"}
        expected = {"requestId": request, "user": sender, "at": asked["at"]}
        assert expected.items() <= asked.items()
        assert asked["at"] == int(free_game.test_app.clock.now * 1000)
        assert (await ann.get(room)).json["joinRequests"] == [expected]
        assert "joinRequests" not in (await eve.get(room)).json
        assert await request_status(bob, request) == ("pending", None, None)

        assert await answer(free_game, room, request, accept) is None
        types = ["user_join"] if accept else []
        *_, ended = await expect_everywhere(listeners, *types, "join_request_ended")
        reason = "approved" if accept else "rejected"
        assert ended == {**ended, "requestId": request, "user": sender, "reason": reason}
        await ann.send_chat(room, "next")
        assert await eves_listener.types(len(types) + 1) == [*types, "chat"]
    assert await request_status(bob, request) == (reason, ann.id, None)
    assert (await ann.get(room)).json["joinRequests"] == []
    inside = success(await bob.get("matchmaking.php/current"))["in_matchmaking"]
    assert inside is accept
    everywhere = [
        entry["event"]["type"]
        for entry in (await ann.get(f"/games/{free_game.tag}/rooms/events?wait=0")).json
    ]
    assert everywhere == ["room_created", "user_join", *types]


async def test_member_who_becomes_host_receives_join_requests(free_game: SharedGame) -> None:
    created = {"max_players": 4, "host_switch": True}
    success(await free_game.bob.post("matchmaking.php/create", created))
    room = f"/games/{free_game.tag}/rooms/1"
    await free_game.ann.join(room)
    cid = await free_game.sample_game.make_player("Cid")
    dan = await free_game.sample_game.make_player("Dan")
    request = await request_to_join(free_game, room, dan)
    async with free_game.listen_everywhere(room) as listeners:
        success(await free_game.bob.post("matchmaking.php/leave"))
        await expect_everywhere(listeners, "user_leave", "host_changed")
        later = await request_to_join(free_game, room, cid)
        (asked,) = await expect_everywhere(listeners, "join_requested")
        assert asked["requestId"] == later
    requests = (await free_game.ann.get(room)).json["joinRequests"]
    assert [row["requestId"] for row in requests] == [request, later]
    assert await answer(free_game, room, request) is None


async def test_join_request_is_answered_once(free_game: SharedGame) -> None:
    room = await free_game.ann.create_room(free_game.tag)
    request = await request_to_join(free_game, room)
    path, key = f"{room}/requests/{request}", {"Idempotency_Key": "k"}
    for _ in range(2):
        response = await free_game.ann.post(path, {"accept": True}, **key)
        assert response.status == 204
    for accept in (True, False):
        answered = (400, "room.request_answered")
        assert await answer(free_game, room, request, accept) == answered


async def test_of_two_racing_answers_one_holds(free_game: SharedGame) -> None:
    room = await free_game.ann.create_room(free_game.tag)
    for number in range(5):
        client = await free_game.sample_game.make_player(f"Player {number}")
        request = await request_to_join(free_game, room, client)
        answers = await asyncio.gather(
            *(answer(free_game, room, request, accept) for accept in (True, False))
        )
        assert sorted(answers, key=str) == [(400, "room.request_answered"), None]
        status, by, _ = await request_status(client, request)
        assert (status, by) == ("approved" if answers[0] is None else "rejected", free_game.ann.id)


async def test_join_request_of_a_banned_player_has_ended(free_game: SharedGame) -> None:
    room = await free_game.ann.create_room(free_game.tag)
    async with free_game.listen_everywhere(room) as listeners:
        request = await request_to_join(free_game, room)
        headers = {"X_Api_Private_Token": free_game.sample_game.private}
        body = {"player_id": free_game.bob.id, "ban_duration": "day"}
        success(await free_game.sample_game.anonymous.post("game_players.php/ban", body, **headers))
        _, ended = await expect_everywhere(listeners, "join_requested", "join_request_ended")
        assert (ended["requestId"], ended["reason"]) == (request, "withdrawn")
    assert await answer(free_game, room, request) == (400, "room.request_answered")


@pytest.mark.parametrize("file", ["matchmaking.php", "game_room.php"])
async def test_join_request_ends_when_its_sender_sits_elsewhere(
    free_game: SharedGame, file: str
) -> None:
    room = await free_game.ann.create_room(free_game.tag)
    async with free_game.listen_everywhere(room) as listeners:
        request = await request_to_join(free_game, room)
        success(await free_game.bob.post(f"{file}/create", {"max_players": 2}))
        _, ended = await expect_everywhere(listeners, "join_requested", "join_request_ended")
        assert (ended["requestId"], ended["reason"]) == (request, "seated")
    assert await request_status(free_game.bob, request) == ("rejected", None, "seated")
    is_lobby = file == "matchmaking.php"
    expected = "room.user_elsewhere" if is_lobby else "room.request_answered"
    assert await answer(free_game, room, request) == (400, expected)
    assert await answer(free_game, room, request, False) == (400, "room.request_answered")


async def test_approval_in_a_full_room_leaves_the_request_pending(noughts: SharedGame) -> None:
    room = await noughts.ann.create_room(noughts.tag)
    request = await request_to_join(noughts, room)
    eve = await noughts.test_app.sign_in_guest("Eve")
    await eve.join(room)
    assert await answer(noughts, room, request) == (400, "room.full")
    assert await request_status(noughts.bob, request) == ("pending", None, None)
    assert (await eve.post(f"{room}/leave")).status == 204
    assert await answer(noughts, room, request) is None


@pytest.mark.parametrize("way", ["leave", "start"])
async def test_join_request_ends_with_its_room(free_game: SharedGame, way: str) -> None:
    room = await free_game.ann.create_room(free_game.tag)
    request = await request_to_join(free_game, room)
    assert (await free_game.ann.post(f"{room}/{way}")).status in (201, 204)
    assert await request_status(free_game.bob, request) == ("rejected", None, "closed")
    assert await answer(free_game, room, request) == (410, "room.gone")


async def test_join_request_expires_after_ten_minutes(free_game: SharedGame) -> None:
    room = await free_game.ann.create_room(free_game.tag)
    async with free_game.listen_everywhere(room) as listeners:
        request = await request_to_join(free_game, room)
        await free_game.test_app.advance(599)
        await free_game.test_app.advance(1)
        assert await answer(free_game, room, request) == (400, "room.request_answered")
        await free_game.test_app.advance(60)
        _, ended = await expect_everywhere(listeners, "join_requested", "join_request_ended")
        assert (ended["requestId"], ended["reason"]) == (request, "expired")
    assert await request_status(free_game.bob, request) == ("rejected", None, "expired")
    again = await request_to_join(free_game, room)
    assert await answer(free_game, room, again) is None


async def test_join_request_is_answered_after_a_restart(free_game: SharedGame) -> None:
    room = await free_game.ann.create_room(free_game.tag)
    request = await request_to_join(free_game, room)
    cursor = (await free_game.ann.get(room)).headers["X-Event-Cursor"]
    await free_game.test_app.restart()
    (row,) = (await free_game.ann.get(room)).json["joinRequests"]
    assert row["requestId"] == request
    assert await answer(free_game, room, request) is None
    entries = (await free_game.ann.get(f"{room}/events?wait=0&after-event-id={cursor}")).json
    assert [entry["event"]["type"] for entry in entries][-2:] == ["user_join", "join_request_ended"]


async def test_only_the_host_answers_a_join_request_to_their_room(free_game: SharedGame) -> None:
    ann = free_game.ann
    room, other_room = [await ann.create_room(free_game.tag) for _ in range(2)]
    request = await request_to_join(free_game, room)
    member, stranger = [await free_game.test_app.sign_in_guest(name) for name in ("Eve", "Mal")]
    await member.join(room)
    path = f"{room}/requests/{request}"
    for client, expected in ((member, "room.not_host"), (stranger, "room.not_in_room")):
        assert (await client.post(path, {"accept": True})).json["error"] == expected
    assert (await free_game.test_app.anonymous.post(path, {"accept": True})).status == 401
    for wrong in (f"{other_room}/requests/{request}", f"{room}/requests/{'f' * 32}"):
        answered = await ann.post(wrong, {"accept": True})
        assert answered.status_and_error == (404, "room.request_not_found")
    for body in (None, {}, {"accept": None}, {"accept": "x"}, {"accept": 2}, []):
        assert (await ann.post(path, body)).json["error"] == "request.malformed", body
    assert await answer(free_game, room, request.upper()) is None


async def test_room_with_approval_says_so(free_game: SharedGame) -> None:
    created = {"max_players": 4, "join_by_requests": True}
    success(await free_game.bob.post("matchmaking.php/create", created))
    await free_game.ann.create_room(free_game.tag)
    rooms = f"/games/{free_game.tag}/rooms"
    rows = (await free_game.ann.get(rooms)).json
    assert [row["needsApproval"] for row in rows] == [False, True]
    entries = (await free_game.ann.get(f"{rooms}/events?wait=0")).json
    opened = [entry["event"]["room"]["needsApproval"] for entry in entries]
    assert opened == [True, False]
    assert (await free_game.ann.post(f"{rooms}/1/join")).json["error"] == "room.needs_approval"
