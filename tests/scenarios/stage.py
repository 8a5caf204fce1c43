"""A stage for stories: a server in a process of its own that may lose its power, and people who go on."""

import asyncio
import json
import signal
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import aiohttp

from tests.running import PATIENCE, Running, running

Event = dict[str, Any]


class Stage:
    """One data directory, and the server that runs on it now."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._open = ExitStack()
        self._running: Running | None = None
        #: Set while a server runs; people who find none wait for it.
        self.lit = asyncio.Event()

    async def __aenter__(self) -> "Stage":
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE))
        await self.power_on()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.http.close()
        self._open.close()

    async def power_on(self) -> None:
        """A server starts on what is there."""
        server = running(self._data)
        self._running = await asyncio.to_thread(self._open.enter_context, server)
        self.lit.set()

    def power_cut(self) -> None:
        """kill -9: nothing is tidied up."""
        assert self._running is not None
        self.lit.clear()
        self._running.stop(signal.SIGKILL)

    @property
    def url(self) -> str:
        assert self._running is not None
        return self._running.url

    async def enters(self, name: str) -> "Person":
        """Somebody signs in as a guest."""
        person = Person(self, name)
        said = await person.post("/accounts/login", {"credentialType": "guest", "username": name})
        person.id, person.token = said["user"]["userId"], said["token"]
        return person


class Person:
    """One with curl: says what the document says, and says it again when the line was cut."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.name = stage, name
        self.id, self.token = 0, ""

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path, None, {})

    async def post(self, path: str, body: Any = None) -> Any:
        """One wish, under one key, however often it has to be sent."""
        return await self._ask("POST", path, body, {"Idempotency-Key": str(uuid4())})

    async def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        while True:
            await self.stage.lit.wait()
            try:
                async with self.stage.http.request(
                    method, self.stage.url + path, json=body, headers={**self.bearer, **headers}
                ) as answer:
                    assert answer.status < 400, await answer.text()
                    return await answer.json() if answer.status != 204 else None
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0)

    async def hears(self, path: str, enough: int) -> list[Event]:
        """Poll with the largest id until that many events were heard."""
        heard: list[Event] = []
        while len(heard) < enough:
            last = heard[-1]["id"] if heard else -1
            heard += await self.get(f"{path}/events?after-event-id={last}&wait=20")
        return heard

    async def watches(self, path: str, enough: int) -> list[Event]:
        """Read server-sent events as a browser does, and resume with Last-Event-ID."""
        heard: list[Event] = []
        while len(heard) < enough:
            await self.stage.lit.wait()
            headers = {**self.bearer, "Accept": "text/event-stream"}
            if heard:
                headers["Last-Event-ID"] = str(heard[-1]["id"])
            try:
                async with self.stage.http.get(
                    f"{self.stage.url}{path}/events", headers=headers
                ) as answer:
                    assert answer.status == 200, await answer.text()
                    async for line in answer.content:
                        if line.startswith(b"data: "):
                            heard.append(json.loads(line[6:]))
                        if len(heard) >= enough:
                            break
            except aiohttp.ClientError:
                await asyncio.sleep(0)
        return heard
