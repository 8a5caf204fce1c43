"""The table of paths: what is found, what it is given, and who answers for what is not there."""

import pytest
from aiohttp.test_utils import make_mocked_request

from coalserver.web.table import ANY, Table


def says(word):
    async def handler(request):
        raise NotImplementedError

    handler.word = word
    return handler


@pytest.fixture
def table():
    table = Table()
    table.add("/", {"GET": says("home")})
    table.add("/games/{game}/rooms", {"GET": says("rooms"), ANY: says("no such method")})
    table.add("/games/{game}/rooms/{room}", {"GET": says("room")})
    table.add("/games/{game}/rooms/events", {"GET": says("events")})
    table.add("/games/{tag}/rooms/{id}/join", {"POST": says("join")})
    table.add_stray("/", says("nothing here"))
    table.add_stray("/games", says("no such game"))
    return table


async def found(table, method, path):
    match, _ = await table.resolve(make_mocked_request(method, path))
    return match.handler.word, dict(match)


@pytest.mark.parametrize(
    ("method", "path", "word", "named"),
    [
        ("GET", "/", "home", {}),
        ("GET", "/games/noughts/rooms", "rooms", {"game": "noughts"}),
        ("PUT", "/games/noughts/rooms", "no such method", {"game": "noughts"}),
        ("GET", "/games/noughts/rooms/7", "room", {"game": "noughts", "room": "7"}),
        ("GET", "/games/noughts/rooms/events", "events", {"game": "noughts"}),
        ("POST", "/games/noughts/rooms/7/join", "join", {"tag": "noughts", "id": "7"}),
        ("POST", "/games/noughts/rooms/events/join", "join", {"tag": "noughts", "id": "events"}),
        ("GET", "/games/a%20b%2Fc/rooms", "rooms", {"game": "a b/c"}),
        ("GET", "/games/a%252Fb/rooms", "rooms", {"game": "a%2Fb"}),
        ("POST", "/games/noughts/rooms/7", "no such game", {}),
        ("GET", "/games//rooms", "no such game", {}),
        ("GET", "/games/noughts/rooms/", "no such game", {}),
        ("GET", "/gamesome", "no such game", {}),
        ("GET", "/elsewhere", "nothing here", {}),
    ],
)
async def test_a_path_finds_its_handler(table, method, path, word, named):
    assert await found(table, method, path) == (word, named)


async def test_without_strays_nothing_is_found(table):
    match, allowed = await Table().resolve(make_mocked_request("GET", "/"))
    assert (match, allowed) == (None, set())


def test_a_table_knows_its_routes(table):
    assert len(table) == 6


async def test_the_beginning_of_somebodys_paths_is_no_name(table):
    table.add("/{name}", {"GET": says("short link")})
    assert await found(table, "GET", "/mill") == ("short link", {"name": "mill"})
    assert await found(table, "GET", "/games") == ("no such game", {})
