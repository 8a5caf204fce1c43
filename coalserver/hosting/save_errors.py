"""Errors of saved games. Their texts are sentences, or parts of one, for administrators."""

import errno

#: What the system answers where a disk, a quota or the largest size of a file leaves no room.
FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class SaveError(Exception):
    """A saved game that was not made, read or restored. `str()` gives the cause."""


class SaveFailed(SaveError):
    """The cause, without a full stop, as the sentence of the trouble `save_failed` ends with it."""


class WorldKilled(SaveFailed):
    """The world has ended by SIGKILL: it has written nothing since its saving was switched off."""


class NoSpace(SaveError):
    """Less space is free than is needed. All sizes are in bytes."""

    def __init__(self, free: int, needed: int, kept: int) -> None:
        super().__init__(
            f"{free >> 20} MiB are free, {needed >> 20} are needed and {kept >> 20} are kept free"
        )
        self.free, self.needed, self.kept = free, needed, kept


class _Refused(SaveError):
    """A refused archive. `template`: the reason with names of `values` in braces, for translations."""

    SENTENCE = ""

    def __init__(self, template: str, **values: str | int) -> None:
        self.template, self.values = template, values
        self.reason = template.format(**values)
        super().__init__(self.SENTENCE.format(self.reason))


class UnsafeArchive(_Refused):
    """An archive that is refused before a byte of it is written (hosting.md, section 9)."""

    SENTENCE = "This archive is not safe: {}."


class NotAWorld(_Refused):
    """An archive without a Minecraft world, or with several."""

    SENTENCE = "Not a Minecraft world: {}."


class UnknownSave(SaveError):
    """There is no saved game with this id."""


class Stopped(SaveError):
    """The work was cancelled."""

    def __init__(self) -> None:
        super().__init__("it was cancelled")


def failed(error: OSError) -> SaveFailed:
    """Return the error for what the system answered."""
    if error.errno in FULL:
        return SaveFailed("no space is left on the disk")
    return SaveFailed((error.strerror or str(error)).rstrip("."))
