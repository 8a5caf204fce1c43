"""The jars of versions on disk: receiving, inspecting, checking and deleting them.

Each jar lies once, as `<sha256>.jar`. While it is received it has another name, which ends in `.part`; it gets its own
name when it is whole, has been checked and is durable. So a jar under its name is never half or wrong (hosting.md 4).
"""

import asyncio
import hashlib
import json
import os
import re
import secrets
import struct
import threading
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from coalserver.domain.minecraft.hosting.minecraft_versions import find_version
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.media.files import sync_directory, write_private

#: Received bytes are written in pieces of this size.
FLUSH_BYTES = 1 << 20
#: Bounds of what is read of a jar: its directory (about 200,000 files), a file of text, a class file's first bytes.
MAX_DIRECTORY_BYTES = 16 << 20
MAX_TEXT_BYTES = 1 << 20
CLASS_HEADER = struct.Struct(">IHH")
#: Class file versions are those of Java plus 44.
CLASS_VERSION_OFFSET = 44

#: Main classes of Mojang's own servers.
VANILLA_MAIN_CLASSES = frozenset(
    (
        "net.minecraft.server.MinecraftServer",
        "net.minecraft.server.Main",
        "net.minecraft.bundler.Main",
    )
)

#: Settings of the log for vanilla servers before 1.17; the first for those before 1.12.
LOG_SETTINGS = ("log4j2-1.7.xml", "log4j2.xml")

#: What `zipfile` raises for damaged files.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class JarFacts:
    """What a jar says about itself."""

    main_class: str
    #: Java version that it needs; from version.json, else from the main class.
    java: int
    #: Minecraft version; empty if it does not say one.
    minecraft: str = ""

    @property
    def is_vanilla(self) -> bool:
        return self.main_class in VANILLA_MAIN_CLASSES


@dataclass(frozen=True, slots=True)
class Jar:
    """A whole jar on disk."""

    path: Path
    sha256: str
    size: int
    facts: JarFacts


@dataclass(frozen=True, slots=True)
class Expected:
    """What is published about a jar; empty and None: not known. Hashes are hex digits."""

    size: int | None = None
    sha1: str = ""
    sha256: str = ""


class PartFile:
    """A jar that is being received. Bytes are written and hashed in a thread."""

    def __init__(self, path: Path, limit: int) -> None:
        self.size = 0
        self._path, self._limit = path, limit
        self._buffer = bytearray()
        self._sha1, self._sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        self._file = open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")  # noqa: SIM115

    async def write(self, content: bytes) -> None:
        """Add bytes. Raises NOT_FETCHED above the limit, and DISK."""
        self.size += len(content)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._buffer += content
        if len(self._buffer) >= FLUSH_BYTES:
            await in_thread(self._flush)

    async def finish(self, expected: Expected) -> Jar:
        """Check the jar, make it durable and give it its name. Raises NOT_FETCHED, CHECKSUM, BAD_JAR and DISK."""
        return await in_thread(lambda: self._finish(expected))

    def close(self) -> None:
        """Close and delete the file, unless it is finished."""
        # A finished file has nothing left to write; of others nothing is kept.
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        with _disk_errors():
            self._file.write(self._buffer)
        self._sha1.update(self._buffer)
        self._sha256.update(self._buffer)
        self._buffer.clear()

    def _finish(self, expected: Expected) -> Jar:
        self._flush()
        with _disk_errors():
            self._file.flush()
        sha256 = self._sha256.hexdigest()
        if expected.size is not None and self.size < expected.size:
            reason = f"only {self.size} of {expected.size} bytes arrived"
            raise VersionError(VersionErrorCode.NOT_FETCHED, reason)
        checks = (
            ("size", expected.size, self.size),
            ("SHA-1", expected.sha1.lower(), self._sha1.hexdigest()),
            ("SHA-256", expected.sha256.lower(), sha256),
        )
        for name, published, actual in checks:
            if published not in ("", None) and published != actual:
                reason = f"its {name} is {actual}, published is {published}"
                raise VersionError(VersionErrorCode.CHECKSUM, reason)
        facts = inspect_jar(self._path)
        path = self._path.with_name(f"{sha256}.jar")
        with _disk_errors():
            os.fsync(self._file.fileno())
            self._path.rename(path)
            sync_directory(path.parent)
        return Jar(path, sha256, self.size, facts)


