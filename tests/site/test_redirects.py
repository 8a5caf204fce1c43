"""Short links, and addresses that lead to the page that is meant."""

import pytest

from coalserver.core.commands.worlds import SHORT_NAME
from coalserver.domain.errors import ErrorCode
from coalserver.domain.minecraft.world import RESERVED_SHORT_NAMES
from coalserver.server.app import all_apis
from tests.apis.browser import Browser, make_signed_in_browser
from tests.domain.builders import raises_code
from tests.site.sample_worlds import make_world

PAGES = ("chats", "players", "sessions", "deaths", "achievements", "screenshots")


def goes(answer):
    return answer.status, answer.headers.get("Location")


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_of_no_world_is_that_of_the_only_one(test_app, page):
    ann = await make_signed_in_browser(test_app)
    assert goes(await ann.get(f"/{page}")) == (302, "/")
    await make_world(test_app)
    assert goes(await ann.get(f"/{page}")) == (302, f"/servers/mill/{page}")
    await make_world(test_app, "other")
    assert goes(await ann.get(f"/{page}")) == (302, "/")
    stranger = await Browser(test_app).get(f"/{page}")
    assert goes(stranger) == (302, f"/login?next_url=%2F{page}")


async def test_a_short_name_leads_to_its_world(test_app):
    await make_world(test_app)
    browser = Browser(test_app)
    assert goes(await browser.get("/mill")) == (301, "/servers/mill")
    for path in ("/nowhere", "/mill2", "/favicon.ico", "/%00", "/%2F%2Felsewhere.example"):
        assert (await browser.get(path)).status == 404


def first_parts():
    paths = [route.path for dialect in all_apis() for route in dialect.routes]
    paths += [prefix for dialect in all_apis() for prefix in dialect.prefixes]
    return {part for path in paths if SHORT_NAME.fullmatch(part := path.split("/")[1])} | {"static"}


def test_every_first_part_of_an_address_is_in_use():
    assert first_parts() == RESERVED_SHORT_NAMES


async def test_what_is_an_address_already_is_no_short_name(test_app):
    for name in ("games", "static", "chats"):
        with raises_code(ErrorCode.SHORT_NAME_RESERVED):
            await make_world(test_app, name)


async def test_other_dialects_go_on_answering_for_what_is_theirs(test_app):
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
async def test_a_stroke_at_the_end_is_one_too_many(test_app, page):
    browser = Browser(test_app)
    found = await browser.get(f"/servers/mill/{page}/?q=%C3%A4&a=b")
    assert goes(found) == (301, f"/servers/mill/{page}?q=%C3%A4&a=b")
    if page != "sessions":
        assert goes(await browser.get(f"/{page}/")) == (301, f"/{page}")


async def test_no_stroke_leads_elsewhere(test_app):
    browser = Browser(test_app)
    for path in ("/servers/%2F%2Fevil.example/chats/", "//evil.example/chats/"):
        answer = await browser.get(path)
        assert answer.headers.get("Location", "/servers").startswith(("/servers", "/login"))
