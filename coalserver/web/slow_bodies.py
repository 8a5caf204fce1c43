"""Slow bodies: time limits and a least rate for request bodies that did not arrive with their heads."""

from aiohttp import web

from coalserver.web.context import AppContext

#: Bytes a second that a body must reach once the seconds of `AppContext.body_seconds` are over.
MIN_BODY_RATE = 1024
#: Seconds without a byte after which a body is given up while the server stops.
STOPPING_SECONDS = 1


class BodyTimeout(TimeoutError):
    """A body came too slowly. aiohttp expects a TimeoutError where it reads what a handler left."""


class SlowBodies:
    """The bodies that have not arrived, whatever reads them."""

    def __init__(self, app: AppContext) -> None:
        self.app = app
        self.stopping = False

    def watch(self, request: web.Request) -> None:
        """Limit the time that the body of this request takes."""
        self.app.timers.watch(_SlowBody(self, request))


class _SlowBody:
    """One body: expires when no byte came for some seconds, or fewer than MIN_BODY_RATE on average."""

    def __init__(self, bodies: SlowBodies, request: web.Request) -> None:
        self._bodies = bodies
        self._request = request
        self._seconds = self._silent_seconds = 0
        self._received = request.content.total_bytes

    def expire(self) -> None:
        """Check once a second whether the body has arrived, or comes fast enough."""
        app, content, transport = self._bodies.app, self._request.content, self._request.transport
        if content.is_eof() or content.exception() is not None or transport is None:
            return app.timers.unwatch(self)
        if not transport.is_reading():
            # The handler does not take what has come.
            return
        received, self._received = self._received, content.total_bytes
        self._seconds += 1
        self._silent_seconds = 0 if self._received > received else self._silent_seconds + 1
        limit = STOPPING_SECONDS if self._bodies.stopping else app.body_seconds
        slow = self._seconds > app.body_seconds + self._received / MIN_BODY_RATE
        if slow or self._silent_seconds >= limit:
            app.timers.unwatch(self)
            content.set_exception(BodyTimeout("the body came too slowly"))
