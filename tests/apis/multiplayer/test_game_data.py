"""Data of games and players: the last write wins, unless it has a version."""

import asyncio

import pytest

from tests.apis.multiplayer.scene import failure, success

#: Repeated and ordinary requests have the same contract.
pytestmark = pytest.mark.usefixtures("repeat_requests")

PLAYER, GAME = "game_data.php/player", "game_data.php/game"


async def writes(scene, where, body, version=None):
    headers = {} if version is None else {"If_Match": version}
    if where == GAME:
        headers["X_Api_Private_Token"] = scene.arena.private
    return await scene.host.request("PUT", f"{where}/update", body, **headers)


async def read(scene, where):
    payload = success(await scene.host.get(f"{where}/get"))
    return payload["data"], payload["version"]


@pytest.mark.parametrize("where", [PLAYER, GAME])
async def test_write_replaces_all_data(scene, where):
    success(await writes(scene, where, {"a": 1, "b": 2}))
    payload = success(await writes(scene, where, {"c": 3}))
    assert await read(scene, where) == ({"c": 3}, payload["version"])


@pytest.mark.parametrize("where", [PLAYER, GAME])
@pytest.mark.parametrize("written", ["{}", '"{}"', 'W/"{}"'])
async def test_write_with_outdated_version_fails(scene, where, written):
    first = success(await writes(scene, where, {"n": 1}))["version"]
    second = success(await writes(scene, where, {"n": 2}, written.format(first)))["version"]
    answer = await writes(scene, where, {"n": 3}, written.format(first))
    assert failure(answer) == (412, f"The data has changed: its version is {second}")
    assert answer.json["version"] == second
    assert await read(scene, where) == ({"n": 2}, second)


@pytest.mark.parametrize("match", ["nonsense", '"-1"', '"1", "2"', "1" * 30])
async def test_unknown_version_matches_nothing(scene, match):
    assert (await writes(scene, PLAYER, {}, match)).status == 412


async def test_star_matches_any_version(scene):
    success(await writes(scene, PLAYER, {"n": 1}, "*"))


async def test_one_of_two_writes_with_the_same_version_succeeds(scene):
    _, version = await read(scene, PLAYER)
    answers = await asyncio.gather(
        *(writes(scene, PLAYER, {"n": n}, str(version)) for n in range(2))
    )
    assert sorted(answer.status for answer in answers) == [200, 412]


async def test_data_survives_a_restart(scene):
    success(await writes(scene, GAME, {"season": 2}))
    success(await writes(scene, PLAYER, {"level": 5}))
    await scene.test_app.restart()
    assert (await read(scene, GAME))[0] == {"season": 2}
    assert (await read(scene, PLAYER))[0] == {"level": 5}


async def test_new_game_has_an_empty_object(scene):
    assert await read(scene, GAME) == ({}, 0)
