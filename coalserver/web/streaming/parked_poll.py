"""Parked polls: a poll that only repeats the previous one waits without a request, a task or a future.

The first poll of a connection is handled as usual: router, authentication, handler. Its bytes before and after the
cursor's digits are kept, and the connection joins the group of all polls that receive the same bytes. A later request
that differs in those digits only has the same meaning, so the connection answers or parks it itself: with the group's
own digits by comparing bytes alone. Any other request, a partial one, and one that needs entries from disk are handled
as usual. `docs/fast-path.md` shows the sequence and what ends parking.

This relies on private members of aiohttp's `RequestHandler`, which `aiohttp_internals` lists. Where one is missing,
`runner_class` selects connections that do not park.
"""

from math import inf
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from coalserver.core.ports import Topic
from coalserver.domain.errors import DomainError
from coalserver.web.aiohttp_internals import PARKED_POLLS, RELEASED_CONNECTIONS, usable
from coalserver.web.connections import Connection, ConnectionRunner, ConnectionServer
from coalserver.web.streaming.direct_writes import NO_SOCKET, socket_of, write_directly
from coalserver.web.streaming.poll_group import PollGroup, PollGroups, PollPlan
from coalserver.web.streaming.timers import MIN_BUCKET_SECONDS, Handle

if TYPE_CHECKING:
    from coalserver.web.streaming.subscriptions import Subscription

#: Larger requests are handled as usual.
MAX_HEAD_BYTES = 4096
_CURSOR = b"after-event-id="
_MAX_DIGITS = 18

#: How the next bytes of a connection are read: by aiohttp; as a poll that may repeat the last one; as bytes behind a
#: parked poll. ODD is PARKED with something to look at after the answer: more bytes, a slow client, an absent player.
ORDINARY, READY, PARKED, ODD = range(4)


