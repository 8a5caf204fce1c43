"""The health check."""

from coalserver import __version__
from tests.apis.app import TestApp


async def test_health_returns_ok(test_app: TestApp) -> None:
    answer = await test_app.anonymous.get("/health")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "status": "ok",
        "version": __version__,
        "last_event": -1,
        "listeners": 0,
        "refused": {},
        "usage": {
            "guests": 0,
            "players": 0,
            "lobbies": 0,
            "rooms": 0,
            "largest_game_bytes": 0,
            "feed_bytes": 0,
        },
        "worlds": {"running": 0, "starting": 0, "stopped": 0, "trouble": 0},
    }


async def test_health_returns_the_newest_event_and_listener_count(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    await ann.create_room()
    poll = await test_app.start_waiting(ann.poll_events("/games/noughts/rooms", 0, wait=30))
    document = (await test_app.anonymous.get("/health")).json
    assert document["last_event"] == 0 and document["listeners"] >= 1
    poll.cancel()


async def test_health_returns_what_limits_of_storage_count(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    await ann.create_room()
    usage = (await test_app.anonymous.get("/health")).json["usage"]
    assert (usage["guests"], usage["lobbies"], usage["rooms"]) == (1, 1, 0)
    assert usage["largest_game_bytes"] > 300 and usage["feed_bytes"] > 300


async def test_head_returns_no_body(test_app: TestApp) -> None:
    answer = await test_app.anonymous.request("HEAD", "/health")
    assert (answer.status, answer.raw) == (200, b"")


async def test_other_methods_and_paths_are_rejected(test_app: TestApp) -> None:
    answer = await test_app.anonymous.post("/health", {})
    assert (answer.status, answer.json) == (405, {"error": "method not allowed"})
    assert answer.headers["Allow"] == "GET, HEAD"
    below = await test_app.anonymous.get("/health/deeper")
    assert (below.status, below.json) == (404, {"error": "not found"})


async def test_health_has_no_cors_headers(test_app: TestApp) -> None:
    answer = await test_app.anonymous.get("/health", Origin="https://elsewhere.example")
    assert "Access-Control-Allow-Origin" not in answer.headers
