"""Words: what is said of an entry, made once for each audience and shared by all who hear it."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Words:
    """A small memory of what was made last. The oldest goes first."""

    def __init__(self, most: int = 8192) -> None:
        self._most = most
        self._made: dict[Hashable, object] = {}

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """What was made under this name, or is made now."""
        try:
            return self._made[name]  # type: ignore[return-value]
        except KeyError:
            made = make()
        self.put(name, made)
        return made

    def get(self, name: Hashable) -> Any:
        """What was put under this name, or None."""
        return self._made.get(name)

    def put(self, name: Hashable, made: object) -> None:
        """Keep this under a name, for a while."""
        if len(self._made) >= self._most:
            for oldest in list(self._made)[: self._most // 8]:
                del self._made[oldest]
        self._made[name] = made
