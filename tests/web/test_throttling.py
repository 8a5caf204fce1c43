"""Failure limits, tickets, timers and the render cache."""

import asyncio

import pytest

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.streaming.render_cache import RenderCache
from coalserver.web.streaming.tickets import TICKET_SECONDS, Tickets
from coalserver.web.streaming.timers import Timers
from coalserver.web.throttling import FailureLimiter
from tests.domain.builders import raises_code


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limited(failures: FailureLimiter, *names: str) -> int | None:
    """For how long, or None."""
    try:
        failures.check(*names)
    except DomainError as error:
        assert error.code is ErrorCode.RATE_LIMITED
        return int(error.details["retry_after"])
    return None


class TestFailures:
    def test_ten_failures_reach_the_limit(self, clock: Clock) -> None:
        failures = FailureLimiter(clock=clock)
        for _ in range(10):
            assert limited(failures, "a") is None
            failures.record_failure("a")
        assert limited(failures, "a") == 60

    def test_keys_count_separately_and_any_key_limits(self, clock: Clock) -> None:
        failures = FailureLimiter(2, clock=clock)
        failures.record_failure("address", "ann")
        failures.record_failure("address", "bob")
        assert limited(failures, "ann") is limited(failures, "bob") is None
        assert limited(failures, "cid", "address") == 60

    def test_wait_shrinks_and_ends(self, clock: Clock) -> None:
        failures = FailureLimiter(1, clock=clock)
        failures.record_failure("a")
        clock.now += 59.5
        assert limited(failures, "a") == 1
        clock.now += 0.5
        assert limited(failures, "a") is None

    def test_counting_restarts_after_the_window(self, clock: Clock) -> None:
        failures = FailureLimiter(2, clock=clock)
        failures.record_failure("a")
        failures.record_failure("a")
        clock.now += 60
        failures.record_failure("a")
        assert limited(failures, "a") is None
        failures.record_failure("a")
        assert limited(failures, "a") == 60

    def test_expired_counts_are_dropped(self, clock: Clock) -> None:
        failures = FailureLimiter(clock=clock)
        for number in range(100_001):
            failures.record_failure(str(number))
        clock.now += 61
        failures.record_failure("a")
        assert len(failures._counts) == 1

    def test_guard_counts_only_the_codes_it_names(self, clock: Clock) -> None:
        failures = FailureLimiter(2, clock=clock)
        for code in (ErrorCode.WRONG_PASSWORD, ErrorCode.ROOM_FULL, ErrorCode.WRONG_PASSWORD):
            assert limited(failures, "a") is None
            with raises_code(code), failures.guard("a", on=ErrorCode.WRONG_PASSWORD):
                raise DomainError(code)
        assert limited(failures, "a") == 60
        with raises_code(ErrorCode.RATE_LIMITED), failures.guard("a", on=ErrorCode.WRONG_PASSWORD):
            pytest.fail("entered at the limit")

    def test_guard_without_keys_counts_nothing(self, clock: Clock) -> None:
        failures = FailureLimiter(1, clock=clock)
        for _ in range(3):
            with (
                raises_code(ErrorCode.WRONG_PASSWORD),
                failures.guard(on=ErrorCode.WRONG_PASSWORD),
            ):
                raise DomainError(ErrorCode.WRONG_PASSWORD)

    def test_invalid_credentials_raise_their_error_until_the_limit(self, clock: Clock) -> None:
        failures = FailureLimiter(1, clock=clock)
        error = DomainError(ErrorCode.INVALID_TOKEN)
        with raises_code(ErrorCode.INVALID_TOKEN):
            failures.record_and_raise("a", error=error)
        with raises_code(ErrorCode.RATE_LIMITED):
            failures.record_and_raise("a", error=error)


