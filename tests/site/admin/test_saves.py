"""Admin pages of the saved games of a hosted world, and their parts of the world's page."""

import errno
import re
from dataclasses import replace
from pathlib import Path

import pytest

from coalserver.core.commands.hosting import update_run
from coalserver.core.commands.hosting_settings import configure_hosting
from coalserver.core.commands.worlds import create_world
from coalserver.core.queries.hosting import get_run
from coalserver.domain.minecraft.hosting.hosted_world import Trouble, TroubleCode
from coalserver.domain.minecraft.world import WorldStatus
from coalserver.hosting import archives, level
from coalserver.site.admin import saves
from coalserver.site.archive_refusals import REASONS, archive_refusal
from coalserver.web.downloads import attachment
from coalserver.web.pages.i18n import languages
from tests.apis.browser import Browser
from tests.apis.hosting import Stage, set_stage
from tests.apis.saved_games import SampleSave
from tests.site.admins import done, make_admin, make_member, make_world, revoke_admin, submit, words
from tests.site.forms import upload
from tests.site.sample_worlds import JSON

NIGHTLY = SampleSave("20220808T230640Z-nightly", 1_660_000_000, "nightly")
KILLED = SampleSave(
    "20220809T230640Z-pause",
    1_660_086_400,
    "pause",
    after_kill=True,
    pinned=True,
    note="<b>Before</b> the update",
)


async def make_hosted(test_app, status=WorldStatus.STOPPED, name="Ours", short_name="ours"):
    """Return the path of the saved games of a hosted world with two of them, and its id."""
    world = await test_app.core.execute(create_world, name=name, short_name=short_name, hosted=True)
    await move(test_app, world.id, status)
    for save in (NIGHTLY, KILLED):
        test_app.world_hosting.add_save(world.id, save, save.id.encode())
    return f"/admin/servers/{world.id}/saves", world.id


async def move(test_app, world_id, status):
    await test_app.core.execute(set_stage, world_id=world_id, stage=Stage(status))


async def test_page_lists_saved_games(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)
    page = await root.get(path)
    text = words(page)
    assert "2 saved games, together 1.9 GB" in text
    assert re.search(
        r"9 Aug 2022, 23:06 Pinned After a forced stop 938.0 MB · After stop · 1.21.11", text
    )
    assert "8 Aug 2022, 23:06 938.0 MB · Nightly · 1.21.11" in text
    assert text.index("9 Aug 2022") < text.index("8 Aug 2022")
    assert "<b>Before</b> the update" in text and b"<b>Before" not in page.raw
    german = words(await root.get(path, Accept_Language="de"))
    assert "2 Spielstände, zusammen 1,9 GB" in german and "Jetzt sichern" in german


async def test_times_are_those_of_the_reader(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)
    root.cookies["tz"] = "Asia/Tokyo"
    assert "10 Aug 2022, 08:06" in words(await root.get(path))


async def test_page_without_saved_games_says_so(test_app):
    root = await make_admin(test_app)
    world = await test_app.core.execute(create_world, name="New", hosted=True)
    assert "No saved games yet" in words(await root.get(f"/admin/servers/{world.id}/saves"))
    assert (await root.get(f"/admin/servers/{world.id}/download")).status == 404
    answer = await root.get(f"/admin/servers/{world.id}/restore")
    assert answer.headers["Location"] == f"/admin/servers/{world.id}/saves"


@pytest.mark.parametrize("end", ["", "/x/remove", "/x/restore", "/x/download"])
async def test_connected_world_has_no_saved_games(test_app, end):
    root = await make_admin(test_app)
    world = await make_world(test_app)
    path = f"/admin/servers/{world.id}/saves"
    assert (await root.get(path + end)).status == 404
    for action in ("", "/upload", "/x/pin", "/x/note", "/x/remove", "/x/restore"):
        assert (await submit(root, path + action)).status == 404, action
    assert (
        await upload(root, path, b"level.dat", await root.csrf_token("/admin/games"))
    ).status == 404
    assert (await submit(root, f"/admin/servers/{world.id}/backup")).status == 404


async def test_pages_are_for_admins(test_app):
    path, world_id = await make_hosted(test_app)
    ann = await make_member(test_app)
    ends = ("", f"/{NIGHTLY.id}/download", f"/{NIGHTLY.id}/restore", f"/{NIGHTLY.id}/remove")
    for end in ends:
        assert (await Browser(test_app).get(path + end)).status == 302
        assert (await ann.get(path + end)).status == 403
    for action in ("", f"/{NIGHTLY.id}/remove", f"/{NIGHTLY.id}/pin", f"/{NIGHTLY.id}/restore"):
        assert (await ann.send(path + action, page="/servers/ours/chats")).status == 403
    assert (await ann.send("/servers/ours/save", page="/servers/ours/chats")).status == 403
    assert len(test_app.world_hosting.saved[world_id]) == 2 and done(test_app) == []


