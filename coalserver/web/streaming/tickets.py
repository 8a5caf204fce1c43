"""Tickets: let a browser open one WebSocket or event stream without its token in the URL."""

import secrets
import time
from collections.abc import Callable
from typing import Any

#: Long enough to open a connection, too short for a ticket found in a log.
TICKET_SECONDS = 30


class Tickets:
    """Single-use tickets, in memory only: after a restart clients request new ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tickets: dict[str, tuple[Any, float]] = {}

    def issue(self, holder: Any) -> str:
        """Return a new ticket for a holder, and drop expired ones."""
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
        """Return the holder of a ticket and delete it; None if it is unknown, used or expired."""
        holder, expires_at = self._tickets.pop(ticket, (None, 0.0))
        return holder if self._clock() < expires_at else None
