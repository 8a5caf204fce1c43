"""Saved games of hosted worlds by the API (hosting.md, 9)."""

import asyncio
import io
from pathlib import Path

import pytest

from coalserver.core.commands.hosting_settings import configure_hosting
from coalserver.domain.audit import AuditAction, AuditEntry
from coalserver.domain.minecraft.world import WorldStatus
from tests.apis.app import TestApp
from tests.apis.coal.clients import (
    MULTIPART,
    WorldFixture,
    make_admin,
    make_form,
    make_user,
    make_world,
)
from tests.apis.hosting import SampleHosting, Stage, set_stage
from tests.apis.saved_games import NOT_A_WORLD, SampleSave

SAVE = SampleSave("20260101T000000Z-manual", 1_767_225_600.0, size=7, note="Before the dragon")


def hosting_of(test_app: TestApp) -> SampleHosting:
    return test_app.world_hosting


async def make_saved(test_app: TestApp, name: str = "My World") -> WorldFixture:
    """Create a hosted world with a saved game."""
    world = await make_world(test_app, name, hosted=True)
    hosting_of(test_app).add_save(world.id, SAVE)
    return world


def left_files(test_app: TestApp) -> list[Path]:
    return list(hosting_of(test_app).folder.glob("*.part"))


async def test_saved_games_are_listed(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    newer = SampleSave("20260102T000000Z-nightly", 1_767_312_000.0, "nightly", after_kill=True)
    hosting_of(test_app).add_save(world.id, newer)
    answer = await root.get(world.path + "/saves")
    assert answer.status == 200
    saves = answer.json["saves"]
    assert [save["id"] for save in saves] == [newer.id, SAVE.id]
    assert saves[1] == {
        "id": SAVE.id,
        "made": "2026-01-01 00:00:00 UTC-0000",
        "size": 7,
        "kind": "manual",
        "version": "1.21.11",
        "pinned": False,
        "after_kill": False,
        "note": "Before the dragon",
    }


async def test_saved_game_is_downloaded_whole_and_in_parts(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app, "Brave New Wörld")
    path = f"{world.path}/saves/{SAVE.id}"
    answer = await root.get(path)
    assert (answer.status, answer.raw) == (200, b"a world")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=\"brave-new-world.zip\"; filename*=UTF-8''Brave%20New%20W%C3%B6rld.zip"
    )
    assert answer.headers["Accept-Ranges"] == "bytes"
    part = await root.get(path, Range="bytes=2-4")
    assert (part.status, part.raw) == (206, b"wor")
    assert part.headers["Content-Range"] == "bytes 2-4/7"
    beyond = await root.get(path, Range="bytes=70-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */7")