async def test_save_is_made_once(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app, WorldStatus.RUNNING)
    answer = await submit(root, path)
    assert (answer.status, answer.headers["Location"]) == (302, f"{path}?done=saving")
    page = await root.get(f"{path}?done=saving")
    assert "Saving…" in words(page) and "Save now" not in words(page)
    assert b'data-live="3"' in page.raw
    assert (await submit(root, path)).headers["Location"] == f"{path}?done=already"
    assert done(test_app) == [("world_saved", "Ours", "")]
    await test_app.world_hosting.finish_save(world_id)
    page = await root.get(path)
    assert "Save now" in words(page) and b"data-live" not in page.raw


async def test_addresses_of_the_document_save_as_well(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app)
    for address in (path.replace("saves", "backup"), "/servers/ours/save"):
        answer = await submit(root, address)
        assert (answer.status, answer.headers["Location"]) == (302, "/servers/ours")
        assert test_app.core.query(get_run, world_id=world_id).hosted.saving
        await test_app.world_hosting.finish_save(world_id)


async def test_world_page_offers_saved_games_by_role_and_state(test_app):
    root, ann = await make_admin(test_app), await make_member(test_app)
    _, world_id = await make_hosted(test_app)

    async def may(browser):
        state = (await browser.get("/servers/ours", **JSON)).json
        names = ("save", "saves", "download", "restore")
        return [state["may"].get(name) for name in names], state["hosted"]["saving"]

    assert await may(ann) == ([None] * 4, False)
    assert await may(root) == ([True, True, True, True], False)
    page = (await root.get("/servers/ours")).raw.decode()
    assert "Save now" in page and f'href="/admin/servers/{world_id}/saves"' in page
    assert "Save now" not in (await ann.get("/servers/ours")).raw.decode()
    await submit(root, "/servers/ours/save")
    assert await may(root) == ([False, True, True, False], True)
    await test_app.world_hosting.finish_save(world_id)
    for status, save, restore in (
        (WorldStatus.RUNNING, True, False),
        (WorldStatus.LOADED, False, False),
        (WorldStatus.SAVING, False, False),
        (WorldStatus.UNKNOWN, False, True),
    ):
        await move(test_app, world_id, status)
        assert await may(root) == ([save, True, True, restore], False)
    test_app.world_hosting.saved.clear()
    assert (await may(root))[0][2] is False


async def test_refused_save_is_a_message_on_the_page(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app, WorldStatus.LOADED)
    answer = await submit(root, path)
    assert answer.status == 400
    assert "The world is neither running nor stopped." in words(answer)


async def test_download_is_a_file_with_the_name_of_the_world(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app)
    answer = await root.get(f"{path}/{NIGHTLY.id}/download")
    assert (answer.status, answer.raw) == (200, NIGHTLY.id.encode())
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ours.zip"'
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    part = await root.get(f"{path}/{NIGHTLY.id}/download", Range="bytes=4-7")
    assert (part.status, part.raw) == (206, NIGHTLY.id.encode()[4:8])
    assert (await root.get(f"{path}/{NIGHTLY.id}/download", Range="bytes=99-")).status == 416
    newest = await root.get(f"/admin/servers/{world_id}/download")
    assert newest.raw == KILLED.id.encode()
    assert done(test_app)[-1] == ("saved_game_downloaded", "Ours", KILLED.id)


@pytest.mark.parametrize("name", ["..", "20220808T230640Z-manual", "%2e%2e%2fdata.sqlite", "x\x00"])
async def test_unknown_saved_game_is_not_found(test_app, name):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)
    name = name.replace("\x00", "%00")
    for end in ("download", "restore", "remove"):
        assert (await root.get(f"{path}/{name}/{end}")).status in (400, 404)
    for end in ("pin", "note", "restore", "remove"):
        assert (await submit(root, f"{path}/{name}/{end}")).status in (400, 404)
    assert done(test_app) == []


