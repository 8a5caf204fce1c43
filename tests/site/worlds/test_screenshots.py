"""The gallery of a world: upload, display to members, and deletion by the owner or an admin."""

import re

import pytest

from coalserver.config import Config
from coalserver.core.commands.accounts import update_account
from coalserver.core.ports import ScreenshotQuery
from coalserver.core.queries.accounts import get_account_by_email
from coalserver.site.worlds import screenshots
from tests.apis.app import run_test_app
from tests.apis.browser import Browser, make_signed_in_browser
from tests.media.test_images import make_image
from tests.site.sample_worlds import JSON, make_world

GALLERY = "/servers/mill/screenshots"
MULTIPART = "multipart/form-data; boundary=b"
PICTURE = make_image(size=(60, 40))


def make_form(csrf_token, *files, name="file"):
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + csrf_token.encode()
    ]
    for file in files:
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n\r\n'
        parts.append(head.encode() + file)
    return b"\r\n".join([*parts, b"--b--\r\n"])


async def upload(browser, *files, **options):
    csrf_token = options.pop("csrf_token", None) or await browser.csrf_token(GALLERY)
    headers = {"Content_Type": MULTIPART, **options.pop("headers", {})}
    return await browser.request(
        "POST", GALLERY, make_form(csrf_token, *files, **options), **headers
    )


async def stored_screenshots(test_app, world):
    return await test_app.core.history.screenshots(ScreenshotQuery(world.id), 99)


async def test_uploaded_picture_is_in_the_gallery(test_app, world, ann):
    response = await upload(ann, PICTURE)
    assert (response.status, response.headers["Location"]) == (302, GALLERY)
    (screenshot,) = await stored_screenshots(test_app, world)
    page = (await ann.get(GALLERY)).raw.decode()
    assert f"{GALLERY}/{screenshot.id}/small" in page and "ann@example.org" in page
    for kind, media in (
        ("original", "image/png"),
        ("small", "image/webp"),
        ("blurred", "image/webp"),
    ):
        picture = await ann.get(f"{GALLERY}/{screenshot.id}/{kind}")
        assert (picture.status, picture.headers["Content-Type"]) == (200, media)
        assert "sandbox" in picture.headers["Content-Security-Policy"]
        assert picture.headers["Cache-Control"].startswith("private")


async def test_script_upload_is_answered_as_json(test_app, world, ann):
    response = await upload(ann, PICTURE, headers=JSON)
    assert (response.status, response.json) == (201, {"path": GALLERY})


async def test_upload_paths_of_coal_are_served(test_app, world, ann):
    assert (await ann.get("/servers/mill/screenshot_upload")).headers["Location"] == GALLERY
    body = make_form(await ann.csrf_token(GALLERY), PICTURE)
    response = await ann.request(
        "POST", "/servers/mill/screenshot_uploaded", body, Content_Type=MULTIPART
    )
    assert (
        response.headers["Location"] == GALLERY
        and len(await stored_screenshots(test_app, world)) == 1
    )


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ((), "Choose a picture first."),
        ((b"",), "Choose a picture first."),
        ((b"<svg onload=alert(1)>",), "This file is not a picture"),
        ((PICTURE[:-30],), "damaged"),
    ],
)
async def test_invalid_file_is_rejected(test_app, world, ann, files, sentence):
    response = await upload(ann, *files)
    assert response.status == 400 and sentence in response.raw.decode()
    response = await upload(ann, *files, headers=JSON)
    assert response.status == 400 and sentence in response.json["sentence"]
    assert await stored_screenshots(test_app, world) == []