class ParkingProtocol(Connection):
    """A connection that can park polls. It waits itself for its caller's control topic and for the timers."""

    __slots__ = (
        "_raw", "_plan", "_group", "_way", "_before", "_after", "_start", "_end", "_digits",
        "_control", "_valid_until", "_wait", "_due", "_entry", "_seen", "asks_again",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The last bytes read, if they were one complete GET request.
        self._raw = b""
        #: Both are set while the connection is enrolled.
        self._plan: PollPlan | None = None
        self._group: PollGroup | None = None
        self._way = ORDINARY
        #: The bytes of the enrolled request around its cursor, and where the cursor starts and (negative) ends.
        self._before = self._after = b""
        self._start = self._end = 0
        #: The cursor of the parked poll.
        self._digits = b""
        self._control: tuple[Topic, ...] = ()
        self._valid_until = 0.0
        #: Whole seconds that a poll waits, with jitter; 0 for a short wait, which has a timer for each poll.
        self._wait = 0
        #: The second at which the parked poll ends.
        self._due = 0
        #: The only time entry of the connection, for the end of a poll, of the token or of an idle connection; None
        #: while there is none.
        self._entry: Handle | None = None
        #: The player's last activity here, in whole seconds of the steady clock.
        self._seen = 0
        #: Whether the request in progress is a poll that was parked with valid credentials.
        self.asks_again = False

    # Reading.

    def holds_one_request(self) -> bool:
        is_only_one = self._request_count - self._finished_count == 1
        return bool(self._raw) and is_only_one and not self._rest

    def data_received(self, data: bytes) -> None:
        way = self._way
        if way == READY:
            if data.startswith(self._before) and data.endswith(self._after):
                group: PollGroup = self._group  # type: ignore[assignment]
                digits = data[self._start : self._end]
                if digits == group.digits:
                    # Equal bytes are an equal request, and its client has received everything. What follows is
                    # `_park`, written out: this is the only code that runs for most polls.
                    self._digits = digits
                    self._way = PARKED
                    self._due = group.timers.second + self._wait
                    group.waiting[self] = None
                    if self._entry is None:
                        self._start_timing()
                    return
                if self._answer_or_park(data, digits):
                    return
            self._resign()
        elif way:
            return self._keep_behind(data)
        elif self._plan is not None:
            # More than one request is in progress.
            self._resign()
        is_whole_request = (
            len(data) < MAX_HEAD_BYTES
            and data.startswith(b"GET ")
            and data.find(b"\r\n\r\n") == len(data) - 4
        )
        self._raw = data if is_whole_request else b""
        super().data_received(data)

    def _answer_or_park(self, data: bytes, digits: bytes) -> bool:
        """Answer or park a poll whose cursor is not the group's; False if aiohttp must handle it."""
        plan, group = self._plan, self._group
        if plan is None or group is None or not 0 < len(digits) <= _MAX_DIGITS:
            return False
        if not digits.isdigit() or len(data) != self._start + len(digits) - self._end:
            return False
        feed, core, cursor = group.feed, plan.app.core, int(digits)
        if feed.closed or cursor > feed.head or feed.has_gap(cursor):
            return False
        if core.expiry_time > self._valid_until:
            return False
        if group.needs_subscription():
            joined = self._subscribe_again(plan, group)
            if joined is None:
                return False
            group = joined
        subscription = group.subscription
        if cursor < group.newest:
            if not feed.covers(cursor, subscription.topics):
                return False
            if feed.has_newer(subscription.topics, cursor):
                response = plan.shared_response(subscription, cursor)
                if response is not None:
                    self.answer(response, core.clocks.steady())
                    return True
                # The API shows none of the new entries.
                digits = b"%d" % feed.head
        self._park(digits)
        return True

    def _park(self, digits: bytes) -> None:
        group = self._group
        if group is None:
            return
        self._digits = digits
        self._way = PARKED
        self._due = group.timers.second + self._wait
        group.waiting[self] = None
        if self._entry is None:
            self._start_timing()

    def _keep_behind(self, data: bytes) -> None:
        """Keep requests that arrive behind a parked poll."""
        self._way = ODD
        self.hand_back()
        super()._keep_behind(data)

    # Enrolling.

    def try_park(self, request: web.Request, plan: PollPlan, cursor: int) -> bool:
        """Park the current request, so that its handler can return; False if the handler must wait itself."""
        if not self.enrol(request, plan):
            return False
        self._park(b"%d" % cursor)
        return True

    def enrol(self, request: web.Request, plan: PollPlan) -> bool:
        """Serve later polls with the same bytes around another cursor by this plan; return whether that is possible."""
        # With more requests in progress, `_raw` is another one, whose own handler needs it.
        if self._request_count - self._finished_count != 1 or self._way:
            return False
        raw, self._raw = self._raw, b""
        start = raw.find(_CURSOR) + len(_CURSOR)
        line_end = raw.find(b"\r\n")
        plain = request.keep_alive and request.version.minor > 0 and not request.can_read_body
        if not (plain and len(_CURSOR) <= start < line_end) or raw.count(_CURSOR) > 1:
            return False
        end = start
        if raw[end : end + 2] == b"-1":
            end += 2
        while raw[end : end + 1].isdigit():
            end += 1
        if end == start or plan.app.core.feed.closed or not self._can_be_enrolled():
            return False
        try:
            # That of the handler may be older than what was published while it read.
            subscription = plan.subscribe()
        except DomainError:
            return False
        if subscription.ended:
            return False
        self._resign()
        self._before, self._after = raw[:start], raw[end:]
        self._start, self._end = start, end - len(raw)
        self._join(plan, subscription)
        return True

    def _can_be_enrolled(self) -> bool:
        """Return whether the connection accepts another response."""
        return not (
            self._paused
            or self._close
            or self._force_close
            or self._upgraded
            or self.transport is None
        )

    def _join(self, plan: PollPlan, subscription: "Subscription") -> None:
        core = plan.app.core
        self._plan = plan
        self._group = plan.app.per_process(PollGroups).join(plan, subscription)
        self._wait = int(plan.jittered_wait()) if plan.wait >= MIN_BUCKET_SECONDS else 0
        self._seen = int(core.clocks.steady())
        self._valid_until = subscription.valid_until
        self._control = _control_of(subscription)
        if self._control:
            core.feed.subscribe(self._control, self)
        if plan.player:
            core.presence.attach(plan.player, self)
        self.release_when_idle()
        if self._wait:
            self._start_timing()

    def _subscribe_again(self, plan: PollPlan, group: PollGroup) -> PollGroup | None:
        """Check this caller's rights and return their group, which may be another one; None without rights."""
        try:
            subscription = plan.subscribe()
        except DomainError:
            return None
        if subscription.ended or self._control != _control_of(subscription):
            return None
        groups = plan.app.per_process(PollGroups)
        # First, so that a group that stays the same is not deleted in between.
        self._group = joined = groups.join(plan, subscription)
        groups.leave(group)
        self._valid_until = subscription.valid_until
        return joined

    def _resign(self) -> None:
        """Let aiohttp read the next bytes. No poll is parked any more."""
        plan, group = self._plan, self._group
        if plan is None or group is None:
            return
        self._stop_timing()
        self.hand_back()
        self._plan = self._group = None
        self._way = ORDINARY
        self._before = self._after = self._digits = b""
        if self._released:
            self._restore()
        self.keep_request()
        group.remove(self)
        plan.app.per_process(PollGroups).leave(group)
        core = plan.app.core
        if self._control:
            core.feed.unsubscribe(self._control, self)
            self._control = ()
        if plan.player:
            core.presence.detach(plan.player, self)

    def _request_finished(self, keep_alive: bool) -> None:
        self.asks_again = False
        super()._request_finished(keep_alive)

    def _response_finished(self) -> None:
        # A parked poll has no response yet, and the next one may have arrived within the answer to it.
        if self._way == ORDINARY and self._finished_count == self._request_count:
            self._way = READY
        # Short waits leave idle connections to aiohttp.
        if self._wait and self._group is not None:
            super()._response_finished()

    def _release(self, attempts: int = 3) -> None:
        super()._release(attempts)
        transport, server = self.transport, self._manager
        if (
            self._released
            and self._socket == NO_SOCKET
            and not self._behind
            and transport is not None
            and not transport.get_write_buffer_size()
            and isinstance(server, ConnectionServer)
        ):
            number = socket_of(transport)
            if server.reader.add(self, number):
                self._socket = number

    # What ends a wait.

    def may_receive(self) -> bool:
        try:
            return self._plan is not None and not self._plan.subscribe().ended
        except DomainError:
            return False

    def answer(self, response: bytes, now: float) -> None:
        """Write the response to a poll, which has left its group or was not parked."""
        way, self._way = self._way, READY
        if self._seen != int(now):
            self._sign(now)
        written = 0 if self._socket == NO_SOCKET else write_directly(self._socket, response)
        if written != len(response):
            self.hand_back()
            if self.transport is not None:
                self.transport.write(response[written:])
        if way == ODD:
            self._handle_oddity()

    def ask_again(self) -> None:
        """Hand the parked request to aiohttp's parser as if it had just arrived."""
        replayed = b"%b%b%b" % (self._before, self._digits, self._after)
        behind, self._behind = self._behind, b""
        plan = self._plan
        self._resign()
        if plan is not None:
            self._sign_for(plan, plan.app.core.clocks.steady())
        self._raw = replayed
        self.asks_again = True
        super().data_received(replayed)
        self._read_behind(behind)

    def wake(self) -> None:
        """Look at the caller again: something was published that concerns them alone."""
        plan, group = self._plan, self._group
        if plan is None or group is None:
            return
        if self._way < PARKED:
            self._resign()
        elif group.feed.closed:
            self._answer_empty(group)
        else:
            # Should the poll time out first, it is asked again then.
            self._valid_until = -inf
            group.ask_again(self)

    def absent(self) -> None:
        """Handle that the player is away: the next request must bring them back, and is handled by aiohttp."""
        if self._way == PARKED:
            self._way = ODD
        elif self._way == READY:
            self._resign()

    @property
    def there(self) -> bool:
        """Whether a poll is parked here."""
        return self._way > READY

    #: To the feed the group counts its parked polls.
    client_count = 0

    def fail(self, error: Exception) -> None:
        if self.transport is not None:
            self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.absent()

    def connection_lost(self, exc: BaseException | None) -> None:
        plan, parked = self._plan, self.there
        self._force_close = True
        self._resign()
        if plan is not None and parked:
            self._sign_for(plan, plan.app.core.clocks.steady())
        super().connection_lost(exc)

    def _answer_empty(self, group: PollGroup) -> None:
        """Answer the parked poll without entries, unless it is due some."""
        response = group.remove(self) or group.empty_response()
        self.answer(response, group.app.core.clocks.steady())

    def _handle_oddity(self) -> None:
        """Handle what made the parked poll ODD, after its answer."""
        plan = self._plan
        if not self._wait:
            self._stop_timing()
        if plan is not None and (
            self._paused or plan.app.core.feed.closed or plan.app.core.presence.away(plan.player)
        ):
            self._resign()
        behind, self._behind = self._behind, b""
        self._read_behind(behind)

    # Activity.

    def _sign(self, now: float) -> None:
        """Record that the player was active, at most once a second."""
        self._seen = int(now)
        if self._plan is not None:
            self._sign_for(self._plan, now)

    def _sign_for(self, plan: PollPlan, now: float) -> None:
        if not plan.player:
            return
        core = plan.app.core
        if core.presence.sign(plan.player, now):
            core.writer.record_last_seen(plan.player, now + core.clocks.drift)

    # Time.

    def expire(self) -> None:
        """End the wait, or close an idle connection; an entry of an earlier poll only looks again."""
        self._entry = None
        plan, group = self._plan, self._group
        if plan is None or group is None:
            return
        core = group.app.core
        if core.expiry_time > self._valid_until or (group.checks_each and not self.may_receive()):
            return self.ask_again() if self.there else self._resign()
        if self.there and self._due <= group.timers.second:
            group.needs_subscription()
            self._answer_empty(group)
        elif (
            self._released
            and not self.there
            and self._idle_seconds(group) >= self._keepalive_timeout
        ):
            return self.force_close()
        # The answer may have ended parking.
        if self._plan is not None and self._entry is None:
            self._start_timing()

    def _start_timing(self) -> None:
        """Start the time entry for the poll that was just parked, or for the next one.

        The following polls only move `_due`: no entry is made or cancelled for them.
        """
        group = self._group
        if group is None or self._plan is None:
            return
        if not self._wait:
            # The timers' seconds are too coarse for a short wait: a timer that its answer cancels.
            if self._way == PARKED:
                self._way, self._due = ODD, 0
                self._entry = self._loop.call_later(self._plan.jittered_wait(), self.expire)
            return
        timers = group.timers
        # The timers' second may have stood still.
        now = timers.now()
        if self.there:
            self._due = max(self._due, now + 1)
            seconds: float = self._due - now
        else:
            # A poll that begins later ends later.
            seconds = min(self._wait, max(1, self._keepalive_timeout - self._idle_seconds(group)))
        remaining = self._valid_until - group.app.core.expiry_time
        self._entry = timers.at(self, now + max(1, int(min(seconds, remaining + 1))))

    def _stop_timing(self) -> None:
        if self._entry is not None and self._group is not None:
            self._group.timers.cancel(self, self._entry)
        self._entry = None

    def _idle_seconds(self, group: PollGroup) -> int:
        return int(group.app.core.clocks.steady()) - self._seen

    def _process_keepalive(self) -> None:
        # aiohttp does not know the polls that are answered here.
        group = self._group
        if group is not None and self._way != ORDINARY:
            idle = 0 if self.there else self._idle_seconds(group)
            closes_at = self._loop.time() + self._keepalive_timeout - idle
            self._next_keepalive_close_time = max(self._next_keepalive_close_time, closes_at)
        super()._process_keepalive()


def _control_of(subscription: "Subscription") -> tuple[Topic, ...]:
    """Return the topic on which a connection waits itself, if there is one. The group checks the rights of others."""
    control = subscription.control_topic
    return () if control is None or subscription.checks_each else (control,)


class ParkingServer(ConnectionServer):
    """aiohttp's server with ParkingProtocol for its connections."""

    def __call__(self) -> RequestHandler:
        return ParkingProtocol(self, loop=self._loop, **self._kwargs)


class ParkingRunner(ConnectionRunner):
    """An application runner whose connections can park polls."""

    server_class = ParkingServer


def runner_class(park_polls: bool) -> type[ConnectionRunner]:
    """Return the runner of the server. Without what parking needs of aiohttp it parks nothing, and that is logged."""
    if park_polls and usable((PARKED_POLLS, RELEASED_CONNECTIONS)):
        return ParkingRunner
    return ConnectionRunner
