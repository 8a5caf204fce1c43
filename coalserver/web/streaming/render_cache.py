"""Words: what is said of an entry, made once for each audience and shared by all who hear it."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class RenderCache:
    """A small memory of what was made last. The oldest goes first."""

    def __init__(self, max_entries: int = 8192) -> None:
        self._max_entries = max_entries
        self._entries: dict[Hashable, object] = {}

    def get_or_render(self, cache_key: Hashable, render: Callable[[], T]) -> T:
        """What was made under this name, or is made now."""
        try:
            return self._entries[cache_key]  # type: ignore[return-value]
        except KeyError:
            rendered = render()
        self.put(cache_key, rendered)
        return rendered

    def get(self, cache_key: Hashable) -> Any:
        """What was put under this name, or None."""
        return self._entries.get(cache_key)

    def put(self, cache_key: Hashable, rendered: object) -> None:
        """Keep this under a name, for a while."""
        if len(self._entries) >= self._max_entries:
            for oldest in list(self._entries)[: self._max_entries // 8]:
                del self._entries[oldest]
        self._entries[cache_key] = rendered
