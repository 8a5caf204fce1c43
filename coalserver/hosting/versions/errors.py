"""The error of everything that can fail between a version's definition and its command line."""

from enum import StrEnum


class VersionErrorCode(StrEnum):
    """Why a version cannot be run. Most are codes of refusals or troubles as well (hosting.md 3)."""

    #: The list or the address cannot be read, or the file did not arrive whole.
    NOT_FETCHED = "not_fetched"
    #: The file is not the published one.
    CHECKSUM = "checksum"
    #: The file is no jar that Java can run.
    BAD_JAR = "bad_jar"
    NO_JAVA = "no_java"
    #: A command cannot be split, or its program does not exist.
    BAD_COMMAND = "bad_command"
    #: The file cannot be stored.
    DISK = "disk"
    #: The file of an uploaded version is gone or was changed; it cannot be fetched again.
    FILES_MISSING = "files_missing"


class VersionError(Exception):
    """A version that cannot be run: a code and a reason in English.

    The reason is part of a sentence: it has no full stop, such as "Error (404) fetching URL".
    """

    def __init__(self, code: VersionErrorCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason

    def __str__(self) -> str:
        return self.reason