async def test_invalid_csrf_token_uploads_nothing(test_app, world, ann):
    assert (await upload(ann, PICTURE, csrf_token="1.abc")).status == 403
    csrf_token = await ann.csrf_token(GALLERY)
    test_app.clock.advance(3600)
    expired = await upload(ann, PICTURE, csrf_token=csrf_token, headers=JSON)
    assert (
        await upload(ann, PICTURE, csrf_token=expired.json["csrf_token"], headers=JSON)
    ).status == 201
    assert len(await stored_screenshots(test_app, world)) == 1


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"", MULTIPART, 400),
        (b"--b\r\n", MULTIPART, 400),
        (b"\xff" * 100, MULTIPART, 400),
        (b"x", "multipart/form-data", 400),
        (PICTURE, "image/png", 415),
        (b"file=x", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_malformed_body_is_a_client_error(ann, body, media, status):
    response = await ann.request("POST", GALLERY, body, Content_Type=media)
    assert response.status in (status, 403)


async def test_too_large_picture_is_rejected():
    async with run_test_app(config=Config(screenshot_limit=1000)) as test_app:
        await make_world(test_app)
        ann = await make_signed_in_browser(test_app)
        assert (
            await upload(ann, make_image(size=(900, 900), mode="RGB") + b"x" * 200_000)
        ).status == 413


async def test_only_owner_or_admin_can_delete_picture(test_app, world, ann):
    await upload(ann, PICTURE)
    await upload(ann, PICTURE)
    bob = await make_signed_in_browser(test_app, "bob@example.org")
    first, second = await stored_screenshots(test_app, world)
    assert "Delete" not in (await bob.get(GALLERY)).raw.decode()
    assert (await bob.send(f"{GALLERY}/{first.id}/remove", page=GALLERY)).status == 403
    response = await ann.send(f"{GALLERY}/{first.id}/remove", page=GALLERY)
    assert (response.status, response.headers["Location"]) == (302, GALLERY)
    assert (await ann.get(f"{GALLERY}/{first.id}/original")).status == 404
    account = test_app.core.query(get_account_by_email, email="bob@example.org")
    await test_app.core.execute(update_account, account_id=account.id, admin=True)
    assert (await bob.send(f"{GALLERY}/{second.id}/remove", page=GALLERY)).status == 302
    assert await stored_screenshots(test_app, world) == []
    assert (await ann.send(f"{GALLERY}/{first.id}/remove", page=GALLERY)).status == 404


@pytest.fixture
def two_per_page(monkeypatch):
    monkeypatch.setattr(screenshots, "PAGE_SIZE", 2)


def gallery_links(answer, path):
    """Return the addresses of links and forms that end with a path and a query."""
    found = re.findall(rf'(?:href|action)="([^"]*{path}[^"]*)"', answer.raw.decode())
    return [address.replace("&amp;", "&") for address in found]


def pictures(answer):
    return re.findall(r"/screenshots/(\d+)/small", answer.raw.decode())


async def test_deleting_leads_back_to_the_page_of_the_gallery(test_app, world, ann, two_per_page):
    for _ in range(5):
        await upload(ann, PICTURE)
    ids = [str(one.id) for one in await stored_screenshots(test_app, world)]
    [older] = gallery_links(await ann.get(GALLERY), r"screenshots\?before=")
    page = await ann.get(older)
    assert pictures(page) == ids[2:4]
    form = gallery_links(page, "/remove")[0]
    # One that has expired shows its error on the same page.
    expired = await ann.post(form, csrf_token="")
    assert expired.status == 403 and pictures(expired) == ids[2:4]
    assert "This form expired" in expired.raw.decode()
    sent = await ann.send(form, page=GALLERY)
    assert sent.headers["Location"] == older
    after = await ann.get(older)
    assert pictures(after) == ids[3:]
    again = await ann.send(form, page=GALLERY)
    assert again.status == 404 and pictures(again) == ids[3:]
    assert "This picture no longer exists." in again.raw.decode()


async def test_page_of_the_gallery_without_pictures_is_the_last_one(
    test_app, world, ann, two_per_page
):
    for _ in range(3):
        await upload(ann, PICTURE)
    ids = [str(one.id) for one in await stored_screenshots(test_app, world)]
    [older] = gallery_links(await ann.get(GALLERY), r"screenshots\?before=")
    [form] = gallery_links(await ann.get(older), "/remove")
    sent = await ann.send(form, page=GALLERY)
    last = await ann.get(sent.headers["Location"])
    assert pictures(last) == ids[:2] and "No pictures yet" not in last.raw.decode()


@pytest.mark.parametrize("before", ["https://evil.example", "//evil.example", "x" * 3000, "%0d%0a"])
async def test_deleting_leads_to_the_gallery_only(test_app, world, ann, before):
    await upload(ann, PICTURE)
    (screenshot,) = await stored_screenshots(test_app, world)
    path = f"{GALLERY}/{screenshot.id}/remove?before={before}"
    location = (await ann.send(path, page=GALLERY)).headers["Location"]
    assert location.startswith(f"{GALLERY}?before=") and len(location) < 400
    assert (await ann.get(location)).status == 200


async def test_pictures_require_account_and_belong_to_one_world(test_app, world, ann):
    await upload(ann, PICTURE)
    (screenshot,) = await stored_screenshots(test_app, world)
    await make_world(test_app, "other", public=True)
    for path in (GALLERY, f"{GALLERY}/{screenshot.id}/small"):
        assert (await Browser(test_app).get(path)).headers["Location"].startswith("/login")
    for path in (
        f"/servers/other/screenshots/{screenshot.id}/small",
        f"{GALLERY}/{screenshot.id}/secret",
        f"{GALLERY}/x/small",
    ):
        assert (await ann.get(path)).status == 404
    assert (await Browser(test_app).post(GALLERY)).status == 302


async def test_gallery_is_paginated(test_app, world, ann):
    for _ in range(26):
        await upload(ann, PICTURE, csrf_token=await ann.csrf_token(GALLERY))
        test_app.clock.advance(1)
    page = (await ann.get(GALLERY)).raw.decode()
    assert page.count('data-testid="shot"') == 24 and 'rel="next"' in page
    last = (await stored_screenshots(test_app, world))[23]
    older = (await ann.get(f"{GALLERY}?before={last.created}~{last.id}")).raw.decode()
    assert older.count('data-testid="shot"') == 2
    for position in ("x", "nan~1", "1~x"):
        assert (await ann.get(f"{GALLERY}?before={position}")).status == 200
