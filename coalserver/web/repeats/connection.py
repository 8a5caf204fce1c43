"""Connections that answer repeated requests themselves.

Such a request is answered between two requests of aiohttp, whose task of the connection, `start`, goes on waiting for
the next one. What arrives meanwhile is kept until the response is written.

This relies on private members of aiohttp's `RequestHandler`, which `aiohttp_internals` lists.
"""

import asyncio
from asyncio import current_task
from collections.abc import Coroutine, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from aiohttp.http import HttpRequestParser, StreamWriter
from aiohttp.web_protocol import RequestHandler, _ErrInfo
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

from coalserver.core.caller import ANONYMOUS
from coalserver.web.context import RequestContext
from coalserver.web.repeats.requests import Repeat, Repeats
from coalserver.web.repeats.task import RequestTask
from coalserver.web.responses import RawResponse

if TYPE_CHECKING:
    from coalserver.web.endpoint import Endpoint

#: Bytes that are kept behind a request before reading from its client pauses.
MAX_BUFFERED_BYTES = 16 * 1024
#: Received bytes that are handled at once, of requests, and of a WebSocket behind its current frame: thousands of the
#: smallest chunks, and hundreds of frames.
PORTION_BYTES, SOCKET_PORTION_BYTES = 32 * 1024, 4 * 1024
#: `_missing` of a connection whose parser may hold a part of a request.
_UNKNOWN = -1
_NO_QUERY: Mapping[str, str] = MappingProxyType({})


class RepeatContext(RequestContext):
    """A repeated request. aiohttp's request is made when something asks for it."""

    #: Instead of the properties of the base class: `Repeats.find` refuses paths with a query.
    query = _NO_QUERY
    query_string = ""

    __slots__ = ("known", "content_type", "remote", "_connection", "_server", "_data", "_route")

    def __init__(self, connection: "RepeatingConnection", data: bytes, repeat: Repeat) -> None:
        head, endpoint, self._route, path, body = repeat
        super().__init__(endpoint.app, endpoint.api, endpoint.route, path, head.headers, None)
        self.received = body
        self.content_type, self.known = head.content_type, head.known  # type: ignore[misc]
        self.remote = connection._remote  # type: ignore[misc]
        self._connection = connection
        self._server = connection._manager
        self._data = data

    @property
    def request(self) -> web.Request:
        request = self._request
        if request is None:
            request = self._request = self._make_request()
        return request

    def _make_request(self) -> web.Request:
        connection, server = self._connection, self._server
        assert server is not None and connection._repeats is not None
        ((message, payload),) = connection._new_parser().feed_data(self._data)[0]
        writer = StreamWriter(connection, connection._loop)
        make: Any = server.request_factory
        request: web.Request = make(message, payload, connection, writer, connection._task_handler)
        match = UrlMappingMatchInfo(dict(self.path), self._route)
        match.add_app(connection._repeats.app)
        match.freeze()
        request._match_info = match
        return request

    @property
    def method(self) -> str:
        return self.route.method

    @property
    def was_valid(self) -> bool:
        # No repeated request was parked.
        return self.caller is not ANONYMOUS


