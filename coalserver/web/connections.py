"""Connections: their number, malformed requests, the log lines of both, and what an idle one holds.

This relies on private members of aiohttp's `RequestHandler`, which `aiohttp_internals` lists.
"""

import asyncio
import logging
import re
from collections import Counter, deque
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, InvalidURLError
from aiohttp.web_protocol import RequestHandler

from coalserver.domain.text import one_line
from coalserver.observability.limited_log import LimitedLog
from coalserver.web.addresses import Network, is_in, limited_network, unmapped
from coalserver.web.aiohttp_internals import (
    RELEASED_CONNECTIONS,
    REPEATED_REQUESTS,
    missing_members,
    usable,
)
from coalserver.web.base_path import BASE_PATH, with_base_path_removed
from coalserver.web.repeats.connection import RepeatingConnection
from coalserver.web.repeats.requests import REPEATS, Repeats
from coalserver.web.responses import RawResponse
from coalserver.web.streaming.direct_writes import NO_SOCKET, socket_of
from coalserver.web.streaming.socket_reader import SocketReader

log = logging.getLogger(__name__)

#: Seconds between two log lines of one kind of malformed request, and between those of refused connections.
MALFORMED_LOG_SECONDS, REFUSED_LOG_SECONDS = 1, 60
#: Connections whose shutdown begins between two pauses.
SHUT_DOWN_AT_ONCE = 100
#: Characters of what is wrong with a request in a log line.
MAX_LOGGED_TEXT = 200
#: Where aiohttp quotes what a client has sent: text, or bytes, also as `bytearray(b'…')`. Not the name of a header in
#: its own words, such as "Missing 'Host' header".
_QUOTED = re.compile(r"""[\s:]*(?:\w+\()*(?<!\w)(?!'[\w-]+' header)b?['"].*""", re.DOTALL)
#: What aiohttp puts in front of its message.
_STATUS = re.compile(r"^\d+, message:\s*")
#: The queue of a connection without requests: an empty deque takes 760 bytes.
_NO_MESSAGES: Any = ()
_MALFORMED = b"The request is malformed.\n"
_MALFORMED_HEAD = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n"
    % len(_MALFORMED)
)
_REFUSED_BODY = b"The server has no free connection. Try again later.\n"
_REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 5\r\nConnection: close\r\n\r\n%b"
    % (len(_REFUSED_BODY), _REFUSED_BODY)
)


