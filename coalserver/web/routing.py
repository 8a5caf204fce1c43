"""Mounting: the routes of all dialects in one router, with an answer for whatever finds none."""

from collections.abc import Sequence

from aiohttp import web

from coalserver.web.api import Dialect, Route, Web
from coalserver.web.endpoint import endpoint
from coalserver.web.responses import with_head
from coalserver.web.table import ANY, Answerer, Table

Owned = tuple[Dialect, Route]
#: In the place of a method: a GET that wants to become a WebSocket.
UPGRADE = "websocket"


def mount(app: web.Application, shared: Web, dialects: Sequence[Dialect]) -> None:
    """Add every route, then a fallback for each path (405) and each prefix (404)."""
    paths: dict[str, dict[str, Owned]] = {}
    for dialect in dialects:
        for route in dialect.routes:
            methods = paths.setdefault(route.path, {})
            method = UPGRADE if route.upgrade else route.method
            if method in methods:
                raise ValueError(f"two dialects want {method} {route.path}")
            methods[method] = (dialect, route)
    table = Table()
    for path, methods in paths.items():
        handlers: dict[str, Answerer] = {}
        socket = methods.pop(UPGRADE, None)
        owner = next(one for one in (*methods.values(), socket) if one is not None)[0]
        for method, (dialect, route) in methods.items():
            handler = endpoint(shared, dialect, route)
            if method == "GET" and "HEAD" not in methods:
                handlers["HEAD"] = handler
            if method == "GET" and socket is not None:
                handler = _by_upgrade(endpoint(shared, *socket), handler)
            handlers[method] = handler
        if socket is not None and "GET" not in methods:
            handlers["GET"] = _by_upgrade(endpoint(shared, *socket), _not_found(owner))
        table.add(path, {**handlers, ANY: _wrong_method(owner, methods)})
    for dialect in dialects:
        for prefix in dialect.prefixes:
            table.add_stray(prefix, _not_found(dialect))
    app.router.register_resource(table)


def _by_upgrade(socket: Answerer, plain: Answerer) -> Answerer:
    """One path of two owners: who wants a WebSocket goes to the first."""

    async def by_upgrade(request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Upgrade", "").strip().lower() == "websocket"
        return await (socket if wanted else plain)(request)

    return by_upgrade


def _wrong_method(dialect: Dialect, methods: dict[str, Owned]) -> Answerer:
    private = any(route.private for _, route in methods.values())
    open_to_all = dialect.any_origin and not private
    names = set(methods or ("GET",)) | ({"HEAD"} if "GET" in methods else set())
    allow = ", ".join(sorted(names | ({"OPTIONS"} if open_to_all else set())))

    async def wrong_method(request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS" and open_to_all:
            return preflight(request, allow)
        lines = (b"" if private else dialect.head) + f"Allow: {allow}\r\n".encode()
        return with_head(dialect.astray(405, request), lines)

    return wrong_method


def _not_found(dialect: Dialect) -> Answerer:
    async def not_found(request: web.Request) -> web.StreamResponse:
        return with_head(dialect.astray(404, request), dialect.head)

    return not_found


def preflight(request: web.Request, allow: str) -> web.StreamResponse:
    """Tell a page of another origin what it may send."""
    asked = request.headers.get("Access-Control-Request-Headers", "")
    headers = {
        "Allow": allow,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Max-Age": "86400",
    }
    if asked:
        headers["Access-Control-Allow-Headers"] = asked
    return web.Response(status=204, headers=headers)
