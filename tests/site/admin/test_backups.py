"""Admin pages of backups: creation, download, upload, deletion and restore requests."""

import re
from asyncio import gather
from pathlib import Path

import pytest

from coalserver.site.admin.backups import format_size
from coalserver.web.pages.i18n import languages
from tests.apis.app import TestApp
from tests.site.admins import (
    BACKUP,
    ROOT,
    account,
    done,
    make_admin,
    make_backup,
    revoke_admin,
    submit,
    words,
)
from tests.site.forms import MULTIPART, multipart_form, upload

BACKUPS = "/admin/backups"
PATH = f"{BACKUPS}/{BACKUP}/restore"


def backup_names(test_app: TestApp) -> list[str]:
    return [name for name, _, _ in test_app.build_backup_service().list_backups()[0]]


async def test_restore_page_says_what_is_replaced(test_app):
    browser = await make_admin(test_app)
    make_backup(test_app)
    assert f'href="{PATH}"' in (await browser.get("/admin/backups")).raw.decode()
    text = words(await browser.get(PATH))
    assert f"{BACKUP} · 0 kB · coalserver 0.1" in text and "Tue, 14 Nov 2023, 22:13:20 UTC" in text
    assert "replaced-…" in text and "have to sign in again" in text
    assert test_app.restore_requests == [] and done(test_app) == []


async def test_restore_is_requested_for_the_admin(test_app):
    browser = await make_admin(test_app)
    make_backup(test_app)
    answer = await submit(browser, PATH)
    assert answer.status == 200 and "Server is restarting" in words(answer)
    assert b'data-next-url="/admin/backups?done=restored"' in answer.raw
    assert test_app.restore_requests == [(BACKUP, account(test_app).id, ROOT)]


async def test_invalid_backup_is_not_restored(test_app):
    browser = await make_admin(test_app)
    make_backup(test_app, b"something")
    for answer in (await browser.get(PATH), await submit(browser, PATH)):
        assert answer.status == 400 and "This file is not a coalserver backup." in words(answer)
    assert test_app.restore_requests == []


async def test_former_admin_cannot_restore_or_upload(test_app):
    browser = await make_admin(test_app)
    await make_admin(test_app, "second@example.org")
    make_backup(test_app)
    token = await browser.csrf_token("/admin/backups")
    await revoke_admin(test_app)
    assert (await browser.post(PATH, csrf_token=token)).status == 403
    assert (await upload(browser, BACKUPS, b"everything", token)).status == 403
    assert test_app.restore_requests == [] and backup_names(test_app) == [BACKUP]


@pytest.mark.parametrize("name", ["..%2Fdata.sqlite", "coalserver-x.tar", "keys"])
async def test_restore_rejects_other_files(test_app, name):
    browser = await make_admin(test_app)
    assert (await browser.get(f"/admin/backups/{name}/restore")).status == 404
    assert (await submit(browser, f"/admin/backups/{name}/restore")).status == 404
    assert test_app.restore_requests == []


async def test_upload_leads_to_the_restore_page(test_app):
    browser = await make_admin(test_app)
    answer = await upload(browser, BACKUPS, b"everything")
    [name] = backup_names(test_app)
    assert re.fullmatch(r"uploaded-\d{8}T\d{6}Z\.tar", name)
    assert (answer.status, answer.headers["Location"]) == (302, f"/admin/backups/{name}/restore")
    assert "Restore backup" in words(await browser.get(f"/admin/backups/{name}/restore"))
    assert done(test_app) == [("backup_sent", name, "")] and test_app.restore_requests == []


async def test_invalid_upload_is_not_saved(test_app):
    browser = await make_admin(test_app)
    answer = await upload(browser, BACKUPS, b"a cake")
    assert answer.status == 400 and "This file is not a coalserver backup." in words(answer)
    answer = await upload(browser, BACKUPS, b"")
    assert answer.status == 400 and "Choose a file." in words(answer)
    assert backup_names(test_app) == [] and done(test_app) == []


