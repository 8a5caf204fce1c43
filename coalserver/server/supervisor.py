"""The supervisor: background services live together, and the first that fails stops the server."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

Service = Callable[[], Coroutine[Any, Any, None]]


class EndedEarly(Exception):
    """A service returned although nobody had asked it to."""


@dataclass(slots=True)
class _Post:
    task: "asyncio.Task[None]"
    close: Callable[[], None] | None


class Supervisor:
    """Starts services in order and ends them in reverse. Each has a task of its own.

    No `TaskGroup`: it would cancel the ledger in the middle of a write because some other service
    failed, where the ledger can still bring what it has to disk.
    """

    def __init__(self) -> None:
        self._posts: list[_Post] = []
        self._fault: BaseException | None = None
        self._failed = asyncio.Event()
        self._stopping = False

    def add(self, name: str, service: Service, close: Callable[[], None] | None = None) -> None:
        """Start a service. `close` asks it to return, in its own time; without, it is cancelled."""
        task = asyncio.create_task(service(), name=name)
        task.add_done_callback(self._ended)
        self._posts.append(_Post(task, close))

    @property
    def fault(self) -> BaseException | None:
        """The first failure, if there was one: the server's exit status depends on it."""
        return self._fault

    async def failed(self) -> BaseException:
        """Wait for a service to fail; gives the cause."""
        await self._failed.wait()
        assert self._fault is not None
        return self._fault

    async def stop(self) -> BaseException | None:
        """End every service, the youngest first; gives the first failure, old or new."""
        self._stopping = True
        for post in reversed(self._posts):
            if post.task.done():
                continue
            if post.close is None:
                post.task.cancel()
            else:
                post.close()
            await asyncio.wait((post.task,))
        return self._fault

    def _ended(self, task: "asyncio.Task[None]") -> None:
        fault = None if task.cancelled() else task.exception()
        if fault is None:
            if self._stopping:
                return
            fault = EndedEarly(f"{task.get_name()} ended by itself")
        log.critical("%s failed; the server stops", task.get_name(), exc_info=fault)
        if self._fault is None:
            self._fault = fault
            self._failed.set()
