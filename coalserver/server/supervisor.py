"""The supervisor: background services live together, and the first that fails stops the server."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

Service = Callable[[], Coroutine[Any, Any, None]]


class ServiceExited(Exception):
    """A service returned although nobody had asked it to."""


@dataclass(slots=True)
class _RunningService:
    task: "asyncio.Task[None]"
    close: Callable[[], None] | None


class Supervisor:
    """Starts services in order and ends them in reverse. Each has a task of its own.

    No `TaskGroup`: it would cancel the ledger in the middle of a write because some other service
    failed, where the ledger can still bring what it has to disk.
    """

    def __init__(self) -> None:
        self._services: list[_RunningService] = []
        self._error: BaseException | None = None
        self._failed = asyncio.Event()
        self._stopping = False

    def add(self, name: str, service: Service, close: Callable[[], None] | None = None) -> None:
        """Start a service. `close` asks it to return, in its own time; without, it is cancelled."""
        task = asyncio.create_task(service(), name=name)
        task.add_done_callback(self._on_done)
        self._services.append(_RunningService(task, close))

    @property
    def error(self) -> BaseException | None:
        """The first failure, if there was one: the server's exit status depends on it."""
        return self._error

    async def wait_for_failure(self) -> BaseException:
        """Wait for a service to fail; gives the cause."""
        await self._failed.wait()
        assert self._error is not None
        return self._error

    async def stop(self) -> BaseException | None:
        """End every service, the youngest first; gives the first failure, old or new."""
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
            error = ServiceExited(f"{task.get_name()} ended by itself")
        log.critical("%s failed; the server stops", task.get_name(), exc_info=error)
        if self._error is None:
            self._error = error
            self._failed.set()
