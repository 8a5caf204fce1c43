"""Backups that come back by the pages of admins. What a restore does with the files is tests/test_restoring.py's."""

import re

import pytest

from tests.apis.app import Answer, House
from tests.apis.browser import Surfer
from tests.site.admins import (
    BACKUP,
    ROOT,
    a_backup,
    account,
    an_admin,
    asks,
    done,
    no_admin_any_more,
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


async def sends(surfer: Surfer, content: bytes, seal: str | None = None) -> Answer:
    seal = await surfer.seal("/admin/backups") if seal is None else seal
    body = form(("csrf_token", seal.encode()), ("file", content))
    return await surfer.ask(
        "POST",
        "/admin/backups/upload",
        body,
        Content_Type=f"multipart/form-data; boundary={BOUNDARY}",
    )


def kept(house: House) -> list[str]:
    return [name for name, _, _ in house.place().made()]


async def test_what_goes_and_what_comes_is_said_before(house):
    surfer = await an_admin(house)
    a_backup(house)
    assert f'href="{PATH}"' in (await surfer.get("/admin/backups")).raw.decode()
    said = words(await surfer.get(PATH))
    assert f"{BACKUP} · 0 kB · coalserver 0.1" in said and "Nov 14, 2023, 10:13" in said
    assert "replaced-…" in said and "has to sign in again, and so may you" in said
    assert house.restored == [] and done(house) == []


async def test_a_backup_is_put_back_for_who_asks(house):
    surfer = await an_admin(house)
    a_backup(house)
    answer = await asks(surfer, PATH)
    assert answer.status == 200 and "The server starts again" in words(answer)
    assert b'data-begins-again="/admin/backups?done=restored"' in answer.raw
    assert house.restored == [(BACKUP, account(house).id, ROOT)]


async def test_a_backup_that_is_none_is_not_put_back(house):
    surfer = await an_admin(house)
    a_backup(house, b"something")
    for answer in (await surfer.get(PATH), await asks(surfer, PATH)):
        assert answer.status == 400 and "This file is not a backup of coalserver." in words(answer)
    assert house.restored == []


async def test_who_is_no_admin_any_more_restores_nothing(house):
    surfer = await an_admin(house)
    await an_admin(house, "second@example.org")
    a_backup(house)
    seal = await surfer.seal("/admin/backups")
    await no_admin_any_more(house)
    assert (await surfer.post(PATH, csrf_token=seal)).status == 403
    assert (await sends(surfer, b"everything", seal)).status == 403
    assert house.restored == [] and kept(house) == [BACKUP]


@pytest.mark.parametrize("name", ["..%2Fdata.sqlite", "coalserver-x.tar", "keys"])
async def test_no_other_file_is_put_back(house, name):
    surfer = await an_admin(house)
    assert (await surfer.get(f"/admin/backups/{name}/restore")).status == 404
    assert (await asks(surfer, f"/admin/backups/{name}/restore")).status == 404
    assert house.restored == []


async def test_a_backup_is_sent_in_and_then_asked_about(house):
    surfer = await an_admin(house)
    answer = await sends(surfer, b"everything")
    [name] = kept(house)
    assert re.fullmatch(r"uploaded-\d{8}T\d{6}Z\.tar", name)
    assert (answer.status, answer.headers["Location"]) == (302, f"/admin/backups/{name}/restore")
    assert "Put a backup back" in words(await surfer.get(f"/admin/backups/{name}/restore"))
    assert done(house) == [("backup_sent", name, "")] and house.restored == []


async def test_what_is_no_backup_is_not_kept(house):
    surfer = await an_admin(house)
    answer = await sends(surfer, b"a cake")
    assert answer.status == 400 and "This file is not a backup of coalserver." in words(answer)
    answer = await sends(surfer, b"")
    assert answer.status == 400 and "Choose a backup first." in words(answer)
    assert kept(house) == [] and done(house) == []


async def test_a_form_that_was_not_shown_sends_nothing_in(house):
    surfer = await an_admin(house)
    assert (await sends(surfer, b"everything", "1.x")).status == 403
    assert kept(house) == []


async def test_a_backup_has_a_limit_of_its_own(house):
    surfer = await an_admin(house)
    assert (await sends(surfer, bytes(1001))).status == 413
    assert (await sends(surfer, bytes(100_000))).status == 413
    assert kept(house) == []


async def test_a_backup_that_is_cut_off_is_not_kept(house):
    surfer = await an_admin(house)
    seal = await surfer.seal("/admin/backups")
    body = form(("csrf_token", seal.encode()), ("file", b"everything"))[:-20]
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    answer = await surfer.ask("POST", "/admin/backups/upload", body, Content_Type=kind)
    assert answer.status == 400 and kept(house) == []
