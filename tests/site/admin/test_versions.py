"""Admin pages of versions, against a local stand-in for lists and jars."""

import errno
import hashlib
import os
import re

import pytest
from aiohttp import web

from coalserver.core.commands.hosting_settings import (
    configure_hosting,
    define_configured_versions,
    set_properties,
)
from coalserver.core.commands.worlds import create_world
from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosting import version_by_name
from coalserver.domain.minecraft.hosting.version import Version, VersionKind
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.version_hosting import VersionHosting
from coalserver.site.admin import versions
from coalserver.web.pages.i18n import languages
from tests.apis.browser import make_account
from tests.hosting.keepers import wait_until
from tests.hosting.versions.jar_files import make_jar
from tests.hosting.versions.stand_in import LOCAL, add_mojang, add_paper, manifests, run_stand_in
from tests.hosting.versions.test_catalog import JAR, HeldJar
from tests.site.admins import done, make_admin, revoke_admin, submit, words
from tests.site.forms import form_of, upload

PATH = "/admin/versions"
SHA256 = hashlib.sha256(JAR).hexdigest()


class Versions(VersionHosting):
    """Hosting of a server that is on, without worlds."""

    @property
    def enabled(self):
        return self._options.enabled


@pytest.fixture
async def stand_in():
    async with run_stand_in() as stand_in:
        stand_in.pages["/server.jar"] = JAR
        add_mojang(stand_in, JAR)
        add_paper(stand_in, JAR)
        yield stand_in


@pytest.fixture
async def hosting(test_app, stand_in):
    """Hosting that may fetch from the stand-in."""
    hosting = use_hosting(test_app, stand_in)
    await test_app.core.execute(configure_hosting, changes={"disk_free": 0})
    yield hosting
    await hosting.stop_fetches()


@pytest.fixture
async def root(test_app, hosting):
    return await make_admin(test_app)


def use_hosting(test_app, stand_in, **options):
    folder = test_app.folder / "hosting"
    settings = {"private_urls": LOCAL, "manifests": manifests(stand_in), **options}
    hosting = Versions(test_app.core, HostingOptions(folder, **settings))
    test_app.app_context.services[Hosting] = hosting
    return hosting


async def add(root, url, version="1.20.4", **fields):
    return await submit(root, PATH, PATH, version=version, url=url, **fields)


def stored(test_app, name="1.20.4"):
    return version_by_name(test_app.core.state, name)


def files(test_app):
    folder = test_app.folder / "hosting" / "versions"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def error_at(answer, id):
    """Return the error that a field names as its description."""
    page = answer.raw.decode()
    field = re.search(rf'<(?:input|select)[^>]* id="{id}"[^>]*>', page)
    assert field and f"{id}-error" in field[0] and 'aria-invalid="true"' in field[0], page
    found = re.search(rf'id="{id}-error"[^>]*>([^<]*)<', page)
    return found and found[1]


async def test_version_by_address_is_added_fetched_and_removed(test_app, root, stand_in):
    assert "No versions yet. Add one from a list." in words(await root.get(PATH))
    answer = await add(root, f"{stand_in.url}/server.jar", hash=SHA256.upper())
    assert (answer.status, answer.headers["Location"]) == (302, f"{PATH}?done=added")
    assert stored(test_app).sha256 == SHA256
    page = words(await root.get(f"{PATH}?done=added"))
    assert "Version added" in page and "1.20.4 Address" in page and "Not downloaded yet" in page
    answer = await submit(root, f"{PATH}/1.20.4/fetch", PATH)
    assert (answer.status, answer.headers["Location"]) == (302, f"{PATH}?done=fetching")
    await wait_until(lambda: stored(test_app).jar and len(done(test_app)) == 2)
    page = words(await root.get(PATH))
    assert re.search(r"1.20.4 Address Fetched Minecraft 1.20.4 · Java 17 · \d+ kB", page)
    question = await root.get(f"{PATH}/1.20.4/remove")
    assert "Version 1.20.4 and its file are deleted." in words(question)
    answer = await submit(root, f"{PATH}/1.20.4/remove", f"{PATH}/1.20.4/remove")
    assert (answer.status, answer.headers["Location"]) == (302, f"{PATH}?done=removed")
    assert stored(test_app) is None and files(test_app) == []
    assert done(test_app) == [
        ("version_added", "1.20.4", ""), ("version_fetched", "1.20.4", ""), ("version_removed", "1.20.4", ""),
    ]  # fmt: skip
    log = words(await root.get("/admin/log"))
    assert "added version 1.20.4" in log and "fetched version 1.20.4" in log


