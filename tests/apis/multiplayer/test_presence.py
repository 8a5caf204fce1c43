"""Who is there: a time in memory, shown everywhere, and what silence leads to."""

from dataclasses import replace

import pytest

from coalserver.config import Config
from coalserver.core.ports import Batch
from coalserver.core.unit_of_work import Limits
from coalserver.server.admin import setting_for
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.memory import MemoryStore
from tests.apis.app import a_house
from tests.apis.multiplayer.playing import a_scene, well

PLACES = {"matchmaking.php": "gathers", "game_room.php": "meets"}


async def beats(*gamers, file="game_players.php"):
    for gamer in gamers:
        well(await gamer.post(f"{file}/heartbeat"))


class CountingStore(MemoryStore):
    writes = 0

    async def write(self, batch: Batch) -> None:
        self.writes += 1
        await super().write(batch)


async def test_a_heartbeat_costs_no_write():
    store = CountingStore()
    async with a_house(store) as house:
        scene = await a_scene(house)
        await scene.starts()
        before = store.writes
        for file in ("game_players.php", "matchmaking.php", "game_room.php"):
            await beats(scene.host, scene.guest, file=file)
        assert store.writes == before


async def test_a_heartbeat_is_known_after_a_restart(scene):
    scene.house.clock.forward(30)
    await beats(scene.host)
    await scene.house.restart()
    said = well(await scene.host.ask("PUT", "game_players.php/login"))["player"]
    assert said["last_heartbeat"] == "2023-11-14 22:13:50"


async def test_how_long_somebody_has_been_silent(scene):
    await scene.gathers()
    await scene.house.after(45)
    rows = well(await scene.host.get("matchmaking.php/players"))["players"]
    assert [row["seconds_since_heartbeat"] for row in rows] == [0, 45]
    assert [row["status"] for row in rows] == ["active", "active"]
    await scene.house.after(15)
    rows = well(await scene.host.get("matchmaking.php/players"))["players"]
    assert [row["status"] for row in rows] == ["active", "inactive"]


async def test_offline_after_a_minute_and_back_with_any_call(scene):
    await scene.meets()

    async def online():
        rows = well(await scene.host.get("game_room.php/players"))["players"]
        return [row["is_online"] for row in rows]

    await scene.house.after(59)
    assert await online() == [1, 1]
    await scene.house.after(1)
    assert await online() == [1, 0]
    well(await scene.guest.get("game_data.php/player/get"))
    assert await online() == [1, 1]


@pytest.mark.parametrize(("file", "way"), PLACES.items())
async def test_the_seat_is_freed_after_five_minutes(scene, file, way):
    await getattr(scene, way)()
    for _ in range(9):
        await beats(scene.host)
        await scene.house.after(30)
    assert len(well(await scene.host.get(f"{file}/players"))["players"]) == 2
    await scene.house.after(30)
    assert len(well(await scene.host.get(f"{file}/players"))["players"]) == 1


@pytest.mark.parametrize(("file", "way"), PLACES.items())
async def test_with_host_switch_the_next_leads_after_a_minute(scene, file, way):
    await getattr(scene, way)(host_switch=True)
    await scene.house.after(30)
    await beats(scene.guest)
    await scene.house.after(30)
    rows = well(await scene.guest.get(f"{file}/players"))["players"]
    assert [int(row["player_id"]) for row in rows if row["is_host"]] == [scene.guest.id]
    await beats(scene.host)
    rows = well(await scene.guest.get(f"{file}/players"))["players"]
    assert [int(row["player_id"]) for row in rows if row["is_host"]] == [scene.guest.id]


@pytest.mark.parametrize(("file", "way"), PLACES.items())
async def test_without_host_switch_the_place_ends_when_the_hosts_seat_is_freed(scene, file, way):
    await getattr(scene, way)()
    inside = "in_room" if file == "game_room.php" else "in_matchmaking"
    for _ in range(9):
        await beats(scene.guest)
        await scene.house.after(30)
    assert well(await scene.guest.get(f"{file}/current"))[inside]
    await scene.house.after(30)
    assert not well(await scene.guest.get(f"{file}/current"))[inside]


async def test_both_times_may_be_set():
    limits = replace(Limits(), away_after=10, seat_grace=20)
    async with a_house(limits=limits) as house:
        scene = await a_scene(house)
        await scene.meets()
        house.clock.forward(10)
        rows = well(await scene.host.get("game_room.php/players"))["players"]
        assert [row["is_online"] for row in rows] == [1, 0]


async def test_when_anything_last_happened_in_a_room(scene):
    await scene.meets()
    scene.house.clock.forward(20)
    await beats(scene.guest)
    scene.house.clock.forward(20)
    said = well(await scene.host.get("game_room.php/current"))["room"]
    assert said["room_last_activity"] == said["last_heartbeat"] == "2023-11-14 22:14:00"
    assert said["room_created_at"] == said["joined_at"] == "2023-11-14 22:13:20"


def test_the_settings_say_when_somebody_is_away(tmp_path):
    home = DataDirectory(tmp_path / "data")
    with home.lock():
        limits = setting_for(Config(away_after=10, seat_grace=20), home).limits
    assert (limits.away_after, limits.seat_grace) == (10, 20)