class RepeatingConnection(RequestHandler):
    """A connection that answers a request that repeats a head which was seen before."""

    __slots__ = (
        "_repeats",
        "_repeat",
        "_missing",
        "_remote",
        "_context",
        "_behind",
        "_rest",
        "_rest_handle",
        "_finished_count",
        "_keeps_alive",
    )

    def __init__(self, manager: Any, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._repeats: Repeats | None = getattr(manager, "repeats", None)
        #: The repeated request in progress.
        self._repeat: RequestTask | None = None
        self._context: RepeatContext | None = None
        #: Bytes of a body that aiohttp's parser waits for: 0 if the next bytes begin a request.
        self._missing = 0
        #: The address of the peer, as aiohttp's requests have it.
        self._remote: str | None = None
        #: Bytes that came behind the request that is answered here.
        self._behind = b""
        #: Received bytes that are handled in later iterations of the loop, and what handles them. Nothing more is read
        #: until then.
        self._rest = b""
        self._rest_handle: asyncio.Handle | None = None
        #: Finished requests, of all that were begun.
        self._finished_count = 0
        #: Whether the last response keeps the connection.
        self._keeps_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = self.peername
        self._remote = str(peer[0]) if isinstance(peer, tuple) else peer

    def data_received(self, data: bytes) -> None:
        if len(data) > SOCKET_PORTION_BYTES:
            data = self._first_portion(data)
        repeats = self._repeats
        if repeats is None:
            return super().data_received(data)
        if self._context is not None:
            return self._keep_behind(data)
        count = self._request_count
        if self._missing:
            if self._missing > 0:
                self._missing = max(self._missing - len(data), _UNKNOWN)
            return super().data_received(data)
        # Not `_waiter`: aiohttp sets it an iteration of the loop after the response.
        if (
            count == self._finished_count
            and self._keeps_alive
            and not (self._close or self._force_close or self._paused or self._logging_enabled)
        ):
            repeat = repeats.find(data)
            # Another task gives a connection back, for example.
            if repeat is not None and current_task(self._loop) is None:
                return self._begin(RepeatContext(self, data, repeat), repeat[1])
        super().data_received(data)
        began_one = self._request_count == count + 1
        self._missing = self._look_at(data, repeats) if began_one else _UNKNOWN

    def _first_portion(self, data: bytes) -> bytes:
        """Return what is handled at once; the rest is handled in turns with other connections."""
        size = PORTION_BYTES
        if self._upgraded:
            size = SOCKET_PORTION_BYTES + getattr(self._payload_parser, "missing", 0)
        if len(data) <= size or self.transport is None:
            return data
        self._rest = data[size:] + self._rest
        self._pause_transport_reading()
        self._handle_rest_later()
        return data[:size]

    def _handle_rest_later(self) -> None:
        if self._rest_handle is None:
            self._rest_handle = self._loop.call_soon(self._handle_rest)

    def _handle_rest(self) -> None:
        self._rest_handle = None
        if self._reading_paused or self._buffer_paused:
            # `_resume_transport_reading` follows.
            return
        rest = self.take_rest()
        if rest and self.transport is not None:
            self.data_received(rest)
            is_paused = self._reading_paused or self._buffer_paused
            if not (self._rest or is_paused or len(self._behind) > MAX_BUFFERED_BYTES):
                self._resume_transport_reading()

    def _resume_transport_reading(self) -> None:
        """Resume reading; what has been received comes first."""
        if self._rest:
            self._handle_rest_later()
        else:
            super()._resume_transport_reading()

    def take_rest(self) -> bytes:
        """Return bytes that were received and are not handled yet, to the owner that takes the transport."""
        rest, self._rest = self._rest, b""
        return rest

    def _look_at(self, data: bytes, repeats: Repeats) -> int:
        """Return how many bytes of the request in these bytes are still to come; keep the head of a whole one."""
        message, payload = self._messages[-1]
        head_end = data.find(b"\r\n\r\n")
        if isinstance(message, _ErrInfo) or message.chunked or self._upgraded or head_end < 0:
            return _UNKNOWN
        missing = int(message.headers.get(hdrs.CONTENT_LENGTH, 0)) - (len(data) - head_end - 4)
        if not missing and payload.is_eof() and message.method in repeats.methods:
            repeats.keep(data, message)
        return max(missing, _UNKNOWN)

    def _keep_behind(self, data: bytes) -> None:
        """Keep requests that arrive before the response: responses have the order of requests."""
        self._behind += data
        if len(self._behind) > MAX_BUFFERED_BYTES and self.transport is not None:
            self.transport.pause_reading()

    def _read_behind(self, behind: bytes) -> None:
        """Handle bytes that were kept, after the response."""
        if behind:
            self._resume_transport_reading()
            self.data_received(behind)

    def _begin(self, ctx: RepeatContext, endpoint: "Endpoint") -> None:
        assert self._manager is not None
        self._manager.requests_count += 1
        self._request_count += 1
        self._request_in_progress = True
        self._context = ctx
        task = RequestTask(endpoint.answer(ctx), self._loop, self._answered)
        if self._context is ctx and self._repeat is None:
            self._repeat = task
            if self._manager is None:
                # The connection was lost in the first step.
                task.cancel()

    def _answered(self, response: Any, error: BaseException | None) -> None:
        """Write a response; then wait for the next request, as aiohttp does."""
        keep_alive = False
        if error is not None:
            if not isinstance(error, asyncio.CancelledError | ConnectionError):
                self.log_exception("Unhandled exception", exc_info=error)
        elif type(response) is RawResponse:
            transport = self.transport
            if transport is not None and not transport.is_closing():
                keep_alive = not response.closes
                transport.write(response.to_bytes(keep_alive))
            self._finished_count += 1
            self._keeps_alive = keep_alive
            if self._paused:
                return self._go_on(self._wait_for_client(keep_alive))
        elif isinstance(response, bool):
            keep_alive = response
        else:
            return self._go_on(self._write_other(response))
        self._repeat = self._context = None
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        self._keepalive = keep_alive
        if not keep_alive or self._close or self._force_close:
            return self.force_close()
        loop = self._loop
        self._next_keepalive_close_time = closes_at = loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = loop.call_at(closes_at, self._process_keepalive)
        behind, self._behind = self._behind, b""
        self._read_behind(behind)

    def _go_on(self, coroutine: Coroutine[Any, Any, bool]) -> None:
        """Run what returns whether the connection stays open."""
        ctx, self._repeat = self._context, None
        task = RequestTask(coroutine, self._loop, self._answered)
        if self._context is ctx:
            self._repeat = task

    async def _wait_for_client(self, keep_alive: bool) -> bool:
        await self._drain_helper()
        return keep_alive

    async def _write_other(self, response: web.StreamResponse) -> bool:
        """Write a response of aiohttp's own."""
        assert self._context is not None
        done, reset = await self.finish_response(self._context.request, response, None)
        return bool(done.keep_alive) and not reset

    def _request_finished(self, keep_alive: bool) -> None:
        """Count a request whose response has been written."""
        self._finished_count += 1
        self._keeps_alive = keep_alive

    def _process_keepalive(self) -> None:
        if self._context is not None:
            # To aiohttp the connection is idle.
            closes_at = self._loop.time() + self._keepalive_timeout
            self._next_keepalive_close_time = max(self._next_keepalive_close_time, closes_at)
        super()._process_keepalive()

    def connection_lost(self, exc: BaseException | None) -> None:
        server = self._manager
        super().connection_lost(exc)
        self._behind = self._rest = b""
        if self._repeat is not None and server is not None and server.handler_cancellation:
            self._repeat.cancel()

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        await super().shutdown(timeout)
        if self._repeat is not None:
            self._repeat.cancel()

    def _new_parser(self) -> HttpRequestParser:
        """Return a parser as aiohttp makes it."""
        raise NotImplementedError
