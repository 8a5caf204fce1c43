"""Cache of rendered entries: each is rendered once per API and audience, and shared by all subscribers."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class RenderCache:
    """A bounded cache that drops its oldest entries first."""

    def __init__(self, max_entries: int = 8192) -> None:
        self._max_entries = max_entries
        self._entries: dict[Hashable, object] = {}

    def get_or_render(self, cache_key: Hashable, render: Callable[[], T]) -> T:
        """Return the cached value, rendering and caching it if it is missing."""
        try:
            return self._entries[cache_key]  # type: ignore[return-value]
        except KeyError:
            rendered = render()
        if len(self._entries) < self._max_entries:
            self._entries[cache_key] = rendered
        else:
            self.put(cache_key, rendered)
        return rendered

    def get(self, cache_key: Hashable) -> Any:
        """Return the cached value, or None."""
        return self._entries.get(cache_key)

    def put(self, cache_key: Hashable, rendered: object) -> None:
        """Cache a value. A full cache first drops an eighth of its entries."""
        if len(self._entries) >= self._max_entries:
            for oldest in list(self._entries)[: self._max_entries // 8]:
                del self._entries[oldest]
        self._entries[cache_key] = rendered
