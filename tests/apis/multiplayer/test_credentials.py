"""Credentials: query and headers, limits on failures, pages of other origins."""

import pytest

from coalserver.domain.play.game import Game
from coalserver.domain.play.player import Player
from tests.apis.app import ApiClient
from tests.apis.multiplayer.scene import failure, make_scene, success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

CURRENT = "/api/matchmaking.php/current"


async def ask(scene, path=CURRENT, method="GET", body=None, **headers):
    """Send a request with the given credentials only."""
    return await ApiClient(scene.test_app).request(method, path, body, **headers)


@pytest.mark.parametrize("header", ["X_Player_Token", "X_Game_Player_Token"])
async def test_credentials_in_headers_are_accepted(scene, header):
    credentials = {"X_Api_Token": scene.arena.api, header: scene.host.key}
    success(await ask(scene, **credentials))


async def test_credentials_in_the_query_are_accepted(scene):
    success(
        await ask(scene, f"{CURRENT}?api_token={scene.arena.api}&player_token={scene.host.key}")
    )


async def test_credentials_in_header_and_query_are_accepted(scene):
    success(
        await ask(scene, f"{CURRENT}?api_token={scene.arena.api}", X_Player_Token=scene.host.key)
    )


async def test_header_takes_precedence_over_query(scene):
    query = f"?api_token={scene.arena.api}&player_token={scene.host.key}"
    answer = await ask(scene, CURRENT + query, X_Player_Token="made-up")
    assert failure(answer) == (401, "Invalid player token")
    answer = await ask(scene, f"{CURRENT}?api_token=x&player_token=y", **credentials_of(scene.host))
    success(answer)


def credentials_of(player_client):
    return {"X_Api_Token": player_client.api, "X_Player_Token": player_client.key}


async def test_empty_header_is_ignored(scene):
    query = f"?api_token={scene.arena.api}&player_token={scene.host.key}"
    success(await ask(scene, CURRENT + query, X_Player_Token=""))


async def test_key_of_another_game_is_invalid(scene):
    other = await make_scene(scene.test_app, "elsewhere")
    answer = await ask(scene, X_Api_Token=scene.arena.api, X_Player_Token=other.host.key)
    assert failure(answer) == (401, "Invalid player token")


async def test_private_token_is_valid_for_its_own_game_only(scene):
    other = await make_scene(scene.test_app, "elsewhere")
    path = "/api/game_players.php/list"
    tokens = {"X_Api_Token": scene.arena.api, "X_Api_Private_Token": other.arena.private}
    assert failure(await ask(scene, path, **tokens)) == (401, "Invalid API credentials")
    tokens = {"X_Api_Token": scene.arena.api, "X_Api_Private_Token": scene.arena.private}
    success(await ask(scene, path, **tokens))


async def test_guessing_tokens_is_limited_and_valid_tokens_are_not(scene):
    for _ in range(10):
        assert (await ask(scene, X_Api_Token="guess")).status == 401
    answer = await ask(scene, X_Api_Token="guess")
    assert answer.status == 429 and 0 < int(answer.headers["Retry-After"]) <= 60
    success(await ask(scene, **credentials_of(scene.host)))


async def test_guessing_passwords_is_limited(scene):
    await scene.create_lobby(password="secret")
    path = f"matchmaking.php/{scene.lobby}/join"
    for _ in range(10):
        answer = await scene.guest.post(path, {"password": "guess"})
        assert failure(answer) == (400, "Incorrect password")
    assert (await scene.guest.post(path, {"password": "secret"})).status == 429


async def test_pages_of_any_origin_may_call_the_api(scene):
    answer = await ask(scene, Origin="https://game.example", **credentials_of(scene.host))
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    headers = {"Access_Control_Request_Headers": "x-api-token", "Origin": "https://game.example"}
    answer = await ask(scene, "/api/game_players.php/register", "OPTIONS", **headers)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Headers"] == "x-api-token"


async def test_rotated_key_invalidates_the_old_one(scene):
    payload = success(await scene.host.post("game_players.php/rotate"))
    assert len(payload["private_key"]) == 36
    answer = await scene.host.get("matchmaking.php/current")
    assert failure(answer) == (401, "Invalid player token")
    scene.host.key = payload["private_key"]
    success(await scene.host.get("matchmaking.php/current"))


async def test_secrets_are_neither_stored_nor_listed(scene):
    listed = await scene.request_as_owner("game_players.php/list", method="GET")
    state = scene.test_app.core.state
    stored = repr([*state.all(Player), *state.all(Game)])
    for secret in (scene.host.key, scene.arena.api, scene.arena.private):
        assert secret not in stored and secret.encode() not in listed.raw
