"""Unknown paths under `/api`: the API's own 404, which pages of any origin can read."""

import pytest

from tests.apis.app import TestApp

PATHS = ("/api/game_rooms.php/list", "/api/nothing.php", "/api/game_room.php/nothing")


@pytest.mark.parametrize("path", PATHS)
async def test_unknown_path_is_the_404_of_this_api(test_app: TestApp, path: str) -> None:
    answer = await test_app.anonymous.post(path, {}, Origin="https://play.example")
    assert answer.status == 404
    assert answer.json == {"success": False, "error": "Invalid endpoint"}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", PATHS)
async def test_preflight_of_an_unknown_path_is_answered(test_app: TestApp, path: str) -> None:
    answer = await test_app.anonymous.request(
        "OPTIONS",
        path,
        Origin="https://play.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type",
    )
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type"
