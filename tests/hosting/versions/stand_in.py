"""A local server in the place of those that have jars and lists, with all that can go wrong, and a resolver."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from coalserver.hosting.versions.addresses import AddressRules
from coalserver.hosting.versions.fetch import Fetcher, FetchLimits

#: The stand-in listens on this machine.
LOCAL = (ip_network("127.0.0.0/8"),)

Handler = Callable[[web.Request], object]


class StubResolver(AbstractResolver):
    """Resolves names from a table. A list of answers is given one after another, the last one again and again."""

    def __init__(self, answers: Mapping[str, list[list[str]]]) -> None:
        self.answers = {name: list(rounds) for name, rounds in answers.items()}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self.answers:
            raise OSError(None, "unknown name")
        rounds = self.answers[host]
        addresses = rounds.pop(0) if len(rounds) > 1 else rounds[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@dataclass
class StandIn:
    """A running stand-in: its address, and the requests that it got, as method and path."""

    port: int
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    #: Bodies by path; a handler makes a response of its own.
    pages: dict[str, bytes | Handler] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path_qs))
        self.headers.append(request.headers)
        page = self.pages.get(request.path)
        if page is None:
            raise web.HTTPNotFound
        if isinstance(page, bytes):
            return web.Response(body=page, content_type="application/java-archive")
        response = page(request)
        if asyncio.iscoroutine(response):
            response = await response
        assert isinstance(response, web.StreamResponse)
        return response


@asynccontextmanager
async def run_stand_in() -> AsyncIterator[StandIn]:
    """Run a stand-in on a port of the system's choice."""
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    stand_in = StandIn(0)
    app.router.add_route("*", "/{path:.*}", stand_in.handle)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stand_in.port = runner.addresses[0][1]
    try:
        yield stand_in
    finally:
        await runner.cleanup()


def make_fetcher(
    resolver: AbstractResolver | None = None, *, private: tuple = LOCAL, **limits: float
) -> Fetcher:
    """Return a fetcher that may fetch from this machine."""
    return Fetcher(
        AddressRules(private),
        FetchLimits(**limits),
        resolver=(lambda: resolver) if resolver else None,
    )
