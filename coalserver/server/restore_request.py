"""Renewal: a backup in the place of all that a running server keeps. It ends for that, and begins again by itself."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, OperatorError

log = logging.getLogger(__name__)


class RestoreRequest:
    """What is to be put back as soon as the server has ended, if anything."""

    def __init__(self, home: DataDirectory) -> None:
        #: The server is to end, and then to begin again.
        self.requested = asyncio.Event()
        #: Why the last one came to nothing; empty if it did not.
        self.error = ""
        self._home = home
        self._staged: backup.StagedBackup | None = None
        self._by = (0, "")

    async def submit(self, file: Path, by: int, name: str, check: Callable[[], object]) -> None:
        """Prove a backup and have the server end for it; of several the first is taken. `may` has the last word."""
        staged = await backup.stage(self._home, file)
        try:
            check()
        except BaseException:
            staged.discard()
            raise
        if self._staged is not None:
            staged.discard()
            return
        self._staged, self._by = staged, (by, name)
        self.requested.set()

    async def apply(self) -> None:
        """Put it back, now that nobody has a file open. What cannot be put back leaves everything as it was."""
        staged, self._staged = self._staged, None
        self.requested.clear()
        if staged is None:
            return
        try:
            result = await backup.apply_backup(self._home, staged, *self._by)
        except OperatorError as failure:
            self.error = str(failure)
            log.error("%s", failure)
        else:
            self.error = ""
            log.info("Restored %s, made %s; what was there is kept in %s.", *result.values())

    def discard(self) -> None:
        """Nothing is put back any more."""
        if self._staged is not None:
            self._staged.discard()
            self._staged = None
