"""An API as a value: its routes, authenticators and error rendering."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from coalserver.core.caller import ANONYMOUS, Caller
from coalserver.domain.errors import DomainError
from coalserver.web.context import RequestContext
from coalserver.web.schemas import BodySchema
from coalserver.web.throttling import UseLimit

#: Allow scripts of any origin to read a response and the headers that concern them.
CORS_HEADERS = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Expose-Headers: Location, Retry-After, X-Event-Cursor, X-Events-Lost,"
    b" X-Total-Results\r\n"
)

Handler = Callable[[RequestContext], Awaitable[web.StreamResponse]]
Authenticator = Callable[[RequestContext], Caller]


def allow_anonymous(ctx: RequestContext) -> Caller:
    """Authenticate nothing: the route is open to everyone."""
    return ANONYMOUS


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: method, path, handler, body and authentication."""

    method: str
    #: Whole segments, fixed or named: `/games/{game}/rooms/{room}/join`.
    path: str
    handler: Handler
    #: Schema of the body; None: the body is ignored, or the handler reads it.
    body: BodySchema | None = None
    auth: Authenticator = allow_anonymous
    #: Name under which error tables have exceptions; empty: the handler's own name.
    name: str = ""
    #: Media types accepted for the body; empty: any, and the body is read as JSON.
    media: tuple[str, ...] = ("application/json",)
    #: Only for WebSocket upgrades; other requests with this path may belong to another API.
    upgrade: bool = False
    #: A page: never readable by other origins, even in an API with CORS.
    private: bool = False
    #: The limit of use in which every request counts, also one with an invalid body; None: none, or the handler counts.
    limit: UseLimit | None = None
    #: The handler reads the body, and refuses one that is too large. A body that nobody reads is refused above
    #: MAX_PLAIN_BYTES.
    reads_body: bool = False

    @property
    def endpoint(self) -> str:
        return self.name or self.handler.__name__


@dataclass(frozen=True, slots=True)
class Api:
    """One API: everything that the web layer needs to know of it."""

    name: str
    #: Path prefixes under which this API renders 404 and 405; `*` is any text within one segment.
    prefixes: tuple[str, ...]
    routes: tuple[Route, ...]
    #: Renders a DomainError.
    render_error: Callable[[DomainError, RequestContext], web.StreamResponse]
    #: Renders a status that no handler answered with: 404, 405, 413, 415 or 500.
    render_http_error: Callable[[int, web.Request], web.StreamResponse]
    #: Renders the answer to a write that did not reach the disk; None: an HTTP error 500.
    render_unavailable: Callable[[RequestContext], web.StreamResponse] | None = None
    #: Returns the code by which a refused WebSocket is told an error; None: the code of the core.
    error_code: Callable[[DomainError, RequestContext], str] | None = None
    #: Whether scripts of any origin may call the API, without cookies.
    cors: bool = False
    #: Header lines that every response of this API carries.
    header_lines: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "header_lines", CORS_HEADERS if self.cors else b"")
