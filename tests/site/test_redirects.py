"""Short links, pages of the only world, and trailing slashes."""

import pytest

from coalserver.core.commands.worlds import SHORT_NAME
from coalserver.domain.errors import ErrorCode
from coalserver.domain.minecraft.world import RESERVED_SHORT_NAMES
from coalserver.server.app import all_apis
from coalserver.web.routing import first_segments
from tests.apis.browser import Browser, make_signed_in_browser
from tests.domain.builders import raises_code
from tests.site.sample_worlds import make_world

PAGES = ("chats", "players", "sessions", "deaths", "achievements", "screenshots")


def redirect_of(answer):
    return answer.status, answer.headers.get("Location")


@pytest.mark.parametrize("page", PAGES)
async def test_page_without_world_redirects_to_only_world(test_app, page):
    ann = await make_signed_in_browser(test_app)
    assert redirect_of(await ann.get(f"/{page}")) == (302, "/")
    await make_world(test_app)
    assert redirect_of(await ann.get(f"/{page}")) == (302, f"/servers/mill/{page}")
    await make_world(test_app, "other")
    assert redirect_of(await ann.get(f"/{page}")) == (302, "/")
    stranger = await Browser(test_app).get(f"/{page}")
    assert redirect_of(stranger) == (302, f"/login?next_url=%2F{page}")


async def test_short_name_redirects_to_world(test_app):
    await make_world(test_app)
    browser = Browser(test_app)
    assert redirect_of(await browser.get("/mill")) == (301, "/servers/mill")
    for path in ("/nowhere", "/mill2", "/favicon.ico", "/%00", "/%2F%2Felsewhere.example"):
        assert (await browser.get(path)).status == 404


async def test_script_is_told_of_an_unknown_path_without_words_about_worlds(test_app):
    answer = await Browser(test_app).get("/nowhere", Accept="application/json")
    assert (answer.status, answer.json) == (404, {"error": "not_found"})


def test_first_path_segments_are_reserved():
    segments = first_segments(all_apis()) | {"static"}
    assert {part for part in segments if SHORT_NAME.fullmatch(part)} == RESERVED_SHORT_NAMES


async def test_reserved_short_name_is_rejected(test_app):
    for name in ("games", "static", "chats"):
        with raises_code(ErrorCode.SHORT_NAME_RESERVED):
            await make_world(test_app, name)


async def test_short_links_leave_paths_of_apis_alone(test_app):
    answer = await test_app.anonymous.post("/sessions", {})
    assert answer.status != 405 and answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = await test_app.anonymous.request("OPTIONS", "/sessions")
    assert allowed.status == 204 and "POST" in allowed.headers["Allow"]
    for path in ("/sync", "/accounts"):
        assert (
            (await test_app.anonymous.get(path))
            .headers["Content-Type"]
            .startswith("application/json")
        )


@pytest.mark.parametrize("page", PAGES)
async def test_trailing_slash_redirects_without_it(test_app, page):
    browser = Browser(test_app)
    found = await browser.get(f"/servers/mill/{page}/?q=%C3%A4&a=b")
    assert redirect_of(found) == (301, f"/servers/mill/{page}?q=%C3%A4&a=b")
    if page != "sessions":
        assert redirect_of(await browser.get(f"/{page}/")) == (301, f"/{page}")


async def test_double_slash_does_not_redirect_to_other_host(test_app):
    browser = Browser(test_app)
    for path in ("/servers/%2F%2Fevil.example/chats/", "//evil.example/chats/"):
        answer = await browser.get(path)
        assert answer.headers.get("Location", "/servers").startswith(("/servers", "/login"))
