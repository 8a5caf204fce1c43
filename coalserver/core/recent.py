"""Recent lines: what came after the history was asked, so that no line is stored twice."""

from collections import deque
from collections.abc import Iterable

#: More lines than come while a question to the history is on its way.
MAX_DIGESTS = 20_000


class RecentDigests:
    """The digests of the newest lines, on disk or on their way there.

    Whoever asks the history notes `landed` first. If by the time of his command this still `covers` it, a line is
    known if the history knew it or this holds it; else he asks again.
    """

    def __init__(self, max_size: int = MAX_DIGESTS) -> None:
        #: How many lines have been written since the start: the history knows of them.
        self.written = 0
        self._added = 0
        self._max_size = max_size
        self._order: deque[bytes] = deque()
        self._digests: set[bytes] = set()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._digests

    def covers(self, written: int) -> bool:
        """Whether every line that was not on disk at that moment is held."""
        return written >= self._added - len(self._order)

    def add(self, digests: Iterable[bytes]) -> None:
        """These lines are true now."""
        for digest in digests:
            self._added += 1
            self._order.append(digest)
            self._digests.add(digest)
        while len(self._order) > self._max_size:
            self._digests.discard(self._order.popleft())