@pytest.mark.parametrize(
    ("name", "plain", "expected"),
    [
        ("ours", "ours", 'filename="ours.zip"'),
        ("北亰", "bei-jing", "filename=\"bei-jing.zip\"; filename*=UTF-8''%E5%8C%97%E4%BA%B0.zip"),
        ('a/b\\c"\r\nd', "a-b-c-d", "filename=\"a-b-c-d.zip\"; filename*=UTF-8''a_b_c_d.zip"),
        ("..", "7", 'filename="7.zip"'),
    ],
)
def test_attachment_names_are_safe(name, plain, expected):
    assert attachment(name, plain, ".zip") == f"attachment; {expected}"


@pytest.mark.parametrize("name", ["\N{ROCKET}", '"; x="y', "!?"])
async def test_download_of_a_world_without_letters_has_a_safe_name(test_app, name):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app, name=name, short_name="")
    answer = await root.get(f"{path}/{NIGHTLY.id}/download")
    header = answer.headers["Content-Disposition"]
    plain = "x-y" if "x" in name else str(world_id)
    assert header.isascii() and header.count('"') == 2
    assert header.startswith(f'attachment; filename="{plain}.zip"')


async def test_head_tells_the_size_and_is_no_download(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)
    answer = await root.request("HEAD", f"{path}/{NIGHTLY.id}/download")
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(NIGHTLY.size))
    assert (await root.request("HEAD", f"{path}/x/download")).status == 404
    assert done(test_app) == []


async def test_upload_to_a_full_disk_is_refused_with_its_sentence(test_app, monkeypatch):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)

    async def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saves, "save_upload", fail)
    answer = await upload(root, path, b"level.dat")
    assert answer.status == 400
    assert "Not enough disk space: 50000 MiB are free, 1024 are kept free." in words(answer)


