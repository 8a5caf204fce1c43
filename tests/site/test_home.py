"""The home page: worlds and games in pages."""

import re
from dataclasses import replace

import pytest

from coalserver.core.commands.games import add_game
from coalserver.core.commands.worlds import update_world
from coalserver.domain.minecraft.world import World
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from tests.apis.app import Answer, TestApp
from tests.apis.browser import Browser, make_signed_in_browser
from tests.site.admins import words
from tests.site.sample_worlds import log_lines, login, make_world


def add_worlds(test_app: TestApp, count: int) -> None:
    """Add worlds w0, w1 and so on to the state; every second one is public."""
    [first] = test_app.core.state.all(World)
    for number in range(count):
        id = 1000 + number
        world = replace(first, id=id, short_name=f"w{number}", public=number % 2 > 0)
        test_app.core.state.set(World, id, replace(world, created=first.created + 1 + number))


def add_games(test_app: TestApp, count: int) -> None:
    """Add listed games g0, g1 and so on to the state."""
    first = next(iter(test_app.core.state.all(Game)))
    for number in range(count):
        game = replace(first, id=1000 + number, tag=f"g{number}", api_token=f"t{number}")
        test_app.core.state.set(Game, game.id, replace(game, name=f"Game {number}"))


def world_links(answer: Answer) -> list[str]:
    """Return the last parts of the addresses of the worlds that have a card."""
    return re.findall(r'<h3 id="world-\d+"><a href="/servers/([^"]+)"', answer.raw.decode())


def page_links(answer: Answer) -> list[str]:
    """Return the addresses of other pages of lists."""
    found = re.findall(r'rel="(?:prev|next)" href="([^"]+)"', answer.raw.decode())
    return [address.replace("&amp;", "&") for address in found]


def game_tags(answer: Answer) -> list[str]:
    return re.findall(r'data-game="([^"]+)"', answer.raw.decode())


@pytest.fixture
async def ann(test_app: TestApp) -> Browser:
    return await make_signed_in_browser(test_app)


async def test_members_see_all_worlds_in_pages(test_app: TestApp, ann: Browser) -> None:
    await make_world(test_app)
    add_worlds(test_app, 59)
    first, second = await ann.get("/"), await ann.get("/?page=2")
    assert world_links(first) == ["mill", *(f"w{number}" for number in range(23))]
    assert page_links(first) == ["/?page=2#worlds"]
    assert "Page 1 of 3" in words(first)
    assert world_links(second) == [f"w{number}" for number in range(23, 47)]
    assert page_links(second) == ["/?page=1#worlds", "/?page=3#worlds"]
    third = await ann.get("/?page=3")
    assert world_links(third) == [f"w{number}" for number in range(47, 59)]
    assert page_links(third) == ["/?page=2#worlds"]


async def test_guests_see_public_worlds_in_pages(test_app: TestApp) -> None:
    await make_world(test_app)
    add_worlds(test_app, 58)
    guest = Browser(test_app)
    assert world_links(await guest.get("/")) == [f"w{number}" for number in range(1, 49, 2)]
    assert world_links(await guest.get("/?page=2")) == [f"w{n}" for n in range(49, 58, 2)]
    await test_app.core.execute(update_world, world_id=1001, public=False)
    assert "w1" not in world_links(await guest.get("/"))


async def test_number_beyond_the_last_page_shows_that_one(test_app: TestApp, ann: Browser) -> None:
    await make_world(test_app)
    beyond = await ann.get("/?page=7&games=9")
    assert beyond.status == 200 and world_links(beyond) == ["mill"]
    assert page_links(beyond) == []
    add_worlds(test_app, 30)
    add_games(test_app, 17)
    beyond = await ann.get(f"/?page={'9' * 30}&games=9")
    assert world_links(beyond) == [f"w{number}" for number in range(23, 30)]
    assert game_tags(beyond) == ["noughts", *(f"g{number}" for number in range(12, 17))]
    assert page_links(beyond) == ["/?games=2&page=1#worlds", "/?page=2&games=1#app-games"]
    guest = await Browser(test_app).get("/?page=2")
    assert page_links(guest) == ["/?games=2#app-games"]


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=-1", "games=%D9%A3", "games="])
async def test_what_is_no_page_number_is_the_first_page(
    test_app: TestApp, ann: Browser, query: str
) -> None:
    await make_world(test_app)
    answer = await ann.get(f"/?{query}")
    assert world_links(answer) == ["mill"] and page_links(answer) == []


async def test_games_of_apps_come_in_pages_and_those_with_a_board_on_each(
    test_app: TestApp, ann: Browser
) -> None:
    await make_world(test_app)
    add_worlds(test_app, 30)
    add_games(test_app, 17)
    first, second = await ann.get("/?page=2"), await ann.get("/?games=2")
    assert game_tags(first) == ["noughts", *(f"g{number}" for number in range(12))]
    assert page_links(first) == ["/?page=1#worlds", "/?page=2&games=2#app-games"]
    assert game_tags(second) == ["noughts", *(f"g{number}" for number in range(12, 17))]
    assert page_links(second) == ["/?games=2&page=2#worlds", "/?games=1#app-games"]


async def test_card_names_eight_players_and_counts_the_others(
    test_app: TestApp, ann: Browser
) -> None:
    world = await make_world(test_app)
    await log_lines(test_app, world, *(login(f"p{number}") for number in range(11)))
    text = words(await ann.get("/"))
    assert "p10" in text and "p3" in text and "p2" not in text
    assert "and 3 more" in text


def rooms_open(answer: Answer) -> int:
    found = re.search(r'data-testid="rooms-open"[^>]*>(\d+)<', answer.raw.decode())
    assert found
    return int(found[1])


async def test_open_rooms_of_all_games_and_beyond_the_shown_ones_are_counted(
    test_app: TestApp,
) -> None:
    add_games(test_app, 15)
    await test_app.core.execute(add_game, tag="hidden", min_players=1, max_players=4, listed=False)
    [host] = await test_app.sign_in_guests("Host")
    await host.create_room(name="Friday")
    [first] = test_app.core.state.all(Lobby)
    full = replace(first.roster, capacity=1)
    id = 1000
    # On the first page 30 rooms of which 5 are full, on the second 4, and some that no list shows.
    for tag, count, roster in (
        ("g1", 25, first.roster),
        ("g1", 5, full),
        ("g14", 4, first.roster),
        ("g14", 2, full),
        ("hidden", 7, first.roster),
    ):
        for _ in range(count):
            id += 1
            room = replace(first, id=id, code=f"{id:x}", game=tag, roster=roster)
            test_app.core.state.set(Lobby, id, room)
    guest = Browser(test_app)
    for path, elsewhere in (("/", 4), ("/?games=2", 25)):
        answer = await guest.get(path)
        assert rooms_open(answer) == 30
        assert f'data-elsewhere="{elsewhere}"' in answer.raw.decode()
        counts = await guest.get(path, Accept="application/json")
        assert counts.json == {"rooms_open": 30, "rooms_elsewhere": elsewhere}
        assert counts.headers["Cache-Control"] == "no-store"
    assert "30 open rooms" in words(await guest.get("/"))
    assert "30 offene Räume" in words(await guest.get("/?games=2", Accept_Language="de"))
