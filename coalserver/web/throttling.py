"""Failures: how often something was tried in vain, so that guessing takes for ever."""

import math
import time
from collections.abc import Callable

from coalserver.domain.errors import Refusal, Why


class Failures:
    """Counts failures by what was tried and by whom. Success costs nothing and clears nothing."""

    def __init__(
        self, most: int = 10, seconds: float = 60, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}

    def check(self, *names: str) -> None:
        """Refuse, with the seconds to wait, where one of these has failed too often of late."""
        now = self._clock()
        for name in names:
            count, since = self._counts.get(name, (0, now))
            left = since + self._seconds - now
            if count >= self._most and left > 0:
                raise Refusal(Why.RATE_LIMITED, wait=math.ceil(left))

    def note(self, *names: str) -> None:
        """Each of these has failed once more."""
        now = self._clock()
        if len(self._counts) > 100_000:
            self._sweep(now)
        for name in names:
            count, since = self._counts.get(name, (0, now))
            if now - since >= self._seconds:
                count, since = 0, now
            self._counts[name] = (count + 1, since)

    def _sweep(self, now: float) -> None:
        self._counts = {
            name: kept for name, kept in self._counts.items() if now - kept[1] < self._seconds
        }
