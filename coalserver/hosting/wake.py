"""Wake on connect: while a world is paused because nobody is there, its port answers, and a player who joins starts it.

Prescribed by hosting.md, section 10. Of the protocol of the game this needs the handshake, the status and the first
packet of a login; old versions (before 1.7) have other bytes for the same. What one client can make us read and
keep is bounded; bytes that the protocol does not have close the connection.
"""

import asyncio
import errno
import ipaddress
import json
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coalserver.core.queries.hosting import all_hosted_worlds, get_run
from coalserver.core.state import Reader
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.minecraft.server_properties import PORT, effective_properties
from coalserver.domain.minecraft.world import World, WorldStatus
from coalserver.hosting.child_files import read_regular
from coalserver.hosting.log_texts import error_text
from coalserver.hosting.status_ping import STATUS, packet, read_varint, varint
from coalserver.hosting.world_files import WorldFiles

log = logging.getLogger(__name__)

ASLEEP = "Asleep"
STARTING = "The world is starting. Join again in a moment."
NOT_ALLOWED = "You are not on the list of this server."
CANNOT_START = "The world cannot be started at present."

#: Bounds of a connection: seconds, and bytes of a packet. A login of 1.19 has a key of 300 bytes and a signature.
CONNECTION_SECONDS = 10.0
MAX_PACKET_BYTES = 4096
MAX_READS_AT_END = 16
MAX_CONNECTIONS = 64
MAX_FROM_ADDRESS = 4
BACKLOG = 16
#: While no connection can be accepted, as with too many open files, it is tried again this often.
ACCEPT_RETRY_SECONDS = 1.0
#: The connection stays in the queue of the listener, which therefore stays readable.
NO_RESOURCES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: After a start that was refused the next login that may try again is this many seconds later.
RETRY_SECONDS = 10.0
#: Seconds to wait for a second byte: clients of the oldest versions send only one.
SECOND_BYTE_SECONDS = 0.5
MAX_NAME_LENGTH = 16
MAX_LIST_BYTES = 1 << 20
LOGINS = (2, 3)
LEGACY_HANDSHAKE, LEGACY_PING, LEGACY_KICK = 0x02, 0xFE, 0xFF


class InvalidPacket(ValueError):
    """Bytes that the protocol does not have, or too many."""


@dataclass(frozen=True, slots=True)
class SleepingWorld:
    """A world that is asleep: what its port answers."""

    world_id: int
    port: int
    minecraft: str
    max_players: int
    white_list: bool
    #: The folder with the lists of players.
    server: Path


def wake_fields(world: World) -> tuple[object, ...]:
    """Return the fields of a world, besides its run, that its port depends on."""
    return world.status, world.active, world.properties


def hosted_wake_fields(hosted: HostedWorld) -> tuple[object, ...]:
    """Return the fields of a hosted world that its port, or that of another world, depends on."""
    return hosted.wake_on_connect, hosted.asleep_port, hosted.port, hosted.minecraft


def find_sleeping_worlds(reader: Reader, *, folder: Path) -> list[SleepingWorld]:
    """Return the worlds whose ports are to be answered: those asleep whose port no other world has."""
    runs = [get_run(reader, world.id, archived=True) for world in all_hosted_worlds(reader)]
    held = {run.hosted.port for run in runs}
    sleeping = {}
    for run in runs:
        port = _port_of(run)
        if port is not None and port not in held and port not in sleeping:
            properties = effective_properties(run.world.properties)
            sleeping[port] = SleepingWorld(
                run.world.id,
                port,
                run.hosted.minecraft,
                int(properties["max_players"] or 0),
                bool(properties["white_list"]),
                WorldFiles(folder, run.world.id).server,
            )
    return list(sleeping.values())


def _port_of(run: Run) -> int | None:
    hosted: HostedWorld = run.hosted
    if not (run.world.active and hosted.wake_on_connect and run.status is WorldStatus.STOPPED):
        return None
    fixed = effective_properties(run.world.properties)[PORT]
    return (
        fixed if hosted.asleep_port is not None and isinstance(fixed, int) else hosted.asleep_port
    )


class WakePorts:
    """The ports of worlds that are asleep."""

    def __init__(self, bind: str, start: Callable[[int], Awaitable[object]]) -> None:
        """`bind` is an address, or empty: all. `start` starts a world, or raises DomainError."""
        self._bind, self._start = bind, start
        self._open: dict[int, _WakePort] = {}

    @property
    def ports(self) -> frozenset[int]:
        """Return the ports that are answered now."""
        return frozenset(port.world.port for port in self._open.values())

    def update(self, sleeping: list[SleepingWorld]) -> None:
        """Answer for these worlds and for no others.

        Ports are free again when this returns, so that a start that follows finds its port. A port that another
        program has is tried again at the next call.
        """
        wanted = {world.world_id: world for world in sleeping}
        for world_id, port in [*self._open.items()]:
            if wanted.get(world_id) != port.world:
                del self._open[world_id]
                port.close()
        for world_id, world in wanted.items():
            if world_id not in self._open:
                with suppress(OSError):
                    self._open[world_id] = _WakePort(world, self._bind, self._start)

    async def wait_closed(self) -> None:
        """Close all, and wait until their connections have ended."""
        ports = [*self._open.values()]
        self.update([])
        for port in ports:
            await port.wait_closed()


