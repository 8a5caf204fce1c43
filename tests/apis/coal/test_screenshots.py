"""Screenshots: put there, shown to whom they may be shown, taken down."""

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
from tests.apis.coal.clients import User, WorldFixture, make_admin, make_user, make_world
from tests.apis.coal.examples_log_lines import EXAMPLES_OF_SCREENSHOTS, Example
from tests.apis.coal.test_log_lines_examples import same_shape
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
BOUNDARY = "multipart/form-data; boundary=b"


def make_form(content: bytes, name: str = "file", before: bytes = b"") -> bytes:
    head = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="x.png"\r\n\r\n'.encode()
    )
    return before + head + content + b"\r\n--b--\r\n"


async def hangs(user: User, place: WorldFixture, raw: bytes = SHOT, **headers: str) -> Answer:
    return await user.request(
        "POST", place.path + "/screenshots", raw, **{"Content_Type": "image/png", **headers}
    )


async def hung(user: User, place: WorldFixture, raw: bytes = SHOT) -> dict[str, Any]:
    answer = await hangs(user, place, raw)
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


@pytest.mark.parametrize("example", EXAMPLES_OF_SCREENSHOTS, ids=lambda example: example.name)
async def test_documented_example_matches(
    test_app: TestApp, thomas: User, place: WorldFixture, example: Example
):
    shots = [await hung(thomas, place) for _ in range(2)]
    keys = {
        "server": place.path.rpartition("/")[2],
        "user": (await thomas.get("/api/v1/users/self")).json["key"],
        "screenshot": shots[0]["key"],
    }
    answer = await thomas.get(example.path.format(**keys))
    assert answer.status == example.status
    same_shape(example.answer, answer.json)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_file_of_a_form_and_plain_body_are_accepted(
    test_app: TestApp, thomas: User, place: WorldFixture, format: str
):
    raw = make_image(format, (60, 40))
    field = make_form(b"a note", "note")[: -len(b"--b--\r\n")]
    for answer in (
        await hangs(thomas, place, raw, Content_Type=f"image/{format.lower()}"),
        await hangs(thomas, place, raw, Content_Type="application/octet-stream"),
        await hangs(thomas, place, make_form(raw), Content_Type=BOUNDARY),
        await hangs(thomas, place, make_form(raw, before=field), Content_Type=BOUNDARY),
    ):
        assert answer.status == 201 and set(answer.json) == MEMBERS
        shown = await test_app.anonymous.get(path_of(answer.json["original_url"]))
        assert shown.headers["Content-Type"] == f"image/{format.lower()}"
    assert len(files(test_app)) == 12


async def test_screenshot_has_the_documented_members(thomas: User, place: WorldFixture):
    shot = await hung(thomas, place)
    assert shot["user_key"] == (await thomas.get("/api/v1/users/self")).json["key"]
    assert 0 <= shot["random_id"] < 1 and shot["server_key"] == place.path.rpartition("/")[2]
    assert shot["created"] == shot["updated"] == "2023-11-14 22:13:20 UTC-0000"
    assert (await thomas.get(f"{place.path}/screenshots/{shot['key']}")).json == shot


