"""Jars on disk: what is read of them, and that one under its name is whole."""

import asyncio
import errno
import hashlib
import io
import os
import struct
import zipfile

import pytest

from coalserver.hosting.versions import jars
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.jars import Expected, inspect_jar
from tests.hosting.versions.jar_files import MANIFEST, class_file, make_jar

LIMIT = 10 << 20


def inspect(tmp_path, content):
    path = tmp_path / "a.jar"
    path.write_bytes(content)
    return inspect_jar(path)


async def receive(store, content, expected=Expected(), limit=LIMIT):
    async with store.receive(limit) as part:
        await part.write(content)
        return await part.finish(expected)


def test_java_comes_from_version_json(tmp_path):
    facts = inspect(tmp_path, make_jar(version={"id": "1.20.4", "java_version": 17}, java=8))
    assert (facts.java, facts.minecraft, facts.is_vanilla) == (17, "1.20.4", True)


@pytest.mark.parametrize("java", [6, 8, 17, 21, 25])
def test_java_comes_from_the_main_class_otherwise(tmp_path, java):
    facts = inspect(tmp_path, make_jar(main="org.example.Main", java=java))
    assert (facts.java, facts.minecraft, facts.is_vanilla) == (java, "", False)


@pytest.mark.parametrize(
    ("version", "minecraft"),
    [
        ({"id": "1.14.4 / a1b2c3", "name": "1.14.4"}, "1.14.4"),
        ({"name": "26.1 Snapshot 1"}, "26.1 Snapshot 1"),
        ({"id": "custom", "name": "1.16.5"}, "1.16.5"),
        ({"id": 5, "name": None, "java_version": "17"}, ""),
        ({"id": "1.20.4" + "x" * 100}, ""),
        ({"java_version": True}, ""),
        ({"java_version": -1}, ""),
        ([1, 2], ""),
        (b"no json", ""),
        (b"[" * 100_000, ""),
        (b" " * (2 << 20) + b"{}", ""),
    ],
)
def test_odd_version_json_is_not_believed(tmp_path, version, minecraft):
    facts = inspect(tmp_path, make_jar(version=version, java=16))
    assert (facts.java, facts.minecraft) == (16, minecraft)


@pytest.mark.parametrize(
    "manifest",
    [
        "Main-Class: org.example.Main\n",
        "main-class:org.example.Main\r\rName: x\r",
        "A: b\r\nMain-Class: org.exam\r\n ple.Main \r\n\r\nName: x\r\nMain-Class: other\r\n",
        "Main-Class: org/example/Main\n",
    ],
)
def test_main_class_is_read_from_the_manifest(tmp_path, manifest):
    facts = inspect(tmp_path, make_jar(main="org.example.Main", manifest=manifest))
    assert facts.main_class == "org.example.Main"


def zip_file(compression=zipfile.ZIP_STORED, **files):
    path_names = {"manifest": "META-INF/MANIFEST.MF", "main": "Main.class"}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as jar:
        for name, data in files.items():
            jar.writestr(path_names.get(name, name), data)
    return content.getvalue()


def encrypted():
    content = bytearray(zip_file(manifest=MANIFEST.format("Main"), main=class_file()))
    at = content.find(b"PK\1\2")
    content[at + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a jar"),
        (b"<html>" * 1000, "not a jar"),
        (make_jar()[:-30], "not a jar"),
        (make_jar()[300:], "not a jar"),
        (bytes(1000) + make_jar()[: 22 - 1000], "not a jar"),
        (zip_file(a=b"b"), "no main class"),
        (zip_file(manifest="Name: x\n\nMain-Class: Main\n", main=class_file()), "no main class"),
        (zip_file(manifest="Main-Class: ../x\n", main=class_file()), "no main class"),
        (zip_file(manifest="a: b\n" * 300_000 + "Main-Class: Main\n"), "no main class"),
        (zip_file(manifest=MANIFEST.format("Main")), "Main is missing"),
        (zip_file(manifest=MANIFEST.format("Main"), main=b"\xca\xfe"), "Main is damaged"),
        (zip_file(manifest=MANIFEST.format("Main"), main=bytes(64)), "Main is damaged"),
        (zip_file(manifest=MANIFEST.format("Main"), main=class_file(-20)), "Main is damaged"),
        (zip_file(zipfile.ZIP_LZMA, manifest=MANIFEST.format("Main")), "in a way"),
        (zip_file(zipfile.ZIP_BZIP2, manifest=MANIFEST.format("Main")), "in a way"),
        (encrypted(), "encrypted"),
    ],
)
def test_file_that_java_cannot_run_is_refused(tmp_path, content, reason):
    with pytest.raises(VersionError) as caught:
        inspect(tmp_path, content)
    assert caught.value.code is VersionErrorCode.BAD_JAR
    assert reason in caught.value.reason


