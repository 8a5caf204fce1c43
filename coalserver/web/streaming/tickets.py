"""Tickets: let a browser open one socket without showing its token in a URL."""

import secrets
import time
from collections.abc import Callable
from typing import Any

#: Long enough to open a connection, too short to be found in a log and used.
LASTS_SECONDS = 30


class Tickets:
    """One use each, kept in memory only: after a restart a client asks for another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, tuple[Any, float]] = {}

    def issue(self, holder: Any) -> str:
        """A new ticket for whoever this is."""
        now = self._clock()
        while self._held:
            oldest = next(iter(self._held))
            if self._held[oldest][1] > now:
                break
            del self._held[oldest]
        ticket = secrets.token_urlsafe(24)
        self._held[ticket] = (holder, now + LASTS_SECONDS)
        return ticket

    def redeem(self, ticket: str) -> Any | None:
        """Whom the ticket was issued to, once; None afterwards, or when it is too old."""
        holder, until = self._held.pop(ticket, (None, 0.0))
        return holder if self._clock() < until else None
