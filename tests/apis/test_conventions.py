"""Conventions that hold for every API."""

import gzip
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from coalserver.config import Config
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.refusals import RefusalCode, RefusedOrder
from coalserver.server.app import all_apis
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Api, Route, allow_anonymous
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.pages import pages
from coalserver.web.routing import mount
from coalserver.web.schemas import MAX_PLAIN_BYTES, AnyJson
from tests.apis.app import Server

APIS = {api.name: api for api in all_apis()}
EACH = pytest.mark.parametrize("name", APIS)
#: Details that an error with this code always has.
ALWAYS: dict[ErrorCode, dict[str, Any]] = {
    ErrorCode.INVALID_REQUEST: {"fields": {"name": ["Not a string."]}},
    ErrorCode.RATE_LIMITED: {"wait": 7},
    ErrorCode.CURSOR_AHEAD: {"head": 41},
    ErrorCode.ORDER_REFUSED: {"refusal": RefusedOrder(RefusalCode.ENDING)},
    ErrorCode.ARCHIVE_REFUSED: {"text": "This archive is not safe: it is damaged."},
    ErrorCode.PASSWORD_TOO_SHORT: {"minimum": 8},
    ErrorCode.VERSION_CONFLICT: {"version": 2},
    ErrorCode.TOO_MANY_SEATS: {"maximum": 50},
    ErrorCode.TOO_FEW_PLAYERS: {"minimum": 2},
    ErrorCode.TOO_MANY_PLAYERS: {"maximum": 2},
    ErrorCode.RULES_FAILED: {"rule": "view"},
}
#: Statuses without a body, as the API's document prescribes.
SILENT = {"coal": (403, 404, 405)}
PACKAGE = Path(__file__).parents[2] / "coalserver"


def readme_of(name: str) -> Path:
    return PACKAGE / ("site" if name == "site" else f"apis/{name}") / "README.md"


async def raise_error(ctx: RequestContext) -> web.StreamResponse:
    """Raise the error code in the query with the details that it always has."""
    code = ErrorCode(ctx.query["code"])
    raise DomainError(code, **ALWAYS.get(code, {}))


async def fail(ctx: RequestContext) -> web.StreamResponse:
    raise RuntimeError("a bug")


class ApiServer:
    """One API on a server of its own, with three more routes for these tests."""

    def __init__(self, api: Api, client: TestClient) -> None:
        self.api, self.client = api, client
        self.prefix = api.prefixes[0].rstrip("/")

    async def request(self, method: str, path: str, **kwargs: object) -> aiohttp.ClientResponse:
        answer = await self.client.request(method, path, **kwargs)  # type: ignore[arg-type]
        await answer.read()
        return answer

    async def request_added(
        self, method: str, end: str, **kwargs: object
    ) -> aiohttp.ClientResponse:
        return await self.request(method, f"{self.prefix}/test-{end}", **kwargs)

    def is_rendered(self, answer: aiohttp.ClientResponse, body: bytes) -> bool:
        """Return whether a response is a page or JSON document, as the API renders errors."""
        if answer.status in SILENT.get(self.api.name, ()):
            return body == b""
        html = answer.content_type == "text/html" and b"<h1" in body
        return html or (answer.content_type == "application/json" and body[:1] == b"{")


@pytest.fixture
async def api_server(
    name: str, aiohttp_client: Callable[..., Awaitable[TestClient]]
) -> "ApiServer":
    api = APIS[name]
    prefix = api.prefixes[0].rstrip("/") + "/test-"
    added = (
        Route("GET", prefix + "raise_error", raise_error),
        Route("GET", prefix + "fail", fail),
        Route("POST", prefix + "take", raise_error, AnyJson()),
    )
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
    app = web.Application(client_max_size=1000)
    pages.setup_pages(app)
    shared = AppContext(core, services={Config: Config()})
    mount(app, shared, [replace(api, routes=api.routes + added)])
    return ApiServer(api, await aiohttp_client(Server(app)))


@EACH
async def test_every_error_code_is_rendered(api_server: ApiServer) -> None:
    for code in ErrorCode:
        answer = await api_server.request_added("GET", "raise_error", params={"code": code})
        body = await answer.read()
        assert 400 <= answer.status < 500 or answer.status == 507, code
        assert api_server.is_rendered(answer, body), code


@EACH
async def test_unknown_path_is_rendered_by_the_api(api_server: ApiServer) -> None:
    for prefix in api_server.api.prefixes:
        answer = await api_server.request("GET", prefix.rstrip("/") + "/there/is/nothing/here")
        assert answer.status in (400, 404)
        assert api_server.is_rendered(answer, await answer.read())