async def test_upload_without_valid_csrf_token_is_rejected(test_app):
    browser = await make_admin(test_app)
    assert (await upload(browser, BACKUPS, b"everything", "1.x")).status == 403
    assert backup_names(test_app) == []


async def test_upload_over_the_backup_limit_is_rejected(test_app):
    browser = await make_admin(test_app)
    assert (await upload(browser, BACKUPS, bytes(1001))).status == 413
    assert (await upload(browser, BACKUPS, bytes(100_000))).status == 413
    assert backup_names(test_app) == []


async def test_truncated_upload_is_not_saved(test_app):
    browser = await make_admin(test_app)
    token = await browser.csrf_token("/admin/backups")
    body = multipart_form(b"everything", csrf_token=token)[:-20]
    answer = await browser.request("POST", f"{BACKUPS}/upload", body, Content_Type=MULTIPART)
    assert answer.status == 400 and backup_names(test_app) == []


async def test_backup_is_created_listed_downloaded_and_deleted(test_app):
    browser = await make_admin(test_app)
    for _ in range(2):
        answer = await submit(browser, "/admin/backups")
        assert answer.headers["Location"] == "/admin/backups?done=made"
    names = re.findall(
        r"coalserver-\d{8}T\d{6}Z(?:-1)?\.tar", (await browser.get("/admin/backups")).raw.decode()
    )
    first, second = sorted(set(names), key=len)
    answer = await submit(browser, f"/admin/backups/{first}/download")
    assert answer.raw == b"everything" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{first}"'
    assert (await browser.get(f"/admin/backups/{first}/download")).status == 405
    await submit(browser, f"/admin/backups/{first}/remove")
    assert first not in words(await browser.get("/admin/backups")).replace(second, "")
    assert [action for action, *_ in done(test_app)] == ["backup_made"] * 2 + [
        "backup_fetched",
        "backup_removed",
    ]


@pytest.mark.parametrize(
    "name", ["data.sqlite", "..%2Fdata.sqlite", "%2e%2e", "coalserver-x.tar", "keys"]
)
async def test_download_and_deletion_reject_other_files(test_app, name):
    browser = await make_admin(test_app)
    (Path(test_app.folder) / "data.sqlite").write_bytes(b"precious")
    for action in ("download", "remove"):
        answer = await submit(browser, f"/admin/backups/{name}/{action}")
        assert answer.status == 404 and b"precious" not in answer.raw
    assert (Path(test_app.folder) / "data.sqlite").exists() and done(test_app) == []


async def test_concurrent_backups_get_different_names(test_app):
    browser = await make_admin(test_app)
    token = await browser.csrf_token("/admin/games")
    await gather(*(browser.post("/admin/backups", csrf_token=token) for _ in range(4)))
    assert test_app.build_backup_service().list_backups()[1] == 4


async def test_page_shows_the_restore_command(test_app):
    browser = await make_admin(test_app)
    assert "coalserver restore backup.tar --data" in words(await browser.get("/admin/backups"))


@pytest.mark.parametrize(
    ("size", "tag", "text"),
    [
        (4_294_967_296, "de", "4,3 GB"),
        (4_294_967_296, "en", "4.3 GB"),
        (1_250_000, "de", "1,2 MB"),
        (99_000, "de", "99 kB"),
    ],
)
def test_size_is_written_in_the_language(size, tag, text):
    assert format_size(size, languages()[tag]) == text


async def test_backups_come_in_pages(test_app):
    browser = await make_admin(test_app)
    for number in range(53):
        make_backup(test_app, name=f"coalserver-20260101T0000{number:02}Z.tar")
    first, second = await browser.get("/admin/backups"), await browser.get("/admin/backups?page=2")
    assert "T000052Z" in words(first) and "T000002Z" not in words(first)
    assert "T000002Z" in words(second) and "T000000Z" in words(second)
    assert 'rel="next" href="/admin/backups?page=2"' in first.raw.decode()