def test_directory_of_a_zip_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(jars, "MAX_DIRECTORY_BYTES", 1000)
    many = make_jar(files={f"file{number}": b"" for number in range(100)})
    with pytest.raises(VersionError, match="too many files"):
        inspect(tmp_path, many)
    assert inspect(tmp_path, make_jar()).java == 17


def test_directory_of_a_large_zip_is_bounded_too(tmp_path):
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    with pytest.raises(VersionError, match="too many files"):
        inspect(tmp_path, end + locator + last)


def test_expanded_files_are_read_up_to_a_bound(tmp_path):
    bomb = make_jar(main="Main", files={"version.json": bytes(64 << 20)})
    assert len(bomb) < 1 << 20
    assert inspect(tmp_path, bomb).minecraft == ""


async def test_received_jar_has_its_hash_as_name(store):
    content = make_jar()
    sha256 = hashlib.sha256(content).hexdigest()
    expected = Expected(len(content), hashlib.sha1(content).hexdigest().upper(), sha256)
    jar = await receive(store, content, expected)
    assert jar.path == store.path(sha256)
    assert (jar.sha256, jar.size) == (sha256, len(content))
    assert jar.path.read_bytes() == content
    assert [path.name for path in store.folder.iterdir()] == [f"{sha256}.jar"]
    assert jar.path.stat().st_mode & 0o777 == 0o600
    assert store.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        (Expected(size=10**6), VersionErrorCode.NOT_FETCHED),
        (Expected(size=10), VersionErrorCode.CHECKSUM),
        (Expected(sha1="0" * 40), VersionErrorCode.CHECKSUM),
        (Expected(sha256="0" * 64), VersionErrorCode.CHECKSUM),
    ],
)
async def test_file_that_is_not_the_published_one_is_not_kept(store, expected, code):
    with pytest.raises(VersionError) as caught:
        await receive(store, make_jar(), expected)
    assert caught.value.code is code
    assert list(store.folder.iterdir()) == []


async def test_file_that_is_no_jar_is_not_kept(store):
    with pytest.raises(VersionError) as caught:
        await receive(store, b"no jar")
    assert caught.value.code is VersionErrorCode.BAD_JAR
    assert list(store.folder.iterdir()) == []


async def test_file_above_the_limit_is_not_kept(store):
    with pytest.raises(VersionError, match="the file is larger than 1 MiB"):
        await receive(store, bytes((1 << 20) + 1), limit=1 << 20)
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("function", ["fsync", "mkdir", "open"])
async def test_full_disk_leaves_nothing(store, monkeypatch, function):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(jars.os, function, fail)
    with pytest.raises(VersionError) as caught:
        await receive(store, make_jar())
    monkeypatch.undo()
    assert (caught.value.code, caught.value.reason) == (
        VersionErrorCode.DISK,
        "no space left on device",
    )
    assert not store.folder.exists() or list(store.folder.iterdir()) == []


async def test_leftovers_of_a_killed_process_are_deleted(store):
    jar = await receive(store, make_jar())
    (store.folder / "abc.part").write_bytes(b"half")
    assert store.delete_parts() == 1
    assert list(store.folder.iterdir()) == [jar.path]


def test_missing_folder_has_no_leftovers(store):
    assert store.delete_parts() == 0


async def test_stored_jar_is_checked_whole(store):
    jar = await receive(store, make_jar(version={"id": "1.20.4"}))
    assert await store.check(jar.sha256, jar.size) == jar


async def test_changed_jar_is_deleted(store):
    jar = await receive(store, make_jar())
    content = bytearray(jar.path.read_bytes())
    content[50] ^= 1
    jar.path.write_bytes(content)
    with pytest.raises(VersionError, match="its jar was changed") as caught:
        await store.check(jar.sha256, jar.size)
    assert caught.value.code is VersionErrorCode.FILES_MISSING
    assert not jar.path.exists()
    with pytest.raises(VersionError, match="its jar is gone"):
        await store.check(jar.sha256, jar.size)


async def test_jar_is_copied_from_a_file(store, tmp_path):
    source = tmp_path / "server.jar"
    source.write_bytes(make_jar())
    jar = await store.add_file(source, LIMIT)
    assert jar.path.read_bytes() == source.read_bytes()
    store.delete(jar.sha256)
    assert not jar.path.exists()
    assert source.exists()


@pytest.mark.parametrize("name", ["", "..", "../../x", "A" * 64, "0" * 63])
def test_jar_is_found_by_a_hash_only(store, name):
    with pytest.raises(ValueError, match="SHA-256"):
        store.path(name)


async def test_cancelled_caller_waits_for_its_thread(store):
    async with store.receive(LIMIT) as part:
        task = asyncio.create_task(part.write(bytes(2 << 20)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert list(store.folder.iterdir()) == []
