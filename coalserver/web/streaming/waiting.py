"""Waiting: for polls that are requests of their own shape and look for themselves at what they answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from coalserver.core.feed import Ear
from coalserver.core.ports import Topic
from coalserver.web.api import Call

T = TypeVar("T")


async def awaited(
    call: Call,
    topics: Sequence[Topic],
    seconds: float,
    look: Callable[[], Awaitable[tuple[T, bool]]],
) -> T:
    """What `look` gives, once it says that this is enough; at the latest when the time is up.

    It looks again whenever something is said on one of the topics. The caller is there meanwhile.
    """
    if seconds <= 0:
        return (await look())[0]
    core, player = call.core, call.caller.player
    alarm = _Alarm()
    handle = call.web.timers.add(alarm, seconds)
    core.presence.hold(player)
    try:
        while True:
            # Before looking: whatever is said from now on wakes.
            ear = alarm.ear = Ear()
            core.feed.enrol(topics, ear)
            try:
                found, enough = await look()
                if enough or alarm.rung or core.feed.closed:
                    return found
                await ear.future
            finally:
                core.feed.leave(topics, ear)
    finally:
        call.web.timers.cancel(alarm, handle)
        core.presence.release(player, core.now)


class _Alarm:
    """Wakes whoever waits when the time is up."""

    def __init__(self) -> None:
        self.rung = False
        self.ear: Ear | None = None

    def expire(self) -> None:
        self.rung = True
        if self.ear is not None:
            self.ear.wake()
