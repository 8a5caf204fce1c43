"""Tickets: let a browser open one socket without showing its token in a URL."""

import secrets
import time
from collections.abc import Callable
from typing import Any

#: Long enough to open a connection, too short to be found in a log and used.
TICKET_SECONDS = 30


class Tickets:
    """One use each, kept in memory only: after a restart a client asks for another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tickets: dict[str, tuple[Any, float]] = {}

    def issue(self, holder: Any) -> str:
        """A new ticket for whoever this is."""
        now = self._clock()
        while self._tickets:
            oldest = next(iter(self._tickets))
            if self._tickets[oldest][1] > now:
                break
            del self._tickets[oldest]
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = (holder, now + TICKET_SECONDS)
        return ticket

    def redeem(self, ticket: str) -> Any | None:
        """Whom the ticket was issued to, once; None afterwards, or when it is too old."""
        holder, expires_at = self._tickets.pop(ticket, (None, 0.0))
        return holder if self._clock() < expires_at else None
