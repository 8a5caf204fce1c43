"""The lists of Mojang, PaperMC and Fabric, and how long they are kept."""

import hashlib
import json

import pytest
from aiohttp import web

from coalserver.domain.minecraft.hosting.version import VersionKind
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.fetch import Source
from coalserver.hosting.versions.jars import Expected
from coalserver.hosting.versions.lists import ListedVersion, VersionLists
from tests.hosting.versions.stand_in import (
    add_fabric,
    add_mojang,
    add_paper,
    answer_json,
    make_fetcher,
    manifests,
)

JAR = b"jar"
MOJANG, PAPER, FABRIC = VersionKind.MOJANG, VersionKind.PAPER, VersionKind.FABRIC


class ManualClock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def lists(stand_in, clock):
    add_mojang(stand_in, JAR)
    add_paper(stand_in, JAR)
    add_fabric(stand_in, JAR)
    return VersionLists(make_fetcher(), manifests(stand_in), clock)


def paths(stand_in):
    found = [path for _, path in stand_in.requests]
    stand_in.requests.clear()
    return found


async def fails(lists, kind=MOJANG, name="1.20.4"):
    with pytest.raises(VersionError) as caught:
        await lists.find(kind, name)
    return caught.value.code, caught.value.reason


async def test_versions_are_listed_newest_first(lists):
    assert await lists.versions(MOJANG) == (
        ListedVersion("24w14a", stable=False),
        ListedVersion("1.20.4"),
        ListedVersion("1.2.4"),
    )
    assert await lists.versions(PAPER) == (
        ListedVersion("1.21.1"),
        ListedVersion("1.21-rc1", stable=False),
        ListedVersion("1.20.4"),
    )
    assert await lists.versions(FABRIC) == (
        ListedVersion("24w14a", stable=False),
        ListedVersion("1.20.4"),
    )


@pytest.mark.parametrize("name", ["1.20.4", "mojang-1.20.4", "Vanilla 1.20.4", "My 1.20.4 world"])
async def test_mojang_names_hash_size_and_java(lists, stand_in, name):
    expected = Expected(len(JAR), hashlib.sha1(JAR).hexdigest())
    source = Source(f"{stand_in.url}/server.jar", expected, "1.20.4", 17)
    assert await lists.find(MOJANG, name) == source


async def test_newest_stable_build_of_paper_is_found(lists, stand_in):
    expected = Expected(len(JAR), sha256=hashlib.sha256(JAR).hexdigest())
    source = await lists.find(PAPER, "paper-1.20.4")
    assert source == Source(f"{stand_in.url}/paper-10.jar", expected, "1.20.4", 17)


async def test_newest_build_is_found_while_none_is_stable(lists, stand_in):
    source = await lists.find(PAPER, "1.21.1")
    assert source.url == f"{stand_in.url}/paper-2.jar"
    # Mojang's list, as it stands here, does not have this version.
    assert source.java == 0


async def test_paper_is_found_without_the_list_of_mojang(lists, stand_in):
    del stand_in.pages["/manifest.json"]
    assert (await lists.find(PAPER, "1.20.4")).java == 0


async def test_version_without_a_build_is_refused(lists):
    failure = await fails(lists, PAPER, "1.21-rc1")
    assert failure == (VersionErrorCode.NOT_FETCHED, "Paper has no build for 1.21-rc1")


async def test_fabric_has_the_java_of_its_minecraft(lists, stand_in):
    url = f"{stand_in.url}/fabric/loader/1.20.4/0.16.9/1.0.1/server/jar"
    assert await lists.find(FABRIC, "fabric 1.20.4") == Source(url, Expected(), "1.20.4", 17)


async def test_fabric_needs_the_list_of_mojang(lists, stand_in):
    del stand_in.pages["/manifest.json"]
    assert (await fails(lists, FABRIC))[1] == "Error (404) fetching URL"


@pytest.mark.parametrize("kind", [MOJANG, PAPER, FABRIC])
async def test_unknown_version_is_named(lists, kind):
    code, reason = await fails(lists, kind, "1.99")
    assert code is VersionErrorCode.NOT_FETCHED
    assert reason == f"the list of {kind.capitalize()} has no version 1.99"


async def test_version_without_a_server_is_named(lists):
    assert (await fails(lists, MOJANG, "1.2.4"))[1] == "Minecraft 1.2.4 has no server"


async def test_list_that_is_not_set_is_named():
    lists = VersionLists(make_fetcher(), ())
    assert (await fails(lists))[1] == "the address of the list of Mojang is not set"


async def test_list_is_read_again_after_its_time(lists, stand_in, clock):
    await lists.versions(MOJANG)
    clock.now = 119
    await lists.versions(MOJANG)
    assert paths(stand_in) == ["/manifest.json"]
    clock.now = 121
    assert len(await lists.versions(MOJANG)) == 3
    assert paths(stand_in) == ["/manifest.json"]
    assert stand_in.headers[-1]["If-None-Match"] == '"m1"'
    # The answer 304 makes it young again.
    clock.now = 240
    await lists.versions(MOJANG)
    assert paths(stand_in) == []


