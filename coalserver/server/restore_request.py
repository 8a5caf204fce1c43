"""Renewal: a backup in the place of all that a running server keeps. It ends for that, and begins again by itself."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, Trouble

log = logging.getLogger(__name__)


class Renewal:
    """What is to be put back as soon as the server has ended, if anything."""

    def __init__(self, home: DataDirectory) -> None:
        #: The server is to end, and then to begin again.
        self.asked = asyncio.Event()
        #: Why the last one came to nothing; empty if it did not.
        self.fault = ""
        self._home = home
        self._staged: backup.Staged | None = None
        self._by = (0, "")

    async def ask(self, file: Path, by: int, name: str, may: Callable[[], object]) -> None:
        """Prove a backup and have the server end for it; of several the first is taken. `may` has the last word."""
        staged = await backup.stage(self._home, file)
        try:
            may()
        except BaseException:
            staged.drop()
            raise
        if self._staged is not None:
            staged.drop()
            return
        self._staged, self._by = staged, (by, name)
        self.asked.set()

    async def carry_out(self) -> None:
        """Put it back, now that nobody has a file open. What cannot be put back leaves everything as it was."""
        staged, self._staged = self._staged, None
        self.asked.clear()
        if staged is None:
            return
        try:
            done = await backup.put_back(self._home, staged, *self._by)
        except Trouble as fault:
            self.fault = str(fault)
            log.error("%s", fault)
        else:
            self.fault = ""
            log.info("Restored %s, made %s; what was there is kept in %s.", *done.values())

    def drop(self) -> None:
        """Nothing is put back any more."""
        if self._staged is not None:
            self._staged.drop()
            self._staged = None
