"""Wake on connect (hosting.md, 10): ports of worlds that are asleep, and players who wake them."""

import asyncio
import errno
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from coalserver.core.commands.hosting_settings import (
    set_wake_on_connect,
)
from coalserver.core.commands.worlds import archive_world
from coalserver.domain.audit import TIME
from coalserver.domain.minecraft.hosting.transitions import Order
from coalserver.hosting import wake
from coalserver.hosting.status_ping import count_players, packet, varint
from tests.hosting.worlds import Worlds
from tests.minecraft.programs import HERE, require_npm_packages
from tests.processes import TIMEOUT_SECONDS

LOGIN, TRANSFER, STATUS = 2, 3, 1
STARTING, NOT_ALLOWED, CANNOT_START = wake.STARTING, wake.NOT_ALLOWED, wake.CANNOT_START


def text(value: str) -> bytes:
    return varint(len(value.encode())) + value.encode()


def handshake(following: int, protocol: int = 767, host: str = "play.example") -> bytes:
    content = b"\0" + varint(protocol) + text(host) + (25565).to_bytes(2, "big")
    return packet(content + varint(following))


def login(name: str, rest: bytes = bytes(16)) -> bytes:
    return packet(b"\0" + text(name) + rest)


async def exchange(port: int, sent: bytes, host: str = "127.0.0.1") -> bytes:
    """Send bytes and return everything that is answered."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


def packets(answer: bytes) -> list[bytes]:
    """Return the contents of packets whose length has one or two bytes."""
    found = []
    while answer:
        length, answer = answer[0], answer[1:]
        if length >= 0x80:
            length, answer = length & 0x7F | answer[0] << 7, answer[1:]
        found.append(answer[:length])
        answer = answer[length:]
    return found


def disconnected(answer: bytes) -> str:
    """Return the sentence of a disconnect during a login."""
    [content] = packets(answer)
    assert content[0] == 0
    return str(json.loads(content[2:] if content[1] < 0x80 else content[3:])["text"])


def kicked(answer: bytes) -> str:
    """Return the text of a disconnect of a version before 1.7."""
    assert answer[0] == 0xFF
    assert int.from_bytes(answer[1:3], "big") * 2 == len(answer) - 3
    return answer[3:].decode("utf-16-be")


def old_text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode("utf-16-be")


async def fall_asleep(worlds: Worlds, world: int, *, waking: bool = True) -> int:
    """Start a world and pause it as one that nobody is in; return its port."""
    await worlds.core.execute(set_wake_on_connect, world_id=world, enabled=waking)
    await worlds.play(world)
    port = worlds.hosted(world).port
    assert port is not None
    await worlds.hosting.order(world, Order.PAUSE, TIME)
    await worlds.wait_for(world, "stopped")
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def test_player_wakes_the_world(worlds: Worlds) -> None:
    world = await worlds.add(properties={"max_players": 7})
    port = await fall_asleep(worlds, world)
    assert disconnected(await exchange(port, handshake(LOGIN) + login("Ada"))) == STARTING
    await worlds.wait_for(world, "running")
    assert worlds.hosted(world).port == port
    assert worlds.hosted(world).asleep_port is None
    assert [(str(one.action), one.actor) for one in worlds.audit()][-1] == ("world_played", TIME)


async def test_idle_world_falls_asleep_and_its_ping_does_not_wake_it(worlds: Worlds) -> None:
    world = await worlds.add(properties={"idle_timeout": 5})
    await worlds.core.execute(set_wake_on_connect, world_id=world, enabled=True)
    await worlds.play(world)
    port = worlds.hosted(world).port
    assert port is not None
    await worlds.until(lambda: worlds.run(world).world.empty_since is not None)
    worlds.clock_ahead = 301
    worlds.hosting.wake_all()
    await worlds.wait_for(world, "stopped")
    assert worlds.hosted(world).asleep_port == port
    assert await count_players("127.0.0.1", port) == 0
    assert worlds.status(world) == "stopped"


async def test_status_says_asleep(worlds: Worlds) -> None:
    world = await worlds.add(properties={"max_players": 7})
    port = await fall_asleep(worlds, world)
    ping = packet(b"\x01" + b"12345678")
    answer = await exchange(port, handshake(STATUS, 767) + packet(b"\0") + ping)
    status, pong = packets(answer)
    document = json.loads(status[2:] if status[1] < 0x80 else status[3:])
    assert document == {
        "version": {"name": "1.20", "protocol": 767},
        "players": {"max": 7, "online": 0},
        "description": {"text": "Asleep"},
    }
    assert pong == b"\x01" + b"12345678"
    # -1, as programs that only look send it.
    answer = await exchange(port, handshake(STATUS, 0xFFFFFFFF) + packet(b"\0") + ping)
    assert b'"protocol": -1' in answer
    assert worlds.status(world) == "stopped"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\xfe", "Asleep\xa70\xa77"),
        (b"\xfe\x01", "\xa71\x00127\x001.20\x00Asleep\x000\x007"),
        (b"\xfe\x01\xfa" + old_text("MC|PingHost") + bytes(7), None),
    ],
)
async def test_old_pings_are_answered(worlds: Worlds, sent: bytes, expected: str | None) -> None:
    world = await worlds.add(properties={"max_players": 7})
    port = await fall_asleep(worlds, world)
    answer = kicked(await exchange(port, sent))
    assert answer == (expected or "\xa71\x00127\x001.20\x00Asleep\x000\x007")
    assert worlds.status(world) == "stopped"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x02\x27" + old_text("Ada") + old_text("play.example") + (25565).to_bytes(4, "big"),
        b"\x02" + old_text("Ada;play.example:25565"),
    ],
)
async def test_old_login_wakes_the_world(worlds: Worlds, sent: bytes) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    assert kicked(await exchange(port, sent)) == STARTING
    await worlds.wait_for(world, "running")


async def test_transfer_counts_as_a_login(worlds: Worlds) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    assert disconnected(await exchange(port, handshake(TRANSFER) + login("Ada"))) == STARTING
    await worlds.wait_for(world, "running")


async def test_login_in_pieces_is_understood(worlds: Worlds) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # A long host, so that the length has two bytes.
    for byte in handshake(LOGIN, host="a" * 200) + login("Ada", bytes(300)):
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0)
    assert disconnected(await reader.read()) == STARTING
    writer.close()


# Who may


def write_list(worlds: Worlds, world: int, name: str, content: str) -> None:
    (worlds.files(world).server / name).write_text(content)


async def test_allow_list_decides_where_it_is_on(worlds: Worlds) -> None:
    world = await worlds.add(properties={"white_list": True})
    port = await fall_asleep(worlds, world)
    entry = {"uuid": "00000000-0000-0000-0000-000000000000", "name": "Ada"}
    write_list(worlds, world, "whitelist.json", json.dumps([entry]))
    assert disconnected(await exchange(port, handshake(LOGIN) + login("Bob"))) == NOT_ALLOWED
    assert worlds.status(world) == "stopped"
    assert disconnected(await exchange(port, handshake(LOGIN) + login("ADA"))) == STARTING
    await worlds.wait_for(world, "running")


@pytest.mark.parametrize(
    "content", ["", "{", "{}", "[1, null, {}]", '[{"name": null}]', "[" * 100_000, '"Ada"']
)
def test_damaged_allow_list_allows_nobody(tmp_path: Path, content: str) -> None:
    (tmp_path / "whitelist.json").write_text(content)
    assert not wake.is_listed(tmp_path, "Ada")
    assert not wake.is_listed(tmp_path, "None")


def test_allow_list_is_not_read_through_links_or_pipes(tmp_path: Path) -> None:
    server = tmp_path / "server"
    server.mkdir()
    (tmp_path / "whitelist.json").write_text('[{"name": "Ada"}]')
    assert wake.is_listed(tmp_path, "ada")
    (server / "whitelist.json").symlink_to("../whitelist.json")
    assert not wake.is_listed(server, "Ada")
    (server / "whitelist.json").unlink()
    os.mkfifo(server / "whitelist.json")
    assert not wake.is_listed(server, "Ada")


def test_allow_list_of_old_versions(tmp_path: Path) -> None:
    (tmp_path / "white-list.txt").write_text("ada\nbob\n")
    assert wake.is_listed(tmp_path, "Ada")
    assert not wake.is_listed(tmp_path, "Eve")


# When


async def test_wake_on_connect_is_off_by_default(worlds: Worlds) -> None:
    world = await worlds.add()
    assert worlds.hosted(world).wake_on_connect is False
    port = await fall_asleep(worlds, world, waking=False)
    assert is_free(port)
    await worlds.core.execute(set_wake_on_connect, world_id=world, enabled=True)
    assert not is_free(port)
    await worlds.core.execute(set_wake_on_connect, world_id=world, enabled=False)
    assert is_free(port)


async def test_world_that_a_person_stopped_does_not_wake(worlds: Worlds) -> None:
    world = await worlds.add()
    await worlds.core.execute(set_wake_on_connect, world_id=world, enabled=True)
    await worlds.play(world)
    port = worlds.hosted(world).port
    assert port is not None
    await worlds.order(world, "pause")
    await worlds.wait_for(world, "stopped")
    assert is_free(port)


async def test_port_is_free_before_the_start(worlds: Worlds) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    # One that says nothing does not hold the port.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await worlds.order(world, "play")
    assert is_free(port)
    assert await reader.read() == b""
    writer.close()
    await worlds.wait_for(world, "running")
    assert worlds.hosted(world).port == port


async def test_other_world_may_take_the_port(worlds: Worlds) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    other = await worlds.add(name="Other")
    await worlds.order(other, "play")
    # The lowest port is the one of the world that is asleep.
    assert worlds.hosted(other).port == port
    assert is_free(port)
    await worlds.wait_for(other, "running")
    await worlds.order(other, "kill")
    await worlds.wait_for(other, "stopped")
    assert not is_free(port)
    await worlds.core.execute(archive_world, world_id=world)
    assert is_free(port)


async def test_port_that_another_program_has_is_left_to_it(worlds: Worlds) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world, waking=False)
    with socket.create_server(("127.0.0.1", port)):
        await worlds.core.execute(set_wake_on_connect, world_id=world, enabled=True)
        assert worlds.hosting._wake_ports.ports == frozenset()
    worlds.hosting._update_wake_ports()
    assert worlds.hosting._wake_ports.ports == {port}


async def test_world_stays_asleep_over_a_restart(worlds: Worlds) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    await worlds.close()
    assert is_free(port)
    await worlds.open()
    assert disconnected(await exchange(port, handshake(LOGIN) + login("Ada"))) == STARTING
    await worlds.wait_for(world, "running")


async def test_refused_start_is_said_and_not_tried_at_once_again(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    await worlds.configure(disk_free=2**30)
    calls = []
    order = worlds.hosting.order

    async def count(*args: Any) -> Any:
        calls.append(args)
        return await order(*args)

    monkeypatch.setattr(worlds.hosting, "order", count)
    for name in ("Ada", "Bob", "Eve"):
        answer = await exchange(port, handshake(LOGIN) + login(name))
        assert disconnected(answer) == CANNOT_START
    assert len(calls) == 1
    assert worlds.status(world) == "stopped"


async def test_many_players_start_it_once(worlds: Worlds) -> None:
    world = await worlds.add()
    port = await fall_asleep(worlds, world)
    sent = handshake(LOGIN) + login("Ada")
    answers = await asyncio.gather(*(exchange(port, sent) for _ in range(4)))
    told = [disconnected(answer) for answer in answers if answer]
    assert told and set(told) == {STARTING}
    await worlds.wait_for(world, "running")
    assert [str(one.action) for one in worlds.audit()].count("world_played") == 2


# Bad bytes and bounds


@asynccontextmanager
async def open_wake_port(
    tmp_path: Path, bind: str = "127.0.0.1", **options: Any
) -> AsyncIterator[tuple[int, list[int]]]:
    """Answer on a free port; yield it with the list of starts."""
    starts: list[int] = []

    async def start(world_id: int) -> None:
        starts.append(world_id)

    with socket.create_server(
        (bind, 0), family=socket.AF_INET6 if ":" in bind else socket.AF_INET
    ) as probe:
        port = probe.getsockname()[1]
    ports = wake.WakePorts(bind, start)
    ports.update([wake.SleepingWorld(1, port, "1.20.4", 20, False, tmp_path)])
    assert ports.ports == {port}
    try:
        yield port, starts
    finally:
        await ports.wait_closed()
    assert ports.ports == frozenset()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" + bytes(500),
        b"\x00",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        varint(wake.MAX_PACKET_BYTES + 1) + bytes(wake.MAX_PACKET_BYTES + 1),
        packet(b"\x01" + bytes(20)),
        packet(b"\x00"),
        packet(b"\x00\xff\xff\xff\xff\xff\xff"),
        packet(b"\x00\x00\xff\x7fabc"),
        packet(b"\x00\x00\x02\xff\xfe\x00\x00\x02") + login("Ada"),
        handshake(0) + login("Ada"),
        handshake(7) + login("Ada"),
        handshake(STATUS) + packet(b"\x05"),
        handshake(STATUS) + packet(b"\x01123"),
        handshake(LOGIN) + packet(b"\x01" + text("Ada")),
        handshake(LOGIN) + login(""),
        handshake(LOGIN) + login("A" * 17),
        handshake(LOGIN) + login("A" * 4000),
        handshake(LOGIN) + login("A\nB"),
        handshake(LOGIN) + login("Äda"),
        handshake(LOGIN) + packet(b"\x00\x7fAda"),
        handshake(LOGIN) + packet(b"\x00\x02\xff\xfe"),
        b"\x02\x27" + old_text("A" * 17),
        b"\x02\x27\xff\xff",
        b"\x02\x27\x00\x01\xd8\x00",
        b"\x02" + old_text("A\x00B;x"),
        b"\x02" + old_text(";x"),
    ],
)
async def test_bytes_of_no_protocol_close_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    # Some begin as a longer packet does: the rest of it is waited for.
    monkeypatch.setattr(wake, "CONNECTION_SECONDS", 2.0)
    async with open_wake_port(tmp_path) as (port, starts):
        assert await exchange(port, sent) == b""
        assert starts == []
        assert await count_players("127.0.0.1", port) == 0


async def test_connections_are_bounded_in_number_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wake, "CONNECTION_SECONDS", 0.3)
    async with open_wake_port(tmp_path) as (port, starts):
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        ends = await asyncio.gather(
            *(reader.read() for reader, _ in silent), return_exceptions=True
        )
        assert all(isinstance(end, ConnectionError) or end == b"" for end in ends)
        for _, writer in silent:
            writer.close()
        assert await count_players("127.0.0.1", port) == 0
    assert caplog.messages == []


async def test_one_address_does_not_keep_others_out(tmp_path: Path) -> None:
    async with open_wake_port(tmp_path, "0.0.0.0") as (port, starts):
        held = [
            await asyncio.open_connection("127.0.0.1", port) for _ in range(wake.MAX_FROM_ADDRESS)
        ]
        await asyncio.sleep(0)
        assert await exchange(port, b"\xfe\x01") == b""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, local_addr=("127.0.0.2", 0)
        )
        writer.write(b"\xfe\x01")
        assert kicked(await reader.read()).startswith("\xa71")
        writer.close()
        for _, one in held:
            one.close()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_addresses_of_a_network_count_together(address: str, network: str) -> None:
    assert wake._network(address) == network


class NoDescriptors:
    """Lets the first calls of `accept` fail, as with too many open files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: float) -> None:
        self.calls = 0
        real = socket.socket.accept

        def accept(listener: socket.socket) -> Any:
            self.calls += 1
            if self.calls <= failures:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return real(listener)

        monkeypatch.setattr(socket.socket, "accept", accept)