@pytest.mark.parametrize(("kind", "seconds"), [(PAPER, 600), (FABRIC, 1800)])
async def test_other_lists_are_kept_longer(lists, stand_in, clock, kind, seconds):
    await lists.versions(kind)
    clock.now = seconds - 1
    await lists.versions(kind)
    assert len(paths(stand_in)) == 1
    clock.now = seconds + 1
    await lists.versions(kind)
    assert len(paths(stand_in)) == 1


async def test_old_list_counts_while_its_server_is_away(lists, stand_in, clock, caplog):
    versions = await lists.versions(MOJANG)
    stand_in.pages["/manifest.json"] = lambda request: web.Response(status=503)
    clock.now = 1000
    assert await lists.versions(MOJANG) == versions
    assert "is not up to date: Error (503) fetching URL" in caplog.text
    clock.now = 1029
    await lists.versions(MOJANG)
    assert paths(stand_in) == ["/manifest.json"] * 2
    clock.now = 1031
    await lists.versions(MOJANG)
    assert paths(stand_in) == ["/manifest.json"]


async def test_order_of_versions_comes_from_the_list(lists):
    assert lists.newest_first == ()
    await lists.versions(MOJANG)
    assert lists.newest_first == ("24w14a", "1.20.4", "1.2.4")


async def test_changed_description_is_refused(lists, stand_in):
    stand_in.pages["/1.20.4.json"] = b"{}"
    failure = await fails(lists)
    assert failure[0] is VersionErrorCode.CHECKSUM


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/manifest.json", None),
        ("/manifest.json", []),
        ("/manifest.json", {"versions": None}),
        ("/manifest.json", {"versions": [{"id": 1, "type": "release", "url": "x"}]}),
        ("/manifest.json", {"versions": [{"id": "1.20.4"}]}),
    ],
)
async def test_list_of_another_shape_is_refused(lists, stand_in, path, document):
    stand_in.pages[path] = answer_json(document)
    assert (await fails(lists))[1] == "the list of Mojang is not valid"


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000])
async def test_list_that_is_no_json_is_refused(lists, stand_in, content):
    stand_in.pages["/manifest.json"] = content
    assert (await fails(lists))[1] == "the list of Mojang is not valid"


@pytest.mark.parametrize(
    "description",
    [
        {"downloads": []},
        {"downloads": {"server": {}}},
        {"downloads": {"server": {"url": "http://x/", "sha1": "short", "size": 1}}},
        {"downloads": {"server": {"url": "http://x/", "sha1": "g" * 40, "size": 1}}},
        {"downloads": {"server": {"url": "http://x/", "sha1": "0" * 40, "size": "1"}}},
        {"downloads": {"server": {"url": "http://x/", "sha1": "0" * 40, "size": -1}}},
        {"javaVersion": {"majorVersion": "17"}},
        {"javaVersion": []},
    ],
)
async def test_description_of_another_shape_is_refused(lists, stand_in, description):
    add_mojang(stand_in, JAR, **description)
    assert (await fails(lists))[1] == "the list of Mojang is not valid"


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/paper", {"versions": ["1.20.4"]}),
        ("/paper", {"versions": {"1.20": "1.20.4"}}),
        ("/paper", {"versions": {"1.20": [1]}}),
        ("/paper/versions/1.20.4/builds", {"ok": False}),
        ("/paper/versions/1.20.4/builds", [{"id": "x"}]),
        ("/paper/versions/1.20.4/builds", [{"id": 1, "downloads": {}}]),
        ("/paper/versions/1.20.4/builds", [None]),
    ],
)
async def test_list_of_paper_of_another_shape_is_refused(lists, stand_in, path, document):
    stand_in.pages[path] = answer_json(document)
    assert (await fails(lists, PAPER))[1] == "the list of Paper is not valid"


@pytest.mark.parametrize("path", ["/fabric/game", "/fabric/loader", "/fabric/installer"])
@pytest.mark.parametrize("document", [{}, [1], [{"version": 1}]])
async def test_list_of_fabric_of_another_shape_is_refused(lists, stand_in, path, document):
    stand_in.pages[path] = answer_json(document)
    assert (await fails(lists, FABRIC))[1] == "the list of Fabric is not valid"


async def test_fabric_without_a_loader_is_refused(lists, stand_in):
    stand_in.pages["/fabric/loader"] = answer_json([])
    assert (await fails(lists, FABRIC))[1] == "the list of Fabric is not valid"


async def test_lists_are_read_from_allowed_addresses_only(stand_in):
    add_mojang(stand_in, JAR)
    lists = VersionLists(make_fetcher(private=()), manifests(stand_in))
    assert (await fails(lists))[1] == "the address 127.0.0.1 is not public"
    assert stand_in.requests == []


async def test_many_descriptions_do_not_pile_up(lists, stand_in):
    entries = []
    for number in range(100):
        entries.append({"id": f"1.{number}", "type": "release", "url": f"{stand_in.url}/{number}"})
        server = {"url": f"{stand_in.url}/jar", "sha1": "0" * 40}
        stand_in.pages[f"/{number}"] = json.dumps({"downloads": {"server": server}}).encode()
    stand_in.pages["/manifest.json"] = answer_json({"versions": entries})
    for number in range(100):
        await lists.find(MOJANG, f"1.{number}")
    assert len(lists._cached) <= 64
