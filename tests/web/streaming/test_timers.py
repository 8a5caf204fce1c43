"""Timers: time-outs, buckets and watchers."""

import asyncio

import pytest

from coalserver.web.streaming.timers import MAX_EXPIRING, Timers


class SampleTimeOut:
    def __init__(self) -> None:
        self.called = 0
        self.expired = asyncio.Event()

    def expire(self) -> None:
        self.called += 1
        self.expired.set()


async def test_short_time_out_is_exact() -> None:
    timers, time_out = Timers(), SampleTimeOut()
    timers.add(time_out, 0.01)
    await asyncio.wait_for(time_out.expired.wait(), 2)
    assert time_out.called == 1


@pytest.mark.parametrize("seconds", [0.01, 6])
async def test_cancelled_time_out_does_not_expire(seconds: float) -> None:
    timers, time_out, other = Timers(), SampleTimeOut(), SampleTimeOut()
    timers.cancel(time_out, timers.add(time_out, seconds))
    timers.add(other, 0.02)
    await asyncio.wait_for(other.expired.wait(), 2)
    assert time_out.called == 0
    assert not any(timers._buckets.values())


async def test_long_time_outs_share_a_bucket_per_second() -> None:
    timers = Timers()
    time_outs = [SampleTimeOut() for _ in range(1000)]
    handles = {timers.add(time_out, 40) for time_out in time_outs}
    assert 1 <= len(handles) <= 2
    timers._buckets = {0: dict.fromkeys(time_outs)}
    timers._tick()
    async with asyncio.timeout(2):
        while timers._buckets:
            await asyncio.sleep(0)
    assert all(time_out.called == 1 for time_out in time_outs)


async def test_tick_calls_watchers_until_unwatched() -> None:
    timers, time_out = Timers(), SampleTimeOut()
    timers.watch(time_out)
    timers._tick()
    timers._tick()
    timers.unwatch(time_out)
    timers._tick()
    assert time_out.called == 2


async def test_exception_in_expire_does_not_stop_other_time_outs() -> None:
    timers, other = Timers(), SampleTimeOut()

    class Failing(SampleTimeOut):
        def expire(self) -> None:
            raise ZeroDivisionError

    timers._buckets = {0: dict.fromkeys([other, Failing()])}
    with pytest.raises(ZeroDivisionError):
        timers._tick()
    assert timers._tick_handle is not None
    timers._tick()
    assert other.called == 1


async def test_watcher_may_unwatch_another_while_called() -> None:
    timers, other = Timers(), SampleTimeOut()

    class Unwatching(SampleTimeOut):
        def expire(self) -> None:
            super().expire()
            timers.unwatch(other)

    timers.watch(Unwatching())
    timers.watch(other)
    timers._tick()
    timers._tick()
    assert other.called <= 1


class CountingTimers(Timers):
    """Timers that count how often the next tick is scheduled."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduled = 0

    def _schedule_tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.scheduled += 1
        super()._schedule_tick(loop)


async def test_each_tick_schedules_one_more_though_time_outs_are_renewed() -> None:
    timers = CountingTimers()

    class Renewing(SampleTimeOut):
        def expire(self) -> None:
            super().expire()
            timers.add(self, 40)

    time_out = Renewing()
    timers.add(time_out, 40)
    for number in range(1, 5):
        assert timers.scheduled == number
        timers._buckets = {0: {time_out: None}}
        timers._tick()
        assert time_out.called == number


async def test_many_time_outs_of_one_second_expire_in_pieces() -> None:
    timers = CountingTimers()
    time_outs = [SampleTimeOut() for _ in range(2 * MAX_EXPIRING + 1)]
    timers._buckets = {0: dict.fromkeys(time_outs[:300]), 1: dict.fromkeys(time_outs[300:])}

    def called() -> int:
        return sum(time_out.called for time_out in time_outs)

    timers._tick()
    assert called() == MAX_EXPIRING
    await asyncio.sleep(0)
    assert called() == 2 * MAX_EXPIRING
    await asyncio.sleep(0)
    assert called() == len(time_outs)
    assert not timers._buckets and timers.scheduled == 1
