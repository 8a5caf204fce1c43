"""Log lines of what can happen often: each kind once in some seconds."""

import logging
import time
from collections.abc import Callable


class LimitedLog:
    """Lines of some kinds: each kind is logged at most once in some seconds, with the number of those left out."""

    def __init__(
        self,
        logger: logging.Logger,
        seconds: float,
        level: int = logging.WARNING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._seconds = seconds
        self._level = level
        self._clock = clock
        #: Kind -> time of its last line, and lines left out since. The kinds are those of the code, not of clients.
        self._kinds: dict[str, tuple[float, int]] = {}

    def log(self, kind: str, message: str, *args: object) -> None:
        """Log a line, or count it for the next line of its kind."""
        now = self._clock()
        logged_at, left_out = self._kinds.get(kind, (now - self._seconds, 0))
        if now - logged_at < self._seconds:
            self._kinds[kind] = (logged_at, left_out + 1)
            return
        self._kinds[kind] = (now, 0)
        more = f" ({left_out} more since the last line)" if left_out else ""
        self._logger.log(self._level, message + "%s", *args, more)
