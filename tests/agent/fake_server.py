"""A fake COAL server with configurable failures. test_real_server.py has tests with the real one."""

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
    """A server for lines, pings and pairing codes. It can be restarted on the same port."""

    #: Lines by source and sequence, in order of arrival.
    stored: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    #: Lines that were sent singly.
    single_lines: list[str] = field(default_factory=list)
    pings: list[dict[str, str]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    #: Id of the first command. If it is not 0, commands have ids and are repeated until acknowledged.
    first_command_id: int = 0
    #: Number of pings whose responses are lost.
    lost_pings: int = 0
    batches: list[dict[str, Any]] = field(default_factory=list)
    #: Valid access tokens.
    tokens: set[str] = field(default_factory=set)
    grants: list[str] = field(default_factory=list)
    #: Whether to act as the original server of 2014, which has no batches.
    original: bool = False
    #: Returns the error status for a line, or 0.
    rejection_status: Callable[[str], int] = lambda line: 0
    #: Returns whether the response to a stored batch is lost.
    drops_response: Callable[[], bool] = lambda: False
    max_batch_lines: int = 10**9
    #: Retry-After of error responses, in seconds; 0: no header.
    retry_after: int = 0
    #: Times of arrival of batches.
    batch_times: list[float] = field(default_factory=list)
    code: str = "CODE-1"
    accepts_refresh: bool = True
    port: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self._socket: socket.socket
        self._servers: list[web.Server[web.Request]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lines(self) -> list[str]:
        """All lines by sequence. Fails if there is more than one source."""
        # A copy: the other thread may store a line meanwhile.
        assert len({source for source, _ in tuple(self.stored)}) <= 1
        return [self.stored[key]["line"] for key in sorted(self.stored)]

    @property
    def days(self) -> list[str | None]:
        return [self.stored[key].get("date") for key in sorted(self.stored)]

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_SECONDS)

    def start(self) -> None:
        self._run(self._start())

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
        self._socket = socket.create_server(("127.0.0.1", self.port))
        await web.SockSite(self._runner, self._socket).start()
        self.port = self._socket.getsockname()[1]

    def stop(self) -> None:
        if self._runner is not None:
            self._run(self._stop(self._runner))
            self._runner = None

    async def _stop(self, runner: web.AppRunner) -> None:
        """Stop accepting, then close: asyncio does not close connections accepted in between."""
        self._loop.remove_reader(self._socket)
        for _ in range(5):
            await asyncio.sleep(0)
        await runner.cleanup()

    def close(self) -> None:
        self.stop()
        self._run(self._close_connections())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_SECONDS)
        self._loop.close()

    async def _close_connections(self) -> None:
        """Close connections that were accepted while the server stopped."""
        for server in self._servers:
            await server.shutdown(0.1)
        await asyncio.sleep(0)

    def _check_token(self, request: web.Request) -> None:
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
            known = known and self.accepts_refresh and str(form["refresh_token"]).startswith("r")
        if not known:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = f"t{len(self.grants)}"
        self.tokens.add(token)
        payload = {"access_token": token, "refresh_token": f"r{token}", "token_type": "Bearer"}
        return web.json_response({**payload, "expires_in": 2592000})

    async def _pair(self, request: web.Request) -> web.Response:
        payload = await request.json()
        if payload != {"code": self.code}:
            return web.json_response({"errors": "No such code."}, status=400)
        self.code = ""
        credentials = {"client_id": "mc-coal-agent-1", "client_secret": SECRET, "server_key": "k"}
        return web.json_response(credentials)

    async def _ping(self, request: web.Request) -> web.Response:
        self._check_token(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.pings.append(form)
        commands: list[dict[str, Any]] = []
        if self.first_command_id:
            acknowledged = max(0, int(form["commands_after"]) + 1 - self.first_command_id)
            self.first_command_id, self.commands = (
                self.first_command_id + acknowledged,
                self.commands[acknowledged:],
            )
        if form["is_server_running"] == "true":
            commands = [
                {
                    "username": None,
                    "command": command,
                    **({"id": id} if self.first_command_id else {}),
                }
                for id, command in enumerate(self.commands, self.first_command_id)
            ]
            self.commands = self.commands if self.first_command_id else []
        if self.lost_pings:
            self.lost_pings -= 1
            raise web.HTTPBadGateway
        payload: dict[str, Any] = {"commands": commands}
        if not self.original:
            payload["stored"] = self._stored(form["source"])
        return web.json_response(payload)

    async def _line(self, request: web.Request) -> web.Response:
        self._check_token(request)
        form = await request.post()
        line = str(form["line"])
        if status := self.rejection_status(line):
            return web.json_response({"errors": "no"}, status=status)
        known = line in self.single_lines
        if not known:
            self.single_lines.append(line)
        return web.json_response({}, status=200 if known else 201)

    async def _lines(self, request: web.Request) -> web.Response:
        self._check_token(request)
        self.batch_times.append(time.monotonic())
        batch = json.loads(await request.read())
        lines = batch["lines"]
        assert set(batch) == {"source", "zone", "lines"}
        if len(lines) > self.max_batch_lines:
            return web.Response(status=413)
        for status in map(self.rejection_status, (line["line"] for line in lines)):
            if status:
                later = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
                return web.json_response({"errors": "no"}, status=status, headers=later)
        self.batches.append(batch)
        sequences = [line["sequence"] for line in lines]
        assert sequences == sorted(set(sequences)) and sequences[0] > 0
        before = self._stored(batch["source"])
        if before < int(request.query["after"]):
            return web.json_response({"stored": before, "new": 0})
        new = [line for line in lines if line["sequence"] > before]
        for line in new:
            self.stored[batch["source"], line["sequence"]] = line
        if self.drops_response():
            assert request.transport is not None
            request.transport.close()
        return web.json_response({"stored": max(before, sequences[-1]), "new": len(new)})

    def _stored(self, source: str) -> int:
        return max((number for name, number in self.stored if name == source), default=0)

    async def _last(self, request: web.Request) -> web.Response:
        self._check_token(request)
        lines = list(self.stored.values())
        singles = self.single_lines
        last = lines[-1]["line"] if lines else singles[-1] if singles else None
        payload: dict[str, Any] = {"lastline": last}
        if "source" in request.query and not self.original:
            payload["stored"] = self._stored(request.query["source"])
        return web.json_response(payload)
