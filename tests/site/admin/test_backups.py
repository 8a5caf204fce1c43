"""Backups that come back by the pages of admins. What a restore does with the files is tests/test_restoring.py's."""

import re
from asyncio import gather
from pathlib import Path

import pytest

from tests.apis.app import Answer, TestApp
from tests.apis.browser import Browser
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

PATH = f"/admin/backups/{BACKUP}/restore"
BOUNDARY = "a-boundary"


def form(*parts: tuple[str, bytes]) -> bytes:
    """Parts of a form in their order; `file` is one with a name."""
    lines = b""
    for name, content in parts:
        named = '; filename="b.tar"' if name == "file" else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        lines += head.encode() + content + b"\r\n"
    return lines + f"--{BOUNDARY}--\r\n".encode()


async def sends(browser: Browser, content: bytes, seal: str | None = None) -> Answer:
    seal = await browser.csrf_token("/admin/backups") if seal is None else seal
    body = form(("csrf_token", seal.encode()), ("file", content))
    return await browser.request(
        "POST",
        "/admin/backups/upload",
        body,
        Content_Type=f"multipart/form-data; boundary={BOUNDARY}",
    )


def kept(test_app: TestApp) -> list[str]:
    return [name for name, _, _ in test_app.build_backup_service().list_backups()]


async def test_what_goes_and_what_comes_is_said_before(test_app):
    browser = await make_admin(test_app)
    make_backup(test_app)
    assert f'href="{PATH}"' in (await browser.get("/admin/backups")).raw.decode()
    said = words(await browser.get(PATH))
    assert f"{BACKUP} · 0 kB · coalserver 0.1" in said and "Nov 14, 2023, 10:13" in said
    assert "replaced-…" in said and "have to sign in again" in said
    assert test_app.restore_requests == [] and done(test_app) == []


async def test_a_backup_is_put_back_for_who_asks(test_app):
    browser = await make_admin(test_app)
    make_backup(test_app)
    answer = await submit(browser, PATH)
    assert answer.status == 200 and "Server is restarting" in words(answer)
    assert b'data-next-url="/admin/backups?done=restored"' in answer.raw
    assert test_app.restore_requests == [(BACKUP, account(test_app).id, ROOT)]


async def test_a_backup_that_is_none_is_not_put_back(test_app):
    browser = await make_admin(test_app)
    make_backup(test_app, b"something")
    for answer in (await browser.get(PATH), await submit(browser, PATH)):
        assert answer.status == 400 and "This file is not a coalserver backup." in words(answer)
    assert test_app.restore_requests == []


async def test_who_is_no_admin_any_more_restores_nothing(test_app):
    browser = await make_admin(test_app)
    await make_admin(test_app, "second@example.org")
    make_backup(test_app)
    seal = await browser.csrf_token("/admin/backups")
    await revoke_admin(test_app)
    assert (await browser.post(PATH, csrf_token=seal)).status == 403
    assert (await sends(browser, b"everything", seal)).status == 403
    assert test_app.restore_requests == [] and kept(test_app) == [BACKUP]


@pytest.mark.parametrize("name", ["..%2Fdata.sqlite", "coalserver-x.tar", "keys"])
async def test_no_other_file_is_put_back(test_app, name):
    browser = await make_admin(test_app)
    assert (await browser.get(f"/admin/backups/{name}/restore")).status == 404
    assert (await submit(browser, f"/admin/backups/{name}/restore")).status == 404
    assert test_app.restore_requests == []


async def test_a_backup_is_sent_in_and_then_asked_about(test_app):
    browser = await make_admin(test_app)
    answer = await sends(browser, b"everything")
    [name] = kept(test_app)
    assert re.fullmatch(r"uploaded-\d{8}T\d{6}Z\.tar", name)
    assert (answer.status, answer.headers["Location"]) == (302, f"/admin/backups/{name}/restore")
    assert "Restore backup" in words(await browser.get(f"/admin/backups/{name}/restore"))
    assert done(test_app) == [("backup_sent", name, "")] and test_app.restore_requests == []


async def test_what_is_no_backup_is_not_kept(test_app):
    browser = await make_admin(test_app)
    answer = await sends(browser, b"a cake")
    assert answer.status == 400 and "This file is not a coalserver backup." in words(answer)
    answer = await sends(browser, b"")
    assert answer.status == 400 and "Choose a backup file." in words(answer)
    assert kept(test_app) == [] and done(test_app) == []


async def test_a_form_that_was_not_shown_sends_nothing_in(test_app):
    browser = await make_admin(test_app)
    assert (await sends(browser, b"everything", "1.x")).status == 403
    assert kept(test_app) == []


async def test_a_backup_has_a_limit_of_its_own(test_app):
    browser = await make_admin(test_app)
    assert (await sends(browser, bytes(1001))).status == 413
    assert (await sends(browser, bytes(100_000))).status == 413
    assert kept(test_app) == []


async def test_a_backup_that_is_cut_off_is_not_kept(test_app):
    browser = await make_admin(test_app)
    seal = await browser.csrf_token("/admin/backups")
    body = form(("csrf_token", seal.encode()), ("file", b"everything"))[:-20]
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    answer = await browser.request("POST", "/admin/backups/upload", body, Content_Type=kind)
    assert answer.status == 400 and kept(test_app) == []


async def test_a_backup_is_made_listed_fetched_and_removed(test_app):
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
    assert [what for what, *_ in done(test_app)] == ["backup_made"] * 2 + [
        "backup_fetched",
        "backup_removed",
    ]


@pytest.mark.parametrize(
    "name", ["data.sqlite", "..%2Fdata.sqlite", "%2e%2e", "coalserver-x.tar", "keys"]
)
async def test_no_other_file_is_fetched_or_removed(test_app, name):
    browser = await make_admin(test_app)
    (Path(test_app.folder) / "data.sqlite").write_bytes(b"precious")
    for act in ("download", "remove"):
        answer = await submit(browser, f"/admin/backups/{name}/{act}")
        assert answer.status == 404 and b"precious" not in answer.raw
    assert (Path(test_app.folder) / "data.sqlite").exists() and done(test_app) == []


async def test_backups_asked_for_at_once_are_two(test_app):
    browser = await make_admin(test_app)
    seal = await browser.csrf_token("/admin/games")
    await gather(*(browser.post("/admin/backups", csrf_token=seal) for _ in range(4)))
    assert len(test_app.build_backup_service().list_backups()) == 4


async def test_how_one_is_restored_is_said(test_app):
    browser = await make_admin(test_app)
    assert "coalserver restore backup.tar --data" in words(await browser.get("/admin/backups"))
