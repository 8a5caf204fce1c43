"""The supervisor: services live together, the first failure is told, all are ended in order."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

import pytest

from coalserver.server.supervisor import ServiceExited, Supervisor


class Services:
    """Services that note how they end."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    def endless(self, name: str) -> Callable[[], Coroutine[None, None, None]]:
        async def run() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.append(name)

        return run


async def failing() -> None:
    raise OSError("disk gone")


async def returning() -> None:
    return None


async def test_nothing_fails_while_all_run_and_stop_ends_the_youngest_first():
    services, supervisor = Services(), Supervisor()
    for name in ("first", "second", "third"):
        supervisor.add(name, services.endless(name))
    await asyncio.sleep(0)
    assert await supervisor.stop() is None
    assert services.ended == ["third", "second", "first"]


async def test_the_first_failure_is_told_with_its_cause(caplog):
    supervisor = Supervisor()
    supervisor.add("steady", Services().endless("steady"))
    supervisor.add("ledger", failing)
    fault = await supervisor.wait_for_failure()
    assert isinstance(fault, OSError)
    [record] = caplog.records
    assert record.levelno == logging.CRITICAL
    assert record.getMessage() == "ledger failed; the server stops"
    assert record.exc_info is not None and record.exc_info[1] is fault
    assert await supervisor.stop() is fault


async def test_others_run_on_after_a_failure_until_they_are_stopped():
    services, supervisor = Services(), Supervisor()
    supervisor.add("other", services.endless("other"))
    supervisor.add("ledger", failing)
    await supervisor.wait_for_failure()
    assert services.ended == []
    await supervisor.stop()
    assert services.ended == ["other"]


async def test_a_service_that_ends_by_itself_has_failed():
    supervisor = Supervisor()
    supervisor.add("housekeeping", returning)
    fault = await supervisor.wait_for_failure()
    assert isinstance(fault, ServiceExited)
    assert str(fault) == "housekeeping ended by itself"


async def test_a_service_with_a_close_ends_in_its_own_time():
    supervisor, asked, done = Supervisor(), asyncio.Event(), []

    async def draining() -> None:
        await asked.wait()
        await asyncio.sleep(0)
        done.append("drained")

    supervisor.add("ledger", draining, asked.set)
    await asyncio.sleep(0)
    assert await supervisor.stop() is None
    assert done == ["drained"]


async def test_a_failure_on_the_way_out_is_told_as_well():
    supervisor, asked = Supervisor(), asyncio.Event()

    async def draining() -> None:
        await asked.wait()
        raise OSError("disk full")

    supervisor.add("ledger", draining, asked.set)
    fault = await supervisor.stop()
    assert isinstance(fault, OSError)
    assert supervisor.error is fault


async def test_the_first_of_two_failures_is_the_one():
    supervisor = Supervisor()

    async def later() -> None:
        await asyncio.sleep(0)
        raise ValueError("second")

    supervisor.add("later", later)
    supervisor.add("ledger", failing)
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
async def test_failed_waits_for_as_many_as_ask(times):
    supervisor = Supervisor()
    waiting = [asyncio.ensure_future(supervisor.wait_for_failure()) for _ in range(times)]
    supervisor.add("ledger", failing)
    faults = await asyncio.gather(*waiting)
    assert set(map(str, faults)) == {"disk gone"}
