"""The supervisor: order of stopping, failures and their causes."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

import pytest

from coalserver.server.supervisor import ServiceExited, Supervisor


class Services:
    """Services that record in which order they stop."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def endless(self, name: str) -> Callable[[], Coroutine[None, None, None]]:
        async def run() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped.append(name)

        return run


async def failing() -> None:
    raise OSError("disk gone")


async def returning() -> None:
    return None


async def test_stop_ends_the_services_in_reverse_order():
    services, supervisor = Services(), Supervisor()
    for name in ("first", "second", "third"):
        supervisor.add(name, services.endless(name))
    await asyncio.sleep(0)
    assert await supervisor.stop() is None
    assert services.stopped == ["third", "second", "first"]


async def test_failure_is_logged_and_returned_with_its_cause(caplog):
    supervisor = Supervisor()
    supervisor.add("steady", Services().endless("steady"))
    supervisor.add("writer", failing)
    error = await supervisor.wait_for_failure()
    assert isinstance(error, OSError)
    [record] = caplog.records
    assert record.levelno == logging.CRITICAL
    assert record.getMessage() == "The writer failed; the server stops"
    assert record.exc_info is not None and record.exc_info[1] is error
    assert await supervisor.stop() is error


async def test_other_services_run_until_stop_after_a_failure():
    services, supervisor = Services(), Supervisor()
    supervisor.add("other", services.endless("other"))
    supervisor.add("writer", failing)
    await supervisor.wait_for_failure()
    assert services.stopped == []
    await supervisor.stop()
    assert services.stopped == ["other"]


async def test_service_that_returns_counts_as_failed():
    supervisor = Supervisor()
    supervisor.add("housekeeping", returning)
    error = await supervisor.wait_for_failure()
    assert isinstance(error, ServiceExited)
    assert str(error) == "housekeeping returned unexpectedly"


async def test_service_with_close_is_not_cancelled():
    supervisor, closing, done = Supervisor(), asyncio.Event(), []

    async def draining() -> None:
        await closing.wait()
        await asyncio.sleep(0)
        done.append("drained")

    supervisor.add("writer", draining, closing.set)
    await asyncio.sleep(0)
    assert await supervisor.stop() is None
    assert done == ["drained"]


async def test_failure_during_stop_is_returned():
    supervisor, closing = Supervisor(), asyncio.Event()

    async def draining() -> None:
        await closing.wait()
        raise OSError("disk full")

    supervisor.add("writer", draining, closing.set)
    error = await supervisor.stop()
    assert isinstance(error, OSError)
    assert supervisor.error is error


async def test_first_of_two_failures_is_returned():
    supervisor = Supervisor()

    async def later() -> None:
        await asyncio.sleep(0)
        raise ValueError("second")

    supervisor.add("later", later)
    supervisor.add("writer", failing)
    await supervisor.wait_for_failure()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert isinstance(await supervisor.stop(), OSError)


async def test_stop_can_be_called_twice():
    supervisor = Supervisor()
    supervisor.add("steady", Services().endless("steady"))
    assert await supervisor.stop() is None
    assert await supervisor.stop() is None


@pytest.mark.parametrize("times", [1, 3])
async def test_failure_reaches_every_waiter(times):
    supervisor = Supervisor()
    waiting = [asyncio.ensure_future(supervisor.wait_for_failure()) for _ in range(times)]
    supervisor.add("writer", failing)
    failures = await asyncio.gather(*waiting)
    assert set(map(str, failures)) == {"disk gone"}