class ConnectionServer(web.Server):
    """aiohttp's server with a limit of its connections; 0: none.

    One address, of IPv6 its /64, may hold half of them, so that one client cannot keep all others out.
    """

    max_connections = 0
    #: Networks without a limit for each address: trusted proxies and `limits_exempt`.
    unlimited: tuple[Network, ...] = ()
    #: Open connections by the address.
    held: Counter[str]
    #: Reads the connections that do not leave that to their transports.
    reader: SocketReader
    #: Reads the first bytes of each connection, unless they come at once.
    first_reader: SocketReader
    malformed_log: LimitedLog
    refused_log: LimitedLog
    #: No connection is served beyond its current request.
    stopping = False
    #: None: every request is aiohttp's.
    repeats: Repeats | None = None

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)

    def pre_shutdown(self) -> None:
        self.stopping = True
        super().pre_shutdown()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Shut all connections down; other requests run between some of them and others.

        Also those that take the place of others meanwhile: after a restart within the process they would be served by
        the stopped server for ever.
        """
        self.stopping = True
        begun: set[asyncio.Protocol] = set()
        while left := [one for one in self.connections if one not in begun]:
            begun.update(left)
            tasks: deque[asyncio.Future[None]] = deque()
            while left:
                tasks.append(asyncio.ensure_future(left.pop().shutdown(timeout)))
                if len(tasks) % SHUT_DOWN_AT_ONCE == 0:
                    await asyncio.sleep(0)
            while tasks:
                count = min(len(tasks), SHUT_DOWN_AT_ONCE)
                await asyncio.gather(*(tasks.popleft() for _ in range(count)))
        self._connections.clear()
        # To free thousands takes time as well.
        while begun:
            begun.pop()
            if len(begun) % SHUT_DOWN_AT_ONCE == 0:
                await asyncio.sleep(0)

    def release(self, network: str) -> None:
        """Count one connection less of a network."""
        self.held[network] -= 1
        if self.held[network] <= 0:
            del self.held[network]

    def find_refusal(self, network: str) -> str:
        """Return why a connection that was just accepted is refused, for the log; empty if it is not."""
        # `connections` is a list that is made anew.
        if len(self._connections) > self.max_connections:
            return f"{self.max_connections} are open, as many as the limit of open files allows"
        if network and self.held[network] > (self.max_connections + 1) // 2:
            return f"{network} holds half of the {self.max_connections} possible ones"
        return ""


class ConnectionRunner(web.AppRunner):
    """An application runner with a limit of connections, which serves an application below its base path."""

    server_class: type[ConnectionServer] = ConnectionServer
    #: Whether repeated requests are answered without aiohttp's requests.
    repeat_requests = True

    def __init__(
        self,
        app: web.Application,
        *,
        max_connections: int = 0,
        unlimited: tuple[Network, ...] = (),
        **kwargs: Any,
    ) -> None:
        # `content_encoding` decompresses bodies.
        super().__init__(app, auto_decompress=False, **kwargs)
        self._max_connections = max_connections
        self._unlimited = unlimited

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = self.server_class
        assert isinstance(server, ConnectionServer)
        server.max_connections = self._max_connections
        server.unlimited = self._unlimited
        server.held = Counter()
        server.reader, server.first_reader = SocketReader(), SocketReader(once=True)
        base_path = self.app.get(BASE_PATH, "")
        if base_path and server.request_factory is not None:
            server.request_factory = with_base_path_removed(server.request_factory, base_path)
        if self.repeat_requests and not self.app.middlewares and usable((REPEATED_REQUESTS,)):
            server.repeats = self.app.get(REPEATS)
        server.malformed_log = LimitedLog(log, MALFORMED_LOG_SECONDS)
        server.refused_log = LimitedLog(log, REFUSED_LOG_SECONDS)
        return server


class Connection(RepeatingConnection):
    """A connection that is refused above the limit, and that logs a malformed request in one line.

    One that its owner serves for long without aiohttp can release what aiohttp keeps of its last request: see
    `release_when_idle`.
    """

    __slots__ = ("_network", "_released", "_release_wanted", "_socket")

    #: False where this aiohttp lacks a member that it needs: nothing is released then.
    can_release = not missing_members(RELEASED_CONNECTIONS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # aiohttp's parser stops at its limit of requests that wait, and counts one too many once a body has come after
        # its request was begun. It would not be asked to go on, since to the connection the queue is not full.
        self._max_msg_queue_size -= 1
        self._network = ""
        self._released = self._release_wanted = False
        #: While a socket reader reads this connection, and its transport has nothing to write.
        self._socket = NO_SOCKET

    @property
    def released(self) -> bool:
        """Whether the connection has no request, parser and task of aiohttp, about 6 kB."""
        return self._released

    def release_when_idle(self) -> None:
        """Release aiohttp's request, parser, task and keep-alive timer once the current response is finished.

        For a connection that an owner serves for long by itself: a parked poll. (Sockets and streams let go of all of
        aiohttp, see `held_connections`.) The handler calls this, leaves the transport to the owner and returns
        `AlreadySent(keep_alive=True)`. Then:

        * The owner reads the bytes that come, and calls `_restore` before aiohttp is to handle them.
        * The owner closes the connection when it is idle for too long, and notices `connection_lost`: there is no
          handler that would be cancelled.
        * `shutdown` closes it at once.

        Does nothing on a connection that has another request by then, and where `can_release` is false.
        """
        self._release_wanted = True

    def keep_request(self) -> None:
        """Withdraw `release_when_idle`, if nothing is released yet."""
        self._release_wanted = False

    async def finish_response(
        self, request: Any, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        done = await super().finish_response(request, resp, start_time)
        # Counted here: aiohttp sets `_waiter` one iteration of the loop after the response.
        self._request_finished(bool(done[0].keep_alive) and not done[1])
        return done

    def _request_finished(self, keep_alive: bool) -> None:
        super()._request_finished(keep_alive)
        if self._release_wanted:
            self._response_finished()

    def _response_finished(self) -> None:
        """Handle that a response is finished after which the owner serves the connection."""
        if self.can_release:
            self._loop.call_soon(self._release)

    def _release(self, attempts: int = 3) -> None:
        """Release what `start` holds. It waits for the next request a few iterations after the response."""
        waiter, task = self._waiter, self._task_handler
        if not self._release_wanted or task is None or self.transport is None:
            return
        if waiter is None:
            if attempts:
                self._loop.call_soon(self._release, attempts - 1)
            return
        if waiter.done() or self._messages or self._close or self._force_close:
            return
        # Not within a request: this ends `start`, and closes nothing.
        task.cancel()
        self._task_handler = self._parser = None
        self._messages = _NO_MESSAGES
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
            self._keepalive_handle = None
        self._released, self._release_wanted = True, False

    def _restore(self) -> None:
        """Make parser, task and keep-alive timer again, as aiohttp does for a new connection; none for a closed one."""
        if self._force_close:
            return
        self._released = False
        self._missing = 0
        self._messages = deque()
        self._parser = self._new_parser()
        self._task_handler = self._loop.create_task(self.start())
        if self._keepalive_timeout > 0:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
            self._keepalive_handle = self._loop.call_at(
                self._next_keepalive_close_time, self._process_keepalive
            )

    def _new_parser(self) -> HttpRequestParser:
        return HttpRequestParser(
            self,
            self._loop,
            self._read_bufsize,
            max_line_size=self.max_line_size,
            max_field_size=self.max_field_size,
            max_headers=self.max_headers,
            payload_exception=web.RequestPayloadError,
            # As in ConnectionRunner.
            auto_decompress=False,
            max_msg_queue_size=self._max_msg_queue_size + 1,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        server = self._manager
        if not isinstance(server, ConnectionServer):
            return
        if server.stopping:
            # It was accepted before the server stopped to listen.
            return self.force_close()
        # The transport begins to read when this returns.
        self._loop.call_soon(self._await_first_bytes, server)
        if not server.max_connections:
            return
        peer = self.peername
        address = unmapped(peer[0]) if isinstance(peer, tuple) else ""
        # The peer of a Unix socket has no address.
        if address and not is_in(address, server.unlimited):
            self._network = limited_network(address)
            server.held[self._network] += 1
        refusal = server.find_refusal(self._network)
        # The transports of uvloop are none of asyncio's classes.
        if refusal and self.transport is not None:
            self.transport.write(_REFUSED)
            self.force_close()
            server.refused_log.log("", "New connections are refused: %s.", refusal)

    def _await_first_bytes(self, server: ConnectionServer) -> None:
        """Have the first request read in its turn: hundreds can come in one moment, and each takes 0.1 ms."""
        if self.transport is not None and not self._request_count:
            number = socket_of(self.transport)
            if server.first_reader.add(self, number):
                self._socket = number

    def hand_back(self) -> None:
        """Let the transport read and write again, which handles all but whole polls and answers that fit."""
        number, server = self._socket, self._manager
        if number != NO_SOCKET and isinstance(server, ConnectionServer):
            self._socket = NO_SOCKET
            server.reader.remove(self, number)
            server.first_reader.remove(self, number)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Resume reading where it was paused.

        aiohttp calls this for every body that a handler has read, and runs its parser each time.
        """
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.hand_back()
        server = self._manager
        if self._network and isinstance(server, ConnectionServer):
            server.release(self._network)
        for message, _ in self._messages:
            _cut_cycle(getattr(message, "exc", None))
        super().connection_lost(exc)

    def holds_one_request(self) -> bool:
        """Return whether all that was read is one whole GET request, which is in progress; False if not known."""
        return False

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Close the connection after its current request; without one at once.

        A connection that is accepted while the server stops would otherwise ignore its client for the whole time, and
        delay the stop. Behind a proxy with a connection for each request there are always some.
        """
        if not self._request_in_progress and not self._messages:
            self.force_close()
        await super().shutdown(timeout)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the 400 for a malformed request; log it in one line, at most once a second for each kind."""
        if status != HTTPStatus.BAD_REQUEST or not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        _cut_cycle(exc)
        if not (self._request_count == 1 and isinstance(exc, BadHttpMethod)):
            self._log_malformed(exc)
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the response has been sent already")
        return RawResponse(status, _MALFORMED_HEAD, _MALFORMED)

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log an exception; one that is the client's fault in one line."""
        error = kwargs.get("exc_info")
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            return self._log_malformed(error)
        super().log_exception(*args, **kwargs)

    def _log_malformed(self, error: BaseException) -> None:
        server, kind = self._manager, type(error).__name__
        if isinstance(server, ConnectionServer):
            peer = self.peername
            address = peer[0] if isinstance(peer, tuple) else peer
            # What the client has sent may be a token. The text of an invalid URL is the URL.
            is_url = isinstance(error, InvalidURLError)
            cause = "Invalid URL" if is_url else _QUOTED.sub("", _STATUS.sub("", str(error)))
            text = " ".join(one_line(cause).split())[:MAX_LOGGED_TEXT]
            server.malformed_log.log(
                kind, "A request from %s is malformed: %s", address, text or kind
            )


def _cut_cycle(error: BaseException | None) -> None:
    """Cut the cycle of an error with the frame in which aiohttp has raised it, which keeps it."""
    if error is not None:
        error.__traceback__ = error.__context__ = None
