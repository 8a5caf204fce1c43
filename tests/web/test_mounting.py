"""Mounting: what dialects share, and who words what finds no route."""

from dataclasses import replace

import pytest
from aiohttp import web

from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.responses import raw_response
from tests.web.sample_api import echo, serving, toy


async def first(ctx: RequestContext) -> web.StreamResponse:
    return raw_response(b"first")


async def second(ctx: RequestContext) -> web.StreamResponse:
    return raw_response(b"second")


async def test_two_dialects_share_a_path_by_method():
    one = toy(Route("GET", "/both", first), name="one")
    other = toy(Route("POST", "/both", second), name="other")
    async with serving(one, other) as server:
        assert (await server.ask("GET", "/both")).body == b"first"
        assert (await server.ask("POST", "/both")).body == b"second"
        said = await server.ask("PUT", "/both")
        assert (said.status, said.header("Allow")) == (405, "GET, HEAD, POST")


async def test_the_longest_prefix_words_what_is_not_there():
    def named(name):
        def astray(status, request):
            return raw_response(f"{name} {status}".encode(), status)

        return astray

    root = replace(toy(name="root"), prefixes=("/",), render_http_error=named("root"))
    api = replace(toy(name="api"), render_http_error=named("api"))
    async with serving(root, api) as server:
        assert (await server.ask("GET", "/api/x")).body == b"api 404"
        assert (await server.ask("POST", "/elsewhere")).body == b"root 404"
        assert (await server.ask("OPTIONS", "/")).status == 404


@pytest.mark.parametrize(
    ("methods", "allow"),
    [
        (["GET"], "GET, HEAD"),
        (["POST"], "POST"),
        (["GET", "PUT", "DELETE"], "DELETE, GET, HEAD, PUT"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(methods: list[str], allow: str):
    routes = [Route(method, "/toy", echo) for method in methods]
    async with serving(toy(*routes)) as server:
        said = await server.ask("PATCH", "/toy")
        assert (said.status, said.body, said.header("Allow")) == (405, b"astray: 405", allow)


async def test_a_dialect_that_takes_head_itself_gets_it():
    routes = (Route("GET", "/toy", first), Route("HEAD", "/toy", second))
    async with serving(toy(*routes)) as server:
        assert (await server.ask("HEAD", "/toy")).header("Content-Length") == "6"


async def test_a_preflight_is_answered_for_any_origin_without_asking_who():
    def nobody(ctx):
        raise AssertionError("nobody is asked")

    route = Route("PUT", "/toy/{x}", echo, auth=nobody)
    async with serving(toy(route, cors=True)) as server:
        said = await server.ask(
            "OPTIONS",
            "/toy/1",
            Origin="https://x.example",
            Access_Control_Request_Method="PUT",
            Access_Control_Request_Headers="authorization",
        )
        assert said.status == 204
        assert said.header("Access-Control-Allow-Origin") == "*"
        assert said.header("Access-Control-Allow-Methods") == "OPTIONS, PUT"
        assert said.header("Access-Control-Allow-Headers") == "authorization"
        assert said.header("Access-Control-Max-Age") == "86400"
        plain = await server.ask("OPTIONS", "/toy/1")
        assert plain.header("Access-Control-Allow-Headers") is None


async def test_pages_of_one_origin_are_told_nothing():
    async with serving(toy(Route("GET", "/toy", echo))) as server:
        said = await server.ask("OPTIONS", "/toy", Origin="https://x.example")
        assert said.status == 405
        assert said.header("Access-Control-Allow-Origin") is None


async def test_the_first_route_that_fits_wins():
    routes = (Route("GET", "/toy/{id}/x", first), Route("GET", "/toy/{id}/{y}", second))
    async with serving(toy(*routes)) as server:
        assert (await server.ask("GET", "/toy/1/x")).body == b"first"
        assert (await server.ask("GET", "/toy/1/y")).body == b"second"
