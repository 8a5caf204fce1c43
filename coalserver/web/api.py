"""Dialects as values: routes, who may call them, and how they word what was refused."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, TypeVar

from aiohttp import web

from coalserver.core.caller import ANONYMOUS, Caller
from coalserver.core.engine import Core
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.schemas import BodySchema
from coalserver.web.streaming.render_cache import RenderCache
from coalserver.web.streaming.tickets import Tickets
from coalserver.web.streaming.timers import Timers
from coalserver.web.throttling import FailureLimiter

T = TypeVar("T")


_INTEGER = re.compile(r"-?[0-9]{1,18}")

#: Lets pages of any origin read an answer and the headers that matter to them.
CORS_HEADERS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Expose-Headers: Location, Retry-After, X-Event-Cursor, X-Events-Lost,"
    b" X-Total-Results\r\n"
)


@dataclass(slots=True)
class AppContext:
    """What all dialects of one process share."""

    core: Core
    #: Seconds a long-poll waits unless it asks for less or more.
    poll_seconds: float = 45
    #: Bytes a request body may have.
    body_limit: int = 1 << 20
    #: Where clients find this server; empty: as each request says.
    base_url: str = ""
    #: Networks whose word on the client's address and scheme is taken.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    #: What only some dialects need, by class: see `service`.
    services: Mapping[type, Any] = field(default_factory=dict)
    render_cache: RenderCache = field(default_factory=RenderCache)
    tickets: Tickets = field(default_factory=Tickets)
    failure_limiter: FailureLimiter = field(default_factory=FailureLimiter)
    timers: Timers = field(default_factory=Timers)
    _per_process: dict[type, Any] = field(default_factory=dict)

    def per_process(self, kind: "type[T]") -> T:
        """What one dialect keeps in memory while the process runs: made of this when first asked for."""
        if kind not in self._per_process:
            self._per_process[kind] = kind(self)  # type: ignore[call-arg]
        return self._per_process[kind]  # type: ignore[no-any-return]

    def service(self, kind: type[T]) -> T:
        """What the composition root has put there for dialects that know it."""
        return self.services[kind]  # type: ignore[no-any-return]


class RequestContext:
    """One request on its way through a dialect: what it says and who says it."""

    __slots__ = ("app", "core", "api", "request", "route", "path", "caller", "body", "raw")

    def __init__(self, app: AppContext, api: "Api", route: "Route", request: web.Request) -> None:
        self.app = app
        self.core = app.core
        self.api = api
        self.route = route
        self.request = request
        self.path: Mapping[str, str] = request.match_info
        self.caller = ANONYMOUS
        self.body: dict[str, Any] = {}
        self.raw = b""

    def int_param(self, name: str) -> int:
        """A part of the path as the id it should be; -1, which nothing has, where it is none."""
        text = self.path[name]
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    @property
    def now(self) -> float:
        return self.core.context.clock()

    @property
    def address(self) -> str:
        """The client's address, as the peer or a trusted proxy says."""
        peer = self.request.remote or ""
        if not self._trusted(peer):
            return peer
        hops = self.request.headers.get("X-Forwarded-For", "").split(",")
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            if not self._trusted(hop):
                return hop
        return peer

    @property
    def origin(self) -> str:
        """Scheme and host under which the client found this server, without a slash at the end."""
        if self.app.base_url:
            return self.app.base_url.rstrip("/")
        scheme = self.request.scheme
        if self._trusted(self.request.remote or ""):
            forwarded = self.request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip()
            scheme = forwarded or scheme
        return f"{scheme}://{self.request.host}"

    def _trusted(self, address: str) -> bool:
        if not self.app.trusted_proxies:
            return False
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        # A socket that listens on both kinds of addresses shows the old kind as the new one.
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self.app.trusted_proxies)


Handler = Callable[[RequestContext], Awaitable[web.StreamResponse]]
Authenticator = Callable[[RequestContext], Caller]


def allow_anonymous(ctx: RequestContext) -> Caller:
    """Nobody needs to prove anything."""
    return ANONYMOUS


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: where it is, what it takes, who may call it."""

    method: str
    #: As aiohttp writes paths: `/games/{game}/rooms/{room:[0-9]{1,18}}`.
    path: str
    handler: Handler
    #: What the body must look like; None: a body is not read.
    body: BodySchema | None = None
    auth: Authenticator = allow_anonymous
    #: Under which name wording tables keep exceptions; the handler's own unless given.
    name: str = ""
    #: Media types the body may come in; empty: whatever its Content-Type says, it is JSON.
    media: tuple[str, ...] = ("application/json",)
    #: Only for requests that want to become a WebSocket; others with this path may be another's.
    upgrade: bool = False
    #: A page for people: it answers no other origin, whatever its dialect does.
    private: bool = False

    @property
    def endpoint(self) -> str:
        return self.name or self.handler.__name__


@dataclass(frozen=True, slots=True)
class Api:
    """One API: everything the web layer needs to know of it."""

    name: str
    #: Paths under which whatever is not found is worded by this dialect.
    prefixes: tuple[str, ...]
    routes: tuple[Route, ...]
    #: The answer to a refused request.
    render_error: Callable[[DomainError, RequestContext], web.StreamResponse]
    #: The answer to a request that reached no handler, or none that worked: 404, 405, 413, 415, 500.
    render_http_error: Callable[[int, web.Request], web.StreamResponse]
    #: The answer where a write did not reach the disk; a stray 500 unless given.
    render_unavailable: Callable[[RequestContext], web.StreamResponse] | None = None
    #: Answers pages of any origin, without credentials.
    cors: bool = False

    @property
    def header_lines(self) -> bytes:
        """Header lines that every answer of this dialect carries."""
        return CORS_HEADERS if self.cors else b""


def int_query_param(ctx: RequestContext, name: str, default: int, low: int, high: int) -> int:
    """A whole number from the query string, within bounds."""
    text = ctx.query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["Not a whole number."]})
    number = int(text)
    if not low <= number <= high:
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={name: [f"Must be from {low} to {high}."]}
        )
    return number
