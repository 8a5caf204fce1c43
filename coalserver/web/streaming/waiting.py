"""Waiting: for polls that are requests of their own shape and look for themselves at what they answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from coalserver.core.feed import FutureWaiter
from coalserver.core.ports import Topic
from coalserver.web.context import RequestContext

T = TypeVar("T")


async def poll_until(
    ctx: RequestContext,
    topics: Sequence[Topic],
    seconds: float,
    check: Callable[[], Awaitable[tuple[T, bool]]],
) -> T:
    """What `look` gives, once it says that this is enough; at the latest when the time is up.

    It looks again whenever something is said on one of the topics. The caller is there meanwhile.
    """
    if seconds <= 0:
        return (await check())[0]
    core, player = ctx.core, ctx.caller.player_id
    alarm = _Alarm()
    handle = ctx.app.timers.add(alarm, seconds)
    core.presence.hold(player)
    try:
        while True:
            # Before looking: whatever is said from now on wakes.
            waiter = alarm.waiter = FutureWaiter()
            core.feed.add_waiter(topics, waiter)
            try:
                result, enough = await check()
                if enough or alarm.expired or core.feed.closed:
                    return result
                await waiter.future
            finally:
                core.feed.unsubscribe(topics, waiter)
    finally:
        ctx.app.timers.cancel(alarm, handle)
        core.presence.release(player, core.now)


class _Alarm:
    """Wakes whoever waits when the time is up."""

    def __init__(self) -> None:
        self.expired = False
        self.waiter: FutureWaiter | None = None

    def expire(self) -> None:
        self.expired = True
        if self.waiter is not None:
            self.waiter.wake()
