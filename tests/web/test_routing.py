"""Routing: which handler a request reaches, and which API renders its 404 or 405."""

import re
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.server.app import all_apis
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Api, Handler, Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_response, raw_response
from coalserver.web.routing import mount
from tests.web.sample_api import echo, make_api

UPGRADE = {"Upgrade": "WebSocket", "Connection": "Upgrade"}


def respond(text: str) -> Handler:
    async def handler(ctx: RequestContext) -> web.StreamResponse:
        return raw_response(text.encode())

    return handler


async def show_path(ctx: RequestContext) -> web.StreamResponse:
    """Respond with the path of the route and its parameters."""
    return json_response([ctx.route.path, dict(ctx.path)])


def make_named_api(name: str, *routes: Route, prefix: str | None = None) -> Api:
    """Create an API whose HTTP errors begin with its name."""

    def render_named_error(status: int, request: web.Request) -> web.StreamResponse:
        return raw_response(f"{name} {status}".encode(), status)

    api = make_api(*routes, name=name)
    return replace(api, prefixes=(prefix or f"/{name}",), render_http_error=render_named_error)


@pytest.fixture
def request_text(aiohttp_client):
    """Request a path of some APIs; returns the body and the Allow header."""

    async def send(apis: tuple[Api, ...], method: str, path: str, **headers: str):
        app = web.Application()
        core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
        mount(app, AppContext(core), apis)
        client = await aiohttp_client(app)
        response = await client.request(method, path, headers=headers)
        return await response.text(), response.headers.get("Allow")

    return send


GAMES = make_named_api(
    "games",
    Route("GET", "/", respond("home")),
    Route("GET", "/{name}", respond("short link")),
    Route("GET", "/games/{game}/rooms", show_path),
    Route("GET", "/games/{game}/rooms/{room}", show_path),
    Route("GET", "/games/{game}/rooms/events", show_path),
    Route("POST", "/games/{tag}/rooms/{id}/join", show_path),
)
SITE = make_named_api("site", prefix="/")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", "home"),
        ("GET", "/games/noughts/rooms", '["/games/{game}/rooms",{"game":"noughts"}]'),
        (
            "GET",
            "/games/noughts/rooms/7",
            '["/games/{game}/rooms/{room}",{"game":"noughts","room":"7"}]',
        ),
        ("GET", "/games/noughts/rooms/events", '["/games/{game}/rooms/events",{"game":"noughts"}]'),
        (
            "POST",
            "/games/noughts/rooms/events/join",
            '["/games/{tag}/rooms/{id}/join",{"tag":"noughts","id":"events"}]',
        ),
        ("GET", "/games/a%20b%2Fc/rooms", '["/games/{game}/rooms",{"game":"a b/c"}]'),
        ("GET", "/games/a%252Fb/rooms", '["/games/{game}/rooms",{"game":"a%2Fb"}]'),
        ("GET", "/games/%7Bx%7D%0A/rooms", '["/games/{game}/rooms",{"game":"{x}\\n"}]'),
        ("PUT", "/games/noughts/rooms", "games 405"),
        ("POST", "/games/noughts/rooms/7", "games 405"),
        ("GET", "/games//rooms", "games 404"),
        ("GET", "/games/noughts/rooms/", '["/games/{game}/rooms",{"game":"noughts"}]'),
        (
            "POST",
            "/games/noughts/rooms/7/join//",
            '["/games/{tag}/rooms/{id}/join",{"tag":"noughts","id":"7"}]',
        ),
        ("PUT", "/games/noughts/rooms/", "games 405"),
        ("GET", "/games/", "games 404"),
        ("GET", "/games/x/y/", "games 404"),
        ("GET", "/games/x%0Ay/z", "games 404"),
        ("GET", "/gamesome/x", "games 404"),
        ("GET", "/elsewhere", "short link"),
        ("GET", "/elsewhere/x", "site 404"),
    ],
)
async def test_path_reaches_its_handler(request_text, method: str, path: str, expected: str):
    assert (await request_text((SITE, GAMES), method, path))[0] == expected


