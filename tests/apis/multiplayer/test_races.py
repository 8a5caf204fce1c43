"""Two clients at once: one succeeds, the other gets an error."""

import asyncio
from collections import Counter

import pytest

from tests.apis.multiplayer.scene import success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")


async def run_concurrently(*calls):
    """Run calls concurrently and count their statuses and messages."""
    answers = await asyncio.gather(*calls)
    return Counter("well" if answer.status == 200 else answer.json["error"] for answer in answers)


async def test_last_seat_in_a_lobby_is_taken_once(scene):
    await scene.create_lobby(max_players=2)
    path = f"matchmaking.php/{scene.lobby}/join"
    results = await run_concurrently(scene.guest.post(path), scene.other.post(path))
    assert results == {"well": 1, "Matchmaking lobby is full": 1}


async def test_last_seat_in_a_room_is_taken_once(scene):
    await scene.create_room(max_players=2)
    path = f"game_room.php/{scene.room}/join"
    results = await run_concurrently(scene.guest.post(path), scene.other.post(path))
    assert results == {"well": 1, "Room is full": 1}


async def test_lobby_starts_once(scene):
    await scene.fill_lobby()
    results = await run_concurrently(*(scene.host.post("matchmaking.php/start") for _ in range(5)))
    assert results == {"well": 1, "Matchmaking lobby not found or already started": 4}


async def test_player_creates_one_lobby(scene):
    body = {"max_players": 4}
    results = await run_concurrently(
        *(scene.host.post("matchmaking.php/create", body) for _ in range(5))
    )
    assert results == {"well": 1, "You are already in a matchmaking lobby": 4}


async def test_player_is_in_a_lobby_or_in_a_room(scene):
    results = await run_concurrently(
        scene.host.post("matchmaking.php/create", {"max_players": 4}),
        scene.host.post("game_room.php/create", {}),
    )
    assert results["well"] == 1


async def test_join_request_is_answered_once(scene):
    request = await scene.request_join()
    path = f"matchmaking.php/{request}/response"
    results = await run_concurrently(
        scene.host.post(path, {"action": "approve"}), scene.host.post(path, {"action": "reject"})
    )
    assert results == {"well": 1, "Request not found or already processed": 1}


async def test_player_requests_to_join_once(scene):
    await scene.create_lobby(join_by_requests=True)
    path = f"matchmaking.php/{scene.lobby}/request"
    results = await run_concurrently(*(scene.guest.post(path) for _ in range(3)))
    again = "You already have a pending request to this matchmaking lobby"
    assert results == {"well": 1, again: 2}


async def test_action_is_completed_once(scene):
    await scene.fill_room()
    (action,) = await scene.send_action(scene.guest)
    path = f"game_room.php/actions/{action}/complete"
    results = await run_concurrently(
        *(scene.host.post(path, {"status": how}) for how in ("completed", "failed"))
    )
    assert results == {"well": 1, "Action not found or already processed": 1}


async def test_member_kicked_while_leaving_is_removed_once(scene):
    await scene.fill_room()
    await run_concurrently(
        scene.host.post("game_room.php/kick", {"player_id": scene.guest.id}),
        scene.guest.post("game_room.php/leave"),
    )
    rows = success(await scene.host.get("game_room.php/players"))["players"]
    assert len(rows) == 1


async def test_many_players_register_at_once(scene):
    async def register():
        answer = await scene.arena.anonymous.post(
            "game_players.php/register", {"player_name": "Pat"}
        )
        return success(answer)

    players = await asyncio.gather(*(register() for _ in range(50)))
    assert len({row["player_id"] for row in players}) == 50
    assert len({row["private_key"] for row in players}) == 50
