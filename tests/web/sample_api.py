"""A toy dialect, and a server that speaks it and nothing else."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from coalserver.core.caller import Caller
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.storage.memory import MemoryStore
from coalserver.web.api import Api, Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_response, raw_response
from coalserver.web.routing import mount


def refuse(refusal: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """`no: <reason>`, and what belongs to it."""
    return raw_response(
        f"no: {refusal.code} {refusal.details.get('fields', '')}".strip().encode(), 400
    )


def astray(status: int, request: web.Request) -> web.StreamResponse:
    return raw_response(f"astray: {status}".encode(), status)


def toy(*routes: Route, name: str = "toy", **more: Any) -> Api:
    return Api(name, (f"/{name}",), routes, render_error=refuse, render_http_error=astray, **more)


async def echo(ctx: RequestContext) -> web.StreamResponse:
    """Who calls and what he said."""
    return json_response({"caller": ctx.caller.player_id, "body": ctx.body.get("value", ctx.body)})


def somebody(ctx: RequestContext) -> Caller:
    """Whoever says so in a header."""
    if "Who" not in ctx.request.headers:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    return Caller(player_id=int(ctx.request.headers["Who"]))


@dataclass
class Said:
    """An answer as it came over the wire."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        found = re.search(rf"^{name}: (.*)\r$", self.head, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else None


@dataclass
class Server:
    """A running server, and the core behind it."""

    core: Core
    shared: AppContext
    test: TestServer
    writing: "asyncio.Task[None]" = field(repr=False)

    async def raw(self, request: bytes, answers: int = 1) -> list[Said]:
        """Write bytes on a new connection; gives so many answers."""
        reader, writer = await asyncio.open_connection(self.test.host, self.test.port)
        try:
            writer.write(request)
            async with asyncio.timeout(5):
                return [await self._one(reader, request) for _ in range(answers)]
        finally:
            writer.close()
            await writer.wait_closed()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Said:
        """One request on a connection of its own. `_` in names of headers is `-`."""
        lines = [f"{method} {path} HTTP/1.1", "Host: toy", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        [said] = await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return said

    async def _one(self, reader: asyncio.StreamReader, request: bytes) -> Said:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ")[1])
        length = re.search(r"Content-Length: (\d+)", head)
        bare = request.startswith((b"HEAD", b"OPTIONS")) or status == 204
        body = b"" if bare or not length else await reader.readexactly(int(length[1]))
        return Said(status, head, body)


@asynccontextmanager
async def serving(*dialects: Api, limit: int = 1 << 20, **shared: Any) -> AsyncIterator[Server]:
    core = await Core.recover(MemoryStore(), CoreContext(lambda: 1000.0))
    writing = asyncio.create_task(core.writer.run())
    app = web.Application(client_max_size=limit)
    web_ = AppContext(core, **shared)
    mount(app, web_, dialects)
    async with TestServer(app) as test:
        yield Server(core, web_, test, writing)
    core.writer.close()
    await writing