class JarStore:
    """The folder `versions`, which is created when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sharing = threading.Lock()

    def path(self, sha256: str) -> Path:
        """Return the path of a jar by its hash."""
        if not _SHA256.fullmatch(sha256):
            raise ValueError("not a SHA-256")
        return self.folder / f"{sha256}.jar"

    @asynccontextmanager
    async def receive(self, limit: int) -> AsyncIterator[PartFile]:
        """Open a new jar of at most `limit` bytes. It is deleted at the end unless it was finished.

        Raises DISK.
        """
        with _disk_errors():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = PartFile(self.folder / f"{secrets.token_hex(8)}.part", limit)
        try:
            yield part
        finally:
            part.close()

    async def add_file(self, source: Path, limit: int, expected: Expected = Expected()) -> Jar:
        """Copy a jar into the folder. Raises BAD_JAR, CHECKSUM, NOT_FETCHED and DISK, and OSError for the source."""
        async with self.receive(limit) as part:
            with source.open("rb") as file:
                while content := await in_thread(lambda: file.read(FLUSH_BYTES)):
                    await part.write(content)
            return await part.finish(expected)

    async def check(self, sha256: str, size: int) -> Jar:
        """Return a stored jar, after a look at the whole of it. Raises FILES_MISSING, and deletes a wrong one.

        It is done before each start. A server's jar of 50 MB takes 0.1 s, where its start takes ten seconds.
        """
        return await in_thread(lambda: self._check(sha256, size))

    def share(self, jar: Jar, group: int, log_settings: Path) -> None:
        """Allow a group to read a jar, and copies of the log settings, but not to list what else is there.

        The log settings may lie where the user of a world may not read, and without them an old server would run
        unprotected. Raises DISK.
        """
        with _disk_errors(), self._sharing:
            for name in LOG_SETTINGS:
                copy, content = self.folder / name, (log_settings / name).read_bytes()
                if not (copy.is_file() and copy.read_bytes() == content):
                    write_private(copy, content)
            for path, mode in (
                (self.folder, 0o710),
                (jar.path, 0o640),
                *((self.folder / name, 0o640) for name in LOG_SETTINGS),
            ):
                os.chown(path, -1, group)
                path.chmod(mode)

    def delete(self, sha256: str) -> None:
        """Delete a jar. The caller has made sure that no version uses it. Raises DISK."""
        with _disk_errors():
            self.path(sha256).unlink(missing_ok=True)

    def delete_parts(self) -> int:
        """Delete what a process that was killed has left. Returns how many files. Raises DISK.

        Called at the start, before anything is received.
        """
        with _disk_errors():
            parts = list(self.folder.glob("*.part"))
            for part in parts:
                part.unlink(missing_ok=True)
        return len(parts)

    def _check(self, sha256: str, size: int) -> Jar:
        path = self.path(sha256)
        try:
            with path.open("rb") as file:
                actual = os.fstat(file.fileno()).st_size
                if actual == size and hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                    return Jar(path, sha256, size, inspect_jar(path))
        except FileNotFoundError as error:
            raise VersionError(VersionErrorCode.FILES_MISSING, "its jar is gone") from error
        except OSError as error:
            raise VersionError(VersionErrorCode.DISK, _os_reason(error)) from error
        self.delete(sha256)
        raise VersionError(VersionErrorCode.FILES_MISSING, "its jar was changed")


def inspect_jar(path: Path) -> JarFacts:
    """Return what a jar says about itself. What is read of it is bounded. Blocks.

    Raises BAD_JAR unless it is a zip whose manifest names a main class that it has.
    """
    try:
        with path.open("rb") as file:
            if _directory_bytes(file) > MAX_DIRECTORY_BYTES:
                raise _bad("it has too many files")
            with zipfile.ZipFile(file) as jar:
                return _read_facts(jar)
    except (*DAMAGED, ValueError) as error:
        raise _bad("it is not a jar, or it is damaged") from error
    except OSError as error:
        raise VersionError(VersionErrorCode.DISK, _os_reason(error)) from error


def _read_facts(jar: zipfile.ZipFile) -> JarFacts:
    main_class = _main_class(_read(jar, "META-INF/MANIFEST.MF", MAX_TEXT_BYTES + 1))
    if not main_class:
        raise _bad("it has no main class")
    header = _read(jar, f"{main_class.replace('.', '/')}.class", CLASS_HEADER.size)
    if header is None:
        raise _bad(f"its main class {main_class} is missing")
    if len(header) < CLASS_HEADER.size:
        raise _bad(f"its main class {main_class} is damaged")
    magic, _, class_version = CLASS_HEADER.unpack(header)
    if magic != 0xCAFEBABE or class_version <= CLASS_VERSION_OFFSET:
        raise _bad(f"its main class {main_class} is damaged")
    description = _json_object(_read(jar, "version.json", MAX_TEXT_BYTES + 1))
    java = description.get("java_version")
    if not isinstance(java, int) or isinstance(java, bool) or not 0 < java < 1000:
        java = class_version - CLASS_VERSION_OFFSET
    return JarFacts(main_class, java, _minecraft(description))


def _minecraft(description: dict[str, Any]) -> str:
    for name in ("id", "name"):
        value = description.get(name)
        # Some have a hash behind the version: `1.14.4 / 0a1b2c`.
        text = value.partition(" / ")[0].strip() if isinstance(value, str) else ""
        if len(text) <= 60 and text.isprintable() and find_version(text):
            return text
    return ""


def _read(jar: zipfile.ZipFile, name: str, limit: int) -> bytes | None:
    """Return the first bytes of a file in a jar, None if there is no such file."""
    try:
        entry = jar.getinfo(name)
    except KeyError:
        return None
    # Java reads no others, and those of other compressions are not expanded piece by piece.
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _bad("it is compressed in a way that Java does not read")
    if entry.flag_bits & 0x1:
        raise _bad("it is encrypted")
    with jar.open(entry) as file:
        return file.read(limit)


def _main_class(manifest: bytes | None) -> str:
    """Return the main class that a manifest names, empty if it names none that Java could have."""
    if manifest is None or len(manifest) > MAX_TEXT_BYTES:
        return ""
    text = manifest.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    # Long lines go on after a line end and a space; a blank line ends the part about the whole jar.
    for line in text.partition("\n\n")[0].replace("\n ", "").split("\n"):
        name, _, value = line.partition(":")
        if name.lower() == "main-class":
            name = value.strip().replace("/", ".")
            return name if re.fullmatch(r"[\w$]+(?:\.[\w$]+)*", name) else ""
    return ""


def _json_object(content: bytes | None) -> dict[str, Any]:
    if content is None or len(content) > MAX_TEXT_BYTES:
        return {}
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _directory_bytes(file: IO[bytes]) -> int:
    """Return the size of a zip's directory, which `zipfile` would read whole. Raises BadZipFile."""
    size = file.seek(0, os.SEEK_END)
    # The end of a zip is 22 bytes long and may have a comment of 64 KiB, behind a record of 76 bytes for large ones.
    start = max(0, size - 22 - 65535 - 76)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + 22 > len(tail):
        raise zipfile.BadZipFile("no directory")
    (length,) = struct.unpack_from("<L", tail, at + 12)
    locator = at - 20
    if locator >= 0 and tail[locator : locator + 4] == b"PK\6\7":
        # The record of a large zip stands right in front of its locator.
        record = locator - 56
        if record < 0 or tail[record : record + 4] != b"PK\6\6":
            raise zipfile.BadZipFile("no directory")
        (length,) = struct.unpack_from("<Q", tail, record + 40)
    file.seek(0)
    return int(length)


async def in_thread(function: Callable[[], _T]) -> _T:
    """Run a blocking function in a thread. A cancelled caller waits for it, so nothing is closed under it."""
    future = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


def too_large(limit: int) -> VersionError:
    """Return the error for a file above the limit in bytes."""
    reason = f"the file is larger than {limit / 2**20:.4g} MiB"
    return VersionError(VersionErrorCode.NOT_FETCHED, reason)


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn an OSError into a VersionError of code DISK."""
    try:
        yield
    except OSError as error:
        raise VersionError(VersionErrorCode.DISK, _os_reason(error)) from error


def _os_reason(error: OSError) -> str:
    return (error.strerror or "the file cannot be stored").lower()


def _bad(reason: str) -> VersionError:
    return VersionError(VersionErrorCode.BAD_JAR, reason)
