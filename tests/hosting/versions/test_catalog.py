"""From a version to its command line, with fetches that worlds share."""

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from coalserver.core.commands.hosting_settings import add_version, remove_version
from coalserver.core.engine import Core
from coalserver.core.queries.hosting import version_by_name
from coalserver.core.unit_of_work import CoreContext, Limits
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.versions import command_line
from coalserver.hosting.versions.catalog import Obstacles, Place, VersionCatalog
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.jars import JarStore
from coalserver.hosting.versions.java import JavaFinder, JavaPlaces
from coalserver.hosting.versions.lists import VersionLists
from tests.core.stores import BlockingStore
from tests.hosting.versions.jar_files import make_jar
from tests.hosting.versions.stand_in import (
    add_fabric,
    add_mojang,
    add_paper,
    make_fetcher,
    manifests,
)
from tests.hosting.versions.test_java import answer, make_program

JAR = make_jar(version={"id": "1.20.4", "java_version": 17}, files={"data": bytes(300_000)})
PLACE = Place(Path("/worlds/1"), "My world", 25570, "1G")


class Catalog:
    """A catalog with a core of its own, and Java 8, 17 and 25."""

    def __init__(self, core, stand_in, tmp_path, **limits):
        self.core, self.stand_in = core, stand_in
        self.javas = tmp_path / "jvm"
        for version in ("1.8.0_312", "17.0.15", "25"):
            make_program(self.java(version), answer(version))
        fetcher = make_fetcher(**limits)
        self.catalog = VersionCatalog(
            core,
            JarStore(tmp_path / "versions"),
            fetcher,
            VersionLists(fetcher, manifests(stand_in)),
            JavaFinder(JavaPlaces(usual=(self.javas,))),
            log_settings=Path("/static/mc"),
            program_path="/usr/bin:/bin",
        )

    def java(self, version):
        return self.javas / version / "bin" / "java"

    async def add(self, kind=VersionKind.URL, name="1.20.4", **options):
        if kind is VersionKind.URL:
            options.setdefault("url", f"{self.stand_in.url}/server.jar")
        return await self.core.execute(add_version, version=Version(0, name, kind, 0, **options))

    async def add_jar(self, file, name="1.20.4"):
        def add(version):
            return self.core.execute(add_version, version=version)

        return await self.catalog.add_jar(Version(0, name, VersionKind.JAR, 0), file, add)

    def stored(self, version):
        return version_by_name(self.core.state, version.name)

    def files(self):
        folder = self.catalog.store.folder
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    async def fails(self, version):
        with pytest.raises(VersionError) as caught:
            await self.catalog.prepare(version, PLACE)
        return caught.value.code, caught.value.reason


@asynccontextmanager
async def run_core():
    context = CoreContext(lambda: 1000.0, random.Random(1), {}, Limits(), b"signing key")
    core = await Core.recover(BlockingStore(), context)
    writing = asyncio.create_task(core.writer.run())
    yield core
    core.writer.close()
    await writing


@pytest.fixture
async def versions(stand_in, tmp_path):
    stand_in.pages["/server.jar"] = JAR
    async with run_core() as core:
        yield Catalog(core, stand_in, tmp_path)


async def test_jar_by_address_is_fetched_and_remembered(versions):
    version = await versions.add()
    percents = []
    program = await versions.catalog.prepare(version, PLACE, percents.append)
    stored = versions.stored(version)
    assert (stored.size, stored.minecraft, stored.needed_java) == (len(JAR), "1.20.4", 17)
    assert versions.files() == [f"{stored.jar}.jar"]
    assert program.argv[0] == str(versions.java("17.0.15"))
    assert program.argv[-3:] == ("-jar", str(versions.catalog.store.path(stored.jar)), "nogui")
    assert program.java_home == str(versions.javas / "17.0.15")
    assert program.minecraft == "1.20.4"
    assert (percents[0], percents[-1]) == (0, 100)
    # It is not fetched again, whatever state of the version the caller has.
    assert await versions.catalog.prepare(stored, PLACE) == program
    assert await versions.catalog.prepare(version, PLACE) == program
    assert versions.stand_in.requests == [("GET", "/server.jar")]


@pytest.mark.parametrize(
    ("kind", "add", "name"),
    [
        (VersionKind.MOJANG, add_mojang, "1.20.4"),
        (VersionKind.PAPER, add_paper, "paper-1.20.4"),
        (VersionKind.FABRIC, add_fabric, "fabric 1.20.4"),
    ],
)
async def test_version_of_a_list_is_fetched(versions, kind, add, name):
    add_mojang(versions.stand_in, JAR)
    add(versions.stand_in, JAR)
    version = await versions.add(kind, name)
    assert await versions.catalog.check(version) == Obstacles()
    program = await versions.catalog.prepare(version, PLACE)
    assert program.minecraft == "1.20.4"
    assert versions.stored(version).needed_java == 17


async def test_java_of_the_list_wins(versions):
    add_mojang(versions.stand_in, JAR, javaVersion={"majorVersion": 25})
    version = await versions.add(VersionKind.MOJANG)
    program = await versions.catalog.prepare(version, PLACE)
    assert program.argv[0] == str(versions.java("25"))


async def test_java_that_was_set_by_hand_wins(versions):
    version = await versions.add(java=25)
    program = await versions.catalog.prepare(version, PLACE)
    assert program.argv[0] == str(versions.java("25"))


async def test_old_vanilla_server_gets_safe_log_settings(versions):
    versions.stand_in.pages["/server.jar"] = make_jar(
        main="net.minecraft.server.MinecraftServer", java=6
    )
    version = await versions.add(name="1.7.10")
    argv = (await versions.catalog.prepare(version, PLACE)).argv
    assert argv[0] == str(versions.java("1.8.0_312"))
    assert "-Dlog4j.configurationFile=/static/mc/log4j2-1.7.xml" in argv


@pytest.mark.parametrize(
    ("main", "option"),
    [
        ("net.minecraft.server.MinecraftServer", "-Dlog4j.configurationFile=/static/mc/log4j2.xml"),
        ("net.minecraft.server.Main", "-Dlog4j.configurationFile=/static/mc/log4j2.xml"),
        ("net.fabricmc.installer.ServerLauncher", "-Dlog4j2.formatMsgNoLookups=true"),
        ("io.papermc.paperclip.Main", "-Dlog4j2.formatMsgNoLookups=true"),
    ],
)
async def test_main_class_tells_whose_log_settings_are_used(versions, tmp_path, main, option):
    jar = make_jar(main=main, version={"id": "1.16.5", "java_version": 8})
    (tmp_path / "upload").write_bytes(jar)
    versions.stand_in.pages["/server.jar"] = jar
    for version in (await versions.add(name="a"), await versions.add_jar(tmp_path / "upload", "b")):
        argv = (await versions.catalog.prepare(version, PLACE)).argv
        assert [one for one in argv if "log4j" in one] == [option]


@pytest.mark.parametrize(
    ("kind", "add", "option"),
    [
        (VersionKind.MOJANG, add_mojang, "-Dlog4j.configurationFile=/static/mc/log4j2.xml"),
        (VersionKind.PAPER, add_paper, "-Dlog4j2.formatMsgNoLookups=true"),
        (VersionKind.FABRIC, add_fabric, "-Dlog4j2.formatMsgNoLookups=true"),
    ],
)
async def test_kind_tells_whose_log_settings_are_used(versions, monkeypatch, kind, add, option):
    # Mojang's own are known by their list; the others by their main class.
    main = "org.example.Main"
    jar = make_jar(main=main, version={"id": "1.20.4", "java_version": 17})
    add_mojang(versions.stand_in, jar)
    add(versions.stand_in, jar)
    monkeypatch.setattr(command_line, "release_of", lambda *_: (1, 16, 5))
    version = await versions.add(kind, "1.20.4")
    argv = (await versions.catalog.prepare(version, PLACE)).argv
    assert [one for one in argv if "log4j" in one] == [option]


async def test_version_of_the_last_run_tells_the_minecraft_version(versions):
    versions.stand_in.pages["/server.jar"] = make_jar(main="org.example.Main")
    version = await versions.add(name="My server")
    place = replace(PLACE, minecraft="1.12.2")
    assert (await versions.catalog.prepare(version, place)).minecraft == "1.12.2"
    assert (await versions.catalog.prepare(version, PLACE)).minecraft == ""


async def test_changed_jar_is_fetched_again(versions):
    version = await versions.add()
    await versions.catalog.prepare(version, PLACE)
    version = versions.stored(version)
    path = versions.catalog.store.path(version.jar)
    path.write_bytes(b"x" * version.size)
    await versions.catalog.prepare(version, PLACE)
    assert path.read_bytes() == JAR
    assert len(versions.stand_in.requests) == 2


async def test_newer_file_replaces_the_older_one(versions):
    version = await versions.add()
    await versions.catalog.prepare(version, PLACE)
    old = versions.stored(version)
    versions.catalog.store.delete(old.jar)
    versions.stand_in.pages["/server.jar"] = make_jar(java=25)
    await versions.catalog.prepare(old, PLACE)
    new = versions.stored(version)
    assert new.jar != old.jar
    assert new.needed_java == 25
    assert versions.files() == [f"{new.jar}.jar"]


async def test_expected_hash_is_checked(versions):
    version = await versions.add(sha256="0" * 64)
    assert (await versions.fails(version))[0] is VersionErrorCode.CHECKSUM
    assert versions.files() == []


async def test_missing_java_is_an_error(versions):
    version = await versions.add(java=26)
    assert await versions.fails(version) == (
        VersionErrorCode.NO_JAVA,
        "Minecraft 1.20.4 needs Java 26; this machine has 8, 17, 25",
    )


async def test_check_names_missing_java_and_fetch_errors(versions):
    version = await versions.add(java=26)
    missing = ("1.20.4", "26", "8, 17, 25")
    assert await versions.catalog.check(version) == Obstacles(missing)
    del versions.stand_in.pages["/server.jar"]
    reason = "Error (404) fetching URL"
    assert await versions.catalog.check(version) == Obstacles(missing, reason)
    other = await versions.add(name="other")
    assert await versions.catalog.check(other) == Obstacles(fetch_error=reason)


async def test_check_knows_the_java_of_a_list(versions):
    add_mojang(versions.stand_in, JAR, javaVersion={"majorVersion": 26})
    version = await versions.add(VersionKind.MOJANG)
    assert await versions.catalog.check(version) == Obstacles(("1.20.4", "26", "8, 17, 25"))


async def test_check_asks_nobody_for_a_jar_that_is_there(versions):
    version = await versions.add()
    await versions.catalog.prepare(version, PLACE)
    versions.stand_in.requests.clear()
    assert await versions.catalog.check(versions.stored(version)) == Obstacles()
    assert versions.stand_in.requests == []


async def test_check_without_any_java(versions):
    version = await versions.add()
    for path in versions.javas.glob("*/bin/java"):
        path.unlink()
    assert await versions.catalog.check(version) == Obstacles(("1.20.4", "8", "no Java"))


async def test_check_of_a_slow_list_is_over_in_time(stand_in, tmp_path):
    async def wait(request):
        await asyncio.Event().wait()

    stand_in.pages["/manifest.json"] = wait
    async with run_core() as core:
        versions = Catalog(core, stand_in, tmp_path, check_seconds=0.1)
        version = await versions.add(VersionKind.MOJANG)
        obstacles = await versions.catalog.check(version)
    assert obstacles == Obstacles(fetch_error="it took more than 0.1 seconds")


async def test_command_is_prepared(versions):
    version = await versions.add(VersionKind.COMMAND, command="env 'a b' {port} {memory} {name}")
    assert await versions.catalog.check(version) == Obstacles()
    program = await versions.catalog.prepare(version, PLACE)
    assert program.argv == ("env", "a b", "25570", "1024", "My world")
    assert program.java_home is None


async def test_command_without_its_program_is_refused(versions):
    version = await versions.add(VersionKind.COMMAND, command="no-such-program")
    reason = "there is no program no-such-program"
    assert await versions.catalog.check(version) == Obstacles(fetch_error=reason)
    assert await versions.fails(version) == (VersionErrorCode.BAD_COMMAND, reason)


async def test_uploaded_jar_is_used_until_it_is_gone(versions, tmp_path):
    file = tmp_path / "upload"
    file.write_bytes(JAR)
    version = await versions.add_jar(file)
    assert (await versions.catalog.prepare(version, PLACE)).minecraft == "1.20.4"
    assert await versions.catalog.check(version) == Obstacles()
    versions.catalog.store.path(version.jar).unlink()
    assert await versions.fails(version) == (VersionErrorCode.FILES_MISSING, "its jar is gone")
    assert (await versions.catalog.check(version)).fetch_error == "its jar is gone"


async def test_deleted_version_takes_its_jar_along_unless_another_has_it(versions):
    first, second = await versions.add(name="a"), await versions.add(name="b")
    for version in (first, second):
        await versions.catalog.prepare(version, PLACE)
    assert len(versions.files()) == 1
    for version, left in ((first, 1), (second, 0)):
        removed = await versions.core.execute(remove_version, name=version.name)
        await versions.catalog.delete_jar(removed)
        assert len(versions.files()) == left


async def test_jar_of_a_version_that_is_not_added_is_not_kept(versions, tmp_path):
    file = tmp_path / "upload"
    file.write_bytes(JAR)
    await versions.add()
    with pytest.raises(DomainError):
        await versions.add_jar(file)
    assert versions.files() == []


async def test_jar_that_another_version_is_about_to_have_is_not_deleted(versions, tmp_path):
    """The upload has its file in place already when the only version with the same file is removed."""
    file = tmp_path / "upload"
    file.write_bytes(JAR)
    first = await versions.add(name="first")
    await versions.catalog.prepare(first, PLACE)

    async def add(version):
        removed = await versions.core.execute(remove_version, name="first")
        await versions.catalog.delete_jar(removed)
        return await versions.core.execute(add_version, version=version)

    second = await versions.catalog.add_jar(Version(0, "second", VersionKind.JAR, 0), file, add)
    assert versions.files() == [f"{second.jar}.jar"]


async def test_failure_is_known_until_the_next_fetch(versions):
    version = await versions.add()
    del versions.stand_in.pages["/server.jar"]
    await versions.fails(version)
    assert versions.catalog.failure(version) == "Error (404) fetching URL"
    versions.stand_in.pages["/server.jar"] = JAR
    await versions.catalog.prepare(version, PLACE)
    assert versions.catalog.failure(version) == ""


class HeldJar:
    """A page that sends the first half of the jar, and the rest when it is released."""

    def __init__(self, stand_in):
        self.started, self.released = asyncio.Event(), asyncio.Event()
        stand_in.pages["/server.jar"] = self.handle

    async def handle(self, request):
        response = web.StreamResponse(headers={"Content-Length": str(len(JAR))})
        await response.prepare(request)
        await response.write(JAR[: len(JAR) // 2])
        self.started.set()
        await self.released.wait()
        await response.write(JAR[len(JAR) // 2 :])
        return response


async def test_two_worlds_share_one_fetch(versions):
    version = await versions.add()
    held = HeldJar(versions.stand_in)
    percents = ([], [])
    first = asyncio.create_task(versions.catalog.prepare(version, PLACE, percents[0].append))
    await held.started.wait()
    second = asyncio.create_task(versions.catalog.prepare(version, PLACE, percents[1].append))
    # While it is being fetched, it can be started.
    assert await versions.catalog.check(version) == Obstacles()
    held.released.set()
    assert await first == await second
    assert versions.stand_in.requests == [("GET", "/server.jar")]
    assert [one[-1] for one in percents] == [100, 100]


async def test_fetch_goes_on_for_the_other_world(versions):
    version = await versions.add()
    held = HeldJar(versions.stand_in)
    first = asyncio.create_task(versions.catalog.prepare(version, PLACE))
    await held.started.wait()
    second = asyncio.create_task(versions.catalog.prepare(version, PLACE))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    held.released.set()
    assert (await second).minecraft == "1.20.4"
    assert len(versions.stand_in.requests) == 1


async def test_fetch_ends_with_its_last_world(versions):
    version = await versions.add()
    held = HeldJar(versions.stand_in)
    task = asyncio.create_task(versions.catalog.prepare(version, PLACE))
    await held.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert versions.files() == []
    assert versions.stored(version).jar == ""
    # A new start fetches it anew.
    held.released.set()
    assert (await versions.catalog.prepare(version, PLACE)).minecraft == "1.20.4"


async def test_version_removed_during_its_fetch_leaves_nothing(versions):
    version = await versions.add()
    held = HeldJar(versions.stand_in)
    task = asyncio.create_task(versions.catalog.prepare(version, PLACE))
    await held.started.wait()
    removed = await versions.core.execute(remove_version, name=version.name)
    await versions.catalog.delete_jar(removed)
    with pytest.raises(VersionError, match="the version was removed"):
        await task
    assert versions.files() == []


async def test_version_removed_at_the_end_of_its_fetch_leaves_nothing(versions):
    version = await versions.add()
    held = HeldJar(versions.stand_in)
    task = asyncio.create_task(versions.catalog.prepare(version, PLACE))
    await held.started.wait()
    await versions.core.execute(remove_version, name=version.name)
    held.released.set()
    with pytest.raises(VersionError, match="the version was removed"):
        await task
    assert versions.files() == []


async def test_failed_fetch_fails_for_both_worlds_and_is_tried_anew(versions):
    version = await versions.add()
    page = versions.stand_in.pages.pop("/server.jar")
    tasks = [asyncio.create_task(versions.catalog.prepare(version, PLACE)) for _ in range(2)]
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert str(result) == "Error (404) fetching URL"
    versions.stand_in.pages["/server.jar"] = page
    assert (await versions.catalog.prepare(version, PLACE)).minecraft == "1.20.4"