class _WakePort:
    """The port of one world."""

    def __init__(
        self, world: SleepingWorld, bind: str, start: Callable[[int], Awaitable[object]]
    ) -> None:
        """Listen. Raises OSError."""
        self.world, self._start = world, start
        self._sockets = _listen(bind, world.port)
        self._addresses: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Those whose players wait for the answer to a start.
        self._waiting: set[asyncio.Task[None]] = set()
        self._not_before = 0.0
        #: The start that a login has asked for, which all others wait for.
        self._starting: asyncio.Task[bool] | None = None
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.add_reader(one.fileno(), self._accept, one)

    def close(self) -> None:
        """Stop listening. Connections that wait for the answer to a start end by themselves."""
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            loop.remove_reader(one.fileno())
            one.close()
        self._sockets = []
        for task in self._tasks - self._waiting:
            task.cancel()

    async def wait_closed(self) -> None:
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait([*self._tasks])

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, peer = listener.accept()
        except OSError as error:
            if error.errno in NO_RESOURCES:
                self._pause(listener)
            return
        address = _network(str(peer[0]))
        if self._addresses[address] >= MAX_FROM_ADDRESS or len(self._tasks) >= MAX_CONNECTIONS:
            client.close()
            return
        client.setblocking(False)
        self._addresses[address] += 1
        task = asyncio.create_task(self._serve(client))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._on_served(done, address))
        task.add_done_callback(self._waiting.discard)

    def _pause(self, listener: socket.socket) -> None:
        """Accept no connections for a moment."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener.fileno())
        loop.call_later(ACCEPT_RETRY_SECONDS, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener in self._sockets:
            loop = asyncio.get_running_loop()
            loop.add_reader(listener.fileno(), self._accept, listener)

    def _on_served(self, task: "asyncio.Task[None]", address: str) -> None:
        self._tasks.discard(task)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if not task.cancelled() and (error := task.exception()):
            log.error("A connection to world %d failed", self.world.world_id, exc_info=error)

    async def _serve(self, client: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=client, limit=MAX_PACKET_BYTES)
        except BaseException:
            client.close()
            raise
        try:
            async with asyncio.timeout(CONNECTION_SECONDS):
                await self._talk(reader, writer)
                await writer.drain()
                writer.write_eof()
                # The client closes first, so that the port keeps no connection that is being closed.
                for _ in range(MAX_READS_AT_END):
                    if not await reader.read(MAX_PACKET_BYTES):
                        break
        except (OSError, TimeoutError, ValueError, EOFError):
            pass
        finally:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = (await reader.readexactly(1))[0]
        if first == LEGACY_PING:
            writer.write(await self._legacy_status(reader))
        elif first == LEGACY_HANDSHAKE:
            name = await _legacy_name(reader)
            writer.write(_legacy_kick(await self._login(name)))
        else:
            await self._talk_modern(first, reader, writer)

    async def _talk_modern(
        self, first: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        handshake = _Bytes(await _read_packet(reader, first))
        if handshake.varint() != 0:
            raise InvalidPacket("not a handshake")
        protocol = handshake.varint()
        handshake.text(MAX_PACKET_BYTES)
        handshake.take(2)
        following = handshake.varint()
        if following == STATUS:
            await self._talk_status(protocol, reader, writer)
            return
        login = _Bytes(await _read_packet(reader))
        if following not in LOGINS or login.varint() != 0:
            raise InvalidPacket("not a login")
        text = json.dumps(
            {"text": await self._login(_validate_name(login.text(4 * MAX_NAME_LENGTH)))}
        )
        writer.write(packet(b"\x00" + _text(text)))

    async def _talk_status(
        self, protocol: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer a request for the status, and a ping, each once."""
        for _ in range(2):
            request = await _read_packet(reader)
            if request == b"\x00":
                writer.write(packet(b"\x00" + _text(json.dumps(self._status(protocol)))))
            elif len(request) == 9 and request[0] == 1:
                writer.write(packet(request))
                return
            else:
                raise InvalidPacket("not a request for the status")

    def _status(self, protocol: int) -> dict[str, object]:
        # A client that sees another number than its own says that the server is too old or too new.
        number = protocol - (1 << 32) if protocol >= 1 << 31 else protocol
        return {
            "version": {"name": self.world.minecraft or ASLEEP, "protocol": number},
            "players": {"max": self.world.max_players, "online": 0},
            "description": {"text": ASLEEP},
        }

    async def _legacy_status(self, reader: asyncio.StreamReader) -> bytes:
        second = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(SECOND_BYTE_SECONDS):
                second = await reader.read(1)
        max_players = str(self.world.max_players)
        if second == b"\x01":
            # 127: no protocol of a game that sends this.
            words = ("\xa71", "127", self.world.minecraft, ASLEEP, "0", max_players)
            return _legacy_kick("\0".join(words))
        return _legacy_kick("\xa7".join((ASLEEP, "0", max_players)))

    async def _login(self, name: str) -> str:
        """Start the world for a player, and return what they are answered."""
        if self.world.white_list and not await asyncio.to_thread(
            is_listed, self.world.server, name
        ):
            return NOT_ALLOWED
        now = asyncio.get_running_loop().time()
        if self._starting is None:
            if now < self._not_before:
                return CANNOT_START
            log.info("World %d is woken by %s", self.world.world_id, name)
            self._starting = asyncio.create_task(self._try_start())
        if task := asyncio.current_task():
            self._waiting.add(task)
        is_started = await asyncio.shield(self._starting)
        return STARTING if is_started else CANNOT_START

    async def _try_start(self) -> bool:
        try:
            await self._start(self.world.world_id)
        except (DomainError, OSError) as error:
            log.info("World %d is not woken: %s", self.world.world_id, error_text(error))
            self._not_before = asyncio.get_running_loop().time() + RETRY_SECONDS
            self._starting = None
            return False
        return True


