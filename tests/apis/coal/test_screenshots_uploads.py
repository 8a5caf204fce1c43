"""Screenshots come and go at once: clients that leave, disks that are full, two who take down the same one."""

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
from tests.apis.coal.clients import User, WorldFixture, make_user, make_world
from tests.apis.coal.test_screenshots import SHOT, files, folder, hangs, hung, make_form


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file grows beyond this: the system refuses to write more, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noise(width: int, height: int, mode: str) -> bytes:
    """A picture that hardly gets smaller by being encoded."""
    raw = random.Random(5).randbytes(width * height * 3)
    return encode(Image.frombytes("RGB", (width, height), raw).convert(mode), "png")


async def cut_off(user: User, path: str, said: bytes, whole: int, media: str) -> None:
    """A client sends this much of an upload, and is gone."""
    await sent_and_gone(
        user, "POST", path, said, f"Content-Type: {media}\r\nContent-Length: {whole}\r\n"
    )


async def sent_and_gone(
    user: User, method: str, path: str, said: bytes = b"", more: str = ""
) -> None:
    """A client sends this, and waits for no answer."""
    test_app = user.test_app
    _, writer = await asyncio.open_connection(test_app.server.host, test_app.server.port)
    head = f"{method} {path} HTTP/1.1\r\nHost: coal\r\nAuthorization: Bearer {user.token}\r\n{more}\r\n"
    writer.write(head.encode() + said)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("media", ["image/png", "multipart/form-data; boundary=b"])
async def test_interrupted_upload_leaves_no_file(
    test_app: TestApp, thomas: User, place: WorldFixture, media: str
):
    raw = SHOT if media == "image/png" else make_form(SHOT)
    for half in (b"", raw[:40], raw[: len(raw) // 2], raw[:-1]):
        await cut_off(thomas, place.path + "/screenshots", half, len(raw), media)
    await test_app.wait_until(lambda: not test_app.server.runner.server.connections)
    assert files(test_app) == []
    assert (await thomas.get(place.path + "/screenshots")).json == {"screenshots": []}
    await hung(thomas, place)


async def test_complete_upload_is_stored_after_its_client_disconnected(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    before = test_app.core.feed.head
    await cut_off(thomas, place.path + "/screenshots", SHOT, len(SHOT), "image/png")
    await test_app.wait_until(lambda: test_app.core.feed.head > before)
    (shot,) = (await thomas.get(place.path + "/screenshots")).json["screenshots"]
    assert shot["blurred_url"] and len(files(test_app)) == 3


async def test_files_are_deleted_though_the_client_disconnected(
    persistent_test_app: TestApp,
):
    thomas, place = await make_user(persistent_test_app), await make_world(persistent_test_app)
    for _ in range(5):
        shot = await hung(thomas, place)
        await sent_and_gone(thomas, "DELETE", f"{place.path}/screenshots/{shot['key']}")
        await persistent_test_app.wait_until(lambda: not files(persistent_test_app))
    assert (await thomas.get(place.path + "/screenshots")).json == {"screenshots": []}


async def test_concurrent_deletions_of_one_screenshot_emit_one_event(
    test_app: TestApp, thomas: User, place: WorldFixture
):
    shot, root = await hung(thomas, place), await make_user(test_app, "root@x.org", admin=True)
    path, before = f"{place.path}/screenshots/{shot['key']}", test_app.core.feed.head
    answers = await asyncio.gather(*(user.request("DELETE", path) for user in (thomas, root) * 4))
    assert sorted(answer.status for answer in answers) == [204] + [404] * 7
    assert await thomas.event_types(place.path, before) == ["screenshot_removed"]
    assert files(test_app) == []


#: The original of the first is larger, of the second only its small version, which has more than two colours.
TOO_LARGE = {"original": noise(100, 100, "RGB"), "small": noise(300, 200, "1")}
FULL = 20_000


@pytest.mark.parametrize("kind", TOO_LARGE)
async def test_full_disk_leaves_no_file_and_the_next_upload_succeeds(
    test_app: TestApp, thomas: User, place: WorldFixture, kind: str
):
    raw = TOO_LARGE[kind]
    with files_end_at(FULL):
        answer = await hangs(thomas, place, raw)
    assert (answer.status, answer.json) == (500, {"errors": HTTP_ERRORS[500]})
    assert files(test_app) == []
    assert (await thomas.get(place.path + "/screenshots")).json == {"screenshots": []}
    await hung(thomas, place, raw)
    sizes = {
        path.name[33:].partition(".")[0]: path.stat().st_size for path in folder(test_app).iterdir()
    }
    assert sizes[kind] > FULL and (kind == "original" or sizes["original"] < FULL)
