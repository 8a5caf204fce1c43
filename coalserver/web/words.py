"""Words: what is said of an entry, made once for each audience and shared by all who hear it."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Words:
    """A small memory of what was made last. The oldest goes first."""

    def __init__(self, most: int = 8192) -> None:
        self._most = most
        self._made: dict[Hashable, object] = {}
        self._groups: dict[Hashable, int] = {}
        self._next = 0

    def once(self, name: Hashable, make: Callable[[], T]) -> T:
        """What was made under this name, or is made now."""
        try:
            return self._made[name]  # type: ignore[return-value]
        except KeyError:
            made = make()
        self.put(name, made)
        return made

    def group(self, name: Hashable) -> int:
        """A small number that stands for a long name: quicker to look up where that is done often."""
        number = self._groups.get(name)
        if number is None:
            if len(self._groups) >= self._most:
                self._groups.clear()
            number = self._groups[name] = self._next
            self._next += 1
        return number

    def get(self, name: Hashable) -> Any:
        """What was put under this name, or None."""
        return self._made.get(name)

    def put(self, name: Hashable, made: object) -> None:
        """Keep this under a name, for a while."""
        if len(self._made) >= self._most:
            for oldest in list(self._made)[: self._most // 8]:
                del self._made[oldest]
        self._made[name] = made
