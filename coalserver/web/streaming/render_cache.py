"""Cache of rendered entries: each is rendered once per API and audience, and shared by all subscribers."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from coalserver.core.steps import Steps, complete_in_turns
from coalserver.domain.text import trimmed

T = TypeVar("T")


class RenderCache:
    """A bounded cache that drops its oldest entries first. Bytes count in full, other values not."""

    def __init__(self, max_entries: int = 8192, max_bytes: int = 64 << 20) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: dict[Hashable, object] = {}
        self._bytes = 0
        #: What is being rendered in turns.
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    def get_or_render(self, cache_key: Hashable, render: Callable[[], T]) -> T:
        """Return the cached value, rendering and caching it if it is missing."""
        try:
            return self._entries[cache_key]  # type: ignore[return-value]
        except KeyError:
            rendered = render()
        if isinstance(rendered, bytes):
            if type(rendered) is bytes:
                # A subclass says what kind of message the bytes are, and is kept.
                rendered = trimmed(rendered)  # type: ignore[assignment]
            self._bytes += len(rendered)
        if len(self._entries) < self._max_entries and self._bytes <= self._max_bytes:
            self._entries[cache_key] = rendered
        else:
            self.put(cache_key, rendered)
        return rendered

    async def get_or_render_in_turns(
        self, cache_key: Hashable, render: Callable[[], Steps[T]]
    ) -> T:
        """Return the cached value. A missing one is rendered in steps, once for all who ask for it meanwhile."""
        found: T | None = self.get(cache_key)
        if found is not None:
            return found
        running = self._running.get(cache_key)
        if running is None:
            # A task of its own: others need it where the first who asked has gone.
            running = asyncio.create_task(self._render_in_turns(cache_key, render()))
            self._running[cache_key] = running
        return await asyncio.shield(running)

    async def _render_in_turns(self, cache_key: Hashable, steps: Steps[T]) -> T:
        try:
            rendered = await complete_in_turns(steps)
        finally:
            del self._running[cache_key]
        return self.get_or_render(cache_key, lambda: rendered)

    def get(self, cache_key: Hashable) -> Any:
        """Return the cached value, or None."""
        return self._entries.get(cache_key)

    def put(self, cache_key: Hashable, rendered: object) -> None:
        """Cache a value. A full cache first drops an eighth of its entries, or as many as have too many bytes."""
        if len(self._entries) >= self._max_entries or self._bytes > self._max_bytes:
            for number, oldest in enumerate(list(self._entries)):
                if number >= self._max_entries // 8 and self._bytes <= self._max_bytes // 2:
                    break
                dropped = self._entries.pop(oldest)
                if isinstance(dropped, bytes):
                    self._bytes -= len(dropped)
        self._entries[cache_key] = rendered
