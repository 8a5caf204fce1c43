"""Short links, and addresses that lead to the page that is meant."""

import pytest

from coalserver.core.commands.worlds import SHORT_NAME
from coalserver.domain.errors import Why
from coalserver.domain.minecraft.world import IN_USE
from coalserver.server.app import every_dialect
from tests.apis.browser import Surfer, signed_in
from tests.domain.builders import refused
from tests.site.sample_worlds import a_world

PAGES = ("chats", "players", "sessions", "deaths", "achievements", "screenshots")


def goes(answer):
    return answer.status, answer.headers.get("Location")


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_of_no_world_is_that_of_the_only_one(house, page):
    ann = await signed_in(house)
    assert goes(await ann.get(f"/{page}")) == (302, "/")
    await a_world(house)
    assert goes(await ann.get(f"/{page}")) == (302, f"/servers/mill/{page}")
    await a_world(house, "other")
    assert goes(await ann.get(f"/{page}")) == (302, "/")
    stranger = await Surfer(house).get(f"/{page}")
    assert goes(stranger) == (302, f"/login?next_url=%2F{page}")


async def test_a_short_name_leads_to_its_world(house):
    await a_world(house)
    surfer = Surfer(house)
    assert goes(await surfer.get("/mill")) == (301, "/servers/mill")
    for path in ("/nowhere", "/mill2", "/favicon.ico", "/%00", "/%2F%2Felsewhere.example"):
        assert (await surfer.get(path)).status == 404


def first_parts():
    paths = [route.path for dialect in every_dialect() for route in dialect.routes]
    paths += [prefix for dialect in every_dialect() for prefix in dialect.prefixes]
    return {part for path in paths if SHORT_NAME.fullmatch(part := path.split("/")[1])} | {"static"}


def test_every_first_part_of_an_address_is_in_use():
    assert first_parts() == IN_USE


async def test_what_is_an_address_already_is_no_short_name(house):
    for name in ("games", "static", "chats"):
        with refused(Why.SHORT_NAME_RESERVED):
            await a_world(house, name)


async def test_other_dialects_go_on_answering_for_what_is_theirs(house):
    answer = await house.stranger.post("/sessions", {})
    assert answer.status != 405 and answer.headers["Access-Control-Allow-Origin"] == "*"
    allowed = await house.stranger.ask("OPTIONS", "/sessions")
    assert allowed.status == 204 and "POST" in allowed.headers["Allow"]
    for path in ("/sync", "/accounts"):
        assert (
            (await house.stranger.get(path)).headers["Content-Type"].startswith("application/json")
        )


@pytest.mark.parametrize("page", PAGES)
async def test_a_stroke_at_the_end_is_one_too_many(house, page):
    surfer = Surfer(house)
    found = await surfer.get(f"/servers/mill/{page}/?q=%C3%A4&a=b")
    assert goes(found) == (301, f"/servers/mill/{page}?q=%C3%A4&a=b")
    if page != "sessions":
        assert goes(await surfer.get(f"/{page}/")) == (301, f"/{page}")


async def test_no_stroke_leads_elsewhere(house):
    surfer = Surfer(house)
    for path in ("/servers/%2F%2Fevil.example/chats/", "//evil.example/chats/"):
        answer = await surfer.get(path)
        assert answer.headers.get("Location", "/servers").startswith(("/servers", "/login"))
