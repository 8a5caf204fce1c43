"""A sample API under `/sample`, and a client that shows responses as bytes."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from coalserver.core.caller import Caller
from coalserver.core.engine import Core
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.api import Api, Route
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.responses import json_response, raw_response


def render_error(error: DomainError, ctx: RequestContext) -> web.StreamResponse:
    """Render `error: <code>` and the invalid fields."""
    return raw_response(
        f"error: {error.code} {error.details.get('fields', '')}".strip().encode(), 400
    )


def render_http_error(status: int, request: web.Request) -> web.StreamResponse:
    return raw_response(f"http error: {status}".encode(), status)


def make_api(*routes: Route, name: str = "sample", **kwargs: Any) -> Api:
    return Api(
        name,
        (f"/{name}",),
        routes,
        render_error=render_error,
        render_http_error=render_http_error,
        **kwargs,
    )


async def echo(ctx: RequestContext) -> web.StreamResponse:
    """Respond with the caller's id and the body."""
    return json_response({"caller": ctx.caller.player_id, "body": ctx.body.get("value", ctx.body)})


def player_in_header(ctx: RequestContext) -> Caller:
    """Authenticate the player whose id the header `Player` states."""
    if "Player" not in ctx.request.headers:
        raise DomainError(ErrorCode.TOKEN_REQUIRED)
    return Caller(player_id=int(ctx.request.headers["Player"]))


@dataclass
class RawAnswer:
    """A response as it came over the wire."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str | None:
        found = re.search(rf"^{name}: (.*)\r$", self.head, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else None


@dataclass
class SampleServer:
    """A running server with its core. The client opens a connection for each call."""

    core: Core
    app_context: AppContext
    test_server: TestServer
    writer_task: "asyncio.Task[None]" = field(repr=False)

    async def send_raw(self, request: bytes, answers: int = 1) -> list[RawAnswer]:
        """Write bytes on a new connection; return that many responses."""
        reader, writer = await asyncio.open_connection(self.test_server.host, self.test_server.port)
        try:
            writer.write(request)
            async with asyncio.timeout(5):
                return [await self._read(reader, request) for _ in range(answers)]
        finally:
            writer.close()
            await writer.wait_closed()

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> RawAnswer:
        """Send one request. `_` in names of headers is `-`."""
        lines = [f"{method} {path} HTTP/1.1", "Host: sample", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        [answer] = await self.send_raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return answer

    async def _read(self, reader: asyncio.StreamReader, request: bytes) -> RawAnswer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ")[1])
        length = re.search(r"Content-Length: (\d+)", head)
        bodyless = request.startswith((b"HEAD", b"OPTIONS")) or status == 204
        body = b"" if bodyless or not length else await reader.readexactly(int(length[1]))
        return RawAnswer(status, head, body)