async def test_port_without_descriptors_does_not_keep_the_loop_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors = NoDescriptors(monkeypatch, float("inf"))
    async with open_wake_port(tmp_path) as (port, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        while not descriptors.calls:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert descriptors.calls == 1
        writer.close()


async def test_port_answers_when_there_are_descriptors_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake, "ACCEPT_RETRY_SECONDS", 0.01)
    descriptors = NoDescriptors(monkeypatch, 2)
    async with open_wake_port(tmp_path) as (port, _):
        assert await count_players("127.0.0.1", port) == 0
        assert descriptors.calls == 3


async def test_closed_port_is_not_accepted_on_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wake, "ACCEPT_RETRY_SECONDS", 0.01)
    descriptors = NoDescriptors(monkeypatch, float("inf"))
    async with open_wake_port(tmp_path) as (port, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        while not descriptors.calls:
            await asyncio.sleep(0)
        writer.close()
    calls = descriptors.calls
    await asyncio.sleep(0.05)
    assert descriptors.calls == calls
    assert caplog.messages == []


async def test_login_after_a_failed_start_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wake, "RETRY_SECONDS", 0.0)
    starts = 0

    async def start(_: int) -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    ports = wake.WakePorts("127.0.0.1", start)
    ports.update([wake.SleepingWorld(1, port, "1.20.4", 20, False, tmp_path)])
    try:
        sent = handshake(LOGIN) + login("Ada")
        assert disconnected(await exchange(port, sent)) == CANNOT_START
        assert disconnected(await exchange(port, sent)) == STARTING
        assert starts == 2
    finally:
        await ports.wait_closed()


