"""Contexts: what the APIs of one process share, and one request with its caller."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from coalserver.core.caller import ANONYMOUS, Caller
from coalserver.core.engine import Core
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.addresses import Network, is_in, limited_network, unmapped
from coalserver.web.streaming.render_cache import RenderCache
from coalserver.web.streaming.tickets import Tickets
from coalserver.web.streaming.timers import Timers
from coalserver.web.throttling import FailureLimiter, UseLimit, UseLimiter

if TYPE_CHECKING:
    from coalserver.web.api import Api, Route

T = TypeVar("T")

#: Digits of a number in a path or query that is read as an id; none is longer.
MAX_DIGITS = 18
#: Host of links in answers to a client that sends no valid `Host`.
FALLBACK_HOST = "localhost"
_HOST = re.compile(r"(?:[\w.~-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
_INTEGER = re.compile(r"-?[0-9]+")


@dataclass(slots=True)
class AppContext:
    """What all APIs of one process share."""

    core: Core
    #: Seconds that a long-poll waits if the client states no other time.
    poll_seconds: float = 45
    #: Largest request body, in bytes.
    body_limit: int = 1 << 20
    #: Seconds without a byte after which a request body is given up.
    body_seconds: float = 20
    #: Public URL of this server, which may have a path; empty: derived from each request.
    base_url: str = ""
    #: The path of `base_url` without a slash at its end; empty without one. See `base_path`.
    base_path: str = field(init=False)
    #: Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` headers are trusted.
    trusted_proxies: tuple[Network, ...] = ()
    #: Services that only some APIs need, by class: see `service`.
    services: Mapping[type, Any] = field(default_factory=dict)
    render_cache: RenderCache = field(default_factory=RenderCache)
    tickets: Tickets = field(default_factory=Tickets)
    failure_limiter: FailureLimiter = field(default_factory=FailureLimiter)
    use_limiter: UseLimiter = field(default_factory=UseLimiter)
    #: Requests refused since the start by limits of failures and of storage, by the limit.
    refused: Counter[str] = field(default_factory=Counter)
    timers: Timers = field(default_factory=Timers)
    _per_process: dict[type, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.base_path = urlsplit(self.base_url).path.rstrip("/")

    def per_process(self, kind: "type[T]") -> T:
        """Return this process's only instance of a class, created as `kind(self)` on first use."""
        if kind not in self._per_process:
            self._per_process[kind] = kind(self)  # type: ignore[call-arg]
        return self._per_process[kind]  # type: ignore[no-any-return]

    def count_refusal(self, error: DomainError) -> None:
        """Count an error that a limit of failures or of storage has caused; `use_limiter` counts its own."""
        if error.code is ErrorCode.RATE_LIMITED:
            self.refused["failures"] += 1
        elif "limit" in error.details and error.code is not ErrorCode.TOO_MANY_REQUESTS:
            self.refused[str(error.details["limit"])] += 1

    @property
    def all_refused(self) -> dict[str, int]:
        """The requests refused since the start, by the limit that refused them."""
        return {**self.use_limiter.refused, **self.refused}

    def service(self, kind: type[T]) -> T:
        """Return the service of a class that the composition root registered. Raises KeyError."""
        return self.services[kind]  # type: ignore[no-any-return]


class RequestContext:
    """One request: its route, its caller and, once it is read, its body."""

    #: What authenticators remember of the header lines, by themselves; None: these lines are new.
    known: dict[Any, Any] | None = None

    __slots__ = (
        *("app", "core", "api", "route", "path", "headers", "caller", "body", "raw", "received"),
        "_request",
    )

    def __init__(
        self,
        app: AppContext,
        api: "Api",
        route: "Route",
        path: Mapping[str, str],
        headers: Mapping[str, str],
        request: web.Request | None,
    ) -> None:
        self.app = app
        self.core = app.core
        self.api = api
        self.route = route
        self.path = path
        #: Their names are compared without case.
        self.headers = headers
        self._request = request
        self.caller: Caller = ANONYMOUS
        #: The body as the route's schema loaded it, and its bytes.
        self.body: dict[str, Any] = {}
        self.raw = b""
        #: The body of a repeated request; None: it is read from the request.
        self.received: bytes | None = None

    @property
    def request(self) -> web.Request:
        """aiohttp's request, for what this context has no member."""
        assert self._request is not None
        return self._request

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def remote(self) -> str | None:
        """The address of the peer."""
        return self.request.remote

    @property
    def content_type(self) -> str:
        """The media type of the body; `application/octet-stream` without one."""
        return self.request.content_type

    @property
    def query_string(self) -> str:
        return self.request.query_string

    def int_param(self, name: str) -> int:
        """Return a path parameter as an id; -1, which is no entity's id, if it is not a number."""
        text = self.path[name]
        valid = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        return int(text) if valid else -1

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query

    @property
    def now(self) -> float:
        return self.core.context.clock()

    def take(self, limit: UseLimit) -> None:
        """Count this request in a limit of use. Raises TOO_MANY_REQUESTS."""
        self.app.use_limiter.take(self, limit)

    @property
    def was_valid(self) -> bool:
        """Whether the credentials were valid when the request came: after a wait it is authenticated again."""
        if self.caller is not ANONYMOUS:
            return True
        return bool(getattr(self.request.protocol, "asks_again", False))

    def refuse_credentials(self, limit_key: str, error: DomainError) -> NoReturn:
        """Count wrong credentials and raise an error, RATE_LIMITED after too many.

        Credentials that became invalid while the request waited are not counted.
        """
        if self.was_valid:
            raise error
        self.app.failure_limiter.record_and_raise(limit_key, error=error)

    @property
    def is_from_proxy(self) -> bool:
        """Whether the request comes from a trusted proxy."""
        return self._is_trusted(unmapped(self.remote or ""))

    @property
    def address(self) -> str:
        """The client's IP address: the peer's, or the one a trusted proxy reports."""
        peer = unmapped(self.remote or "")
        if not self._is_trusted(peer):
            return peer
        hops = self.headers.get("X-Forwarded-For", "").split(",")
        for hop in reversed([hop.strip() for hop in hops if hop.strip()]):
            if not self._is_trusted(hop):
                return unmapped(hop)
        return peer

    @property
    def network(self) -> str:
        """The client's address as limits count it: an IPv4 address, or the /64 network of an IPv6 address."""
        return limited_network(self.address)

    @property
    def public_url(self) -> str:
        """The URL of this server for clients, without a slash at its end: `base_url`, else that of the request."""
        if self.app.base_url:
            return self.app.base_url.rstrip("/")
        scheme = self.request.scheme
        if self._is_trusted(self.remote or ""):
            forwarded = self.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip()
            scheme = forwarded if forwarded in ("http", "https") else scheme
        host = self.request.host
        return f"{scheme}://{host if _HOST.fullmatch(host) else FALLBACK_HOST}"

    def _is_trusted(self, address: str) -> bool:
        return is_in(address, self.app.trusted_proxies)


def int_query_param(ctx: RequestContext, name: str, default: int, low: int, high: int) -> int:
    """Return an integer from the query string.

    Raises INVALID_REQUEST if it is no integer or lies outside `low` to `high`.
    """
    text = ctx.query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={name: ["Not a whole number."]})
    # A cut number is out of any range; Python refuses to parse thousands of digits.
    number = int(text.lstrip("-0")[: MAX_DIGITS + 2] or "0") * (-1 if text[0] == "-" else 1)
    if not low <= number <= high:
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={name: [f"Must be from {low} to {high}."]}
        )
    return number
