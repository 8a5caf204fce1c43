"""Writes to thousands of clients, a portion at a time, in turns with everything else that the event loop does.

One entry can be due to ten thousand clients, and writing to each takes 6 to 13 µs: all at once, every other request
would wait for a tenth of a second. One entry can also end the rights of ten thousand: whether they may still receive
anything is checked before anything else is written.
"""

import asyncio
import logging
from typing import Protocol

from coalserver.web.context import AppContext

log = logging.getLogger(__name__)

#: Clients that are written to before other requests run: 3 to 6 ms.
CLIENTS_AT_ONCE = 500


class Writer(Protocol):
    """A group of clients to write to."""

    def write_some(self) -> bool:
        """Write to about CLIENTS_AT_ONCE clients; return whether others are left."""

    def fail(self, error: Exception) -> None:
        """Stop, because `write_some` has raised this error."""


class WriteQueue:
    """The groups of one process that have clients left to write to, each in its turn."""

    def __init__(self, app: AppContext) -> None:
        #: Those before all others.
        self._first: dict[Writer, None] = {}
        self._writers: dict[Writer, None] = {}
        self._scheduled = False

    def start(self, writer: Writer) -> None:
        """Write the first portion, unless others are being written, and the rest in turns with everything else.

        Passes on an error of the first portion.
        """
        if self._first or self._writers or writer.write_some():
            self._writers[writer] = None
            self._schedule()

    def add(self, writer: Writer) -> None:
        """Write everything in turns with everything else, also the first portion."""
        self._writers.setdefault(writer)
        self._schedule()

    def add_first(self, writer: Writer) -> None:
        """Do the same, and write nothing of others before this one has finished."""
        self._first.setdefault(writer)
        self._schedule()

    async def finish(self) -> None:
        """Wait until nothing is left to write."""
        while self._scheduled:
            await asyncio.sleep(0)

    def _schedule(self) -> None:
        if (self._first or self._writers) and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._write_next)

    def _write_next(self) -> None:
        """Write a portion of the group whose turn it is."""
        self._scheduled = False
        writers = self._first or self._writers
        writer = next(iter(writers))
        try:
            is_left = writer.write_some()
        except Exception as error:
            log.exception("A group of clients failed and is stopped.")
            writer.fail(error)
            is_left = False
        del writers[writer]
        if is_left:
            writers[writer] = None
        self._schedule()
