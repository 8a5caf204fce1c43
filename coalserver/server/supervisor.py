"""The supervisor of background services. The first failure stops the server."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

Service = Callable[[], Coroutine[Any, Any, None]]


class ServiceExited(Exception):
    """A service returned without being closed."""


@dataclass(slots=True)
class _RunningService:
    task: "asyncio.Task[None]"
    close: Callable[[], None] | None


class Supervisor:
    """Starts services in order and stops them in reverse order. Each has its own task.

    Not a `TaskGroup`, which would cancel the batch writer during a write when another service
    fails; the writer can still write what it has.
    """

    def __init__(self) -> None:
        self._services: list[_RunningService] = []
        self._error: BaseException | None = None
        self._failed = asyncio.Event()
        self._stopping = False

    def add(self, name: str, service: Service, close: Callable[[], None] | None = None) -> None:
        """Start a service. `close` makes it return when it is done; without it, it is cancelled."""
        task = asyncio.create_task(service(), name=name)
        task.add_done_callback(self._on_done)
        self._services.append(_RunningService(task, close))

    @property
    def error(self) -> BaseException | None:
        """The first failure, if any; the exit status of the server depends on it."""
        return self._error

    async def wait_for_failure(self) -> BaseException:
        """Wait until a service fails and return the cause."""
        await self._failed.wait()
        assert self._error is not None
        return self._error

    async def stop(self) -> BaseException | None:
        """Stop all services, the last one first; return the first failure, if any."""
        self._stopping = True
        for service in reversed(self._services):
            if service.task.done():
                continue
            if service.close is None:
                service.task.cancel()
            else:
                service.close()
            await asyncio.wait((service.task,))
        return self._error

    def _on_done(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            if self._stopping:
                return
            error = ServiceExited(f"{task.get_name()} returned unexpectedly")
        log.critical("The %s failed; the server stops", task.get_name(), exc_info=error)
        if self._error is None:
            self._error = error
            self._failed.set()
