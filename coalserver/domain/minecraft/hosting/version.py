"""Versions: the programs that hosted worlds run, as administrators define them."""

import re
from dataclasses import dataclass
from enum import StrEnum

from coalserver.domain.errors import DomainError, ErrorCode

NAME = re.compile(r"[A-Za-z0-9._+ -]{1,60}")
DEFAULT_STOP = "stop"
#: A stop text that is a signal instead of a line.
STOP_SIGNALS = ("SIGINT", "SIGTERM")
MAX_READY_LENGTH = 500
MAX_STOP_LENGTH = 200


class VersionKind(StrEnum):
    """Where the program of a version comes from."""

    MOJANG = "mojang"
    PAPER = "paper"
    FABRIC = "fabric"
    URL = "url"
    JAR = "jar"
    COMMAND = "command"


#: Kinds whose jar is fetched from a list or an address.
FETCHED_KINDS = frozenset(
    (VersionKind.MOJANG, VersionKind.PAPER, VersionKind.FABRIC, VersionKind.URL)
)


@dataclass(frozen=True, slots=True)
class Version:
    """A defined version: its source, its options, and what is known of its file."""

    id: int
    #: Unique name, as worlds refer to it.
    name: str
    kind: VersionKind
    created: float
    #: Address of the jar; empty where a list has it.
    url: str = ""
    #: Expected hashes as hex digits; empty: any.
    sha1: str = ""
    sha256: str = ""
    #: Command line, of kind COMMAND only.
    command: str = ""
    #: Java version that was set by hand; 0: as the file says.
    java: int = 0
    #: Regular expression of the line that says that the program is ready; empty: Minecraft's.
    ready: str = ""
    #: What ends the program: a line for its console, SIGINT or SIGTERM.
    stop: str = DEFAULT_STOP
    #: Its console takes commands only without a slash.
    no_slash: bool = False
    #: It has no commands to save the world.
    no_save: bool = False
    #: It is not Mojang's and needs no agreement to their EULA.
    no_eula: bool = False
    #: SHA-256 of the fetched jar, which is its file name; empty: not fetched.
    jar: str = ""
    size: int = 0
    #: What the list or the jar says: Minecraft version and Java version; empty and 0: unknown.
    minecraft: str = ""
    needed_java: int = 0
    #: Whether the configuration defines it: it can only be removed there.
    configured: bool = False

    @property
    def java_version(self) -> int:
        """The Java version that the program needs; 0 if unknown or if it is not Java's."""
        return self.java or self.needed_java


def validate_name(name: str) -> str:
    """Return a valid name of a version, without spaces around it. Raises INVALID_REQUEST."""
    name = name.strip()
    if not NAME.fullmatch(name):
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"version": ["version_name"]})
    return name


def validate_ready(pattern: str) -> str:
    """Return a valid regular expression for the ready line. Raises INVALID_REQUEST."""
    if len(pattern) > MAX_READY_LENGTH:
        raise DomainError(ErrorCode.INVALID_REQUEST, fields={"ready": ["too_long"]})
    try:
        re.compile(pattern)
    except re.error as error:
        raise DomainError(
            ErrorCode.INVALID_REQUEST, fields={"ready": ["not_a_regular_expression"]}
        ) from error
    return pattern
