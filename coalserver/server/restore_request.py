"""A restore that an administrator requests on the site; the server restarts in the process for it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from coalserver.storage import backup
from coalserver.storage.data_directory import DataDirectory, OperatorError

log = logging.getLogger(__name__)


class RestoreRequest:
    """The backup that replaces all data once the server has stopped, if any."""

    def __init__(self, home: DataDirectory) -> None:
        #: Set when the server has to restart.
        self.requested = asyncio.Event()
        #: Message of the last restore if it failed.
        self.error = ""
        self._home = home
        self._staged: backup.StagedBackup | None = None
        self._requested_by = (0, "")

    async def submit(
        self, file: Path, account_id: int, name: str, check: Callable[[], object]
    ) -> None:
        """Verify a backup and request a restart for it, on behalf of an account with this name.

        `check` is called after the verification, which takes a while; what it raises cancels the
        request. If a restore is requested already, this one is ignored. Raises InvalidBackup.
        """
        staged = await backup.stage(self._home, file)
        try:
            check()
        except BaseException:
            staged.discard()
            raise
        if self._staged is not None:
            staged.discard()
            return
        self._staged, self._requested_by = staged, (account_id, name)
        self.requested.set()

    async def apply(self) -> None:
        """Replace the data with the backup. No file may be open.

        If that fails, the data stays as it was and `error` has the message.
        """
        staged, self._staged = self._staged, None
        self.requested.clear()
        if staged is None:
            return
        try:
            result = await backup.apply_backup(self._home, staged, *self._requested_by)
        except OperatorError as error:
            self.error = str(error)
            log.error("%s", error)
        else:
            self.error = ""
            log.info("Restored %s, created %s; the replaced data is kept in %s.", *result.values())

    def discard(self) -> None:
        """Cancel the requested restore, if any."""
        if self._staged is not None:
            self._staged.discard()
            self._staged = None
