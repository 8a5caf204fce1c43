"""Mounting: a path of two owners, and a path that two want."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Api, Route
from coalserver.web.context import AppContext
from coalserver.web.responses import raw_response
from coalserver.web.routing import mount

UPGRADE = {"Upgrade": "WebSocket", "Connection": "Upgrade"}


def says(word):
    async def handler(ctx):
        return raw_response(word.encode())

    return handler


def make_dialect(name, *routes):
    def astray(status, request):
        return raw_response(f"{name} {status}".encode(), status)

    return Api(name, (f"/{name}",), routes, render_error=None, render_http_error=astray)


@pytest.fixture
async def ask():
    """Ask a server of these dialects; gives what was said."""
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
    clients = []

    async def asked(dialects, method, path, **headers):
        app = web.Application()
        mount(app, AppContext(core), dialects)
        client = TestClient(TestServer(app))
        clients.append(client)
        await client.start_server()
        response = await client.request(method, path, headers=headers)
        return await response.text(), response.headers.get("Allow")

    yield asked
    for client in clients:
        await client.close()


ALONE = make_dialect("alone", Route("GET", "/alone", says("socket"), upgrade=True))
SOCKETS = make_dialect("sockets", Route("GET", "/both", says("socket"), upgrade=True))
PAGES = make_dialect("pages", Route("GET", "/both", says("page")))


@pytest.mark.parametrize("dialects", [(SOCKETS, PAGES), (PAGES, SOCKETS)])
async def test_two_dialects_share_a_path_by_upgrade(ask, dialects):
    assert await ask(dialects, "GET", "/both") == ("page", None)
    assert await ask(dialects, "GET", "/both", **UPGRADE) == ("socket", None)
    assert await ask(dialects, "GET", "/both", Upgrade="h2c") == ("page", None)
    assert await ask(dialects, "HEAD", "/both") == ("", None)


@pytest.mark.parametrize("dialects", [(SOCKETS, PAGES), (PAGES, SOCKETS)])
async def test_who_owns_the_plain_path_words_its_strays(ask, dialects):
    assert await ask(dialects, "PUT", "/both") == ("pages 405", "GET, HEAD")


async def test_a_path_for_sockets_only_is_not_there_for_others(ask):
    assert await ask((ALONE,), "GET", "/alone", **UPGRADE) == ("socket", None)
    assert await ask((ALONE,), "GET", "/alone") == ("alone 404", None)


@pytest.mark.parametrize("upgrade", [True, False])
def test_two_who_want_the_same_are_named(upgrade):
    first = make_dialect("first", Route("GET", "/x", says("1"), upgrade=upgrade))
    second = make_dialect("second", Route("GET", "/x", says("2"), upgrade=upgrade))
    with pytest.raises(ValueError, match="two dialects want .* /x"):
        mount(web.Application(), AppContext(None), (first, second))