async def test_version_of_a_list_can_be_chosen(test_app, root, stand_in):
    assert stand_in.requests == []
    page = await root.get(f"{PATH}?from=paper")
    assert re.findall(r'<option value="([^"]*)"', page.raw.decode()) == [
        "mojang", "paper", "fabric", "paper-1.21.1", "paper-1.20.4",
    ]  # fmt: skip
    form = {"from": "paper", "version": "paper-1.20.4"}
    answer = await submit(root, PATH, f"{PATH}?from=paper", **form)
    assert answer.status == 302
    assert stored(test_app, "paper-1.20.4").kind is VersionKind.PAPER
    await submit(root, PATH, PATH, **{"from": "mojang", "version": "1.20.4"})
    assert stored(test_app).kind is VersionKind.MOJANG


async def test_list_that_cannot_be_read_says_why(root):
    page = await root.get(f"{PATH}?from=fabric")
    assert page.status == 200 and error_at(page, "list-version") == "Error (404) fetching URL"
    page = await root.get(f"{PATH}?from=forge")
    assert page.status == 200


@pytest.mark.parametrize(
    ("fields", "id", "message"),
    [
        ({"url": "{}/none.jar"}, "url-url", "Error (404) fetching URL"),
        ({"url": "http://10.0.0.1/a.jar"}, "url-url", "The address 10.0.0.1 is not public."),
        ({"url": "file:///etc/passwd"}, "url-url", "Only http and https addresses can be fetched"),
        ({"url": "no address"}, "url-url", "This is not a valid address."),
        ({"url": ""}, "url-url", "Enter an address of up to 2000 characters."),
        ({"url": "http://x/" + "y" * 2000}, "url-url", "Enter an address of up to 2000 characters."),
        ({"hash": "12"}, "url-hash", "Enter a SHA-1 (40 digits) or a SHA-256 (64 digits)."),
        ({"hash": "x" * 40}, "url-hash", "Enter a SHA-1 (40 digits) or a SHA-256 (64 digits)."),
        ({"version": ""}, "url-version", "A name has 1 to 60 characters"),
        ({"version": "a/b"}, "url-version", "A name has 1 to 60 characters"),
        ({"version": ".."}, "url-version", "A name has 1 to 60 characters"),
        ({"version": "x" * 5000}, "url-version", "A name has 1 to 60 characters"),
        ({"version": "there"}, "url-version", "There is a version there already."),
        ({"url": "", "from": "mojang", "version": "2.0"}, "list-version", "The list of Mojang has no version 2.0."),
        ({"url": "", "from": "mojang", "version": "1.2.4"}, "list-version", "Minecraft 1.2.4 has no server."),
        ({"url": "", "from": "mojang", "version": "there"}, "list-version", "There is a version there already."),
    ],
)  # fmt: skip
async def test_error_stands_beside_its_field_and_input_is_kept(
    test_app, root, stand_in, fields, id, message
):
    assert (await add(root, f"{stand_in.url}/server.jar", "there")).status == 302
    form = {"version": "1.20.4", "url": f"{stand_in.url}/server.jar", "hash": ""} | fields
    form["url"] = form["url"].replace("{}", stand_in.url)
    answer = await submit(root, PATH, PATH, **form)
    assert answer.status == 400 and error_at(answer, id).startswith(message)
    for name in ("version", "url", "hash"):
        field = f'id="{id.partition("-")[0]}-{name}" name="{name}"'
        page = answer.raw.decode()
        assert field not in page or f'value="{form[name]}"' in page[page.index(field) :][:6000]
    assert len(done(test_app)) == 1