async def test_prefix_with_any_characters_covers_one_segment(request_text):
    files = make_named_api("files", prefix="/api/*.php")
    for path in ("/api/x.php", "/api/x.php/y/z", "/api/.php"):
        assert (await request_text((SITE, files), "GET", path))[0] == "files 404"
    for path in ("/api/x", "/api/x/y.php"):
        assert (await request_text((SITE, files), "GET", path))[0] == "site 404"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_prefix_of_an_api_is_no_value_of_a_named_segment(request_text, method: str):
    assert (await request_text((SITE, GAMES), method, "/games"))[0] == "games 404"


async def test_longest_prefix_renders_404(request_text):
    inner = make_named_api("inner", prefix="/games/inner")
    assert (await request_text((GAMES, inner), "GET", "/games/inner/x"))[0] == "inner 404"


async def test_route_template_and_name_are_known_to_aiohttp():
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
    app = web.Application()
    mount(app, AppContext(core), (make_api(Route("GET", "/games/{game}", echo), name="games"),))
    match = await app.router.resolve(make_mocked_request("GET", "/games/noughts"))
    assert match.route.resource is not None
    assert match.route.resource.canonical == "/games/{game}"
    assert match.route.name == "games.sample_api.echo"


SOCKET_ONLY = make_named_api(
    "alone", Route("GET", "/alone", respond("socket"), upgrade=True), prefix="/alone/"
)
SOCKETS = make_named_api("sockets", Route("GET", "/both", respond("socket"), upgrade=True))
PAGES = make_named_api("pages", Route("GET", "/both", respond("page")))
EITHER_ORDER = pytest.mark.parametrize("apis", [(SOCKETS, PAGES), (PAGES, SOCKETS)])


@EITHER_ORDER
async def test_two_apis_share_a_path_by_upgrade(request_text, apis: tuple[Api, ...]):
    assert await request_text(apis, "GET", "/both") == ("page", None)
    assert await request_text(apis, "GET", "/both", **UPGRADE) == ("socket", None)
    assert await request_text(apis, "GET", "/both", Upgrade="h2c") == ("page", None)
    assert await request_text(apis, "HEAD", "/both") == ("", None)


@EITHER_ORDER
async def test_api_of_the_plain_route_renders_405(request_text, apis: tuple[Api, ...]):
    assert await request_text(apis, "PUT", "/both") == ("pages 405", "GET, HEAD")


async def test_plain_request_to_a_socket_path_is_404(request_text):
    assert await request_text((SOCKET_ONLY,), "GET", "/alone", **UPGRADE) == ("socket", None)
    assert await request_text((SOCKET_ONLY,), "GET", "/alone") == ("alone 404", None)
    assert await request_text((SOCKET_ONLY,), "PUT", "/alone") == ("alone 405", "GET")


@pytest.mark.parametrize("upgrade", [True, False])
def test_two_routes_of_one_method_and_path_are_rejected(upgrade: bool):
    first = make_api(Route("GET", "/x", respond("1"), upgrade=upgrade), name="first")
    second = make_api(Route("GET", "/x", respond("2"), upgrade=upgrade), name="second")
    with pytest.raises(ValueError, match="two routes for .* /x"):
        mount(web.Application(), AppContext(None), (first, second))


def test_two_names_for_one_segment_are_rejected():
    api = make_api(Route("GET", "/x/{id}", respond("1")), Route("PUT", "/x/{code}", respond("2")))
    with pytest.raises(ValueError, match="two names"):
        mount(web.Application(), AppContext(None), (api,))


async def test_two_apis_share_a_path_by_method(serve):
    one = make_api(Route("GET", "/both", respond("first")), name="one")
    other = make_api(Route("POST", "/both", respond("second")), name="other")
    server = await serve(one, other)
    assert (await server.send("GET", "/both")).body == b"first"
    assert (await server.send("POST", "/both")).body == b"second"
    answer = await server.send("PUT", "/both")
    assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD, POST")


