"""Routing: adds the routes of all APIs to aiohttp's router, with a 404 and 405 per API.

There is one resource per path. aiohttp tries resources with longer fixed beginnings first and others in the order
in which they are added: fixed segments before named ones, and below all of them the APIs' prefixes.
"""

import keyword
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from aiohttp import hdrs, web
from aiohttp.web_urldispatcher import AbstractResource, AbstractRoute, UrlMappingMatchInfo

from coalserver.web.api import Api, Route
from coalserver.web.context import AppContext
from coalserver.web.endpoint import Endpoint
from coalserver.web.expectations import ignore_expectation, send_continue
from coalserver.web.repeats.requests import REPEATS, Repeats, Target
from coalserver.web.responses import header_value, with_header_lines
from coalserver.web.slow_bodies import SlowBodies
from coalserver.web.streaming.held_connections import can_let_go
from coalserver.web.streaming.refusals import wants_websocket
from coalserver.web.streaming.websocket import can_be_opened

AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ApiRoute = tuple[Api, Route]
#: Key, beside the methods, of a GET route for WebSocket upgrades only.
UPGRADE = "websocket"
#: Names the method of the request that follows a preflight.
PREFLIGHT_HEADER = "Access-Control-Request-Method"
#: Stands for any characters within one segment of a prefix.
ANY_CHARACTERS = "*"
_NAMED_SEGMENT = re.compile(r"{(\w+)}")


def mount(app: web.Application, app_context: AppContext, apis: Sequence[Api]) -> None:
    """Add every route, and fallbacks for other methods (405) and other paths (404).

    Raises ValueError if two routes have the same method and path.
    """
    # These log a warning if they do not.
    can_let_go()
    can_be_opened()
    paths = _routes_by_path(apis)
    router = ShapeRouter.replace(app.router)
    app[REPEATS] = router.repeats = Repeats(app, app_context.base_path)
    for path in sorted(paths, key=_resolution_order):
        router.add_shape(path, _add_path(app, app_context, path, paths[path]))
    prefixes = {prefix: api for api in apis for prefix in api.prefixes}
    slashless = [prefix for prefix in prefixes if prefix != "/"]
    if slashless:
        app.router.register_resource(TrailingSlashes(app.router, slashless))
    for prefix in sorted(prefixes, key=len, reverse=True):
        not_found = _not_found(app_context, prefixes[prefix])
        if prefix not in paths and ANY_CHARACTERS not in prefix:
            # A prefix is no value of a named segment.
            _add_fallback(app.router.add_resource(prefix), not_found)
        # The whole rest is one named segment, so that aiohttp tries it after all paths above.
        rest = f"/{{path:{_prefix_pattern(prefix)}(?s:.*)}}"
        _add_fallback(app.router.add_resource(rest), not_found)
    bodies = app_context.per_process(SlowBodies)

    async def prepare_response(request: web.Request, response: web.StreamResponse) -> None:
        """Remove the header by which aiohttp tells its version and Python's; watch for a body that is still to come."""
        response.headers.popall(hdrs.SERVER, None)
        bodies.watch(request)

    app.on_response_prepare.append(prepare_response)


def _add_fallback(resource: web.Resource, handler: AiohttpHandler) -> None:
    resource.add_route(hdrs.METH_ANY, handler, expect_handler=ignore_expectation)


def first_segments(apis: Iterable[Api]) -> frozenset[str]:
    """Return the fixed first segments of all paths, without those of static files."""
    paths = [route.path for api in apis for route in api.routes]
    paths += [prefix for api in apis for prefix in api.prefixes]
    segments = {path.split("/")[1] for path in paths}
    return frozenset(segment for segment in segments if segment and "{" not in segment)


