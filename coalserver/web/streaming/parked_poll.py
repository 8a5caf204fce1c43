"""Parked polls: a poll that only repeats the previous one waits without a request, a task or a future.

The first poll of a connection is handled as usual: router, authentication, handler. Its bytes before and after the
cursor's digits are kept, and if there are no entries yet, the protocol waits in place of the handler. A later request
that differs in those digits only has the same meaning, so the protocol answers or parks it itself. Any other request,
a partial one, and one that needs entries from disk are handled as usual.

This relies on private members of aiohttp's `RequestHandler`: `_request_count`, `_messages`, `_paused`, `_close`,
`_force_close`, `_upgraded`, `_payload_parser`, `_next_keepalive_close_time` and `_keepalive_timeout`. They are
used in no other module but `connections`, and setup.cfg pins aiohttp's minor version.
"""

from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from coalserver.domain.errors import DomainError
from coalserver.web.connections import Connection, ConnectionRunner, ConnectionServer
from coalserver.web.streaming.timers import Handle

if TYPE_CHECKING:
    from coalserver.web.streaming.long_poll import PollPlan
    from coalserver.web.streaming.subscriptions import Subscription

#: Larger requests are handled as usual.
MAX_HEAD_BYTES = 4096
#: Bytes buffered behind a parked poll before reading from its client pauses.
MAX_BUFFERED_BYTES = 16 * 1024
_CURSOR = b"after-event-id="


