"""Versions: the programs that hosted worlds run, as administrators define them."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.errors import DomainError, ErrorCode

NAME = re.compile(r"[A-Za-z0-9._+ -]{1,60}")
DEFAULT_STOP = "stop"
#: A stop text that is a signal instead of a line.
STOP_SIGNALS = ("SIGINT", "SIGTERM")
MAX_READY_LENGTH = 500
MAX_STOP_LENGTH = 200
MAX_URL_LENGTH = 2000
MAX_COMMAND_LENGTH = 4000
MAX_JAVA = 99
#: What is wrong with a source that cannot be used; the error has the reason as `text`.
UNUSABLE = "unusable"
#: The ready line is looked for in the beginning of a line.
MAX_MATCHED_LENGTH = 1000


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

    def is_ready_line(self, line: str) -> bool:
        """Return whether a line of the console is the one that `ready` describes; False without it."""
        return bool(self.ready and re.search(self.ready, line[:MAX_MATCHED_LENGTH]))


def validate_definition(version: Version) -> Version:
    """Return a version with a valid name, source and options. Raises INVALID_REQUEST, naming the first wrong one.

    The address of a jar is checked when it is fetched.
    """
    validate_ready(version.ready)
    for digits, name, value in ((40, "sha1", version.sha1), (64, "sha256", version.sha256)):
        if value and not re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", value):
            raise _invalid(name, "not_a_hash")
    if not 0 <= version.java <= MAX_JAVA:
        raise _invalid("java", "out_of_range")
    _check_source(version)
    return replace(
        version,
        name=validate_name(version.name),
        stop=validate_stop(version.stop),
        sha1=version.sha1.lower(),
        sha256=version.sha256.lower(),
    )


def _check_source(version: Version) -> None:
    sources = (
        (VersionKind.URL, "url", version.url, MAX_URL_LENGTH),
        (VersionKind.COMMAND, "command", version.command, MAX_COMMAND_LENGTH),
    )
    for kind, name, value, limit in sources:
        if len(value) > limit:
            raise _invalid(name, "too_long")
        if version.kind is kind and not value.strip():
            raise _invalid(name, "required")
        if version.kind is not kind and value:
            raise _invalid(name, "not_of_this_kind")


def validate_stop(text: str) -> str:
    """Return a valid stop text: a line for the console, SIGINT or SIGTERM; empty is `stop`. Raises INVALID_REQUEST."""
    text = text.strip() or DEFAULT_STOP
    if len(text) > MAX_STOP_LENGTH:
        raise _invalid("stop", "too_long")
    if not text.isprintable():
        raise _invalid("stop", "control_characters")
    return text


def validate_name(name: str) -> str:
    """Return a valid name of a version, without spaces around it. Raises INVALID_REQUEST.

    It is a part of addresses, in which browsers take `.` and `..` out.
    """
    name = name.strip()
    if not NAME.fullmatch(name) or name in (".", ".."):
        raise _invalid("version", "version_name")
    return name


def validate_ready(pattern: str) -> str:
    """Return a valid regular expression for the ready line. Raises INVALID_REQUEST."""
    if len(pattern) > MAX_READY_LENGTH:
        raise _invalid("ready", "too_long")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise _invalid("ready", "not_a_regular_expression") from error
    return pattern


def _invalid(name: str, problem: str) -> DomainError:
    return DomainError(ErrorCode.INVALID_REQUEST, fields={name: [problem]})