class ShapeRouter(web.UrlDispatcher):
    """aiohttp's router, which tries only the paths whose shape a request's path has.

    A shape is the number of segments with the first and the last of them. aiohttp tries all paths with the same fixed
    beginning, such as `/games`, one after another: 17 for a turn. The order of those that are left is aiohttp's, and a
    request that matches none of them is resolved by aiohttp.
    """

    #: Paths with their resources, in the order in which they were added.
    _added: list[tuple[str, web.Resource]]
    #: Number of segments, first and last segment -> resources in aiohttp's order; None: those that fit any last one.
    _shapes: dict[tuple[int, str, str | None], list[web.Resource]]
    #: Receives the same paths with the endpoints that repeated requests may use.
    repeats: Repeats

    @classmethod
    def replace(cls, router: web.UrlDispatcher) -> "ShapeRouter":
        """Make a ShapeRouter of the router that an application has created, and return it."""
        router.__class__ = cls
        assert isinstance(router, cls)
        router._added, router._shapes = [], {}
        return router

    def add_shape(self, path: str, resource: web.Resource) -> None:
        """Try the resource of a path by its shape. One whose first segment is a named one is left to aiohttp."""
        if path != "/" and not path.startswith("/{"):
            self._added.append((path, resource))

    def freeze(self) -> None:
        super().freeze()
        groups: dict[tuple[int, str], list[tuple[str | None, web.Resource, Target]]] = {}
        targets: dict[tuple[int, str, str | None], list[Target]] = {}
        # aiohttp begins with the longest fixed beginning; of equal ones the first added is first here, too.
        for path, resource in sorted(self._added, key=_fixed_segments, reverse=True):
            _, first, *rest = segments = path.split("/")
            last = rest[-1] if rest else first
            group = groups.setdefault((len(segments), first), [])
            target = Target.of(path, _repeatable_endpoints(resource))
            group.append((None if last.startswith("{") else last, resource, target))
        for (size, first), rows in groups.items():
            for ending in {None, *(last for last, _, _ in rows)}:
                fitting = [row for row in rows if row[0] is None or row[0] == ending]
                self._shapes[size, first, ending] = [resource for _, resource, _ in fitting]
                targets[size, first, ending] = [target for _, _, target in fitting]
        self.repeats.set_targets(targets)

    async def resolve(self, request: web.Request) -> UrlMappingMatchInfo:
        """Return the route of a request, or what answers it with 404 or 405."""
        segments = request.rel_url.path_safe.split("/")
        if len(segments) > 1:
            size, first, shapes = len(segments), segments[1], self._shapes
            found = shapes.get((size, first, segments[-1]))
            for resource in shapes.get((size, first, None), ()) if found is None else found:
                match, _ = await resource.resolve(request)
                if match is not None:
                    return match
        return await super().resolve(request)


class TrailingSlashes(AbstractResource):
    """Paths under some prefixes that end with slashes: they are served as the paths without them.

    A redirect would lose the WebSocket of a browser, and the body of a client that does not know 308.
    """

    canonical = "/"

    def __init__(self, router: web.UrlDispatcher, prefixes: Iterable[str]) -> None:
        super().__init__()
        self._router = router
        self._pattern = re.compile("|".join(f"/{_prefix_pattern(prefix)}" for prefix in prefixes))

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """Return the route of the path without its slashes."""
        path = request.rel_url.raw_path
        without = path.rstrip("/")
        if path == without or self._pattern.match(without) is None:
            return None, set()
        url = request.rel_url.with_path(without, encoded=True)
        return await self._router.resolve(request.clone(rel_url=url)), set()

    def url_for(self, **kwargs: str) -> Any:
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError

    def get_info(self) -> Any:
        return {"pattern": self._pattern}

    def raw_match(self, path: str) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(())


def _prefix_pattern(prefix: str) -> str:
    """Return the regular expression of a prefix without its slash at the beginning."""
    return re.escape(prefix[1:]).replace(re.escape(ANY_CHARACTERS), "[^/]*")


def _routes_by_path(apis: Iterable[Api]) -> dict[str, dict[str, ApiRoute]]:
    """Return the routes of each path by method."""
    paths: dict[str, dict[str, ApiRoute]] = {}
    patterns: dict[str, str] = {}
    for api in apis:
        for route in api.routes:
            pattern = _NAMED_SEGMENT.sub("{}", route.path)
            if patterns.setdefault(pattern, route.path) != route.path:
                raise ValueError(f"two names for one segment of {route.path}")
            methods = paths.setdefault(route.path, {})
            method = UPGRADE if route.upgrade else route.method
            if method in methods:
                raise ValueError(f"two routes for {method} {route.path}")
            methods[method] = (api, route)
    return paths


def _repeatable_endpoints(resource: web.Resource) -> dict[str, tuple[Endpoint, AbstractRoute]]:
    """Return the endpoints of a path that answer in one piece: those of its methods that change something.

    A GET may wait for events, and the site's pages have cookies.
    """
    found: dict[str, tuple[Endpoint, AbstractRoute]] = {}
    for route in resource:
        endpoint = getattr(route.handler, "__self__", None)
        if route.method not in (hdrs.METH_GET, hdrs.METH_HEAD) and isinstance(endpoint, Endpoint):
            if not endpoint.route.private:
                found[route.method] = (endpoint, route)
    return found


