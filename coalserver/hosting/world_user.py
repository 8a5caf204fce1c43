"""The user of the machine as whom worlds run (hosting.md, section 6)."""

import logging
import os
import stat
from pathlib import Path

from coalserver.hosting.options import HostingOptions
from coalserver.storage.data_directory import OperatorError

log = logging.getLogger(__name__)


def find_user(options: HostingOptions) -> tuple[int, int] | None:
    """Return the ids of the user and group as whom worlds run, or None: as coalserver does. Raises OperatorError."""
    if not (options.user and options.enabled):
        return None
    if os.geteuid() != 0:
        log.warning("hosting_user is not used: only root can run worlds as another user.")
        return None
    import pwd

    try:
        entry = pwd.getpwnam(options.user)
    except KeyError:
        raise OperatorError(f"There is no user {options.user} (hosting_user).") from None
    if options.is_within_data:
        raise OperatorError("hosting_user needs a hosting_folder outside the data directory.")
    if entry.pw_uid == 0:
        raise OperatorError("hosting_user cannot be root.")
    for folder in reversed(options.folder.parents):
        if folder.exists() and not _may_pass(folder, entry.pw_uid, entry.pw_gid):
            log.warning("hosting_user %s may not pass through %s.", options.user, folder)
    return entry.pw_uid, entry.pw_gid


def _may_pass(folder: Path, user: int, group: int) -> bool:
    """Return whether a user may pass through a folder, by its mode."""
    status = folder.stat()
    if status.st_uid == user:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == group else stat.S_IXOTH))
