"""A local server in the place of those that have jars and lists, with all that can go wrong, and a resolver."""

import asyncio
import hashlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
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


@contextmanager
def run_stand_in_in_thread() -> Iterator[StandIn]:
    """Run a stand-in in a thread, for tests that wait for other processes."""
    started: Future[tuple[StandIn, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        async with run_stand_in() as stand_in:
            started.set_result((stand_in, asyncio.get_running_loop(), ended))
            await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    stand_in, loop, ended = started.result(30)
    try:
        yield stand_in
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


def make_fetcher(
    resolver: AbstractResolver | None = None, *, private: tuple = LOCAL, **limits: float
) -> Fetcher:
    """Return a fetcher that may fetch from this machine."""
    return Fetcher(
        AddressRules(private),
        FetchLimits(**limits),
        resolver=(lambda: resolver) if resolver else None,
    )


def answer_json(document: object, etag: str = "") -> Handler:
    """Return a handler for a list, with an ETag if it is given."""

    def handle(request: web.Request) -> web.Response:
        if etag and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        headers = {"ETag": etag} if etag else {}
        return web.json_response(document, headers=headers)

    return handle


def add_mojang(stand_in: StandIn, jar: bytes, **description: object) -> None:
    """Add Mojang's list with the release 1.20.4, whose description may be changed, and the jar."""
    server = {
        "sha1": hashlib.sha1(jar).hexdigest(),
        "size": len(jar),
        "url": f"{stand_in.url}/server.jar",
    }
    document = {
        "downloads": {"server": server},
        "javaVersion": {"component": "java-runtime-gamma", "majorVersion": 17},
    } | description
    content = json.dumps(document).encode()
    entries = [
        {"id": "24w14a", "type": "snapshot", "url": f"{stand_in.url}/24w14a.json"},
        {
            "id": "1.20.4",
            "type": "release",
            "url": f"{stand_in.url}/1.20.4.json",
            "sha1": hashlib.sha1(content).hexdigest(),
        },
        {"id": "1.2.4", "type": "release", "url": f"{stand_in.url}/1.2.4.json"},
    ]
    stand_in.pages["/manifest.json"] = answer_json({"latest": {}, "versions": entries}, '"m1"')
    stand_in.pages["/1.20.4.json"] = content
    stand_in.pages["/1.2.4.json"] = json.dumps({"downloads": {"client": {}}}).encode()
    stand_in.pages["/server.jar"] = jar


def add_paper(stand_in: StandIn, jar: bytes) -> None:
    """Add PaperMC's list, with stable builds of 1.20.4 only."""

    def build(number: int, channel: str) -> dict[str, object]:
        download = {
            "name": f"paper-{number}.jar",
            "checksums": {"sha256": hashlib.sha256(jar).hexdigest()},
            "size": len(jar),
            "url": f"{stand_in.url}/paper-{number}.jar",
        }
        return {"id": number, "channel": channel, "downloads": {"server:default": download}}

    def builds(*all_builds: dict[str, object]) -> Handler:
        def handle(request: web.Request) -> web.Response:
            channel = request.query.get("channel")
            return web.json_response(
                [one for one in all_builds if channel in (None, one["channel"])]
            )

        return handle

    versions = {"1.21": ["1.21.1", "1.21-rc1"], "1.20": ["1.20.4"]}
    stand_in.pages["/paper"] = answer_json({"project": {}, "versions": versions})
    stand_in.pages["/paper/versions/1.20.4/builds"] = builds(
        build(9, "STABLE"), build(10, "STABLE"), build(11, "BETA")
    )
    stand_in.pages["/paper/versions/1.21.1/builds"] = builds(build(2, "ALPHA"), build(1, "ALPHA"))
    stand_in.pages["/paper/versions/1.21-rc1/builds"] = builds()
    for number in (2, 10):
        stand_in.pages[f"/paper-{number}.jar"] = jar


def add_fabric(stand_in: StandIn, jar: bytes) -> None:
    """Add Fabric's lists."""
    games = [{"version": "24w14a", "stable": False}, {"version": "1.20.4", "stable": True}]
    loaders = [{"version": "0.17.0-beta", "stable": False}, {"version": "0.16.9", "stable": True}]
    stand_in.pages["/fabric/game"] = answer_json(games)
    stand_in.pages["/fabric/loader"] = answer_json(loaders)
    stand_in.pages["/fabric/installer"] = answer_json([{"version": "1.0.1", "stable": True}])
    stand_in.pages["/fabric/loader/1.20.4/0.16.9/1.0.1/server/jar"] = jar


def manifests(stand_in: StandIn) -> tuple[str, ...]:
    """Return the setting `hosting_manifests` for a stand-in."""
    return (
        f"mojang={stand_in.url}/manifest.json",
        f"paper={stand_in.url}/paper",
        f"fabric={stand_in.url}/fabric",
    )