async def test_redirect_to_a_private_address_is_refused(root, stand_in):
    def lead_away(request):
        raise web.HTTPFound("http://169.254.169.254/latest")

    stand_in.pages["/away"] = lead_away
    answer = await add(root, f"{stand_in.url}/away")
    assert error_at(answer, "url-url") == "The address 169.254.169.254 is not public."


async def test_no_page_defines_a_command(test_app, root):
    page = (await root.get(PATH)).raw.decode()
    assert 'name="command"' not in page
    for fields in ({"command": "true"}, {"from": "command"}, {"from": "jar"}, {"from": "url"}):
        answer = await submit(root, PATH, PATH, version="own", kind="command", **fields)
        assert answer.status == 400
    assert list(test_app.core.state.all(Version)) == []


@pytest.mark.parametrize("name", ["a b", "a+b", ".a", "...", "-", "1.20.4 build 7+x_y", "%20"])
async def test_any_name_works_in_addresses(test_app, root, stand_in, name):
    answer = await add(root, f"{stand_in.url}/server.jar", name)
    if name == "%20":
        assert answer.status == 400
        assert (await root.get(f"{PATH}/%2520/remove")).status == 404
        return
    page = await root.get(PATH)
    (address,) = re.findall(rf'href="({PATH}/[^"]+/remove)"', page.raw.decode())
    question = await root.get(address)
    assert question.status == 200
    (action,) = (
        one for one in re.findall(r'action="([^"]+)"', question.raw.decode()) if "/remove" in one
    )
    fetch = f"{address.removesuffix('/remove')}/fetch"
    assert form_of(page, fetch).keys() == {"csrf_token"}
    assert (await submit(root, fetch, PATH)).status == 302
    assert (await submit(root, action, PATH)).status == 302
    assert stored(test_app, name) is None


async def test_fetch_shows_its_percent_and_refreshes_itself(test_app, root, stand_in, hosting):
    await add(root, f"{stand_in.url}/server.jar")
    assert b"data-live" not in (await root.get(PATH)).raw
    held = HeldJar(stand_in)
    await submit(root, f"{PATH}/1.20.4/fetch", PATH)
    await wait_until(lambda: (hosting.versions()[0].percent or 0) > 0)
    page = await root.get(PATH)
    assert re.search(r"Fetching, [1-9]\d? %", words(page)) and b'data-live="2"' in page.raw
    assert b"/1.20.4/fetch" not in page.raw
    # Another order joins it, and a removal ends it.
    assert (await submit(root, f"{PATH}/1.20.4/fetch", PATH)).status == 302
    assert (await submit(root, f"{PATH}/1.20.4/remove", PATH)).status == 302
    held.released.set()
    assert files(test_app) == [] and "No versions yet" in words(await root.get(PATH))


async def test_failed_fetch_shows_its_reason(test_app, root, stand_in, hosting):
    await add(root, f"{stand_in.url}/server.jar")
    del stand_in.pages["/server.jar"]
    await submit(root, f"{PATH}/1.20.4/fetch", PATH)
    await wait_until(lambda: hosting.versions()[0].failure)
    page = await root.get(PATH)
    assert "Not fetched: Error (404) fetching URL" in words(page) and b"/1.20.4/fetch" in page.raw
    german = words(await root.get(PATH, Accept_Language="de"))
    assert "Nicht geladen: Fehler (404) beim Abrufen der Adresse" in german
    assert files(test_app) == []