class TestTickets:
    def test_ticket_is_redeemed_once(self, clock: Clock) -> None:
        tickets = Tickets(clock)
        ticket = tickets.issue("ann")
        assert tickets.redeem(ticket) == "ann"
        assert tickets.redeem(ticket) is None

    def test_ticket_expires_after_30_seconds(self, clock: Clock) -> None:
        tickets = Tickets(clock)
        ticket, other = tickets.issue("ann"), tickets.issue("ann")
        clock.now += TICKET_SECONDS - 0.1
        assert tickets.redeem(ticket) == "ann"
        clock.now += 0.1
        assert tickets.redeem(other) is None

    def test_tickets_are_unique_and_unknown_ones_are_rejected(self, clock: Clock) -> None:
        tickets = Tickets(clock)
        issued = {tickets.issue("x") for _ in range(1000)}
        assert len(issued) == 1000 and min(map(len, issued)) >= 32
        assert tickets.redeem("") is None and tickets.redeem("nonsense") is None

    def test_expired_tickets_are_dropped(self, clock: Clock) -> None:
        tickets = Tickets(clock)
        for _ in range(100):
            tickets.issue("ann")
        clock.now += TICKET_SECONDS
        tickets.issue("bob")
        assert len(tickets._tickets) == 1


class Sleeper:
    def __init__(self) -> None:
        self.called = 0
        self.awake = asyncio.Event()

    def expire(self) -> None:
        self.called += 1
        self.awake.set()


class TestTimers:
    async def test_short_time_out_is_exact(self) -> None:
        timers, sleeper = Timers(), Sleeper()
        timers.add(sleeper, 0.01)
        await asyncio.wait_for(sleeper.awake.wait(), 2)
        assert sleeper.called == 1

    @pytest.mark.parametrize("seconds", [0.01, 6])
    async def test_cancelled_time_out_does_not_expire(self, seconds: float) -> None:
        timers, sleeper, other = Timers(), Sleeper(), Sleeper()
        timers.cancel(sleeper, timers.add(sleeper, seconds))
        timers.add(other, 0.02)
        await asyncio.wait_for(other.awake.wait(), 2)
        assert sleeper.called == 0
        assert not any(timers._buckets.values())

    async def test_long_time_outs_share_a_bucket_per_second(self) -> None:
        timers = Timers()
        sleepers = [Sleeper() for _ in range(1000)]
        handles = {timers.add(sleeper, 40) for sleeper in sleepers}
        assert 1 <= len(handles) <= 2
        timers._buckets = {0: dict.fromkeys(sleepers)}
        timers._tick()
        assert all(sleeper.called == 1 for sleeper in sleepers)

    async def test_tick_calls_watchers_until_unwatched(self) -> None:
        timers, sleeper = Timers(), Sleeper()
        timers.watch(sleeper)
        timers._tick()
        timers._tick()
        timers.unwatch(sleeper)
        timers._tick()
        assert sleeper.called == 2

    async def test_exception_in_expire_does_not_stop_other_time_outs(self) -> None:
        timers, other = Timers(), Sleeper()

        class Failing(Sleeper):
            def expire(self) -> None:
                raise ZeroDivisionError

        timers._buckets = {0: dict.fromkeys([other, Failing()])}
        with pytest.raises(ZeroDivisionError):
            timers._tick()
        assert timers._tick_handle is not None
        timers._tick()
        assert other.called == 1

    async def test_watcher_may_unwatch_another_while_called(self) -> None:
        timers, other = Timers(), Sleeper()

        class Jealous(Sleeper):
            def expire(self) -> None:
                super().expire()
                timers.unwatch(other)

        timers.watch(Jealous())
        timers.watch(other)
        timers._tick()
        timers._tick()
        assert other.called <= 1


class TestWords:
    def test_entry_is_rendered_once(self) -> None:
        cache, made = RenderCache(), []

        def make() -> bytes:
            made.append(1)
            return b"x"

        assert [cache.get_or_render("a", make) for _ in range(3)] == [b"x"] * 3
        assert made == [1]

    def test_none_is_cached(self) -> None:
        cache = RenderCache()
        assert cache.get_or_render("a", lambda: None) is None
        assert cache.get_or_render("a", lambda: b"x") is None

    def test_full_cache_drops_the_oldest_entries(self) -> None:
        cache = RenderCache(max_entries=16)
        for number in range(100):
            cache.put(number, number)
            assert len(cache._entries) <= 16
        assert cache.get(99) == 99 and cache.get(0) is None