async def test_head_of_a_saved_game_is_no_download(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    answer = await root.request("HEAD", f"{world.path}/saves/{SAVE.id}")
    assert (answer.status, answer.raw) == (200, b"")
    assert answer.headers["Content-Length"] == "7"
    missing = await root.request("HEAD", f"{world.path}/saves/20200101T000000Z-manual")
    assert missing.status == 404
    actions = {entry.action for entry in test_app.core.state.all(AuditEntry)}
    assert AuditAction.SAVED_GAME_DOWNLOADED not in actions


async def test_saved_game_is_pinned_and_noted(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    path = f"{world.path}/saves/{SAVE.id}"
    answer = await root.post(path, {"pinned": True})
    assert (answer.status, answer.json["pinned"]) == (200, True)
    assert answer.json["note"] == "Before the dragon"
    answer = await root.send(path, pinned="off", note="After it")
    assert (answer.json["pinned"], answer.json["note"]) == (False, "After it")
    answer = await root.post(path, {"note": "x" * 101})
    assert (answer.status, answer.json["errors"]) == (
        400,
        "note: Field cannot be longer than 100 characters.",
    )


async def test_saved_game_is_deleted(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    answer = await root.request("DELETE", f"{world.path}/saves/{SAVE.id}")
    assert (answer.status, answer.raw) == (204, b"")
    assert (await root.get(world.path + "/saves")).json == {"saves": []}


async def test_restore_is_begun_and_refused_while_it_lasts(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    path = f"{world.path}/saves/{SAVE.id}/restore"
    answer = await root.post(path)
    assert (answer.status, answer.raw) == (202, b"")
    again = await root.post(path)
    assert (again.status, again.json) == (
        400,
        {"errors": "A saved game of this world is being restored."},
    )
    await hosting_of(test_app).finish_restore(world.id)
    stage = Stage(WorldStatus.RUNNING)
    await test_app.core.execute(set_stage, world_id=world.id, stage=stage)
    refused = await root.post(path)
    assert (refused.status, refused.json) == (400, {"errors": "Stop the world first."})


async def test_upload_becomes_a_saved_game(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    form = make_form(b"world/level.dat")
    answer = await root.request("POST", world.path + "/saves", form, Content_Type=MULTIPART)
    assert (answer.status, answer.json["kind"]) == (201, "upload")
    assert hosting_of(test_app).uploads == [b"world/level.dat"]
    assert left_files(test_app) == []


async def test_refused_uploads_say_why_and_leave_no_file(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    cases = [
        (make_form(b"no world"), MULTIPART, 400, NOT_A_WORLD),
        (make_form(b"x", "other"), MULTIPART, 400, "file: This field is required."),
        (b"world/level.dat", "application/zip", 415, None),
        (
            b"--b\r\ncut",
            MULTIPART,
            400,
            "The body is not a form with a file, or was cut off.",
        ),
    ]
    for body, kind, status, sentence in cases:
        answer = await root.request("POST", world.path + "/saves", body, Content_Type=kind)
        assert answer.status == status
        if sentence:
            assert answer.json == {"errors": sentence}
        assert left_files(test_app) == []
    assert len((await root.get(world.path + "/saves")).json["saves"]) == 1


async def test_upload_larger_than_a_world_may_be_is_refused(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    await test_app.core.execute(configure_hosting, changes={"world_limit": 1})
    url, body = test_app.url(world.path + "/saves"), io.BytesIO(make_form(bytes(1_200_000)))
    headers = {"Content-Type": MULTIPART, **root.bearer}
    async with test_app.http.post(url, data=body, headers=headers) as answer:
        assert answer.status == 413
        assert await answer.json() == {"errors": "The request is too large."}
    assert left_files(test_app) == []


async def test_upload_of_a_client_that_leaves_is_deleted(test_app: TestApp):
    root, world = await make_admin(test_app), await make_saved(test_app)
    url = test_app.url(world.path + "/saves")
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST {url.raw_path} HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART}\r\n"
        f"Authorization: {root.bearer['Authorization']}\r\nContent-Length: 100000\r\n\r\n"
    )
    writer.write(head.encode() + make_form(bytes(5_000))[:-9])
    await writer.drain()
    await test_app.wait_until(lambda: bool(left_files(test_app)))
    writer.close()
    await writer.wait_closed()
    await test_app.wait_until(lambda: not left_files(test_app))
    del reader


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", ""),
        ("GET", f"/{SAVE.id}"),
        ("POST", f"/{SAVE.id}"),
        ("DELETE", f"/{SAVE.id}"),
        ("POST", f"/{SAVE.id}/restore"),
    ],
)
async def test_saved_games_are_for_admins(test_app: TestApp, method: str, path: str):
    root, thomas, world = (
        await make_admin(test_app),
        await make_user(test_app),
        await make_saved(test_app),
    )
    elsewhere = await make_world(test_app, "Elsewhere")
    forbidden = await thomas.request(method, world.path + "/saves" + path)
    assert (forbidden.status, forbidden.raw) == (403, b"")
    missing = await root.request(method, elsewhere.path + "/saves" + path)
    assert (missing.status, missing.raw) == (404, b"")
    anonymous = await test_app.anonymous.request(method, world.path + "/saves" + path)
    assert anonymous.status == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/x"),
        ("POST", "/20200101T000000Z-manual"),
        ("DELETE", "/..%2f..%2fx"),
        ("POST", "/x/restore"),
    ],
)
async def test_unknown_saved_game_is_not_found(test_app: TestApp, method: str, path: str):
    root, world = await make_admin(test_app), await make_saved(test_app)
    answer = await root.request(method, world.path + "/saves" + path)
    assert (answer.status, answer.raw) == (404, b"")