async def test_version_in_use_is_not_removed(test_app, root, stand_in):
    await add(root, f"{stand_in.url}/server.jar")
    world = await test_app.core.execute(create_world, name="<i>Mill</i>", hosted=True)
    await test_app.core.execute(set_properties, world_id=world.id, changes={"version": "1.20.4"})
    page = await root.get(PATH)
    assert "Used by <i>Mill</i>" in words(page) and b"<i>Mill" not in page.raw
    assert b"/1.20.4/remove" not in page.raw
    for answer in (
        await root.get(f"{PATH}/1.20.4/remove"),
        await submit(root, f"{PATH}/1.20.4/remove", PATH),
    ):
        assert answer.status == 400 and "World <i>Mill</i> uses it." in words(answer)
    assert stored(test_app) is not None


async def test_version_of_the_configuration_is_shown_and_stays(test_app, root):
    own = Version(0, "own", VersionKind.COMMAND, 0.0, command="run <server>", no_eula=True)
    await test_app.core.execute(define_configured_versions, versions=[own])
    page = await root.get(PATH)
    assert "own Command Settings file run <server>" in words(page)
    assert b"/own/" not in page.raw
    for answer in (
        await root.get(f"{PATH}/own/remove"),
        await submit(root, f"{PATH}/own/remove", PATH),
    ):
        assert answer.status == 400 and "is defined in the settings file" in words(answer)
    answer = await submit(root, f"{PATH}/own/fetch", PATH)
    assert answer.status == 400 and "could not be fetched: it is a command." in words(answer)


async def test_uploaded_jar_is_a_version(test_app, root):
    answer = await upload(root, PATH, JAR, version="own")
    assert (answer.status, answer.headers["Location"]) == (302, f"{PATH}?done=added")
    assert files(test_app) == [f"{SHA256}.jar"] and stored(test_app, "own").minecraft == "1.20.4"
    page = await root.get(PATH)
    assert "own Uploaded Fetched Minecraft 1.20.4" in words(page)
    assert b"/own/fetch" not in page.raw
    assert done(test_app) == [("version_added", "own", "")]


@pytest.mark.parametrize(
    ("content", "name", "id", "message"),
    [
        (b"", "own", "jar-file", "Choose a file."),
        (b"no jar", "own", "jar-file", "This file is not a jar, or it is damaged."),
        (make_jar(manifest="Manifest-Version: 1.0\r\n\r\n"), "own", "jar-file", "This jar is not a program"),
        (JAR, "a/b", "jar-version", "A name has 1 to 60 characters"),
        (JAR, "there", "jar-version", "There is a version there already."),
    ],
)  # fmt: skip
async def test_refused_upload_leaves_nothing(test_app, root, content, name, id, message):
    await upload(root, PATH, make_jar(java=21), version="there")
    before = files(test_app)
    answer = await upload(root, PATH, content, version=name)
    assert answer.status == 400 and error_at(answer, id).startswith(message)
    assert form_of(answer, f"{PATH}/upload")["version"] == name
    assert files(test_app) == before and len(done(test_app)) == 1


async def test_upload_above_the_limit_is_refused(test_app, root, stand_in):
    use_hosting(test_app, stand_in, jar_limit=0)
    answer = await upload(root, PATH, JAR, version="own")
    assert answer.status == 413
    assert error_at(answer, "jar-file") == "The upload is too large. Choose a smaller file."
    assert files(test_app) == []


async def test_upload_without_a_valid_token_changes_nothing(test_app, root):
    answer = await upload(root, PATH, JAR, "x", version="own")
    assert answer.status == 403 and "This form expired." in words(answer)
    assert form_of(answer, f"{PATH}/upload")["version"] == "own"
    assert files(test_app) == [] and done(test_app) == []


