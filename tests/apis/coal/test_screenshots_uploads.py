"""Interrupted uploads, full disks and concurrent deletions of screenshots."""

import asyncio
import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from PIL import Image

from coalserver.apis.coal.errors import HTTP_ERRORS
from coalserver.media.images import encode
from tests.apis.app import TestApp
from tests.apis.coal.clients import MULTIPART, User, WorldFixture, make_form, make_user, make_world
from tests.apis.coal.test_screenshots import (
    SHOT,
    create_screenshot,
    files,
    folder,
    upload,
)


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Limit the size of files, so that writes fail as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noise_image(width: int, height: int, mode: str) -> bytes:
    """Return an image that compression hardly makes smaller."""
    raw = random.Random(5).randbytes(width * height * 3)
    return encode(Image.frombytes("RGB", (width, height), raw).convert(mode), "png")


async def interrupt_upload(user: User, path: str, data: bytes, whole: int, media: str) -> None:
    """Send part of an upload and disconnect."""
    await send_and_disconnect(
        user, "POST", path, data, f"Content-Type: {media}\r\nContent-Length: {whole}\r\n"
    )


async def send_and_disconnect(
    user: User, method: str, path: str, data: bytes = b"", more: str = ""
) -> None:
    """Send a request and disconnect without waiting for the response."""
    test_app = user.test_app
    _, writer = await asyncio.open_connection(test_app.server.host, test_app.server.port)
    head = f"{method} {path} HTTP/1.1\r\nHost: coal\r\nAuthorization: Bearer {user.token}\r\n{more}\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("media", ["image/png", MULTIPART])
async def test_interrupted_upload_leaves_no_file(
    test_app: TestApp, thomas: User, world: WorldFixture, media: str
):
    raw = SHOT if media == "image/png" else make_form(SHOT)
    for half in (b"", raw[:40], raw[: len(raw) // 2], raw[:-1]):
        await interrupt_upload(thomas, world.path + "/screenshots", half, len(raw), media)
    await test_app.wait_until(lambda: not test_app.server.runner.server.connections)
    assert files(test_app) == []
    assert (await thomas.get(world.path + "/screenshots")).json == {"screenshots": []}
    await create_screenshot(thomas, world)


async def test_complete_upload_is_stored_after_its_client_disconnected(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    before = test_app.core.feed.head
    await interrupt_upload(thomas, world.path + "/screenshots", SHOT, len(SHOT), "image/png")
    await test_app.wait_until(lambda: test_app.core.feed.head > before)
    (shot,) = (await thomas.get(world.path + "/screenshots")).json["screenshots"]
    assert shot["blurred_url"] and len(files(test_app)) == 3


async def test_files_are_deleted_though_the_client_disconnected(
    persistent_test_app: TestApp,
):
    thomas, world = await make_user(persistent_test_app), await make_world(persistent_test_app)
    for _ in range(5):
        shot = await create_screenshot(thomas, world)
        await send_and_disconnect(thomas, "DELETE", f"{world.path}/screenshots/{shot['key']}")
        await persistent_test_app.wait_until(lambda: not files(persistent_test_app))
    assert (await thomas.get(world.path + "/screenshots")).json == {"screenshots": []}


async def test_concurrent_deletions_of_one_screenshot_emit_one_event(
    test_app: TestApp, thomas: User, world: WorldFixture
):
    shot, root = (
        await create_screenshot(thomas, world),
        await make_user(test_app, "root@x.org", admin=True),
    )
    path, before = f"{world.path}/screenshots/{shot['key']}", test_app.core.feed.head
    answers = await asyncio.gather(*(user.request("DELETE", path) for user in (thomas, root) * 4))
    assert sorted(answer.status for answer in answers) == [204] + [404] * 7
    assert await thomas.event_types(world.path, before) == ["screenshot_removed"]
    assert files(test_app) == []


#: Images whose named version exceeds FULL. The second has two colours, and its small version more.
TOO_LARGE = {"original": noise_image(100, 100, "RGB"), "small": noise_image(300, 200, "1")}
FULL = 20_000


@pytest.mark.parametrize("kind", TOO_LARGE)
async def test_full_disk_leaves_no_file_and_the_next_upload_succeeds(
    test_app: TestApp, thomas: User, world: WorldFixture, kind: str
):
    raw = TOO_LARGE[kind]
    with limit_file_size(FULL):
        answer = await upload(thomas, world, raw)
    assert (answer.status, answer.json) == (500, {"errors": HTTP_ERRORS[500]})
    assert files(test_app) == []
    assert (await thomas.get(world.path + "/screenshots")).json == {"screenshots": []}
    await create_screenshot(thomas, world, raw)
    sizes = {
        path.name[33:].partition(".")[0]: path.stat().st_size for path in folder(test_app).iterdir()
    }
    assert sizes[kind] > FULL and (kind == "original" or sizes["original"] < FULL)
