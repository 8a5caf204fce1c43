"""The list of games, and user data."""

import json
from dataclasses import replace
from typing import Any

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from tests.apis import sample_rules
from tests.apis.app import TestApp

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

VALUES: list[Any] = [None, True, 0, -1.5, 2**63 - 1, -(2**63), "", "ünï 🎲", [], [1, [2]], {}]
VALUES += [{"a": {"b": None}}]


async def test_game_list_omits_unlisted_games(test_app: TestApp) -> None:
    await test_app.create_game("chess", 2, 2, name="Chess")
    await test_app.create_game("secret", listed=False)
    ann = await test_app.sign_in_guest()
    assert (await ann.get("/games")).json == [
        {"tag": "noughts", "name": "Noughts and Crosses", "minPlayers": 2, "maxPlayers": 2},
        {"tag": "chess", "name": "Chess", "minPlayers": 2, "maxPlayers": 2},
    ]


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
async def test_any_json_is_returned_unchanged(test_app: TestApp, value: Any) -> None:
    ann = await test_app.sign_in_guest()
    path = f"/games/noughts/user-data/{ann.id}/key"
    raw = json.dumps(value).encode()
    assert (await ann.put(path, raw)).status == 204
    answer = await ann.get(path)
    assert answer.json == value and type(answer.json) is type(value)


async def test_value_replaces_the_previous_one(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    path = f"/games/noughts/user-data/{ann.id}/key"
    await ann.put(path, {"old": 1})
    await ann.put(path, {"new": 2})
    assert (await ann.get(path)).json == {"new": 2}


async def test_values_are_separate_by_game_user_and_key(test_app: TestApp) -> None:
    await test_app.create_game("chess")
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    paths = [
        (ann, f"/games/noughts/user-data/{ann.id}/key"),
        (ann, f"/games/noughts/user-data/{ann.id}/Key"),
        (ann, f"/games/chess/user-data/{ann.id}/key"),
        (bob, f"/games/noughts/user-data/{bob.id}/key"),
    ]
    for number, (client, path) in enumerate(paths):
        await client.put(path, [number])
    assert [(await client.get(path)).json for client, path in paths] == [[0], [1], [2], [3]]


async def test_all_users_can_read_and_only_the_owner_can_write(test_app: TestApp) -> None:
    ann, bob = await test_app.sign_in_guests("Ann", "Bob")
    path = f"/games/noughts/user-data/{ann.id}/colour"
    await ann.put(path, {"colour": "red"})
    assert (await bob.get(path)).json == {"colour": "red"}
    assert (await bob.put(path, {"colour": "blue"})).status_and_error == (403, "auth.not_yours")


@pytest.mark.parametrize("key", ["a", "Z" * 32, "a-b_C", "0", "-"])
async def test_valid_key_is_accepted(test_app: TestApp, key: str) -> None:
    ann = await test_app.sign_in_guest()
    assert (await ann.put(f"/games/noughts/user-data/{ann.id}/{key}", [1])).status == 204


@pytest.mark.parametrize("key", ["a" * 33, "a.b", "a%20b", "%C3%A9", "a%0a", "%00", "a%2Fb", "*"])
async def test_invalid_key_is_malformed(test_app: TestApp, key: str) -> None:
    ann = await test_app.sign_in_guest()
    path = f"/games/noughts/user-data/{ann.id}/{key}"
    assert (await ann.put(path, [1])).status_and_error == (400, "request.malformed")
    assert (await ann.get(path)).status_and_error == (400, "request.malformed")


async def test_missing_value_game_or_user_is_not_found(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    path = f"/games/noughts/user-data/{ann.id}/key"
    assert (await ann.get(path)).status_and_error == (404, "user_data.not_found")
    assert (await ann.get("/games/go/user-data/1/key")).status_and_error == (404, "game.not_found")
    assert (await ann.get("/games/noughts/user-data/9/key")).status_and_error == (
        404,
        "user.not_found",
    )
    assert (await ann.put("/games/go/user-data/1/key", 1)).status_and_error == (
        404,
        "game.not_found",
    )
    assert (await ann.put("/games/noughts/user-data/9/key", 1)).status_and_error == (
        404,
        "user.not_found",
    )


async def test_value_is_limited_to_16_kib(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    path = f"/games/noughts/user-data/{ann.id}/key"
    assert (await ann.put(path, "x" * (16 * 1024 - 2))).status == 204
    assert (await ann.put(path, "x" * (16 * 1024 - 1))).status_and_error == (
        400,
        "request.malformed",
    )


async def test_put_without_body_is_malformed(test_app: TestApp) -> None:
    ann = await test_app.sign_in_guest()
    answer = await ann.put(f"/games/noughts/user-data/{ann.id}/key")
    assert answer.status_and_error == (400, "request.malformed")


async def test_rules_can_reject_a_value(test_app: TestApp) -> None:
    def only_numbers(key: str, value: Any) -> None:
        if type(value) is not int:
            raise DomainError(ErrorCode.STORAGE_ITEM_REFUSED)

    test_app.core.context.rules["cards"] = replace(sample_rules.CARDS, datum=only_numbers)
    await test_app.create_game("cards")
    ann = await test_app.sign_in_guest()
    path = f"/games/cards/user-data/{ann.id}/best"
    assert (await ann.put(path, "much")).status_and_error == (400, "user_data.refused")
    assert (await ann.put(path, 3)).status == 204


async def test_value_survives_a_restart(persistent_test_app: TestApp) -> None:
    ann = await persistent_test_app.sign_in_guest()
    path = f"/games/noughts/user-data/{ann.id}/key"
    await ann.put(path, {"ünï": [1.5, None]})
    await persistent_test_app.restart()
    assert (await ann.get(path)).json == {"ünï": [1.5, None]}
