"""Pictures of a world: hung, shown to members, taken down by whom they belong to."""

import pytest

from coalserver.config import Config
from coalserver.core.commands.accounts import update_account
from coalserver.core.ports import ScreenshotQuery
from coalserver.core.queries.accounts import get_account_by_email
from tests.apis.app import run_test_app
from tests.apis.browser import Browser, make_signed_in_browser
from tests.media.test_images import make_picture
from tests.site.sample_worlds import JSON, make_world

HERE = "/servers/mill/screenshots"
MULTIPART = "multipart/form-data; boundary=b"
SHOT = make_picture(size=(60, 40))


def make_form(seal, *files, name="file"):
    parts = [b'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n' + seal.encode()]
    for file in files:
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n\r\n'
        parts.append(head.encode() + file)
    return b"\r\n".join([*parts, b"--b--\r\n"])


async def hangs(browser, *files, **how):
    seal = how.pop("seal", None) or await browser.csrf_token(HERE)
    headers = {"Content_Type": MULTIPART, **how.pop("headers", {})}
    return await browser.request("POST", HERE, make_form(seal, *files, **how), **headers)


async def shots(test_app, world):
    return await test_app.core.history.screenshots(ScreenshotQuery(world.id), 99)


async def test_a_picture_that_is_hung_is_seen(test_app, world, ann):
    answer = await hangs(ann, SHOT)
    assert (answer.status, answer.headers["Location"]) == (302, HERE)
    (shot,) = await shots(test_app, world)
    page = (await ann.get(HERE)).raw.decode()
    assert f"{HERE}/{shot.id}/small" in page and "ann@example.org" in page
    for kind, media in (
        ("original", "image/png"),
        ("small", "image/webp"),
        ("blurred", "image/webp"),
    ):
        picture = await ann.get(f"{HERE}/{shot.id}/{kind}")
        assert (picture.status, picture.headers["Content-Type"]) == (200, media)
        assert "sandbox" in picture.headers["Content-Security-Policy"]
        assert picture.headers["Cache-Control"].startswith("private")


async def test_a_script_is_told_that_it_hangs(test_app, world, ann):
    answer = await hangs(ann, SHOT, headers=JSON)
    assert (answer.status, answer.json) == (201, {"path": HERE})


async def test_the_addresses_of_the_original_serve_too(test_app, world, ann):
    assert (await ann.get("/servers/mill/screenshot_upload")).headers["Location"] == HERE
    body = make_form(await ann.csrf_token(HERE), SHOT)
    answer = await ann.request(
        "POST", "/servers/mill/screenshot_uploaded", body, Content_Type=MULTIPART
    )
    assert answer.headers["Location"] == HERE and len(await shots(test_app, world)) == 1


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ((), "Choose a picture first."),
        ((b"",), "Choose a picture first."),
        ((b"<svg onload=alert(1)>",), "This is not a picture"),
        ((SHOT[:-30],), "damaged"),
    ],
)
async def test_what_is_no_picture_is_not_hung(test_app, world, ann, files, sentence):
    answer = await hangs(ann, *files)
    assert answer.status == 400 and sentence in answer.raw.decode()
    told = await hangs(ann, *files, headers=JSON)
    assert told.status == 400 and sentence in told.json["sentence"]
    assert await shots(test_app, world) == []


async def test_a_form_of_nobodys_hangs_nothing(test_app, world, ann):
    assert (await hangs(ann, SHOT, seal="1.abc")).status == 403
    seal = await ann.csrf_token(HERE)
    test_app.clock.advance(3600)
    old = await hangs(ann, SHOT, seal=seal, headers=JSON)
    assert (await hangs(ann, SHOT, seal=old.json["csrf_token"], headers=JSON)).status == 201
    assert len(await shots(test_app, world)) == 1


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"", MULTIPART, 400),
        (b"--b\r\n", MULTIPART, 400),
        (b"\xff" * 100, MULTIPART, 400),
        (b"x", "multipart/form-data", 400),
        (SHOT, "image/png", 415),
        (b"file=x", "application/x-www-form-urlencoded", 415),
    ],
)
async def test_odd_bodies_are_never_our_fault(ann, body, media, status):
    answer = await ann.request("POST", HERE, body, Content_Type=media)
    assert answer.status in (status, 403)


async def test_too_large_a_picture_is_refused():
    async with run_test_app(config=Config(screenshot_limit=1000)) as test_app:
        await make_world(test_app)
        ann = await make_signed_in_browser(test_app)
        assert (
            await hangs(ann, make_picture(size=(900, 900), mode="RGB") + b"x" * 200_000)
        ).status == 413


async def test_who_hung_it_takes_it_down_and_so_does_an_admin(test_app, world, ann):
    await hangs(ann, SHOT)
    await hangs(ann, SHOT)
    bob = await make_signed_in_browser(test_app, "bob@example.org")
    first, second = await shots(test_app, world)
    assert "Take down" not in (await bob.get(HERE)).raw.decode()
    assert (await bob.send(f"{HERE}/{first.id}/remove", page=HERE)).status == 403
    answer = await ann.send(f"{HERE}/{first.id}/remove", page=HERE)
    assert (answer.status, answer.headers["Location"]) == (302, HERE)
    assert (await ann.get(f"{HERE}/{first.id}/original")).status == 404
    account = test_app.core.query(get_account_by_email, email="bob@example.org")
    await test_app.core.execute(update_account, account_id=account.id, admin=True)
    assert (await bob.send(f"{HERE}/{second.id}/remove", page=HERE)).status == 302
    assert await shots(test_app, world) == []
    assert (await ann.send(f"{HERE}/{first.id}/remove", page=HERE)).status == 404


async def test_pictures_are_for_members_and_of_their_world(test_app, world, ann):
    await hangs(ann, SHOT)
    (shot,) = await shots(test_app, world)
    await make_world(test_app, "other", public=True)
    for path in (HERE, f"{HERE}/{shot.id}/small"):
        assert (await Browser(test_app).get(path)).headers["Location"].startswith("/login")
    for path in (
        f"/servers/other/screenshots/{shot.id}/small",
        f"{HERE}/{shot.id}/secret",
        f"{HERE}/x/small",
    ):
        assert (await ann.get(path)).status == 404
    assert (await Browser(test_app).post(HERE)).status == 302


async def test_many_pictures_are_on_pages(test_app, world, ann):
    for _ in range(26):
        await hangs(ann, SHOT, seal=await ann.csrf_token(HERE))
        test_app.clock.advance(1)
    page = (await ann.get(HERE)).raw.decode()
    assert page.count('data-testid="shot"') == 24 and 'rel="next"' in page
    last = (await shots(test_app, world))[23]
    older = (await ann.get(f"{HERE}?before={last.created}~{last.id}")).raw.decode()
    assert older.count('data-testid="shot"') == 2
    for odd in ("x", "nan~1", "1~x"):
        assert (await ann.get(f"{HERE}?before={odd}")).status == 200
