"""A server as the agent sees it, that fails as it is told to. The real one has stories of its own, beside this."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.processes import TIMEOUT_SECONDS

SECRET = "5ecret"


@dataclass
class FakeServer:
    """Takes lines, pings and codes. May be stopped and started again under the same address."""

    #: By source and sequence, as they came first.
    stored: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    #: Those that came one by one.
    singles: list[str] = field(default_factory=list)
    pings: list[dict[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    #: The number of the first of them, if it numbers them and gives each until the agent has kept it.
    first: int = 0
    #: So many answers to pings get lost.
    lost: int = 0
    batches: list[dict[str, Any]] = field(default_factory=list)
    #: Tokens that are good.
    tokens: set[str] = field(default_factory=set)
    grants: list[str] = field(default_factory=list)
    #: Whether it is one of 2014, which takes no batches.
    original: bool = False
    #: Says of a line whether it is refused, and how.
    rejected_statuses: Callable[[str], int] = lambda line: 0
    #: Says of a batch, before it is stored, whether its answer is lost.
    dropped_requests: Callable[[], bool] = lambda: False
    most: int = 10**9
    #: Seconds it asks to wait where it refuses.
    wait: int = 0
    #: When batches came.
    tries: list[float] = field(default_factory=list)
    code: str = "CODE-1"
    refreshes: bool = True
    port: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self._door: socket.socket
        self._servers: list[web.Server[web.Request]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        """All lines in the order of their numbers; there may be one source only."""
        assert len({source for source, _ in self.stored}) <= 1
        return [self.stored[key]["line"] for key in sorted(self.stored)]

    @property
    def days(self) -> list[str | None]:
        return [self.stored[key].get("date") for key in sorted(self.stored)]

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_SECONDS)

    def start(self) -> None:
        self._do(self._start())

    async def _start(self) -> None:
        app = web.Application(client_max_size=1 << 26)
        add = app.router.add_route
        add("POST", "/oauth/v1/token", self._token)
        add("POST", "/api/v1/agents/pair", self._pair)
        add("POST", "/api/v1/agents/ping", self._ping)
        add("POST", "/api/v1/agents/logline", self._line)
        add("GET", "/api/v1/agents/lastline", self._last)
        if not self.original:
            add("POST", "/api/v1/agents/loglines", self._lines)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        assert self._runner.server is not None
        self._servers.append(self._runner.server)
        self._door = socket.create_server(("127.0.0.1", self.port))
        await web.SockSite(self._runner, self._door).start()
        self.port = self._door.getsockname()[1]

    def stop(self) -> None:
        if self._runner is not None:
            self._do(self._stop(self._runner))
            self._runner = None

    async def _stop(self, runner: web.AppRunner) -> None:
        """Let in nobody any more, then close: asyncio never closes who comes in between."""
        self._loop.remove_reader(self._door)
        for _ in range(5):
            await asyncio.sleep(0)
        await runner.cleanup()

    def close(self) -> None:
        self.stop()
        self._do(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_SECONDS)
        self._loop.close()

    async def _hang_up(self) -> None:
        """Close what came in at the very moment of stopping, too."""
        for server in self._servers:
            await server.shutdown(0.1)
        await asyncio.sleep(0)

    def _knows(self, request: web.Request) -> None:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise web.HTTPUnauthorized

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["client_secret"] and form["scope"] == "agent"
        grant = str(form["grant_type"])
        self.grants.append(grant)
        known = form["client_secret"] == SECRET
        if grant == "authorization_code":
            known = known and form["code"] == SECRET and form["redirect_uri"] == "/"
        else:
            known = known and self.refreshes and str(form["refresh_token"]).startswith("r")
        if not known:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = f"t{len(self.grants)}"
        self.tokens.add(token)
        said = {"access_token": token, "refresh_token": f"r{token}", "token_type": "Bearer"}
        return web.json_response({**said, "expires_in": 2592000})

    async def _pair(self, request: web.Request) -> web.Response:
        said = await request.json()
        if said != {"code": self.code}:
            return web.json_response({"errors": "No such code."}, status=400)
        self.code = ""
        told = {"client_id": "mc-coal-agent-1", "client_secret": SECRET, "server_key": "k"}
        return web.json_response(told)

    async def _ping(self, request: web.Request) -> web.Response:
        self._knows(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.pings.append(form)
        commands: list[dict[str, Any]] = []
        if self.first:
            kept = max(0, int(form["commands_after"]) + 1 - self.first)
            self.first, self.commands = self.first + kept, self.commands[kept:]
        if form["is_server_running"] == "true":
            commands = [
                {"username": None, "command": command, **({"id": id} if self.first else {})}
                for id, command in enumerate(self.commands, self.first)
            ]
            self.commands = self.commands if self.first else []
        if self.lost:
            self.lost -= 1
            raise web.HTTPBadGateway
        return web.json_response({"commands": commands})

    async def _line(self, request: web.Request) -> web.Response:
        self._knows(request)
        form = await request.post()
        line = str(form["line"])
        if status := self.rejected_statuses(line):
            return web.json_response({"errors": "no"}, status=status)
        known = line in self.singles
        if not known:
            self.singles.append(line)
        return web.json_response({}, status=200 if known else 201)

    async def _lines(self, request: web.Request) -> web.Response:
        self._knows(request)
        self.tries.append(time.monotonic())
        batch = json.loads(await request.read())
        lines = batch["lines"]
        assert set(batch) == {"source", "zone", "lines"}
        if len(lines) > self.most:
            return web.Response(status=413)
        for status in map(self.rejected_statuses, (line["line"] for line in lines)):
            if status:
                later = {"Retry-After": str(self.wait)} if self.wait else {}
                return web.json_response({"errors": "no"}, status=status, headers=later)
        self.batches.append(batch)
        sequences = [line["sequence"] for line in lines]
        assert sequences == sorted(set(sequences)) and sequences[0] > 0
        before = self._stored(batch["source"])
        new = [line for line in lines if line["sequence"] > before]
        for line in new:
            self.stored[batch["source"], line["sequence"]] = line
        if self.dropped_requests():
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"stored": max(before, sequences[-1]), "new": len(new)})

    def _stored(self, source: str) -> int:
        return max((number for name, number in self.stored if name == source), default=0)

    async def _last(self, request: web.Request) -> web.Response:
        self._knows(request)
        lines = list(self.stored.values())
        singles = self.singles
        last = lines[-1]["line"] if lines else singles[-1] if singles else None
        said: dict[str, Any] = {"lastline": last}
        if "source" in request.query and not self.original:
            said["stored"] = self._stored(request.query["source"])
        return web.json_response(said)