#: A client of the game: pings, then logs in, and says what it was told.
CLIENT = """
const protocol = require("minecraft-protocol");
const [port, version] = [Number(process.argv[1]), process.argv[2]];
const tell = (found) => console.log(JSON.stringify(found));
const join = () => {
  const client = protocol.createClient({ host: "127.0.0.1", port, version, username: "Ada", auth: "offline" });
  client.on("disconnect", ({ reason }) => tell({ reason }));
  client.on("error", (error) => tell({ error: error.message }));
  client.on("end", () => process.exit());
};
protocol.ping({ host: "127.0.0.1", port, version }, (error, answer) => {
  tell(error ? { error: error.message } : { text: answer.description.text, protocol: answer.version.protocol });
  join();
});
"""


@pytest.mark.parametrize(
    ("version", "protocol"),
    [
        ("1.8.8", 47),
        ("1.12.2", 340),
        ("1.16.5", 754),
        ("1.19.2", 760),
        ("1.20.4", 765),
        ("1.21.4", 769),
    ],
)
async def test_client_of_the_game_understands(tmp_path: Path, version: str, protocol: int) -> None:
    require_npm_packages("minecraft-protocol")
    async with open_wake_port(tmp_path) as (port, starts):
        client = await asyncio.create_subprocess_exec(
            "node", "-e", CLIENT, str(port), version, cwd=HERE, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(TIMEOUT_SECONDS):
            output, _ = await client.communicate()
        ping, told = (json.loads(line) for line in output.splitlines())
        assert ping == {"text": "Asleep", "protocol": protocol}
        assert json.loads(told["reason"]) == {"text": STARTING}
        assert starts == [1]