async def test_unfinished_screenshot_has_no_blurred_url(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    about = {"code": "0" * 32, "type": "image/png", "width": 6, "height": 4, "size": 9}
    shot = await test_app.core.execute(add_screenshot, world_id=place.id, account_id=999, **about)
    (told,) = (await thomas.get(place.path + "/screenshots")).json["screenshots"]
    assert told["blurred_url"] is None and told["original_url"] and told["user_key"] is None
    test_app.clock.advance(15)
    await test_app.core.execute(finish_screenshot, screenshot=shot)
    (told,) = (await thomas.get(place.path + "/screenshots")).json["screenshots"]
    assert told["blurred_url"] and told["updated"] > told["created"]


async def test_screenshots_are_newest_first_and_pages_are_stable(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    eve, keys = await make_user(test_app, "e@x.org"), []
    for number in range(5):
        test_app.clock.advance(60)
        keys.insert(0, (await hung(eve if number % 2 else thomas, place))["key"])
    first = (await thomas.get(place.path + "/screenshots?size=2")).json
    test_app.clock.advance(60)
    await hung(thomas, place)
    second = (await thomas.get(f"{place.path}/screenshots?size=3&cursor={first['cursor']}")).json
    assert [shot["key"] for shot in first["screenshots"] + second["screenshots"]] == keys
    assert "cursor" not in second
    since = (
        await thomas.get(
            place.path + "/screenshots?since=2023-11-14+22:17:20&before=2023-11-14+22:18:20"
        )
    ).json
    assert [shot["key"] for shot in since["screenshots"]] == [keys[1]]
    own = (await eve.get(place.path + "/users/self/screenshots")).json["screenshots"]
    assert [shot["key"] for shot in own] == [keys[1], keys[3]]
    for bad in ("since=x", "size=0", "cursor=!"):
        assert (await thomas.get(f"{place.path}/screenshots?{bad}")).status == 400


async def test_screenshots_of_an_unknown_user_or_world_are_not_found(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    for user in ("nobody", place.path.rpartition("/")[2]):
        assert (await thomas.get(f"{place.path}/users/{user}/screenshots")).status == 404
    other, shot = await make_world(test_app), await hung(thomas, place)
    for path in (f"{other.path}/screenshots/{shot['key']}", place.path + "/screenshots/x"):
        for answer in (
            await thomas.get(path),
            await thomas.request("DELETE", path),
            await thomas.get(path + "/original"),
        ):
            assert (answer.status, answer.raw) == (404, b"")
    assert (await other.agent.get(other.path + "/screenshots")).status == 401


async def test_image_url_returns_an_image_that_cannot_run_scripts(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    shot = await hung(thomas, place)
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
    test_app: TestApp, thomas: User, place: WorldFixture
):
    """Hole 17: pictures lay on a public server, for ever."""
    shot, other = await hung(thomas, place), await hung(thomas, place)
    with_pass = path_of(shot["original_url"])
    bare, _, word = with_pass.partition("?")
    assert (await thomas.get(bare)).status == 200
    wrong = other["original_url"].partition("?")[2]
    for path in (bare, f"{bare}?pass=", f"{bare}?{wrong}", f"{bare}?pass=%C3%A9"):
        assert (await test_app.anonymous.get(path)).status == 401
    assert (await ApiClient(test_app, "wrong").get(with_pass)).status == 401
    test_app.clock.advance(2 * 86400)
    assert (await test_app.anonymous.get(with_pass)).status == 401
    fresh = (await thomas.get(f"{place.path}/screenshots/{shot['key']}")).json["original_url"]
    assert (
        fresh.partition("?")[2] != word
        and (await test_app.anonymous.get(path_of(fresh))).status == 200
    )


async def test_deactivated_user_cannot_read_images(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    shot = await hung(thomas, place)
    bare = path_of(shot["original_url"]).partition("?")[0]
    await test_app.core.execute(update_account, account_id=thomas.id, active=False)
    answer = await thomas.get(bare)
    assert (answer.status, answer.raw) == (403, b"")
    assert (await hangs(thomas, place)).status == 403


async def test_only_the_owner_or_an_admin_deletes_a_screenshot(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    """Hole 5: anybody removed any picture."""
    eve, root = await make_user(test_app, "e@x.org"), await make_admin(test_app)
    for taker in (thomas, root):
        shot = await hung(thomas, place)
        path = f"{place.path}/screenshots/{shot['key']}"
        answer = await eve.request("DELETE", path)
        assert (answer.status, answer.raw) == (403, b"") and len(files(test_app)) == 3
        assert (await taker.request("DELETE", path)).status == 204
        assert files(test_app) == []
        for gone in (path, path_of(shot["original_url"])):
            assert (await taker.get(gone)).status == 404
        assert (await taker.request("DELETE", path)).status == 404
    assert (await thomas.get(place.path + "/screenshots")).json == {"screenshots": []}


@pytest.mark.parametrize(
    ("raw", "media", "status", "words"),
    [
        (b"", "image/png", 400, "file: This field is required."),
        (b"no picture", "image/png", 400, "This is not a picture in PNG, JPEG or WebP."),
        (make_image("GIF"), "image/gif", 400, "This is not a picture in PNG, JPEG or WebP."),
        (SHOT[: len(SHOT) // 2], "image/png", 400, "The picture is damaged."),
        (make_form(SHOT, "picture"), BOUNDARY, 400, "file: This field is required."),
        (make_form(b""), BOUNDARY, 400, "file: This field is required."),
        (b"nothing", BOUNDARY, 400, "The body is not a form with a file, or was cut off."),
        (
            make_form(SHOT),
            "multipart/form-data",
            400,
            "The body is not a form with a file, or was cut off.",
        ),
        (make_form(SHOT)[:150], BOUNDARY, 400, "The picture is damaged."),
        (b"<svg/>", "image/svg+xml", 400, "This is not a picture in PNG, JPEG or WebP."),
        (b"<script>", "text/html", 415, UNSUPPORTED_UPLOAD),
        (b"chat=x", "application/x-www-form-urlencoded", 415, UNSUPPORTED_UPLOAD),
    ],
)
async def test_invalid_image_is_rejected_and_leaves_no_file(
    test_app: TestApp,
    thomas: User,
    place: WorldFixture,
    raw: bytes,
    media: str,
    status: int,
    words: str,
):
    """Hole 5: a file of any kind was taken, and given out again as it was."""
    answer = await hangs(thomas, place, raw, Content_Type=media)
    assert (answer.status, answer.json["errors"]) == (status, words)
    assert files(test_app) == []


async def test_damaged_form_is_rejected_or_accepted_without_server_error(thomas: User, place: WorldFixture):
    chance, whole = random.Random(7), make_form(SHOT, before=make_form(b"x", "note")[:-7])
    for _ in range(60):
        raw = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.5 else whole)
        for _ in range(chance.randint(0, 4)):
            if raw:
                raw[chance.randrange(min(len(raw), 200))] = chance.randrange(256)
        answer = await hangs(thomas, place, bytes(raw), Content_Type=BOUNDARY)
        assert answer.status in (201, 400, 413, 415), bytes(raw)


@pytest.mark.parametrize("media", ["image/png", BOUNDARY])
async def test_too_large_image_is_413(media: str):
    async with run_test_app(config=Config(screenshot_limit=1024)) as test_app:
        thomas, place = await make_user(test_app), await make_world(test_app)
        for size in (2000, 200_000):
            raw = bytes(size) if media == "image/png" else make_form(bytes(size))
            answer = await hangs(thomas, place, raw, Content_Type=media)
            assert (answer.status, answer.json) == (413, {"errors": "The request is too large."})
        assert files(test_app) == [] and (await hangs(thomas, place)).status == 201


async def test_image_can_exceed_the_general_body_limit():
    async with run_test_app(body_limit=2000) as test_app:
        thomas, place = await make_user(test_app), await make_world(test_app)
        noise = Image.frombytes("RGB", (200, 200), random.Random(1).randbytes(120_000))
        out = io.BytesIO()
        noise.save(out, "PNG")
        assert (await hangs(thomas, place, out.getvalue())).status == 201


async def test_repeated_upload_with_idempotency_key_is_stored_once(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    answers = await asyncio.gather(*(hangs(thomas, place, Idempotency_Key=KEY) for _ in range(4)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["key"] for answer in answers}) == 1
    assert len(files(test_app)) == 3
    other = await hangs(thomas, place, make_image(size=(6, 4)), Idempotency_Key=KEY)
    assert other.status == 422 and len(files(test_app)) == 3


async def test_archived_world_has_no_screenshots(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    shot = await hung(thomas, place)
    await test_app.core.execute(archive_world, world_id=place.id)
    for answer in (await hangs(thomas, place), await thomas.get(path_of(shot["original_url"]))):
        assert (answer.status, answer.raw) == (404, b"")
    assert len(files(test_app)) == 3


async def test_restart_keeps_screenshots_and_deletes_orphaned_files(
    persistent_test_app: TestApp,
):
    thomas, place = await make_user(persistent_test_app), await make_world(persistent_test_app)
    shot = await hung(thomas, place)
    (folder(persistent_test_app) / f"{'0' * 32}-original.png").write_bytes(SHOT)
    await persistent_test_app.restart()
    assert len(files(persistent_test_app)) == 3
    fresh = (await thomas.get(f"{place.path}/screenshots/{shot['key']}")).json
    assert (await persistent_test_app.anonymous.get(path_of(fresh["original_url"]))).status == 200
    assert fresh["random_id"] == shot["random_id"]