async def test_upload_without_a_folder_for_it_is_an_error_of_the_page(test_app, monkeypatch):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)

    async def fail(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(test_app.world_hosting, "upload_path", fail)
    answer = await upload(root, path, b"level.dat")
    assert answer.status == 503 and "Permission denied" in words(answer)


async def test_saved_game_is_pinned_and_gets_a_note(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app)
    saved = test_app.world_hosting.saved[world_id]
    for value, pinned in (("1", True), ("", False)):
        answer = await submit(root, f"{path}/{NIGHTLY.id}/pin", pinned=value)
        assert answer.headers["Location"] == f"{path}?done=changed"
        assert saved[1].pinned is pinned
    await submit(root, f"{path}/{NIGHTLY.id}/note", note="n" * 100)
    assert saved[1].note == "n" * 100
    answer = await submit(root, f"{path}/{NIGHTLY.id}/note", note="n" * 101)
    assert answer.status == 400 and "A note has up to 100 characters." in words(answer)
    assert saved[1].note == "n" * 100


async def test_saved_game_is_deleted_after_a_question(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app)
    question = words(await root.get(f"{path}/{NIGHTLY.id}/remove"))
    assert "This cannot be undone." in question
    assert "Mon, 8 Aug 2022, 23:06:40 UTC · 938.0 MB · Nightly · 1.21.11" in question
    assert len(test_app.world_hosting.saved[world_id]) == 2
    answer = await submit(root, f"{path}/{NIGHTLY.id}/remove")
    assert answer.headers["Location"] == f"{path}?done=deleted"
    assert test_app.world_hosting.saved[world_id] == [KILLED]


async def test_restore_asks_and_says_what_is_replaced(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app)
    answer = await root.get(f"/admin/servers/{world_id}/restore")
    assert answer.headers["Location"] == f"{path}/{KILLED.id}/restore"
    question = words(await root.get(f"{path}/{KILLED.id}/restore"))
    for sentence in (
        "Ours returns to its state of Tue, 9 Aug 2022, 23:06:40 UTC.",
        "kept on the server’s disk for a day",
        "It may lack the last minutes.",
    ):
        assert sentence in question
    assert test_app.world_hosting.restored == []
    answer = await submit(root, f"{path}/{KILLED.id}/restore")
    assert answer.headers["Location"] == f"{path}?done=restoring"
    assert test_app.world_hosting.restored == [KILLED.id]
    text = words(await root.get(path))
    assert "Restoring…" in text and "Save now" not in text
    answer = await submit(root, f"{path}/{KILLED.id}/restore")
    assert answer.status == 400
    assert "A saved game of this world is being restored." in words(answer)
    await test_app.world_hosting.finish_restore(world_id)
    assert "Restoring…" not in words(await root.get(path))


async def test_a_new_restore_takes_the_place_of_the_last_failure(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app)

    def fail(run, now):
        trouble = Trouble(TroubleCode.RESTORE_FAILED, now, ("the file is damaged",))
        return replace(run, hosted=replace(run.hosted, trouble=trouble))

    await test_app.core.execute(update_run, world_id=world_id, transition=fail)
    assert "could not be restored: the file is damaged." in words(await root.get(path))
    await submit(root, f"{path}/{KILLED.id}/restore")
    text = words(await root.get(path))
    assert "Restoring…" in text and "could not be restored" not in text


async def test_running_world_is_not_restored(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app, WorldStatus.RUNNING)
    page = await root.get(path)
    assert b"/restore" not in page.raw
    assert "To restore a saved game, stop the world first." in words(page)
    answer = await submit(root, f"{path}/{NIGHTLY.id}/restore")
    assert answer.status == 400 and "Stop the world first." in words(answer)
    assert test_app.world_hosting.restored == []


async def test_uploaded_world_is_a_saved_game(test_app):
    root = await make_admin(test_app)
    path, world_id = await make_hosted(test_app)
    hosting = test_app.world_hosting
    answer = await upload(root, path, b"PK level.dat")
    assert answer.headers["Location"] == f"{path}?done=uploaded"
    assert hosting.uploads == [b"PK level.dat"] and hosting.saved[world_id][0].kind == "upload"
    assert not [*hosting.folder.glob("*.part")]
    text = words(await root.get(f"{path}/{hosting.saved[world_id][0].id}/restore"))
    assert "Only the world itself is replaced." in text


async def test_refused_upload_leaves_nothing(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)
    hosting = test_app.world_hosting
    answer = await upload(root, path, b"a cake")
    assert answer.status == 400
    assert "Not a Minecraft world: there is no level.dat." in words(answer)
    answer = await upload(root, path, b"")
    assert answer.status == 400 and "Choose a file." in words(answer)
    assert (await submit(root, f"{path}/upload")).status == 400
    assert (await upload(root, path, b"level.dat", "1.x")).status == 403
    token = await root.csrf_token(path)
    await make_admin(test_app, "second@example.org")
    await revoke_admin(test_app)
    assert (await upload(root, path, b"level.dat", token)).status == 403
    assert hosting.uploads == [] and not [*hosting.folder.glob("*.part")]


async def test_upload_above_the_limit_of_a_world_is_refused(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)
    await test_app.core.execute(configure_hosting, changes={"world_limit": 0})
    assert (await upload(root, path, b"level.dat")).status == 413
    assert not [*test_app.world_hosting.folder.glob("*.part")]


async def test_page_without_hosting_shows_the_saved_games(test_app):
    root = await make_admin(test_app)
    path, _ = await make_hosted(test_app)
    hosting = test_app.world_hosting
    hosting.machine = replace(hosting.machine, enabled=False)
    text = words(await root.get(path))
    assert "World hosting is switched off on this server." in text and "8 Aug 2022" in text
    assert "Save now" not in text and "Upload" not in text
    answer = await upload(root, path, b"level.dat")
    assert answer.status == 400 and "switched off" in words(answer)


def test_reasons_of_refused_archives_are_translated():
    source = "".join(Path(str(module.__file__)).read_text("utf-8") for module in (archives, level))
    templates = {
        re.sub(r"\{(\w+):,\}", r"{\1}", text)
        for text in re.findall(r'(?:UnsafeArchive|NotAWorld)\("([^"]+)"', source)
    }
    templates |= {
        f"{{name}} {text}"
        for text in re.findall(r'return "((?:has|names|leads|lies)[^"]+)"', source)
    }
    assert len(templates) > 25 and templates <= {*REASONS}
    german = languages()["de"]
    sentence = "This archive is not safe: “a/../b.txt” leads out of its folder."
    expected = "Dieses Archiv ist nicht sicher: “a/../b.txt” führt aus dem eigenen Ordner hinaus."
    assert archive_refusal(sentence, german) == expected
    assert archive_refusal("Something else.", german) == "Something else."


async def test_saved_games_come_in_pages(test_app):
    root = await make_admin(test_app)
    path, id = await make_hosted(test_app)
    for number in range(60):
        save = replace(NIGHTLY, id=f"2022080{number % 7 + 1}T2300{number:02}Z-nightly")
        test_app.world_hosting.add_save(id, replace(save, note=f"Note {number}."), b"")
    first, second = await root.get(path), await root.get(f"{path}?page=2")
    notes = [set(re.findall(r"Note \d+\.", words(page))) for page in (first, second)]
    assert "62 saved games" in words(first) and "62 saved games" in words(second)
    assert not notes[0] & notes[1] and len(notes[0] | notes[1]) == 60
    assert f'rel="next" href="{path}?page=2#saves"' in first.raw.decode()