def _resolution_order(path: str) -> tuple[int, list[bool]]:
    """Return a sort key: of two paths that match a request, the one with fixed segments comes first."""
    segments = path.split("/")
    return len(segments), [segment.startswith("{") for segment in segments]


def _fixed_segments(added: tuple[str, web.Resource]) -> int:
    """Return the number of segments before the first named one."""
    return len(added[0].partition("{")[0].split("/"))


def _add_path(
    app: web.Application, app_context: AppContext, path: str, methods: dict[str, ApiRoute]
) -> web.Resource:
    """Add one resource with its routes and return it. The API of its first route renders the 405."""
    plain = {method: row for method, row in methods.items() if method != UPGRADE}
    upgrade = methods.get(UPGRADE)
    owner, route = next(iter((plain or methods).values()))
    # aiohttp's own pattern for a named segment excludes braces.
    pattern = _NAMED_SEGMENT.sub(r"{\1:[^/]+}", path)
    resource = app.router.add_resource(pattern, name=_free_name(app, owner, route))
    for method, (api, route) in plain.items():
        handler: AiohttpHandler = Endpoint(app_context, api, route).handle
        if method == hdrs.METH_GET and hdrs.METH_HEAD not in plain:
            resource.add_route(hdrs.METH_HEAD, handler, expect_handler=send_continue)
        if method == hdrs.METH_GET and upgrade is not None:
            handler = _dispatch_upgrade(Endpoint(app_context, *upgrade).handle, handler)
        resource.add_route(method, handler, expect_handler=send_continue)
    if upgrade is not None and hdrs.METH_GET not in plain:
        handler = _dispatch_upgrade(
            Endpoint(app_context, *upgrade).handle, _not_found(app_context, owner)
        )
        resource.add_route(hdrs.METH_GET, handler, expect_handler=ignore_expectation)
    _add_fallback(resource, _method_not_allowed(app_context, owner, plain))
    return resource


def _free_name(app: web.Application, api: Api, route: Route) -> str | None:
    """Return `api.module.endpoint` as the name of a resource; None if it is taken or a keyword."""
    parts = (api.name, route.handler.__module__.rpartition(".")[2], route.endpoint)
    name = ".".join(parts)
    valid = all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
    return name if valid and name not in app.router.named_resources() else None


def _dispatch_upgrade(socket: AiohttpHandler, plain: AiohttpHandler) -> AiohttpHandler:
    """Return a handler for a path whose WebSocket and plain requests have different routes."""

    async def dispatch(request: web.Request) -> web.StreamResponse:
        return await (socket if wants_websocket(request) else plain)(request)

    return dispatch


def _method_not_allowed(
    app_context: AppContext, api: Api, methods: dict[str, ApiRoute]
) -> AiohttpHandler:
    """Return the handler for other methods of a path: 405, or a preflight's answer."""
    private = any(route.private for _, route in methods.values())
    open_to_all = api.cors and not private
    names = set(methods or ("GET",)) | ({"HEAD"} if "GET" in methods else set())
    allow = ", ".join(sorted(names | ({"OPTIONS"} if open_to_all else set())))

    bodies = app_context.per_process(SlowBodies)

    async def method_not_allowed(request: web.Request) -> web.StreamResponse:
        bodies.watch(request)
        if request.method == "OPTIONS" and open_to_all:
            return preflight(request, allow)
        lines = (b"" if private else api.header_lines) + f"Allow: {allow}\r\n".encode()
        return with_header_lines(api.render_http_error(405, request), lines)

    return method_not_allowed


def _not_found(app_context: AppContext, api: Api) -> AiohttpHandler:
    bodies = app_context.per_process(SlowBodies)

    async def not_found(request: web.Request) -> web.StreamResponse:
        bodies.watch(request)
        if api.cors and request.method == "OPTIONS" and PREFLIGHT_HEADER in request.headers:
            # Without an answer a browser hides the 404 from the page: it sees a failed connection.
            method = request.headers[PREFLIGHT_HEADER]
            return preflight(request, f"OPTIONS, {header_value(method)}")
        return with_header_lines(api.render_http_error(404, request), api.header_lines)

    return not_found


def preflight(request: web.Request, allow: str) -> web.StreamResponse:
    """Answer a CORS preflight: any origin may use these methods and the headers it names."""
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
