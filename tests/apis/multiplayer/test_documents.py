"""What a game keeps for all and for each: the last write wins, unless one says what one saw."""

import asyncio

import pytest

from tests.apis.multiplayer.scene import failure, success

PLAYER, GAME = "game_data.php/player", "game_data.php/game"


async def writes(scene, where, body, version=None):
    headers = {} if version is None else {"If_Match": version}
    if where == GAME:
        headers["X_Api_Private_Token"] = scene.arena.private
    return await scene.host.request("PUT", f"{where}/update", body, **headers)


async def read(scene, where):
    said = success(await scene.host.get(f"{where}/get"))
    return said["data"], said["version"]


@pytest.mark.parametrize("where", [PLAYER, GAME])
async def test_a_write_replaces_all_there_was(scene, where):
    success(await writes(scene, where, {"a": 1, "b": 2}))
    said = success(await writes(scene, where, {"c": 3}))
    assert await read(scene, where) == ({"c": 3}, said["version"])


@pytest.mark.parametrize("where", [PLAYER, GAME])
@pytest.mark.parametrize("written", ["{}", '"{}"', 'W/"{}"'])
async def test_who_says_what_he_saw_overwrites_nobody(scene, where, written):
    first = success(await writes(scene, where, {"n": 1}))["version"]
    second = success(await writes(scene, where, {"n": 2}, written.format(first)))["version"]
    answer = await writes(scene, where, {"n": 3}, written.format(first))
    assert failure(answer) == (412, f"The data has changed: its version is {second}")
    assert answer.json["version"] == second
    assert await read(scene, where) == ({"n": 2}, second)


@pytest.mark.parametrize("match", ["nonsense", '"-1"', '"1", "2"', "1" * 30])
async def test_a_version_that_never_was_matches_nothing(scene, match):
    assert (await writes(scene, PLAYER, {}, match)).status == 412


async def test_any_version_is_matched_by_a_star(scene):
    success(await writes(scene, PLAYER, {"n": 1}, "*"))


async def test_of_two_who_saw_the_same_one_wins(scene):
    _, version = await read(scene, PLAYER)
    answers = await asyncio.gather(
        *(writes(scene, PLAYER, {"n": n}, str(version)) for n in range(2))
    )
    assert sorted(answer.status for answer in answers) == [200, 412]


async def test_what_is_kept_outlives_a_restart(scene):
    success(await writes(scene, GAME, {"season": 2}))
    success(await writes(scene, PLAYER, {"level": 5}))
    await scene.test_app.restart()
    assert (await read(scene, GAME))[0] == {"season": 2}
    assert (await read(scene, PLAYER))[0] == {"level": 5}


async def test_a_game_that_has_kept_nothing_gives_an_empty_object(scene):
    assert await read(scene, GAME) == ({}, 0)
