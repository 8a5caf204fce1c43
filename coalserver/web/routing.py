"""Mounting: the routes of all dialects in one router, with an answer for whatever finds none."""

from collections.abc import Sequence

from aiohttp import web

from coalserver.web.api import Api, Route
from coalserver.web.context import AppContext
from coalserver.web.endpoint import endpoint
from coalserver.web.responses import with_header_lines
from coalserver.web.table import ANY, AiohttpHandler, Table

ApiRoute = tuple[Api, Route]
#: In the place of a method: a GET that wants to become a WebSocket.
UPGRADE = "websocket"


def mount(app: web.Application, app_context: AppContext, apis: Sequence[Api]) -> None:
    """Add every route, then a fallback for each path (405) and each prefix (404)."""
    paths: dict[str, dict[str, ApiRoute]] = {}
    for api in apis:
        for route in api.routes:
            methods = paths.setdefault(route.path, {})
            method = UPGRADE if route.upgrade else route.method
            if method in methods:
                raise ValueError(f"two dialects want {method} {route.path}")
            methods[method] = (api, route)
    table = Table()
    for path, methods in paths.items():
        handlers: dict[str, AiohttpHandler] = {}
        socket = methods.pop(UPGRADE, None)
        owner = next(
            candidate for candidate in (*methods.values(), socket) if candidate is not None
        )[0]
        for method, (api, route) in methods.items():
            handler = endpoint(app_context, api, route)
            if method == "GET" and "HEAD" not in methods:
                handlers["HEAD"] = handler
            if method == "GET" and socket is not None:
                handler = _dispatch_upgrade(endpoint(app_context, *socket), handler)
            handlers[method] = handler
        if socket is not None and "GET" not in methods:
            handlers["GET"] = _dispatch_upgrade(endpoint(app_context, *socket), _not_found(owner))
        table.add(path, {**handlers, ANY: _method_not_allowed(owner, methods)})
    for api in apis:
        for prefix in api.prefixes:
            table.add_stray(prefix, _not_found(api))
    app.router.register_resource(table)


def _dispatch_upgrade(socket: AiohttpHandler, plain: AiohttpHandler) -> AiohttpHandler:
    """One path of two owners: who wants a WebSocket goes to the first."""

    async def by_upgrade(request: web.Request) -> web.StreamResponse:
        wants_websocket = request.headers.get("Upgrade", "").strip().lower() == "websocket"
        return await (socket if wants_websocket else plain)(request)

    return by_upgrade


def _method_not_allowed(api: Api, methods: dict[str, ApiRoute]) -> AiohttpHandler:
    private = any(route.private for _, route in methods.values())
    open_to_all = api.cors and not private
    names = set(methods or ("GET",)) | ({"HEAD"} if "GET" in methods else set())
    allow = ", ".join(sorted(names | ({"OPTIONS"} if open_to_all else set())))

    async def wrong_method(request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS" and open_to_all:
            return preflight(request, allow)
        lines = (b"" if private else api.header_lines) + f"Allow: {allow}\r\n".encode()
        return with_header_lines(api.render_http_error(405, request), lines)

    return wrong_method


def _not_found(api: Api) -> AiohttpHandler:
    async def not_found(request: web.Request) -> web.StreamResponse:
        return with_header_lines(api.render_http_error(404, request), api.header_lines)

    return not_found


def preflight(request: web.Request, allow: str) -> web.StreamResponse:
    """Tell a page of another origin what it may send."""
    requested_headers = request.headers.get("Access-Control-Request-Headers", "")
    headers = {
        "Allow": allow,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Max-Age": "86400",
    }
    if requested_headers:
        headers["Access-Control-Allow-Headers"] = requested_headers
    return web.Response(status=204, headers=headers)
