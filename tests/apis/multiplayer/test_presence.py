"""Presence: last activity, online status, and seats freed after inactivity."""

from dataclasses import replace

import pytest

from coalserver.config import Config
from coalserver.core.ports import Batch
from coalserver.core.unit_of_work import Limits
from coalserver.server.admin import build_core_context
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.memory import MemoryStore
from tests.apis.app import run_test_app
from tests.apis.multiplayer.scene import make_scene, success

PLACES = {"matchmaking.php": "fill_lobby", "game_room.php": "fill_room"}


async def beats(*player_clients, file="game_players.php"):
    for player_client in player_clients:
        success(await player_client.post(f"{file}/heartbeat"))


class CountingStore(MemoryStore):
    writes = 0

    async def write(self, batch: Batch) -> None:
        self.writes += 1
        await super().write(batch)


async def test_heartbeat_writes_nothing():
    store = CountingStore()
    async with run_test_app(store) as test_app:
        scene = await make_scene(test_app)
        await scene.start_game()
        before = store.writes
        for file in ("game_players.php", "matchmaking.php", "game_room.php"):
            await beats(scene.host, scene.guest, file=file)
        assert store.writes == before


async def test_heartbeat_survives_a_restart(scene):
    scene.test_app.clock.advance(30)
    await beats(scene.host)
    await scene.test_app.restart()
    payload = success(await scene.host.request("PUT", "game_players.php/login"))["player"]
    assert payload["last_heartbeat"] == "2023-11-14 22:13:50"


async def test_member_list_has_seconds_since_heartbeat(scene):
    await scene.fill_lobby()
    await scene.test_app.advance(45)
    rows = success(await scene.host.get("matchmaking.php/players"))["players"]
    assert [row["seconds_since_heartbeat"] for row in rows] == [0, 45]
    assert [row["status"] for row in rows] == ["active", "active"]
    await scene.test_app.advance(30)
    rows = success(await scene.host.get("matchmaking.php/players"))["players"]
    assert [row["status"] for row in rows] == ["active", "inactive"]


async def test_member_is_offline_after_75_seconds_and_online_with_any_request(scene):
    await scene.fill_room()

    async def online():
        rows = success(await scene.host.get("game_room.php/players"))["players"]
        return [row["is_online"] for row in rows]

    await scene.test_app.advance(74)
    assert await online() == [1, 1]
    await scene.test_app.advance(1)
    assert await online() == [1, 0]
    success(await scene.guest.get("game_data.php/player/get"))
    assert await online() == [1, 1]


@pytest.mark.parametrize(("file", "way"), PLACES.items())
async def test_seat_is_freed_after_five_minutes(scene, file, way):
    await getattr(scene, way)()
    for _ in range(9):
        await beats(scene.host)
        await scene.test_app.advance(30)
    assert len(success(await scene.host.get(f"{file}/players"))["players"]) == 2
    await scene.test_app.advance(30)
    assert len(success(await scene.host.get(f"{file}/players"))["players"]) == 1


@pytest.mark.parametrize(("file", "way"), PLACES.items())
async def test_host_switch_replaces_a_host_after_two_minutes_of_silence(scene, file, way):
    await getattr(scene, way)(host_switch=True)

    async def host_and_status():
        rows = success(await scene.guest.get(f"{file}/players"))["players"]
        status = "is_online" if file == "game_room.php" else "status"
        host = next(row for row in rows if row["is_host"])
        return int(host["player_id"]), host[status] in (1, "active")

    for _ in range(2):
        await scene.test_app.advance(59)
        await beats(scene.guest)
    assert await host_and_status() == (scene.host.id, False)
    await scene.test_app.advance(2)
    assert await host_and_status() == (scene.guest.id, True)
    await beats(scene.host)
    assert await host_and_status() == (scene.guest.id, True)


@pytest.mark.parametrize(("file", "way"), PLACES.items())
async def test_without_host_switch_lobby_or_room_ends_when_the_hosts_seat_is_freed(
    scene, file, way
):
    await getattr(scene, way)()
    inside = "in_room" if file == "game_room.php" else "in_matchmaking"
    for _ in range(9):
        await beats(scene.guest)
        await scene.test_app.advance(30)
    assert success(await scene.guest.get(f"{file}/current"))[inside]
    await scene.test_app.advance(30)
    assert not success(await scene.guest.get(f"{file}/current"))[inside]


async def test_rooms_whose_host_is_away_are_marked_and_listed_last(scene):
    await scene.fill_room(room_name="A")
    success(await scene.other.post("game_room.php/create", {"room_name": "B"}))

    async def rows():
        listed = success(await scene.other.post("game_room.php/list"))["rooms"]
        return [(row["room_name"], row["is_online"]) for row in listed]

    assert await rows() == [("A", 1), ("B", 1)]
    scene.test_app.clock.advance(50)
    await beats(scene.guest)
    await beats(scene.other)
    await scene.test_app.advance(30)
    assert await rows() == [("B", 1), ("A", 0)]
    await beats(scene.host)
    assert await rows() == [("A", 1), ("B", 1)]


async def test_away_after_and_seat_grace_are_configurable():
    limits = replace(Limits(), away_after=10, seat_grace=20)
    async with run_test_app(limits=limits) as test_app:
        scene = await make_scene(test_app)
        await scene.fill_room()
        test_app.clock.advance(10)
        rows = success(await scene.host.get("game_room.php/players"))["players"]
        assert [row["is_online"] for row in rows] == [1, 0]


async def test_room_has_its_last_activity(scene):
    await scene.fill_room()
    scene.test_app.clock.advance(20)
    await beats(scene.guest)
    scene.test_app.clock.advance(20)
    payload = success(await scene.host.get("game_room.php/current"))["room"]
    assert payload["room_last_activity"] == payload["last_heartbeat"] == "2023-11-14 22:14:00"
    assert payload["room_created_at"] == payload["joined_at"] == "2023-11-14 22:13:20"


def test_limits_come_from_the_settings(tmp_path):
    home = DataDirectory(tmp_path / "data")
    with home.lock():
        limits = build_core_context(Config(away_after=10, seat_grace=20), home).limits
    assert (limits.away_after, limits.seat_grace) == (10, 20)
