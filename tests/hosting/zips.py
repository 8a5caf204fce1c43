"""Zip archives of the tests, byte by byte: also such as no program would write."""

import gzip
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hosting.fake_child import nbt_compound, write_nbt

LEVEL: dict[str, object] = {
    "Data": {
        "Time": ("long", 30_000),
        "DayTime": ("long", 54_321),
        "raining": ("byte", 1),
        "thundering": ("byte", 0),
        "Version": {"Name": "1.20.1", "Id": ("int", 3_465)},
    }
}
FOLDER, LINK, FIFO, FILE = 0o40700, 0o120777, 0o10600, 0o100600


def level_dat(level: dict[str, object] = LEVEL) -> bytes:
    """Return a level.dat."""
    return gzip.compress(b"\x0a\x00\x00" + nbt_compound(level), mtime=0)


@dataclass(frozen=True)
class Part:
    """An entry as it is written. None: what fits the content."""

    name: bytes
    content: bytes = b""
    mode: int = FILE
    flags: int = 0x800
    method: int = 8
    size: int | None = None
    packed: bytes | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    local_method: int | None = None
    #: Offset of another local header that the directory names for this entry.
    offset: int | None = None


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def make_zip(
    parts: Sequence[Part],
    *,
    before: bytes = b"",
    after: bytes = b"",
    count: int | None = None,
    comment: bytes = b"",
) -> bytes:
    """Return an archive with these entries. `before` and `after` are bytes that belong to nothing."""
    body, directory = before, b""
    for part in parts:
        packed = part.packed
        if packed is None:
            packed = deflate(part.content) if part.method == 8 else part.content
        size = len(part.content) if part.size is None else part.size
        crc = zlib.crc32(part.content)
        offset = len(body) - len(before) if part.offset is None else part.offset
        if part.offset is None:
            name = part.name if part.local_name is None else part.local_name
            local_size = size if part.local_size is None else part.local_size
            method = part.method if part.local_method is None else part.local_method
            head = (20, part.flags, method, 0, 33, crc, len(packed), local_size, len(name), 0)
            body += struct.pack("<4s5H3L2H", b"PK\3\4", *head) + name + packed
        directory += struct.pack(
            "<4s4B4HL2L5H2L",
            b"PK\1\2",
            *(20, 3, 20, 0, part.flags, part.method, 0, 33, crc, len(packed), size),
            *(len(part.name), 0, 0, 0, 0, part.mode << 16, offset),
        )
        directory += part.name
    number = len(parts) if count is None else count
    end = struct.pack(
        "<4s4H2LH",
        b"PK\5\6",
        *(0, 0, number, number, len(directory), len(body) - len(before), len(comment)),
    )
    return body + directory + end + comment + after


def world_zip(folder: str = "world/", *more: Part) -> bytes:
    """Return an archive with a world and more entries."""
    return make_zip([Part(f"{folder}level.dat".encode(), level_dat()), *more])


def make_server(folder: Path) -> Path:
    """Create the folder of a server that has run, and return it."""
    server = folder / "server"
    world = server / "world"
    write_nbt(world / "level.dat", LEVEL)
    for path, content in (
        ("world/session.lock", "☃"),
        ("world/region/r.0.0.mca", "region" * 1_000),
        ("world/logs/kept.log", "of a datapack"),
        ("server.properties", "level-name=world\n"),
        ("ops.json", "[]"),
        ("plugins/Essentials.jar", "jar"),
        ("logs/latest.log", "log"),
        ("libraries/a/b.jar", "jar"),
        ("versions/1/server.jar", "jar"),
        ("cache/mojang.bin", "cache"),
        ("server.jar", "jar"),
    ):
        target = server / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, "utf-8")
    (world / "datapacks").mkdir()
    return server


#: What of `make_server` is in a saved game.
SAVED_FILES = {
    "world/level.dat",
    "world/region/r.0.0.mca",
    "world/logs/kept.log",
    "world/datapacks/",
    "server.properties",
    "ops.json",
    "plugins/Essentials.jar",
}
#: What is not.
LEFT_OUT = {
    "world/session.lock",
    "logs/latest.log",
    "libraries/a/b.jar",
    "versions/1/server.jar",
    "cache/mojang.bin",
    "server.jar",
}


def files_in(folder: Path) -> set[str]:
    """Return the files and empty folders beneath a folder."""
    found = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir():
            found.add(name)
        elif not any(path.iterdir()):
            found.add(f"{name}/")
    return found
