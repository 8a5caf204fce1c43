"""Every message of the error reference at its endpoint, with its status."""

import re
from pathlib import Path

import pytest

import coalserver.apis.multiplayer as multiplayer
from coalserver.apis.multiplayer.error_messages import ERROR_MESSAGES, WRITE_ERROR_MESSAGES
from coalserver.apis.multiplayer.errors import error_message
from coalserver.apis.multiplayer.schemas import LenientField, LenientSchema
from coalserver.domain.errors import DomainError, ErrorCode
from tests.apis.app import ApiClient
from tests.apis.multiplayer.causes import CAUSES
from tests.apis.multiplayer.errors import REQUESTS, credentials, prepare
from tests.apis.multiplayer.scene import failure, load_json, make_scene, success

#: Endpoint -> messages, as in the document.
REFERENCE = load_json("errors")
#: Tested in test_leaderboard.py, test_realtime*.py and test_server_time.py.
ELSEWHERE = ("leaderboard.php", "realtime.php", "time.php")
README = Path(multiplayer.__file__).with_name("README.md")
#: Messages that cannot occur; the README gives the reasons.
IMPOSSIBLE = {
    ("game_room.php leave", "You are not in this room"),
    ("game_room.php leave", "Room not found"),
    ("game_room.php list", "Failed to list rooms"),
}
STRAYS = [
    ("GET", "game_players.php/register", 405, "Method not allowed"),
    ("DELETE", "game_data.php/game/get", 405, "Method not allowed"),
    ("POST", "time.php", 405, "Method not allowed"),
    ("GET", "leaderboard.php", 405, "Method not allowed. Use POST."),
    ("POST", "game_players.php/fly", 400, "Invalid endpoint"),
    ("GET", "game_data.php/world/get", 404, "Invalid endpoint"),
    ("GET", "game_room.php/create", 404, "Invalid endpoint"),
    ("POST", "game_room.php/fly", 404, "Invalid endpoint"),
    ("PUT", "matchmaking.php/start", 404, "Invalid endpoint"),
    ("POST", "matchmaking.php/1/2/3", 404, "Invalid endpoint"),
    ("GET", "matchmaking.php", 404, "Invalid endpoint"),
]
ALL = [cause for endpoint in REQUESTS for cause in credentials(endpoint)] + CAUSES


@pytest.mark.parametrize("cause", ALL, ids=str)
async def test_error_has_documented_status_and_message(scene, cause):
    names = await prepare(scene, cause.precondition)
    method, path, body = REQUESTS[cause.endpoint]
    path = (cause.path or path).format(**names)
    body = body if cause.body is ... else cause.body
    host = scene.host if cause.by == "owner" else getattr(scene, cause.by)
    credentials = {"api_token": scene.arena.api, "private_token": scene.arena.private}
    if cause.by != "owner" and "private" not in cause.token:
        credentials["player_token"] = host.key
    if cause.token == "banned":
        banned = {"player_id": host.id, "ban_duration": "day"}
        success(await scene.request_as_owner("game_players.php/ban", banned))
    elif cause.token == "foreign key":
        credentials["player_token"] = (await make_scene(scene.test_app, "elsewhere")).host.key
    elif cause.token:
        how, _, which = cause.token.partition(" ")
        name = {"api": "api_token", "key": "player_token", "private": "private_token"}[which]
        credentials[name] = "" if how == "no" else "made-up"
    query = "&".join(f"{name}={secret}" for name, secret in credentials.items() if secret)
    answer = await ApiClient(scene.test_app).request(method, f"/api/{path}?{query}", body)
    assert failure(answer) == (cause.status, cause.sentence)


@pytest.mark.parametrize(("method", "path", "status", "sentence"), STRAYS)
async def test_unknown_endpoint_or_method_is_rejected(scene, method, path, status, sentence):
    answer = await scene.host.request(method, path)
    assert failure(answer) == (status, sentence)


async def test_registration_with_unknown_token_matches_documented_example(scene):
    answer = await scene.host.post("game_players.php/register", {}, X_Api_Token="nonsense")
    assert answer.status == 401
    assert answer.json == load_json("samples")[44]["answer"]


@pytest.mark.parametrize("endpoint", REFERENCE)
def test_every_documented_message_is_tested(endpoint):
    file, _, name = endpoint.partition(" ")
    if file in ELSEWHERE:
        return
    caused = {cause.sentence for cause in ALL if cause.endpoint == endpoint}
    caused |= {sentence for documented, sentence in IMPOSSIBLE if documented == endpoint}
    caused |= {WRITE_ERROR_MESSAGES.get(f"{file}/{name}", "")}
    if name == "default":
        caused |= {sentence for _, path, _, sentence in STRAYS if path.startswith(file)}
        caused |= {
            "Internal server error",
            "An unexpected error occurred",
            WRITE_ERROR_MESSAGES.get(file, ""),
        }
    assert set(REFERENCE[endpoint]) <= caused


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_code_has_a_message(code):
    assert ERROR_MESSAGES[code]
    for route in multiplayer.API.routes:
        endpoint = route.path.removeprefix("/api/")
        status, sentence = error_message(DomainError(code), endpoint)
        assert (400 <= status < 500 or status == 507) and sentence


def test_readme_lists_messages_that_cannot_occur():
    readme = README.read_text("utf-8")
    for _, sentence in IMPOSSIBLE:
        assert sentence in readme


def test_every_message_belongs_to_an_existing_endpoint():
    paths = {route.path for route in multiplayer.API.routes}
    endpoints = {re.sub(r"/\{\w+\}|/(?=/)", "", path).removeprefix("/api/") for path in paths}
    endpoints |= {endpoint.partition("/")[0] for endpoint in endpoints}
    for row in ERROR_MESSAGES:
        parts = row[1:] if isinstance(row, tuple) else ()
        for part in parts:
            known = part in endpoints or part.startswith("realtime.php")
            assert known or ".php" not in part, row


def test_every_field_error_has_a_message():
    schemas = [schema() for schema in LenientSchema.__subclasses__()]
    fields = [field for schema in schemas for field in schema.load_fields.values()]
    subjects = {
        subject
        for field in fields
        if isinstance(field, LenientField)
        for kind, subject in field.error_messages.items()
        if subject and kind not in ("null", "validator_failed")
    }
    assert len(subjects) > 20
    assert not {s for s in subjects if (ErrorCode.INVALID_REQUEST, s) not in ERROR_MESSAGES}
