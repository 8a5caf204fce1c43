"""Pings: run state, day, time and weather as read from the files of a world."""

import gzip
import os
import socket
import struct
from datetime import UTC, datetime

import pytest

from tests.processes import wait_until

#: NBT tag types, from the description of the format.
BYTE, INT, LONG, COMPOUND = 1, 3, 4, 10


def make_tag(kind: int, name: str, value: bytes) -> bytes:
    return struct.pack(">bH", kind, len(name)) + name.encode() + value


def compound(*tags: bytes) -> bytes:
    return b"".join(tags) + b"\0"


def number_tag(name: str, value: int, kind: int = LONG) -> bytes:
    return make_tag(kind, name, struct.pack({BYTE: ">b", INT: ">i", LONG: ">q"}[kind], value))


def write_nbt(path, *tags: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(make_tag(COMPOUND, "", compound(*tags))))


def write_old_level(path, time: int, day_time: int, rain: int = 0, thunder: int = 0) -> None:
    members = (
        number_tag("Time", time),
        number_tag("DayTime", day_time),
        number_tag("raining", rain, BYTE),
        number_tag("thundering", thunder, BYTE),
    )
    write_nbt(path, make_tag(COMPOUND, "Data", compound(*members)))


def write_new_level(world, time: int) -> None:
    write_nbt(world / "level.dat", make_tag(COMPOUND, "Data", compound(number_tag("Time", time))))


def write_clocks(folder, ticks: int) -> None:
    overworld = make_tag(
        COMPOUND, "minecraft:overworld", compound(number_tag("total_ticks", ticks))
    )
    write_nbt(
        folder / "world_clocks.dat",
        number_tag("DataVersion", 5000, INT),
        make_tag(COMPOUND, "data", compound(overworld)),
    )


def write_weather(folder, rain: int, thunder: int) -> None:
    members = compound(number_tag("raining", rain, BYTE), number_tag("thundering", thunder, BYTE))
    write_nbt(folder / "weather.dat", make_tag(COMPOUND, "data", members))


@pytest.fixture
def world(machine):
    return machine.folder / "world"


@pytest.fixture
def ping_world(machine, coal):
    """A function that runs the agent once and returns the world state of its ping."""

    def ping(*flags: str) -> dict[str, str]:
        agent = machine.agent(coal.url, *flags)
        assert agent.run_once() == 0, agent.output
        names = ("server_day", "server_time", "is_raining", "is_thundering")
        return {name: coal.pings[-1][name] for name in names if name in coal.pings[-1]}

    return ping


def expected_values(day: int, time: int, rain: str, thunder: str) -> dict[str, str]:
    return {
        "server_day": str(day),
        "server_time": str(time),
        "is_raining": rain,
        "is_thundering": thunder,
    }


def test_ping_has_day_time_and_weather_of_level_dat(world, ping_world, coal):
    write_old_level(world / "level.dat", 15 * 24000 + 7, 3 * 24000 + 6000, rain=1)
    saved = datetime(2026, 9, 25, 12, 34, 56, tzinfo=UTC).timestamp()
    os.utime(world / "level.dat", (saved, saved))
    assert ping_world() == expected_values(15, 6000, "true", "false")
    assert coal.pings[-1]["timestamp"] == "2026-09-25 12:34:56"


def test_ping_reads_separate_files_since_26_1(world, ping_world):
    write_new_level(world, 15 * 24000)
    write_clocks(world / "data" / "minecraft", 3 * 24000 + 18000)
    write_weather(world / "data" / "minecraft", 1, 1)
    assert ping_world() == expected_values(15, 18000, "true", "true")


def test_ping_prefers_the_files_of_paper(world, ping_world):
    write_new_level(world, 15 * 24000)
    write_clocks(world / "data" / "minecraft", 0)
    write_weather(world / "data" / "minecraft", 0, 0)
    paper_folder = world / "dimensions" / "minecraft" / "overworld" / "data" / "minecraft"
    write_clocks(paper_folder, 777)
    write_weather(paper_folder, 1, 0)
    assert ping_world() == expected_values(15, 777, "true", "false")


def test_ping_omits_missing_values(world, ping_world):
    assert ping_world() == {}
    write_new_level(world, 5)
    assert ping_world() == {}
    world.joinpath("level.dat").write_bytes(b"\x1f\x8b rubbish")
    assert ping_world() == {}
    data = make_tag(COMPOUND, "Data", compound(number_tag("thundering", 1, BYTE)))
    write_nbt(world / "level.dat", data)
    assert ping_world() == {"is_thundering": "true"}


def test_level_name_of_server_properties_is_used(machine, ping_world):
    (machine.folder / "server.properties").write_text("# x\nlevel-name=My World\n")
    write_old_level(machine.folder / "My World" / "level.dat", 24000, 1)
    assert ping_world() == expected_values(1, 1, "false", "false")


def test_changed_level_file_is_read_again(machine, world, coal):
    write_old_level(world / "level.dat", 24000, 1)
    machine.agent(coal.url).start()
    wait_until(lambda: coal.pings and coal.pings[-1].get("server_time") == "1")
    write_old_level(world / "level.dat", 24000, 2000)
    wait_until(lambda: coal.pings[-1]["server_time"] == "2000")


def test_world_runs_while_its_process_runs(machine, coal, ping_world):
    process = machine.start_process()
    ping_world("--address", "192.0.2.7:25565")
    assert coal.pings[-1]["is_server_running"] == "true"
    assert coal.pings[-1]["address"] == "192.0.2.7:25565"
    assert coal.pings[-1]["server_name"] == f"127.0.0.1:{coal.port}"
    process.kill()
    # The dead process is a zombie: its pid still exists.
    wait_until(lambda: ping_world() == {} and coal.pings[-1]["is_server_running"] == "false")


def test_world_without_pid_file_runs_if_its_port_is_open(machine, coal, ping_world):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = f"server-ip=127.0.0.1\nserver-port={port}\n"
        (machine.folder / "server.properties").write_text(settings)
        ping_world()
        assert coal.pings[-1]["is_server_running"] == "true"
    ping_world()
    assert coal.pings[-1]["is_server_running"] == "false"
    assert "address" not in coal.pings[-1]