async def test_upload_to_a_full_disk_says_so(test_app, root, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patches:
        patches.setattr(os, "fsync", full)
        answer = await upload(root, PATH, JAR, version="own")
    assert answer.status == 400 and error_at(answer, "jar-file") == "No space left on device"
    assert files(test_app) == []
    await test_app.core.execute(configure_hosting, changes={"disk_free": 1 << 40})
    answer = await upload(root, PATH, JAR, version="own")
    assert answer.status == 400 and "Not enough disk space" in words(answer)


async def test_expired_form_keeps_its_input(root):
    fields = {"csrf_token": "x", "version": "1.20.4", "url": "https://example.com/a.jar"}
    answer = await root.post(PATH, **fields)
    assert answer.status == 403 and "This form expired." in words(answer)
    assert b'value="https://example.com/a.jar"' in answer.raw


async def test_former_admin_cannot_finish_an_upload(test_app, root, hosting, monkeypatch):
    await make_account(test_app, "other@example.org", admin=True)
    token = await root.csrf_token(PATH)
    real = hosting.version_upload_path

    async def slow():
        await revoke_admin(test_app)
        return await real()

    monkeypatch.setattr(hosting, "version_upload_path", slow)
    assert (await upload(root, PATH, JAR, token, version="own")).status == 403
    assert files(test_app) == []


async def test_hosting_that_is_off_shows_no_forms(test_app, root, stand_in):
    use_hosting(test_app, stand_in, enabled=False)
    page = await root.get(PATH)
    assert "World hosting is switched off on this server." in words(page)
    assert b'id="url-url"' not in page.raw
    form = {"version": "1.20.4", "url": f"{stand_in.url}/server.jar"}
    answer = await submit(root, PATH, "/admin/games", **form)
    assert answer.status == 400 and "World hosting is switched off" in words(answer)
    assert stand_in.requests == []


async def test_search_finds_versions_by_name(test_app, root):
    own = [Version(0, f"v{n}", VersionKind.COMMAND, 0.0, command="true") for n in range(12)]
    await test_app.core.execute(define_configured_versions, versions=own)
    page = words(await root.get(f"{PATH}?q=V11"))
    assert "v11" in page and "v10" not in page
    assert "No results for <x>" in words(await root.get(f"{PATH}?q=%3Cx%3E"))


def test_reasons_are_sentences_in_every_language():
    examples = (
        "Error (404) fetching URL", "the list of Mojang has no version 2.0", "Minecraft 1.2.4 has no server",
        "the address 10.0.0.1 is not public", "the host a.example was not found", "no connection to a.example",
        "the address is not a valid URL", "it is not a jar, or it is damaged", "it has no main class",
    )  # fmt: skip
    assert len(examples) == len(versions.REASONS)
    for language in languages().values():
        texts = {versions._reason(example, language) for example in examples}
        assert len(texts) == len(examples) and not any("{" in text for text in texts)


async def test_versions_come_in_pages_with_their_search_and_some_of_their_worlds(test_app):
    browser = await make_admin(test_app)
    defined = [Version(0, f"paper-{number:02}", VersionKind.COMMAND, 0.0) for number in range(60)]
    await test_app.core.execute(define_configured_versions, versions=defined)
    for number in range(10):
        world = await test_app.core.execute(create_world, name=f"World {number}.", hosted=True)
        changes = {"version": "paper-07"}
        await test_app.core.execute(set_properties, world_id=world.id, changes=changes)
    answer = await browser.get(f"{PATH}?q=PAPER")
    text = words(answer)
    assert "paper-49" in text and "paper-50" not in text
    assert "World 7." in text and "World 8." not in text and "and 2 more" in text
    assert 'rel="next" href="/admin/versions?q=PAPER&amp;page=2#versions"' in answer.raw.decode()
    assert 'name="q"' in answer.raw.decode()
    second = words(await browser.get(f"{PATH}?q=PAPER&page=2"))
    assert "paper-50" in second and "paper-59" in second and "paper-49" not in second
    assert "No results for zzz" in words(await browser.get(f"{PATH}?q=zzz"))