class ParkingProtocol(Connection):
    """A connection that can park a poll. It is the waiter of the feed and of the timers itself."""

    __slots__ = (
        "_raw", "_plan", "_before", "_after", "_finished_count",
        "_parked_subscription", "_cursor", "_timer", "_buffered",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The last bytes read, if they were one complete GET request.
        self._raw = b""
        self._plan: PollPlan | None = None
        self._before = self._after = b""
        self._finished_count = 0
        #: The subscription of the parked poll; None while none is parked.
        self._parked_subscription: Subscription | None = None
        self._cursor = -1
        self._timer: Handle | None = None
        self._buffered = b""

    def try_park(
        self, request: web.Request, plan: "PollPlan", subscription: "Subscription", cursor: int
    ) -> bool:
        """Park the current request, so that its handler can return; False if the handler must wait itself."""
        self.remember_request(request, plan)
        if self._plan is not plan:
            return False
        self._park(plan, subscription, cursor)
        return True

    def remember_request(self, request: web.Request, plan: "PollPlan") -> None:
        """Allow later polls with the same bytes around another cursor to use this plan."""
        raw, self._raw = self._raw, b""
        start = raw.find(_CURSOR) + len(_CURSOR)
        line_end = raw.find(b"\r\n")
        plain = request.keep_alive and request.version.minor > 0 and not request.can_read_body
        # No other request is in progress, so the last bytes read are this one's.
        only_request = self._request_count - self._finished_count == 1 and raw.startswith(b"GET ")
        if (
            not (plain and only_request and len(_CURSOR) <= start < line_end)
            or raw.count(_CURSOR) > 1
        ):
            return
        end = start
        while raw[end : end + 1].isdigit():
            end += 1
        if end > start:
            self._before, self._after, self._plan = raw[:start], raw[end:], plan

    def data_received(self, data: bytes) -> None:
        if self._parked_subscription is not None:
            return self._buffer(data)
        plan = self._plan
        if plan is not None:
            cursor = self._match_cursor(data)
            if cursor is not None and self._answer_or_park(plan, cursor):
                return
            self._plan = None
        is_whole_request = (
            len(data) < MAX_HEAD_BYTES
            and data.startswith(b"GET ")
            and data.find(b"\r\n\r\n") == len(data) - 4
        )
        self._raw = data if is_whole_request else b""
        super().data_received(data)

    async def finish_response(
        self, request: Any, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        # Counted here: aiohttp sets `_waiter` one iteration of the loop after the response.
        done = await super().finish_response(request, resp, start_time)
        self._finished_count += 1
        return done

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._parked_subscription is not None:
            self._unpark()
        self._plan = None
        super().connection_lost(exc)

    def wake(self) -> None:
        """Answer the parked poll, or hand it to aiohttp."""
        plan, subscription = self._plan, self._parked_subscription
        if plan is None or subscription is None:
            return
        feed = plan.app.core.feed
        if feed.closed:
            self._unpark()
            return self._write(plan.response_bytes([], self._cursor))
        if not (self._is_idle() and plan.can_share(subscription, self._cursor)):
            self._unpark()
            return self._hand_to_aiohttp()
        response = plan.shared_response(subscription, self._cursor)
        if response is not None:
            self._unpark()
            return self._write(response)
        # The API shows none of the new entries: the wait continues with the remaining time.
        self._cursor = feed.head
        feed.add_waiter(subscription.all_topics, self)

    def fail(self, error: Exception) -> None:
        if self.transport is not None:
            self.transport.abort()

    def expire(self) -> None:
        """Answer without entries at the end of the wait."""
        plan = self._plan
        self._timer = None
        if plan is not None and self._parked_subscription is not None:
            self._unpark()
            self._write(plan.response_bytes([], max(self._cursor, plan.app.core.feed.head)))

    def _match_cursor(self, data: bytes) -> int | None:
        """Return the cursor of a request that differs from the remembered one only there, else None."""
        before, after = self._before, self._after
        size = len(data) - len(before) - len(after)
        if not 0 < size <= 18 or not data.startswith(before) or not data.endswith(after):
            return None
        digits = data[len(before) : len(before) + size]
        return int(digits) if digits.isdigit() else None

    def _is_idle(self) -> bool:
        """Return whether no other request is in progress and the connection accepts a response."""
        return not (
            self._request_count != self._finished_count
            or self._messages
            or self._paused
            or self._close
            or self._force_close
            or self._upgraded
            or self._payload_parser is not None
            or self.transport is None
        )

    def _answer_or_park(self, plan: "PollPlan", cursor: int) -> bool:
        """Answer or park a poll; False if aiohttp must handle it."""
        core = plan.app.core
        feed = core.feed
        if (
            not self._is_idle()
            or feed.closed
            or cursor > feed.head
            or cursor < feed.floor - 1
            or core.presence.away(plan.player)
        ):
            return False
        try:
            subscription = plan.subscribe()
        except DomainError:
            return False
        if subscription.ended:
            return False
        if feed.has_newer(subscription.all_topics, cursor):
            if not plan.can_share(subscription, cursor):
                return False
            response = plan.shared_response(subscription, cursor)
            if response is not None:
                core.record_activity(plan.player)
                self._write(response)
                return True
            # The API shows none of the new entries.
            cursor = feed.head
        self._park(plan, subscription, cursor)
        return True

    def _park(self, plan: "PollPlan", subscription: "Subscription", cursor: int) -> None:
        core = plan.app.core
        core.record_activity(plan.player)
        core.presence.hold(plan.player)
        self._parked_subscription, self._cursor = subscription, cursor
        self._timer = plan.app.timers.add(self, plan.jittered_wait())
        core.feed.add_waiter(subscription.all_topics, self)

    def _unpark(self) -> None:
        plan, subscription = self._plan, self._parked_subscription
        if plan is None or subscription is None:
            return
        core = plan.app.core
        self._parked_subscription = None
        core.feed.unsubscribe(subscription.all_topics, self)
        if self._timer is not None:
            plan.app.timers.cancel(self, self._timer)
            self._timer = None
        core.presence.release(plan.player, core.clocks.steady())

    def _write(self, response: bytes) -> None:
        transport = self.transport
        if transport is None:
            return
        transport.write(response)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        buffered, self._buffered = self._buffered, b""
        if buffered:
            transport.resume_reading()
            self.data_received(buffered)

    def _hand_to_aiohttp(self) -> None:
        """Hand the parked request to aiohttp's parser as if it had just arrived."""
        replayed = b"%b%d%b" % (self._before, self._cursor, self._after)
        buffered, self._buffered = self._buffered, b""
        self._plan = None
        self._raw = replayed
        super().data_received(replayed)
        if buffered:
            transport = self.transport
            if transport is not None:
                transport.resume_reading()
            self.data_received(buffered)

    def _buffer(self, data: bytes) -> None:
        """Keep requests that arrive behind a parked poll: responses have the order of requests."""
        self._buffered += data
        if len(self._buffered) > MAX_BUFFERED_BYTES and self.transport is not None:
            self.transport.pause_reading()


class ParkingServer(ConnectionServer):
    """aiohttp's server with ParkingProtocol for its connections."""

    def __call__(self) -> RequestHandler:
        return ParkingProtocol(self, loop=self._loop, **self._kwargs)


class ParkingRunner(ConnectionRunner):
    """An application runner whose connections can park polls."""

    server_class = ParkingServer
