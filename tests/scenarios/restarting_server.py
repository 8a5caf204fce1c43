"""A server in its own process that can be killed and restarted, and clients that retry."""

import asyncio
import json
import signal
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import aiohttp

from tests.processes import TIMEOUT_SECONDS, ServerProcess, run_server

Event = dict[str, Any]


class RestartingServer:
    """A data directory and the server that currently runs on it."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._open = ExitStack()
        self._running: ServerProcess | None = None
        #: Set while a server runs; clients without one wait for it.
        self.is_running = asyncio.Event()

    async def __aenter__(self) -> "RestartingServer":
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS))
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.close()
        self._open.close()

    async def start(self) -> None:
        """Start a server on the data directory."""
        server = run_server(self._data)
        self._running = await asyncio.to_thread(self._open.enter_context, server)
        self.is_running.set()

    def kill(self) -> None:
        """Kill the server with SIGKILL, without any cleanup."""
        assert self._running is not None
        self.is_running.clear()
        self._running.stop(signal.SIGKILL)

    @property
    def url(self) -> str:
        assert self._running is not None
        return self._running.url

    async def sign_in_guest(self, name: str) -> "RetryingClient":
        """Log in as a guest."""
        client = RetryingClient(self, name)
        payload = await client.post(
            "/accounts/login", {"credentialType": "guest", "username": name}
        )
        client.id, client.token = payload["user"]["userId"], payload["token"]
        return client


class RetryingClient:
    """A client that repeats requests after a lost connection."""

    def __init__(self, server: RestartingServer, name: str) -> None:
        self.server, self.name = server, name
        self.id, self.token = 0, ""

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path, None, {})

    async def post(self, path: str, body: Any = None) -> Any:
        """Send a POST with one Idempotency-Key until it is answered."""
        return await self._ask("POST", path, body, {"Idempotency-Key": str(uuid4())})

    async def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        while True:
            await self.server.is_running.wait()
            try:
                async with self.server.http.request(
                    method, self.server.url + path, json=body, headers={**self.bearer, **headers}
                ) as answer:
                    assert answer.status < 400, await answer.text()
                    return await answer.json() if answer.status != 204 else None
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0)

    async def poll_events(self, path: str, count: int) -> list[Event]:
        """Poll with the largest id until this many events were received."""
        events: list[Event] = []
        while len(events) < count:
            last = events[-1]["id"] if events else -1
            events += await self.get(f"{path}/events?after-event-id={last}&wait=20")
        return events

    async def stream_events(self, path: str, count: int) -> list[Event]:
        """Read server-sent events as a browser does, and resume with Last-Event-ID."""
        events: list[Event] = []
        while len(events) < count:
            await self.server.is_running.wait()
            headers = {**self.bearer, "Accept": "text/event-stream"}
            if events:
                headers["Last-Event-ID"] = str(events[-1]["id"])
            try:
                async with self.server.http.get(
                    f"{self.server.url}{path}/events", headers=headers
                ) as answer:
                    assert answer.status == 200, await answer.text()
                    async for line in answer.content:
                        if line.startswith(b"data: "):
                            events.append(json.loads(line[6:]))
                        if len(events) >= count:
                            break
            except aiohttp.ClientError:
                await asyncio.sleep(0)
        return events
