"""RequestTask: begins at once, and is otherwise as a task of asyncio."""

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import pytest

from coalserver.web.repeats.task import RequestTask

VALUE: contextvars.ContextVar[str] = contextvars.ContextVar("value")


class Started:
    """A task that is started in the next iteration, and how it ended."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.task: RequestTask | None = None
        self.current: list[object] = []
        self.ends: list[tuple[object, BaseException | None]] = []
        asyncio.get_running_loop().call_soon(self._begin, coroutine)

    def _begin(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        loop = asyncio.get_running_loop()
        self.task = RequestTask(coroutine, loop, self._ended)
        self.current.append(asyncio.current_task(loop))

    def _ended(self, result: object, error: BaseException | None) -> None:
        self.ends.append((result, error))


def start(coroutine: Coroutine[Any, Any, None]) -> "Started":
    """Start a task outside of the task of the test, as a connection does."""
    return Started(coroutine)


async def until_done(task: "Started") -> None:
    async with asyncio.timeout(5):
        while not task.ends:
            await asyncio.sleep(0)


async def test_first_step_runs_at_once_and_the_end_is_told():
    loop = asyncio.get_running_loop()
    steps: list[object] = []

    async def work() -> str:
        steps.append(asyncio.current_task())
        await asyncio.sleep(0)
        steps.append(asyncio.current_task())
        return "result"

    def begin() -> None:
        steps.append(RequestTask(work(), loop, lambda *end: steps.append(end)))

    loop.call_soon(begin)
    async with asyncio.timeout(5):
        while len(steps) < 4:
            await asyncio.sleep(0)
    first, task, second, end = steps
    assert first is task is second and end == ("result", None)


async def test_results_and_exceptions_of_what_is_awaited_arrive():
    loop = asyncio.get_running_loop()
    result: asyncio.Future[str] = loop.create_future()
    failure: asyncio.Future[str] = loop.create_future()
    received: list[object] = []

    async def work() -> None:
        received.append(await result)
        await failure

    started = start(work())
    loop.call_later(0, result.set_result, "result")
    error = ValueError("failure")
    loop.call_later(0.01, failure.set_exception, error)
    await until_done(started)
    assert received == ["result"] and started.ends == [(None, error)]


async def test_cancel_raises_where_it_waits():
    forever: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await forever

    started = start(work())
    await asyncio.sleep(0)
    assert started.task.cancel() and started.task.cancelling() == 1
    await until_done(started)
    ((result, error),) = started.ends
    assert result is None and isinstance(error, asyncio.CancelledError)
    assert forever.cancelled() and not started.task.cancel()


async def test_cancel_within_a_step_is_raised_at_the_next_wait():
    ends: list[str] = []

    async def work() -> None:
        asyncio.current_task().cancel()
        ends.append("goes on")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ends.append("cancelled")

    started = start(work())
    await until_done(started)
    assert ends == ["goes on", "cancelled"] and started.ends == [(None, None)]


async def test_timeouts_work_and_are_withdrawn():
    ends: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            ends.append("timed out")
        await asyncio.sleep(0)
        ends.append("after")

    started = start(work())
    await until_done(started)
    assert ends == ["timed out", "after"] and started.task.cancelling() == 0


async def test_context_is_its_own():
    VALUE.set("outside")
    seen: list[str] = []

    async def work() -> None:
        VALUE.set("inside")
        await asyncio.sleep(0)
        seen.append(VALUE.get())

    await until_done(start(work()))
    assert seen == ["inside"] and VALUE.get() == "outside"


async def test_a_thread_can_be_awaited():
    async def work() -> int:
        return await asyncio.to_thread(lambda: 7)

    started = start(work())
    await until_done(started)
    assert started.ends == [(7, None)]


async def test_what_is_no_future_is_refused():
    class Strange:
        def __await__(self):
            yield "nothing"

    async def work() -> None:
        await Strange()

    started = start(work())
    await until_done(started)
    assert str(started.ends[0][1]) == "a request awaited 'nothing', which is no future of asyncio"


@pytest.mark.parametrize("waits", [True, False])
async def test_no_task_is_left_as_the_current_one(waits):
    async def work() -> None:
        if waits:
            await asyncio.sleep(0)

    started = start(work())
    await until_done(started)
    assert started.current == [None]
