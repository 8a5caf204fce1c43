"""Slow bodies: time limits and a least rate for request bodies that did not arrive with their heads.

This relies on private members of aiohttp's `RequestHandler`: `_current_request` and `_messages`, and on its class
`_ErrInfo`. setup.cfg pins aiohttp's minor version.
"""

from aiohttp import StreamReader, web
from aiohttp.web_protocol import _ErrInfo

from coalserver.web.context import AppContext

#: Bytes a second that a body must reach once the seconds of `AppContext.body_seconds` are over.
MIN_BODY_RATE = 1024
#: Seconds after which a body must have that rate while the server stops.
STOPPING_SECONDS = 1


class BodyTimeout(TimeoutError):
    """A body came too slowly. aiohttp expects a TimeoutError where it reads what a handler left."""


class SlowBodies:
    """The bodies that have not arrived, whatever reads them: a handler, or aiohttp after the response."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        self.stopping = False
        self.watched: set[StreamReader] = set()

    def watch(self, request: web.BaseRequest) -> None:
        """Limit the time that the body of this request takes, if it has not arrived."""
        content = request.content
        if not content.is_eof() and content not in self.watched:
            self.watched.add(content)
            self.app.timers.watch(_SlowBody(self, request))


class _SlowBody:
    """One body: expires when no byte came for some seconds, or fewer than MIN_BODY_RATE on average."""

    def __init__(self, bodies: SlowBodies, request: web.BaseRequest) -> None:
        self._bodies = bodies
        self._request = request
        self._content = request.content
        self._seconds = self._silent_seconds = 0
        self._received = self._content.total_bytes

    def expire(self) -> None:
        """Check once a second whether the body has arrived, or comes fast enough."""
        content, transport = self._content, self._request.transport
        if content.is_eof() or content.exception() is not None or transport is None:
            return self._unwatch()
        if any(isinstance(message, _ErrInfo) for message, _ in self._request.protocol._messages):
            # aiohttp would answer this after the body, which never ends.
            self._unwatch()
            return content.set_exception(web.RequestPayloadError("the body is malformed"))
        if not transport.is_reading():
            # The handler does not take what has come.
            return
        if self._is_late():
            self._unwatch()
            content.set_exception(BodyTimeout("the body came too slowly"))

    def _is_late(self) -> bool:
        """Note what has come in the last second, and return whether that is too little."""
        limit = self._bodies.app.body_seconds
        received, self._received = self._received, self._content.total_bytes
        rate = self._received - received
        self._seconds += 1
        self._silent_seconds = 0 if rate else self._silent_seconds + 1
        if self._bodies.stopping and self._seconds > STOPPING_SECONDS:
            answered = self._request.protocol._current_request is not self._request
            return answered or rate < MIN_BODY_RATE
        slow = self._seconds > limit + self._received / MIN_BODY_RATE
        return slow or self._silent_seconds >= limit

    def _unwatch(self) -> None:
        self._bodies.watched.discard(self._content)
        self._bodies.app.timers.unwatch(self)
