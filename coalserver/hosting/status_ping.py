"""A status ping of the Minecraft protocol: asks a world on this machine how many players it has."""

import asyncio
import json
from contextlib import suppress
from typing import Any

#: Answers have an icon of up to 32 KiB.
MAX_ANSWER_BYTES = 1 << 20
STATUS = 1


async def count_players(host: str, port: int, seconds: float = 5.0) -> int | None:
    """Return the number of players that a world reports, or None if it does not answer in time."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(packet(_handshake(host, port)) + packet(b"\x00"))
                return _players(await _read_answer(reader))
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError, EOFError):
        return None


def _handshake(host: str, port: int) -> bytes:
    name = host.encode()
    # -1 as the protocol's version: only the status is wanted.
    version = b"\xff\xff\xff\xff\x0f"
    return b"\x00" + version + varint(len(name)) + name + port.to_bytes(2, "big") + varint(STATUS)


def packet(data: bytes) -> bytes:
    """Return a packet with its length in front."""
    return varint(len(data)) + data


def varint(value: int) -> bytes:
    """Return a number as the protocol writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


async def read_varint(reader: asyncio.StreamReader) -> int:
    """Read a number. Raises ValueError if it is longer than five bytes, and EOFError."""
    value = 0
    for shift in range(0, 35, 7):
        [byte] = await reader.readexactly(1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ValueError("not a number of the protocol")


async def _read_answer(reader: asyncio.StreamReader) -> Any:
    """Return the status document. Raises ValueError for anything else."""
    if await read_varint(reader) > MAX_ANSWER_BYTES or await read_varint(reader) != 0:
        raise ValueError("not a status")
    size = await read_varint(reader)
    if size > MAX_ANSWER_BYTES:
        raise ValueError("the status is too long")
    return json.loads(await reader.readexactly(size))


def _players(document: Any) -> int:
    with suppress(AttributeError):
        online = document.get("players", {}).get("online")
        if isinstance(online, int) and not isinstance(online, bool):
            return max(0, online)
    # The program has answered, without the number of players.
    return 0
