"""Screenshots: uploads, access and deletion."""

import asyncio
import io
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from coalserver.apis.coal.screenshots import UNSUPPORTED_UPLOAD
from coalserver.config import Config
from coalserver.core.commands.accounts import update_account
from coalserver.core.commands.screenshots import add_screenshot, finish_screenshot
from coalserver.core.commands.worlds import archive_world
from tests.apis.app import Answer, ApiClient, TestApp, run_test_app
from tests.apis.coal.clients import (
    MULTIPART,
    User,
    WorldFixture,
    make_admin,
    make_form,
    make_user,
    make_world,
)
from tests.apis.coal.examples_log_lines import SCREENSHOT_EXAMPLES, Example
from tests.apis.coal.test_log_lines_examples import assert_same_shape
from tests.media.test_images import make_image

MEMBERS = {
    "key",
    "server_key",
    "user_key",
    "random_id",
    "original_url",
    "blurred_url",
    "created",
    "updated",
}
KEY = "5b4a1f1e-1f0f-4c0e-9d0c-0d1a7e0c8a11"
SHOT = make_image(size=(60, 40))


async def upload(user: User, world: WorldFixture, raw: bytes = SHOT, **headers: str) -> Answer:
    return await user.request(
        "POST", world.path + "/screenshots", raw, **{"Content_Type": "image/png", **headers}
    )


async def create_screenshot(user: User, world: WorldFixture, raw: bytes = SHOT) -> dict[str, Any]:
    answer = await upload(user, world, raw)
    assert answer.status == 201, answer.raw
    return answer.json  # type: ignore[no-any-return]


def folder(test_app: TestApp) -> Path:
    return test_app.folder / "screenshots"


def files(test_app: TestApp) -> list[str]:
    return (
        sorted(path.name for path in folder(test_app).iterdir())
        if folder(test_app).is_dir()
        else []
    )


def path_of(url: str) -> str:
    return "/" + url.partition("://")[2].partition("/")[2]


@pytest.fixture
async def thomas(test_app: TestApp) -> User:
    return await make_user(test_app)


@pytest.mark.parametrize("example", SCREENSHOT_EXAMPLES, ids=lambda example: example.name)
async def test_documented_example_matches(
    test_app: TestApp, thomas: User, world: WorldFixture, example: Example
):
    shots = [await create_screenshot(thomas, world) for _ in range(2)]
    keys = {
        "server": world.path.rpartition("/")[2],
        "user": (await thomas.get("/api/v1/users/self")).json["key"],
        "screenshot": shots[0]["key"],
    }
    answer = await thomas.get(example.path.format(**keys))
    assert answer.status == example.status
    assert_same_shape(example.answer, answer.json)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_file_of_a_form_and_plain_body_are_accepted(
    test_app: TestApp, thomas: User, world: WorldFixture, format: str
):
    raw = make_image(format, (60, 40))
    field = make_form(b"a note", "note")[: -len(b"--b--\r\n")]
    for answer in (
        await upload(thomas, world, raw, Content_Type=f"image/{format.lower()}"),
        await upload(thomas, world, raw, Content_Type="application/octet-stream"),
        await upload(thomas, world, make_form(raw), Content_Type=MULTIPART),
        await upload(thomas, world, make_form(raw, before=field), Content_Type=MULTIPART),
    ):
        assert answer.status == 201 and set(answer.json) == MEMBERS
        shown = await test_app.anonymous.get(path_of(answer.json["original_url"]))
        assert shown.headers["Content-Type"] == f"image/{format.lower()}"
    assert len(files(test_app)) == 12


async def test_screenshot_has_the_documented_members(thomas: User, world: WorldFixture):
    shot = await create_screenshot(thomas, world)
    assert shot["user_key"] == (await thomas.get("/api/v1/users/self")).json["key"]
    assert 0 <= shot["random_id"] < 1 and shot["server_key"] == world.path.rpartition("/")[2]
    assert shot["created"] == shot["updated"] == "2023-11-14 22:13:20 UTC-0000"
    assert (await thomas.get(f"{world.path}/screenshots/{shot['key']}")).json == shot


async def test_unfinished_screenshot_has_no_blurred_url(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    about = {"code": "0" * 32, "type": "image/png", "width": 6, "height": 4, "size": 9}
    shot = await test_app.core.execute(add_screenshot, world_id=world.id, account_id=999, **about)
    (screenshot,) = (await thomas.get(world.path + "/screenshots")).json["screenshots"]
    assert (
        screenshot["blurred_url"] is None
        and screenshot["original_url"]
        and screenshot["user_key"] is None
    )
    test_app.clock.advance(15)
    await test_app.core.execute(finish_screenshot, screenshot=shot)
    (screenshot,) = (await thomas.get(world.path + "/screenshots")).json["screenshots"]
    assert screenshot["blurred_url"] and screenshot["updated"] > screenshot["created"]


async def test_screenshots_are_newest_first_and_pages_are_stable(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    eve, keys = await make_user(test_app, "e@x.org"), []
    for number in range(5):
        test_app.clock.advance(60)
        keys.insert(0, (await create_screenshot(eve if number % 2 else thomas, world))["key"])
    first = (await thomas.get(world.path + "/screenshots?size=2")).json
    test_app.clock.advance(60)
    await create_screenshot(thomas, world)
    second = (await thomas.get(f"{world.path}/screenshots?size=3&cursor={first['cursor']}")).json
    assert [shot["key"] for shot in first["screenshots"] + second["screenshots"]] == keys
    assert "cursor" not in second
    since = (
        await thomas.get(
            world.path + "/screenshots?since=2023-11-14+22:17:20&before=2023-11-14+22:18:20"
        )
    ).json
    assert [shot["key"] for shot in since["screenshots"]] == [keys[1]]
    own = (await eve.get(world.path + "/users/self/screenshots")).json["screenshots"]
    assert [shot["key"] for shot in own] == [keys[1], keys[3]]
    for bad in ("since=x", "size=0", "cursor=!"):
        assert (await thomas.get(f"{world.path}/screenshots?{bad}")).status == 400


async def test_screenshots_of_an_unknown_user_or_world_are_not_found(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    for user in ("nobody", world.path.rpartition("/")[2]):
        assert (await thomas.get(f"{world.path}/users/{user}/screenshots")).status == 404
    other, shot = await make_world(test_app), await create_screenshot(thomas, world)
    for path in (f"{other.path}/screenshots/{shot['key']}", world.path + "/screenshots/x"):
        for answer in (
            await thomas.get(path),
            await thomas.request("DELETE", path),
            await thomas.get(path + "/original"),
        ):
            assert (answer.status, answer.raw) == (404, b"")
    assert (await other.agent.get(other.path + "/screenshots")).status == 401


async def test_image_url_returns_an_image_that_cannot_run_scripts(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    shot = await create_screenshot(thomas, world)
    for name, size, media in (
        ("original", (60, 40), "image/png"),
        ("blurred", (60, 40), "image/webp"),
    ):
        answer = await test_app.anonymous.get(path_of(shot[f"{name}_url"]))
        assert answer.status == 200 and answer.headers["Content-Type"] == media
        assert Image.open(io.BytesIO(answer.raw)).size == size
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"].startswith("private")
    thumbnail = path_of(shot["original_url"]).replace("/original?", "/thumbnail?")
    assert (await test_app.anonymous.get(thumbnail)).status == 200
    assert (await test_app.anonymous.get(thumbnail.replace("/thumbnail?", "/other?"))).status == 404


async def test_image_requires_an_unexpired_pass_or_a_token(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    """Defect 17: images were public without limit."""
    shot, other = await create_screenshot(thomas, world), await create_screenshot(thomas, world)
    with_pass = path_of(shot["original_url"])
    bare, _, token = with_pass.partition("?")
    assert (await thomas.get(bare)).status == 200
    wrong = other["original_url"].partition("?")[2]
    for path in (bare, f"{bare}?pass=", f"{bare}?{wrong}", f"{bare}?pass=%C3%A9"):
        assert (await test_app.anonymous.get(path)).status == 401
    assert (await ApiClient(test_app, "wrong").get(with_pass)).status == 401
    test_app.clock.advance(2 * 86400)
    assert (await test_app.anonymous.get(with_pass)).status == 401
    fresh = (await thomas.get(f"{world.path}/screenshots/{shot['key']}")).json["original_url"]
    assert (
        fresh.partition("?")[2] != token
        and (await test_app.anonymous.get(path_of(fresh))).status == 200
    )


async def test_deactivated_user_cannot_read_images(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    shot = await create_screenshot(thomas, world)
    bare = path_of(shot["original_url"]).partition("?")[0]
    await test_app.core.execute(update_account, account_id=thomas.id, active=False)
    answer = await thomas.get(bare)
    assert (answer.status, answer.raw) == (403, b"")
    assert (await upload(thomas, world)).status == 403


async def test_only_the_owner_or_an_admin_deletes_a_screenshot(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    """Defect 5: any user could delete any image."""
    eve, root = await make_user(test_app, "e@x.org"), await make_admin(test_app)
    for deleter in (thomas, root):
        shot = await create_screenshot(thomas, world)
        path = f"{world.path}/screenshots/{shot['key']}"
        answer = await eve.request("DELETE", path)
        assert (answer.status, answer.raw) == (403, b"") and len(files(test_app)) == 3
        assert (await deleter.request("DELETE", path)).status == 204
        assert files(test_app) == []
        for deleted in (path, path_of(shot["original_url"])):
            assert (await deleter.get(deleted)).status == 404
        assert (await deleter.request("DELETE", path)).status == 404
    assert (await thomas.get(world.path + "/screenshots")).json == {"screenshots": []}


@pytest.mark.parametrize(
    ("raw", "media", "status", "message"),
    [
        (b"", "image/png", 400, "file: This field is required."),
        (b"no picture", "image/png", 400, "This is not a picture in PNG, JPEG or WebP."),
        (make_image("GIF"), "image/gif", 400, "This is not a picture in PNG, JPEG or WebP."),
        (SHOT[: len(SHOT) // 2], "image/png", 400, "The picture is damaged."),
        (make_form(SHOT, "picture"), MULTIPART, 400, "file: This field is required."),
        (make_form(b""), MULTIPART, 400, "file: This field is required."),
        (b"nothing", MULTIPART, 400, "The body is not a form with a file, or was cut off."),
        (
            make_form(SHOT),
            "multipart/form-data",
            400,
            "The body is not a form with a file, or was cut off.",
        ),
        (make_form(SHOT)[:150], MULTIPART, 400, "The picture is damaged."),
        (b"<svg/>", "image/svg+xml", 400, "This is not a picture in PNG, JPEG or WebP."),
        (b"<script>", "text/html", 415, UNSUPPORTED_UPLOAD),
        (b"chat=x", "application/x-www-form-urlencoded", 415, UNSUPPORTED_UPLOAD),
    ],
)
async def test_invalid_image_is_rejected_and_leaves_no_file(
    test_app: TestApp,
    thomas: User,
    world: WorldFixture,
    raw: bytes,
    media: str,
    status: int,
    message: str,
):
    """Defect 5: files of any kind were accepted and served unchanged."""
    answer = await upload(thomas, world, raw, Content_Type=media)
    assert (answer.status, answer.json["errors"]) == (status, message)
    assert files(test_app) == []


async def test_damaged_form_is_rejected_or_accepted_without_server_error(
    thomas: User, world: WorldFixture
):
    rng, whole = random.Random(7), make_form(SHOT, before=make_form(b"x", "note")[:-7])
    for _ in range(60):
        raw = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.5 else whole)
        for _ in range(rng.randint(0, 4)):
            if raw:
                raw[rng.randrange(min(len(raw), 200))] = rng.randrange(256)
        answer = await upload(thomas, world, bytes(raw), Content_Type=MULTIPART)
        assert answer.status in (201, 400, 413, 415), bytes(raw)


@pytest.mark.parametrize("media", ["image/png", MULTIPART])
async def test_too_large_image_is_413(media: str):
    async with run_test_app(config=Config(screenshot_limit=1024)) as test_app:
        thomas, world = await make_user(test_app), await make_world(test_app)
        for size in (2000, 200_000):
            raw = bytes(size) if media == "image/png" else make_form(bytes(size))
            answer = await upload(thomas, world, raw, Content_Type=media)
            assert (answer.status, answer.json) == (413, {"errors": "The request is too large."})
        assert files(test_app) == [] and (await upload(thomas, world)).status == 201


async def test_image_can_exceed_the_general_body_limit():
    async with run_test_app(body_limit=2000) as test_app:
        thomas, world = await make_user(test_app), await make_world(test_app)
        noise = Image.frombytes("RGB", (200, 200), random.Random(1).randbytes(120_000))
        out = io.BytesIO()
        noise.save(out, "PNG")
        assert (await upload(thomas, world, out.getvalue())).status == 201


async def test_repeated_upload_with_idempotency_key_is_stored_once(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    answers = await asyncio.gather(*(upload(thomas, world, Idempotency_Key=KEY) for _ in range(4)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["key"] for answer in answers}) == 1
    assert len(files(test_app)) == 3
    other = await upload(thomas, world, make_image(size=(6, 4)), Idempotency_Key=KEY)
    assert other.status == 422 and len(files(test_app)) == 3


async def test_archived_world_has_no_screenshots(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    shot = await create_screenshot(thomas, world)
    await test_app.core.execute(archive_world, world_id=world.id)
    for answer in (await upload(thomas, world), await thomas.get(path_of(shot["original_url"]))):
        assert (answer.status, answer.raw) == (404, b"")
    assert len(files(test_app)) == 3


async def test_restart_keeps_screenshots_and_deletes_orphaned_files(
    persistent_test_app: TestApp,
):
    thomas, world = await make_user(persistent_test_app), await make_world(persistent_test_app)
    shot = await create_screenshot(thomas, world)
    (folder(persistent_test_app) / f"{'0' * 32}-original.png").write_bytes(SHOT)
    await persistent_test_app.restart()
    assert len(files(persistent_test_app)) == 3
    fresh = (await thomas.get(f"{world.path}/screenshots/{shot['key']}")).json
    assert (await persistent_test_app.anonymous.get(path_of(fresh["original_url"]))).status == 200
    assert fresh["random_id"] == shot["random_id"]
