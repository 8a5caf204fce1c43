"""Templates: all of them are compiled in a thread before the first page is rendered."""

import asyncio
import threading

import aiohttp_jinja2
import pytest
from aiohttp import web

from coalserver import site
from coalserver.apis.oauth import consent
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.pages import pages
from coalserver.web.pages.pages import page_route

ALL_PAGES = (*site.PAGES, *consent.PAGES)
ALL_ROUTES = (*site.API.routes, *consent.ROUTES)


@pytest.fixture
async def request_page(aiohttp_client):
    """Return a function that requests a page, and the environment of its templates."""

    async def show(ctx: RequestContext) -> web.Response:
        return pages.render_page(ctx.request, "error.html", {"status": 404, "message": ""}, 404)

    route = page_route(Route("GET", "/", show))
    app = web.Application()
    pages.setup_pages(app)
    app_context = AppContext(await Core.recover(MemoryStore(), CoreContext(lambda: 0.0)))

    async def handle(request: web.Request) -> web.StreamResponse:
        return await route.handler(
            RequestContext(app_context, site.API, route, {}, request.headers, request)
        )

    app.router.add_get("/", handle)
    client = await aiohttp_client(app)
    return lambda: client.get("/"), aiohttp_jinja2.get_env(app)


async def test_first_page_has_all_templates_compiled_once_in_a_thread(request_page, monkeypatch):
    get, templates = request_page
    names, get_template = [], templates.get_template
    loop_thread = threading.current_thread()

    def compile_template(name, *args):
        if threading.current_thread() is not loop_thread:
            names.append(name)
        return get_template(name, *args)

    monkeypatch.setattr(templates, "get_template", compile_template)
    answers = await asyncio.gather(*(get() for _ in range(5)))
    assert [answer.status for answer in answers] == [404] * 5
    assert sorted(names) == sorted(templates.list_templates()) and "home.html" in names
    monkeypatch.undo()
    monkeypatch.setattr(templates, "compile", None)
    for name in names:
        assert templates.get_template(name).name == name
    assert (await get()).status == 404


async def test_visitor_who_gives_up_does_not_stop_the_compiling(request_page, monkeypatch):
    get, templates = request_page
    names, get_template, gone = [], templates.get_template, threading.Event()

    def compile_template(name, *args):
        gone.wait(10)
        names.append(name)
        return get_template(name, *args)

    monkeypatch.setattr(templates, "get_template", compile_template)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await get()
    gone.set()
    assert (await get()).status == 404
    assert set(names) == set(templates.list_templates())


@pytest.mark.parametrize("route", ALL_PAGES, ids=lambda route: f"{route.method} {route.path}")
def test_every_page_waits_for_the_templates(route):
    (served,) = [one for one in ALL_ROUTES if (one.method, one.path) == (route.method, route.path)]
    assert served.handler.__wrapped__ is route.handler
    assert served.endpoint == route.endpoint
