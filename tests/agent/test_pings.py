"""What a ping tells: whether the world runs, its day, time and weather, as its files have them."""

import gzip
import os
import socket
import struct
from datetime import UTC, datetime

import pytest

from tests.agent.machine import wait_until

#: By hand, from the description of the form: tags with names, and what is in them.
BYTE, INT, LONG, COMPOUND = 1, 3, 4, 10


def tag(kind: int, name: str, value: bytes) -> bytes:
    return struct.pack(">bH", kind, len(name)) + name.encode() + value


def compound(*tags: bytes) -> bytes:
    return b"".join(tags) + b"\0"


def number(name: str, value: int, kind: int = LONG) -> bytes:
    return tag(kind, name, struct.pack({BYTE: ">b", INT: ">i", LONG: ">q"}[kind], value))


def kept(path, *tags: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(tag(COMPOUND, "", compound(*tags))))


def old_level(path, time: int, of_day: int, rain: int = 0, thunder: int = 0) -> None:
    inside = (
        number("Time", time),
        number("DayTime", of_day),
        number("raining", rain, BYTE),
        number("thundering", thunder, BYTE),
    )
    kept(path, tag(COMPOUND, "Data", compound(*inside)))


def new_level(world, time: int) -> None:
    kept(world / "level.dat", tag(COMPOUND, "Data", compound(number("Time", time))))


def clocks(folder, ticks: int) -> None:
    overworld = tag(COMPOUND, "minecraft:overworld", compound(number("total_ticks", ticks)))
    kept(
        folder / "world_clocks.dat",
        number("DataVersion", 5000, INT),
        tag(COMPOUND, "data", compound(overworld)),
    )


def weather(folder, rain: int, thunder: int) -> None:
    inside = compound(number("raining", rain, BYTE), number("thundering", thunder, BYTE))
    kept(folder / "weather.dat", tag(COMPOUND, "data", inside))


@pytest.fixture
def world(machine):
    return machine.folder / "world"


@pytest.fixture
def told(machine, coal):
    """Pings once; gives what was told of the world."""

    def ping(*flags: str) -> dict[str, str]:
        agent = machine.agent(coal.url, *flags)
        assert agent.once() == 0, agent.said
        names = ("server_day", "server_time", "is_raining", "is_thundering")
        return {name: coal.pings[-1][name] for name in names if name in coal.pings[-1]}

    return ping


def as_told(day: int, time: int, rain: str, thunder: str) -> dict[str, str]:
    return {
        "server_day": str(day),
        "server_time": str(time),
        "is_raining": rain,
        "is_thundering": thunder,
    }


def test_ping_has_day_time_and_weather_of_level_dat(world, told, coal):
    old_level(world / "level.dat", 15 * 24000 + 7, 3 * 24000 + 6000, rain=1)
    saved = datetime(2026, 9, 25, 12, 34, 56, tzinfo=UTC).timestamp()
    os.utime(world / "level.dat", (saved, saved))
    assert told() == as_told(15, 6000, "true", "false")
    assert coal.pings[-1]["timestamp"] == "2026-09-25 12:34:56"


def test_ping_reads_separate_files_since_26_1(world, told):
    new_level(world, 15 * 24000)
    clocks(world / "data" / "minecraft", 3 * 24000 + 18000)
    weather(world / "data" / "minecraft", 1, 1)
    assert told() == as_told(15, 18000, "true", "true")


def test_ping_prefers_the_files_of_paper(world, told):
    new_level(world, 15 * 24000)
    clocks(world / "data" / "minecraft", 0)
    weather(world / "data" / "minecraft", 0, 0)
    papers = world / "dimensions" / "minecraft" / "overworld" / "data" / "minecraft"
    clocks(papers, 777)
    weather(papers, 1, 0)
    assert told() == as_told(15, 777, "true", "false")


def test_ping_omits_missing_values(world, told):
    assert told() == {}
    new_level(world, 5)
    assert told() == {}
    world.joinpath("level.dat").write_bytes(b"\x1f\x8b rubbish")
    assert told() == {}
    data = tag(COMPOUND, "Data", compound(number("thundering", 1, BYTE)))
    kept(world / "level.dat", data)
    assert told() == {"is_thundering": "true"}


def test_level_name_of_server_properties_is_used(machine, told):
    (machine.folder / "server.properties").write_text("# x\nlevel-name=My World\n")
    old_level(machine.folder / "My World" / "level.dat", 24000, 1)
    assert told() == as_told(1, 1, "false", "false")


def test_changed_level_file_is_read_again(machine, world, coal):
    old_level(world / "level.dat", 24000, 1)
    machine.agent(coal.url).start()
    wait_until(lambda: coal.pings and coal.pings[-1].get("server_time") == "1")
    old_level(world / "level.dat", 24000, 2000)
    wait_until(lambda: coal.pings[-1]["server_time"] == "2000")


def test_world_runs_while_its_process_runs(machine, coal, told):
    process = machine.running()
    told("--address", "192.0.2.7:25565")
    assert coal.pings[-1]["is_server_running"] == "true"
    assert coal.pings[-1]["address"] == "192.0.2.7:25565"
    assert coal.pings[-1]["server_name"] == f"127.0.0.1:{coal.port}"
    process.kill()
    # Nobody has looked after it: it is dead though its number is taken.
    wait_until(lambda: told() == {} and coal.pings[-1]["is_server_running"] == "false")


def test_world_without_pid_file_runs_if_its_port_is_open(machine, coal, told):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = f"server-ip=127.0.0.1\nserver-port={port}\n"
        (machine.folder / "server.properties").write_text(settings)
        told()
        assert coal.pings[-1]["is_server_running"] == "true"
    told()
    assert coal.pings[-1]["is_server_running"] == "false"
    assert "address" not in coal.pings[-1]
