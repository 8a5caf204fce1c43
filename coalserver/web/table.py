"""The table of paths: one resource of aiohttp's router for every route of every dialect.

Paths of ours are made of whole segments, fixed ones and `{named}` ones: finding one takes a look-up a segment,
however many there are. aiohttp's own resources try one pattern after another.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from aiohttp import web
from aiohttp.web_urldispatcher import ResourceRoute

AiohttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: In the place of a method: whatever no other route of a path takes.
ANY = "*"


class _Segment:
    """What may follow a beginning of a path."""

    __slots__ = ("fixed", "named", "names", "routes")

    def __init__(self) -> None:
        self.fixed: dict[str, _Segment] = {}
        self.named: _Segment | None = None
        #: What the named segments on the way here are called, if a path ends here.
        self.names: tuple[str, ...] = ()
        self.routes: dict[str, ResourceRoute] = {}


class Table(web.AbstractResource):
    """Every path of every dialect; below their prefixes, what answers for paths that are not there."""

    def __init__(self) -> None:
        super().__init__()
        self._root = _Segment()
        self._strays: list[tuple[str, ResourceRoute]] = []
        self._prefixes: set[str] = set()

    def add(self, path: str, handlers: Mapping[str, AiohttpHandler]) -> None:
        """Add a path with its handlers by method; `ANY` takes the methods that have none."""
        segment, names = self._root, []
        for part in path.split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                if segment.named is None:
                    segment.named = _Segment()
                segment = segment.named
            else:
                segment = segment.fixed.setdefault(part, _Segment())
        segment.names = tuple(names)
        for method, handler in handlers.items():
            segment.routes[method] = ResourceRoute(method, handler, self)

    def add_stray(self, prefix: str, handler: AiohttpHandler) -> None:
        """Answer for what is not found below a prefix. The longest prefix wins."""
        self._prefixes.add(prefix)
        self._strays.append((prefix, ResourceRoute(ANY, handler, self)))
        self._strays.sort(key=lambda stray: -len(stray[0]))

    async def resolve(
        self, request: web.Request
    ) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        path = request.rel_url.path_safe
        values: list[str] = []
        found = _find_segment(self._root, path.split("/"), 0, values)
        # Where all below a path is somebody's, its last part is no name of something else.
        if found is not None and not (found.names and path in self._prefixes):
            route = found.routes.get(request.method) or found.routes.get(ANY)
            if route is not None:
                named = dict(zip(found.names, values, strict=True))
                return web.UrlMappingMatchInfo(named, route), set()
        for prefix, route in self._strays:
            if path.startswith(prefix):
                return web.UrlMappingMatchInfo({}, route), set()
        return None, set()

    @property
    def canonical(self) -> str:
        """Where aiohttp's index looks for this resource: last, after all that has a path of its own."""
        return "/"

    def raw_match(self, path: str) -> bool:
        return False

    def url_for(self, **kwargs: str) -> Any:
        raise NotImplementedError("paths of a table have no names")

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError("a table belongs to the root application")

    def get_info(self) -> Any:
        return {"path": "/"}

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        waiting = [self._root]
        while waiting:
            segment = waiting.pop()
            yield from segment.routes.values()
            waiting.extend(segment.fixed.values())
            if segment.named is not None:
                waiting.append(segment.named)


def _find_segment(
    segment: _Segment, parts: list[str], at: int, values: list[str]
) -> _Segment | None:
    """Where a path ends; fixed segments win over named ones, and a named one is never empty."""
    if at == len(parts):
        return segment if segment.routes else None
    part = parts[at]
    fixed = segment.fixed.get(part)
    if fixed is not None:
        found = _find_segment(fixed, parts, at + 1, values)
        if found is not None:
            return found
    if segment.named is None or not part:
        return None
    values.append(part.replace("%2F", "/").replace("%25", "%") if "%" in part else part)
    found = _find_segment(segment.named, parts, at + 1, values)
    if found is None:
        values.pop()
    return found