@EACH
async def test_wrong_method_is_rendered_by_the_api(api_server: ApiServer) -> None:
    answer = await api_server.request_added("DELETE", "raise_error")
    assert answer.status in (400, 404, 405)
    assert api_server.is_rendered(answer, await answer.read())
    if answer.status == 405:
        assert set(answer.headers["Allow"].split(", ")) >= {"GET", "HEAD"}


@EACH
async def test_too_large_body_is_rendered_by_the_api(api_server: ApiServer) -> None:
    answer = await api_server.request_added("POST", "take", json=["x" * 2000])
    assert answer.status == 413
    assert api_server.is_rendered(answer, await answer.read())


@EACH
async def test_ignored_body_that_is_too_large_is_refused_by_every_route(
    name: str, aiohttp_client: Callable[..., Awaitable[TestClient]]
) -> None:
    def ignores_body(route: Route) -> bool:
        return route.body is None and not route.reads_body and not route.upgrade

    ignoring = [
        replace(route, handler=fail, auth=allow_anonymous, limit=None)
        for route in APIS[name].routes
        if ignores_body(route)
    ]
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 0.0))
    app = web.Application()
    pages.setup_pages(app)
    api = replace(APIS[name], routes=tuple(ignoring))
    mount(app, AppContext(core, services={Config: Config()}), [api])
    server = ApiServer(api, await aiohttp_client(Server(app)))
    for route in ignoring:
        path = re.sub(r"{\w+}", "x", route.path)
        answer = await server.request(route.method, path, data=bytes(MAX_PLAIN_BYTES + 1))
        assert answer.status == 413, route
        assert server.is_rendered(answer, await answer.read())


@EACH
async def test_wrong_media_type_is_rendered_by_the_api(api_server: ApiServer) -> None:
    answer = await api_server.request_added(
        "POST", "take", data=b"x", headers={"Content-Type": "text/x"}
    )
    assert answer.status == 415
    assert api_server.is_rendered(answer, await answer.read())


@EACH
async def test_unknown_encoding_is_rendered_by_the_api(api_server: ApiServer) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "br"}
    answer = await api_server.request_added("POST", "take", data=b"{}", headers=headers)
    assert answer.status == 415
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"
    assert api_server.is_rendered(answer, await answer.read())


@EACH
async def test_compressed_body_that_was_cut_off_is_rendered_by_the_api(
    api_server: ApiServer,
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(b"{}")[:-1]
    answer = await api_server.request_added("POST", "take", data=body, headers=headers)
    assert answer.status == (422 if api_server.api.name == "hosts" else 400)
    assert api_server.is_rendered(answer, await answer.read())


@EACH
async def test_exception_is_a_500_without_details(api_server: ApiServer) -> None:
    answer = await api_server.request_added("GET", "fail")
    body = await answer.read()
    assert answer.status == 500
    assert api_server.is_rendered(answer, body)
    assert b"a bug" not in body and b"RuntimeError" not in body


@EACH
async def test_cors_headers_match_the_api(api_server: ApiServer) -> None:
    for end in ("raise_error?code=malformed", "fail", "nowhere"):
        answer = await api_server.request_added("GET", end)
        origin = answer.headers.get("Access-Control-Allow-Origin")
        assert origin == ("*" if api_server.api.cors else None)
        assert "Access-Control-Allow-Credentials" not in answer.headers


@EACH
def test_readme_lists_every_route(name: str) -> None:
    lines = readme_of(name).read_text("utf-8").splitlines()
    for route in APIS[name].routes:
        path = re.sub(r"{(\w+):[^}]*}", r"{\1}", route.path)
        # The README may use other parameter names than the route.
        pattern = re.compile(re.sub(r"\\{\w+\\}", r"\\{\\w+\\}", re.escape(path)) + r"[`?= ]")
        found = [line for line in lines if pattern.search(line) and route.method in line]
        assert found, f"{route.method} {path} is not in the README of {name}"


@EACH
def test_readme_lists_differences_from_its_document(name: str) -> None:
    text = readme_of(name).read_text("utf-8")
    assert re.search(r"\b(Differences|differs|ours)\b", text)


def test_names_and_prefixes_of_apis_are_unique() -> None:
    prefixes = [prefix for api in all_apis() for prefix in api.prefixes]
    assert len(prefixes) == len(set(prefixes))
    assert len(APIS) == len(all_apis())