def is_listed(server: Path, name: str) -> bool:
    """Return whether the list of allowed players has a name; also that of versions before 1.7.6. Blocks."""
    content = read_regular(server, "whitelist.json", MAX_LIST_BYTES)
    if content is None:
        old = read_regular(server, "white-list.txt", MAX_LIST_BYTES) or b""
        names = old.decode("utf-8", "replace").split()
        return name.lower() in (one.lower() for one in names)
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError):
        return False
    if not isinstance(entries, list):
        return False
    listed = [one.get("name") for one in entries if isinstance(one, dict)]
    return name.lower() in (one.lower() for one in listed if isinstance(one, str))


class _Bytes:
    """The content of a packet, read from its beginning. Raises InvalidPacket at its end."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if count < 0 or end > len(self._content):
            raise InvalidPacket("the packet is too short")
        taken = self._content[self._at : end]
        self._at = end
        return taken

    def varint(self) -> int:
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFF
        raise InvalidPacket("not a number of the protocol")

    def text(self, max_bytes: int) -> str:
        size = self.varint()
        if size > max_bytes:
            raise InvalidPacket("the text is too long")
        return self.take(size).decode("utf-8")


async def _read_packet(reader: asyncio.StreamReader, first: int | None = None) -> bytes:
    """Return the content of a packet. `first`: the first byte of its length, if it was read already."""
    if first is None or first >= 0x80:
        rest = await read_varint(reader)
        length = rest if first is None else rest << 7 | first & 0x7F
    else:
        length = first
    if not 0 < length <= MAX_PACKET_BYTES:
        raise InvalidPacket("the packet is too long")
    return await reader.readexactly(length)


async def _legacy_name(reader: asyncio.StreamReader) -> str:
    """Return the name in the first packet of a login of a version before 1.7."""
    first = (await reader.readexactly(1))[0]
    if first:
        # From 1.3 on: the protocol, then the name.
        return _validate_name(await _legacy_text(reader, MAX_NAME_LENGTH))
    size = (await reader.readexactly(1))[0]
    content = await reader.readexactly(2 * size)
    # `name;host:port`
    return _validate_name(content.decode("utf-16-be").partition(";")[0])


async def _legacy_text(reader: asyncio.StreamReader, max_length: int) -> str:
    size = int.from_bytes(await reader.readexactly(2), "big")
    if size > max_length:
        raise InvalidPacket("the text is too long")
    return (await reader.readexactly(2 * size)).decode("utf-16-be")


def _legacy_kick(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return bytes((LEGACY_KICK,)) + (len(encoded) // 2).to_bytes(2, "big") + encoded


def _validate_name(name: str) -> str:
    if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isascii() or not name.isprintable():
        raise InvalidPacket("not a name of a player")
    return name


def _text(text: str) -> bytes:
    encoded = text.encode()
    return varint(len(encoded)) + encoded


def _network(address: str) -> str:
    """Return the address by which connections are counted: of IPv6 its /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return address


def _listen(bind: str, port: int) -> list[socket.socket]:
    """Listen on an address, or on all of IPv4 and IPv6. Raises OSError if one of them has another listener."""
    sockets: list[socket.socket] = []
    try:
        for address in [bind] if bind else ["0.0.0.0", "::"]:
            is_v6 = ":" in address
            try:
                one = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
            except OSError:
                # A machine without IPv6.
                continue
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_v6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.setblocking(False)
            try:
                one.bind((address, port))
            except OSError as error:
                if bind or not is_v6 or error.errno in (errno.EADDRINUSE, errno.EACCES):
                    raise
                # IPv6 is switched off.
                sockets.pop().close()
                continue
            one.listen(BACKLOG)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets
