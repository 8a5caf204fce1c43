"""Versions as pages and commands manage them, against the stand-in for lists and jars."""

import asyncio
import errno
import hashlib
import os
from pathlib import Path

import pytest
from aiohttp import web

from coalserver.core.commands.accounts import create_account
from coalserver.core.commands.hosting_settings import (
    configure_hosting,
    define_configured_versions,
    set_properties,
)
from coalserver.core.commands.worlds import create_world
from coalserver.core.queries.admin import list_audit_entries
from coalserver.core.queries.hosting import version_by_name
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.version_hosting import VersionHosting
from tests.hosting.full_disk import FullDisk
from tests.hosting.keepers import wait_until
from tests.hosting.versions.jar_files import make_jar
from tests.hosting.versions.stand_in import (
    LOCAL,
    add_fabric,
    add_mojang,
    add_paper,
    manifests,
)
from tests.hosting.versions.test_catalog import JAR, HeldJar, run_core


class Managed:
    """A VersionHosting with a core of its own, which may fetch from the stand-in."""

    def __init__(self, core, stand_in, folder, **options):
        self.core, self.stand_in, self.folder = core, stand_in, folder
        settings = {"private_urls": LOCAL, "manifests": manifests(stand_in), **options}
        self.hosting = VersionHosting(core, HostingOptions(folder, **settings))

    async def add(self, name="1.20.4", kind=VersionKind.URL, **options):
        if kind is VersionKind.URL:
            options.setdefault("url", f"{self.stand_in.url}/server.jar")
        return await self.hosting.add_version(Version(0, name, kind, 0.0, **options), COMMAND_LINE)

    async def fetch(self, name="1.20.4"):
        await self.hosting.fetch_version(name, COMMAND_LINE, wait=True)

    def stored(self, name="1.20.4"):
        return version_by_name(self.core.state, name)

    def shown(self, name="1.20.4"):
        return next(one for one in self.hosting.versions() if one.version.name == name)

    def files(self):
        folder = self.folder / "versions"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def audit(self):
        found, _ = self.core.query(list_audit_entries, limit=1000)
        return [(str(one.action), one.subject, one.actor) for one in reversed(found)]


@pytest.fixture
async def managed(stand_in, tmp_path):
    stand_in.pages["/server.jar"] = JAR
    async with run_core() as core:
        await core.execute(configure_hosting, changes={"disk_free": 0})
        managed = Managed(core, stand_in, tmp_path / "hosting")
        yield managed
        await managed.hosting.stop_fetches()


async def refused(awaitable):
    """Return the code of a refusal, and its sentence."""
    with pytest.raises(DomainError) as caught:
        await awaitable
    assert caught.value.code is ErrorCode.ORDER_REFUSED, caught.value
    refusal = caught.value.details["refusal"]
    return refusal.code, refusal.text


async def invalid(awaitable):
    """Return the wrong field, and the reason if there is one."""
    with pytest.raises(DomainError) as caught:
        await awaitable
    assert caught.value.code is ErrorCode.INVALID_REQUEST, caught.value
    return next(iter(caught.value.details["fields"])), caught.value.details.get("text", "")


async def test_version_by_address_is_added_and_fetched_once(managed):
    await managed.add()
    assert managed.shown().version.jar == ""
    await managed.fetch()
    await managed.fetch()
    version = managed.shown().version
    assert (version.jar, version.size, version.minecraft, version.java_version) == (
        hashlib.sha256(JAR).hexdigest(),
        len(JAR),
        "1.20.4",
        17,
    )
    assert managed.files() == [f"{version.jar}.jar"]
    assert managed.stand_in.requests == [("HEAD", "/server.jar"), ("GET", "/server.jar")]
    assert managed.audit() == [("version_added", "1.20.4", 0), ("version_fetched", "1.20.4", 0)]


@pytest.mark.parametrize(
    ("kind", "add", "name"),
    [
        (VersionKind.MOJANG, add_mojang, "1.20.4"),
        (VersionKind.PAPER, add_paper, "paper-1.20.4"),
        (VersionKind.FABRIC, add_fabric, "Fabric 1.20.4"),
    ],
)
async def test_version_of_a_list_is_added_and_fetched(managed, kind, add, name):
    add_mojang(managed.stand_in, JAR)
    add(managed.stand_in, JAR)
    await managed.add(name, kind)
    await managed.fetch(name)
    assert managed.stored(name).jar == hashlib.sha256(JAR).hexdigest()
    assert "1.20.4" in await managed.hosting.listed_versions(kind)


async def test_list_shows_releases_only(managed):
    add_mojang(managed.stand_in, JAR)
    assert await managed.hosting.listed_versions(VersionKind.MOJANG) == ["1.20.4", "1.2.4"]
    field, reason = await invalid(managed.hosting.listed_versions(VersionKind.PAPER))
    assert (field, reason) == ("version", "Error (404) fetching URL")


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({"url": "{}/none.jar"}, "url", "Error (404) fetching URL"),
        ({"url": "ftp://example.com/x.jar"}, "url", "only http and https addresses can be fetched"),
        ({"url": "http://10.0.0.1/x.jar"}, "url", "the address 10.0.0.1 is not public"),
        ({"url": " "}, "url", ""),
        ({"url": "{}/" + "x" * 2000}, "url", ""),
        ({"sha1": "12"}, "sha1", ""),
        ({"sha256": "g" * 64}, "sha256", ""),
        ({"java": 100}, "java", ""),
        ({"ready": "("}, "ready", ""),
        ({"stop": "a\nb"}, "stop", ""),
        ({"name": ""}, "version", ""),
        ({"name": ".."}, "version", ""),
        ({"name": "x" * 61}, "version", ""),
        ({"name": "1.20/4"}, "version", ""),
        ({"kind": VersionKind.MOJANG, "name": "2.0"}, "version", "the list of Mojang has no version 2.0"),
        ({"kind": VersionKind.MOJANG, "name": "1.2.4"}, "version", "Minecraft 1.2.4 has no server"),
        ({"kind": VersionKind.COMMAND, "command": "none"}, "command", "there is no program none"),
        ({"kind": VersionKind.COMMAND, "command": "'"}, "command", "the command cannot be split: no closing quotation"),
    ],
)  # fmt: skip
async def test_version_with_a_wrong_part_is_not_added(managed, options, field, reason):
    add_mojang(managed.stand_in, JAR)
    if "url" in options:
        options = options | {"url": options["url"].replace("{}", managed.stand_in.url)}
    assert await invalid(managed.add(**options)) == (field, reason)
    assert managed.hosting.versions() == [] and managed.audit() == []


async def test_redirect_to_a_private_address_is_refused(managed):
    def lead_away(request):
        raise web.HTTPFound("http://192.168.0.1/server.jar")

    managed.stand_in.pages["/server.jar"] = lead_away
    assert await invalid(managed.add()) == ("url", "the address 192.168.0.1 is not public")


async def test_name_is_taken_once(managed):
    await managed.add()
    with pytest.raises(DomainError) as caught:
        await managed.add()
    assert caught.value.code is ErrorCode.VERSION_EXISTS


@pytest.mark.parametrize(
    ("sha1", "sha256"),
    [("0" * 40, ""), ("", "0" * 64), ("0" * 40, hashlib.sha256(JAR).hexdigest())],
    ids=["sha1", "sha256", "one of both"],
)
async def test_jar_with_a_wrong_hash_is_not_kept(managed, sha1, sha256):
    await managed.add(sha1=sha1, sha256=sha256)
    code, text = await refused(managed.fetch())
    assert code is RefusalCode.NOT_FETCHED and "published is 0000" in text
    assert managed.files() == [] and "published is 0000" in managed.shown().failure
    assert managed.audit() == [("version_added", "1.20.4", 0)]


async def test_jar_that_is_cut_is_fetched_again(managed):
    await managed.add()

    async def cut(request):
        response = web.StreamResponse(headers={"Content-Length": str(len(JAR))})
        await response.prepare(request)
        await response.write(JAR[:-100])
        request.transport.close()
        return response

    managed.stand_in.pages["/server.jar"] = cut
    text = "Version 1.20.4 could not be fetched: the connection was cut."
    assert await refused(managed.fetch()) == (RefusalCode.NOT_FETCHED, text)
    assert managed.shown().failure == "the connection was cut" and managed.files() == []
    managed.stand_in.pages["/server.jar"] = JAR
    await managed.fetch()
    assert managed.shown().failure == "" and len(managed.files()) == 1


async def test_endless_jar_ends_at_the_limit(stand_in, tmp_path):
    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        if request.method == "GET":
            while True:
                await response.write(bytes(65_536))
        return response

    stand_in.pages["/server.jar"] = endless
    async with run_core() as core:
        await core.execute(configure_hosting, changes={"disk_free": 0})
        managed = Managed(core, stand_in, tmp_path / "hosting", jar_limit=1)
        await managed.add()
        _, text = await refused(managed.fetch())
        assert text == "Version 1.20.4 could not be fetched: the file is larger than 1 MiB."
        assert managed.files() == []


async def test_slow_fetch_shows_its_percent_and_two_orders_share_it(managed):
    await managed.add()
    held = HeldJar(managed.stand_in)
    await managed.hosting.fetch_version("1.20.4", COMMAND_LINE)
    second = asyncio.create_task(managed.fetch())
    await wait_until(lambda: (managed.shown().percent or 0) > 0)
    assert 0 < managed.shown().percent < 100
    held.released.set()
    await second
    assert managed.shown().percent is None
    assert managed.stand_in.requests.count(("GET", "/server.jar")) == 1
    assert [action for action, _, _ in managed.audit()] == ["version_added", "version_fetched"]


async def test_version_removed_during_its_fetch_leaves_nothing(managed):
    await managed.add()
    held = HeldJar(managed.stand_in)
    waiting = asyncio.create_task(managed.fetch())
    await held.started.wait()
    await managed.hosting.remove_version("1.20.4", COMMAND_LINE)
    _, text = await refused(waiting)
    assert text == "Version 1.20.4 could not be fetched: the version was removed."
    assert managed.files() == [] and managed.hosting.versions() == []
    assert [action for action, _, _ in managed.audit()] == ["version_added", "version_removed"]


async def test_version_removed_at_once_after_its_order_is_not_fetched(managed):
    await managed.add()
    await managed.hosting.fetch_version("1.20.4", COMMAND_LINE)
    await managed.hosting.remove_version("1.20.4", COMMAND_LINE)
    assert managed.files() == [] and ("GET", "/server.jar") not in managed.stand_in.requests


async def test_fetch_ends_with_the_server(managed):
    await managed.add()
    held = HeldJar(managed.stand_in)
    waiting = asyncio.create_task(managed.fetch())
    await held.started.wait()
    await managed.hosting.stop_fetches()
    assert await refused(waiting) == (RefusalCode.ENDING, "The server is shutting down.")
    assert managed.files() == []
    assert (await refused(managed.fetch()))[0] is RefusalCode.ENDING


async def test_caller_that_stops_waiting_does_not_end_the_fetch(managed):
    await managed.add()
    held = HeldJar(managed.stand_in)
    waiting = asyncio.create_task(managed.fetch())
    await held.started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.released.set()
    await managed.fetch()
    assert managed.stand_in.requests.count(("GET", "/server.jar")) == 1


async def test_full_disk_during_a_fetch_is_its_failure(managed, monkeypatch):
    await managed.add()

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    _, text = await refused(managed.fetch())
    assert text == "Version 1.20.4 could not be fetched: no space left on device."
    assert managed.files() == []
    monkeypatch.undo()
    await managed.fetch()
    assert len(managed.files()) == 1


@pytest.mark.parametrize("writes", range(4))
async def test_full_disk_at_any_write_leaves_nothing(managed, tmp_path, monkeypatch, writes):
    """The writes are: creating the folder and the new file, and making both durable."""
    await managed.add()
    file = tmp_path / "own.jar"
    file.write_bytes(JAR)
    version = Version(0, "own", VersionKind.JAR, 0.0)
    for order, text in (
        (managed.hosting.fetch_version("1.20.4", COMMAND_LINE, wait=True), "no space left"),
        (managed.hosting.add_version_jar(version, file, COMMAND_LINE), "no space left"),
    ):
        with monkeypatch.context() as patches:
            disk = FullDisk(writes)
            disk.patch(patches)
            with pytest.raises(DomainError) as caught:
                await order
        details = caught.value.details
        assert disk.full and text in (details.get("text") or details["refusal"].text)
        assert [name for name in managed.files() if name.endswith(".part")] == []
        assert managed.stored("own") is None and managed.stored().jar == ""
    await managed.fetch()
    await managed.hosting.add_version_jar(version, file, COMMAND_LINE)
    assert len(managed.files()) == 1


async def test_nothing_is_fetched_or_uploaded_without_the_space_that_is_kept_free(managed):
    await managed.add()
    await managed.core.execute(configure_hosting, changes={"disk_free": 1 << 40})
    version, file = Version(0, "own", VersionKind.JAR, 0.0), Path("/nothing")
    for order in (
        managed.fetch(),
        managed.hosting.version_upload_path(),
        managed.hosting.add_version_jar(version, file, COMMAND_LINE),
    ):
        assert (await refused(order))[0] is RefusalCode.DISK


async def test_version_of_a_jar_has_its_facts_at_once(managed, tmp_path):
    file = tmp_path / "own.jar"
    file.write_bytes(JAR)
    version = Version(0, "own", VersionKind.JAR, 0.0)
    await managed.hosting.add_version_jar(version, file, COMMAND_LINE)
    stored = managed.stored("own")
    assert (stored.minecraft, stored.size, stored.needed_java) == ("1.20.4", len(JAR), 17)
    assert managed.files() == [f"{stored.jar}.jar"] and file.exists()
    await managed.fetch("own")
    (managed.folder / "versions" / f"{stored.jar}.jar").unlink()
    _, text = await refused(managed.fetch("own"))
    assert text == "Version own could not be fetched: its jar is gone."
    assert managed.shown("own").failure == "its jar is gone"


async def test_file_that_is_no_jar_is_refused(managed, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"no jar")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, reason in (
        (wrong, "it is not a jar, or it is damaged"),
        (tmp_path / "none", f"there is no file {tmp_path / 'none'}"),
        (tmp_path, f"there is no file {tmp_path}"),
        (pipe, f"there is no file {pipe}"),
    ):
        version = Version(0, "own", VersionKind.JAR, 0.0)
        order = managed.hosting.add_version_jar(version, path, COMMAND_LINE)
        assert await invalid(order) == ("file", reason)
    assert managed.files() == [] and managed.hosting.versions() == []


async def test_two_uploads_of_one_name_leave_one_version(managed, tmp_path):
    file, other = tmp_path / "a.jar", tmp_path / "b.jar"
    file.write_bytes(JAR)
    other.write_bytes(make_jar(java=21))
    version = Version(0, "own", VersionKind.JAR, 0.0)
    results = await asyncio.gather(
        *(managed.hosting.add_version_jar(version, one, COMMAND_LINE) for one in (file, other)),
        return_exceptions=True,
    )
    errors = [one for one in results if isinstance(one, DomainError)]
    assert [error.code for error in errors] == [ErrorCode.VERSION_EXISTS]
    assert managed.files() == [f"{managed.stored('own').jar}.jar"]


async def test_version_in_use_is_not_removed(managed):
    await managed.add()
    world = await managed.core.execute(create_world, name="Mill", hosted=True)
    await managed.core.execute(set_properties, world_id=world.id, changes={"version": "1.20.4"})
    assert managed.shown().users == ("Mill",)
    with pytest.raises(DomainError) as caught:
        await managed.hosting.remove_version("1.20.4", COMMAND_LINE)
    assert caught.value.code is ErrorCode.VERSION_IN_USE
    assert caught.value.details["world"] == "Mill"


async def test_version_of_the_configuration_is_neither_fetched_nor_removed(managed):
    own = Version(0, "own", VersionKind.COMMAND, 0.0, command="true")
    await managed.core.execute(define_configured_versions, versions=[own])
    with pytest.raises(DomainError) as caught:
        await managed.hosting.remove_version("own", COMMAND_LINE)
    assert caught.value.code is ErrorCode.VERSION_CONFIGURED
    _, text = await refused(managed.fetch("own"))
    assert text == "Version own could not be fetched: it is a command."


async def test_only_administrators_change_versions(managed, tmp_path):
    member = await managed.core.execute(
        create_account, email="ann@example.org", password="x", active=True
    )
    await managed.add()
    version = Version(0, "x", VersionKind.URL, 0.0, url=f"{managed.stand_in.url}/server.jar")
    requests = len(managed.stand_in.requests)
    hosting = managed.hosting
    for order in (
        hosting.add_version(version, member.id),
        hosting.add_version_jar(Version(0, "x", VersionKind.JAR, 0.0), tmp_path, member.id),
        hosting.fetch_version("1.20.4", member.id),
        hosting.remove_version("1.20.4", member.id),
    ):
        with pytest.raises(DomainError) as caught:
            await order
        assert caught.value.code is ErrorCode.ADMIN_REQUIRED
    assert len(managed.stand_in.requests) == requests


async def test_hosting_that_is_off_neither_adds_nor_fetches(stand_in, tmp_path):
    stand_in.pages["/server.jar"] = JAR
    async with run_core() as core:
        off = Managed(core, stand_in, tmp_path / "hosting", enabled=False)
        for order in (off.add(), off.fetch(), off.hosting.version_upload_path()):
            assert (await refused(order))[0] is RefusalCode.HOSTING_OFF
        assert stand_in.requests == []
