"""The base path: removed from requests before they are routed, added to the addresses of responses."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Route
from coalserver.web.base_path import BASE_PATH, add_base_path, remove_base_path
from coalserver.web.connections import ConnectionRunner
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_response, no_content
from coalserver.web.routing import mount
from coalserver.web.streaming.parked_poll import ParkingRunner
from tests.web.sample_api import make_api
from tests.web.test_connections import send, start

#: Paths of this server -> the same below the base path.
PATHS = {"/": "/coal/", "/games/a?b=/c": "/coal/games/a?b=/c", "/coalmine": "/coal/coalmine"}
OTHER_URLS = ("https://elsewhere.example/", "//elsewhere.example/", "?page=2", "#top", "")


@pytest.mark.parametrize("path", PATHS)
def test_base_path_is_added_once_and_removed(path):
    below = PATHS[path]
    assert add_base_path(path, "/coal") == add_base_path(below, "/coal") == below
    assert remove_base_path(below, "/coal") == remove_base_path(path, "/coal") == path
    assert add_base_path(path, "") == remove_base_path(path, "") == path


@pytest.mark.parametrize("url", OTHER_URLS)
def test_url_that_is_no_path_of_this_server_is_unchanged(url):
    assert add_base_path(url, "/coal") == url


def test_base_path_alone_is_the_home_page():
    assert remove_base_path("/coal", "/coal") == remove_base_path("/coal/", "/coal") == "/"


async def show_request(ctx: RequestContext) -> web.StreamResponse:
    """Show what handlers see of a request."""
    request = ctx.request
    return json_response([request.method, request.path_qs, dict(ctx.path), request.host])


async def redirect_raw(ctx: RequestContext) -> web.StreamResponse:
    return no_content({"Location": "/sample/x", "X-After": "Location: /"})


async def redirect_with_aiohttp(ctx: RequestContext) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": ctx.query["to"]})


API = make_api(
    Route("GET", "/sample/raw", redirect_raw),
    Route("GET", "/sample/redirect", redirect_with_aiohttp),
    Route("GET", "/sample/{rest}", show_request),
)
Request = Callable[[str], Awaitable[bytes]]


@asynccontextmanager
async def run_server_below(
    base_path: str, runner_class: type[ConnectionRunner] = ConnectionRunner
) -> AsyncIterator[int]:
    """Run a server of the sample API with a base path and yield its port."""
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 1000.0))
    app_context = AppContext(core, base_url=f"https://play.example{base_path}/")
    app = web.Application()
    app[BASE_PATH] = app_context.base_path
    mount(app, app_context, [API])
    runner = runner_class(app, access_log=None)
    try:
        yield await start(runner)
    finally:
        await runner.cleanup()


@pytest.fixture(params=[ConnectionRunner, ParkingRunner])
async def request_bytes(request: pytest.FixtureRequest) -> AsyncIterator[Request]:
    """Yield a function that sends a request target to a server with the base path `/coal`."""
    async with run_server_below("/coal", request.param) as port:

        async def send_target(target: str) -> bytes:
            head = f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
            return await send(port, head.encode())

        yield send_target


@pytest.mark.parametrize("prefix", ["", "/coal"])
async def test_request_is_routed_with_and_without_the_base_path(request_bytes, prefix):
    answer = await request_bytes(f"{prefix}/sample/a%2Fb%20?x=%2Fcoal%2F&y=?")
    assert answer.endswith(b'["GET","/sample/a%2Fb%20?x=%2Fcoal%2F&y=?",{"rest":"a/b "},"h"]')


async def test_base_path_is_removed_from_a_whole_url(request_bytes):
    answer = await request_bytes("http://other.example/coal/sample/a?b=c")
    assert b'"/sample/a?b=c"' in answer


@pytest.mark.parametrize("target", ["/coalmine/sample/a", "/Coal/sample/a", "/coal/coal/sample/a"])
async def test_base_path_is_removed_once_and_only_as_whole_segments(request_bytes, target):
    assert (await request_bytes(target)).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    "head", ["OPTIONS * HTTP/1.1", "CONNECT h:80 HTTP/1.1", "GET coal HTTP/1.1"]
)
async def test_target_that_is_no_path_is_a_client_error(head):
    async with run_server_below("/coal") as port:
        answer = await send(port, f"{head}\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 40")


@pytest.mark.parametrize("prefix", ["", "/coal"])
async def test_location_of_every_kind_of_response_is_below_the_base_path(request_bytes, prefix):
    answer = await request_bytes(f"{prefix}/sample/raw")
    assert b"\r\nLocation: /coal/sample/x\r\n" in answer and b"X-After: Location: /\r\n" in answer
    for to, location in (("/x", "/coal/x"), ("/coal/x", "/coal/x"), ("//y.example", "//y.example")):
        answer = await request_bytes(f"{prefix}/sample/redirect?to={to}")
        assert f"\r\nLocation: {location}\r\n".encode() in answer