@pytest.mark.parametrize(
    ("methods", "allow"),
    [
        (["GET"], "GET, HEAD"),
        (["POST"], "POST"),
        (["GET", "PUT", "DELETE"], "DELETE, GET, HEAD, PUT"),
    ],
)
async def test_405_names_the_allowed_methods(serve, methods: list[str], allow: str):
    routes = [Route(method, "/sample", echo) for method in methods]
    server = await serve(make_api(*routes))
    answer = await server.send("PATCH", "/sample")
    assert (answer.status, answer.header("Allow")) == (405, allow)
    assert answer.body == b"http error: 405"


async def test_own_head_route_takes_precedence(serve):
    routes = (
        Route("GET", "/sample", respond("first")),
        Route("HEAD", "/sample", respond("second")),
    )
    server = await serve(make_api(*routes))
    assert (await server.send("HEAD", "/sample")).header("Content-Length") == "6"


async def test_preflight_is_answered_without_authentication(serve):
    def reject(ctx):
        raise AssertionError("authenticated a preflight")

    route = Route("PUT", "/sample/{x}", echo, auth=reject)
    server = await serve(make_api(route, cors=True))
    answer = await server.send(
        "OPTIONS",
        "/sample/1",
        Origin="https://x.example",
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="authorization",
    )
    assert answer.status == 204
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Access-Control-Allow-Methods") == "OPTIONS, PUT"
    assert answer.header("Access-Control-Allow-Headers") == "authorization"
    assert answer.header("Access-Control-Max-Age") == "86400"
    plain = await server.send("OPTIONS", "/sample/1")
    assert plain.header("Access-Control-Allow-Headers") is None


async def test_api_without_cors_rejects_a_preflight(serve):
    server = await serve(make_api(Route("GET", "/sample", echo)))
    answer = await server.send("OPTIONS", "/sample", Origin="https://x.example")
    assert answer.status == 405
    assert answer.header("Access-Control-Allow-Origin") is None


async def test_fixed_segment_takes_precedence(serve):
    routes = (
        Route("GET", "/sample/{id}/{y}", respond("named")),
        Route("GET", "/sample/{id}/x", respond("fixed")),
    )
    server = await serve(make_api(*routes))
    assert (await server.send("GET", "/sample/1/x")).body == b"fixed"
    assert (await server.send("GET", "/sample/1/y")).body == b"named"


def all_routes():
    """Every method and path of the APIs and the site, with a value for each named segment."""
    for api in all_apis():
        for route in api.routes:
            for value in ("7", "events", "%2F"):
                yield route.method, re.sub(r"{\w+}", value, route.path)
        for prefix in api.prefixes:
            yield "GET", prefix.replace("*", "x")
            yield "POST", f"{prefix.rstrip('/')}/a/b/c/"


async def test_shapes_resolve_all_paths_as_aiohttp_does():
    app = web.Application()
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
    mount(app, AppContext(core), all_apis())
    app.freeze()
    router, compared = app.router, 0
    for method, path in all_routes():
        request = make_mocked_request(method, path)
        expected = await web.UrlDispatcher.resolve(router, request)
        found = await router.resolve(request)
        assert (found.route, dict(found)) == (expected.route, dict(expected)), path
        compared += 1
    assert compared > 500


async def test_a_turn_tries_only_paths_of_its_shape(monkeypatch):
    app = web.Application()
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
    mount(app, AppContext(core), all_apis())
    app.freeze()
    tried = []
    resolve = web.DynamicResource.resolve

    async def record(resource, request):
        tried.append(resource.canonical)
        return await resolve(resource, request)

    monkeypatch.setattr(web.DynamicResource, "resolve", record)
    await app.router.resolve(make_mocked_request("POST", "/games/noughts/sessions/7/turn"))
    await app.router.resolve(make_mocked_request("POST", "/games/noughts/rooms/7/join"))
    assert len(tried) <= 3
