"""Command lines of hosted worlds: of a jar, and of a command that an administrator defined (hosting.md 4)."""

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coalserver.domain.minecraft.hosting.hosted_world import heap_mib
from coalserver.domain.minecraft.hosting.minecraft_versions import find_version, release_of
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode

#: Java's heap at the start, in MiB; it grows up to the memory of the world.
START_HEAP_MIB = 512
#: In the place of a name of nothing but dashes.
NAMELESS = "world"
NO_LOOKUPS = "-Dlog4j2.formatMsgNoLookups=true"

_PLACEHOLDER = re.compile(r"\{(port|memory|folder|name)\}")


@dataclass(frozen=True, slots=True)
class JarProgram:
    """A jar and the Java that runs it."""

    java: Path
    jar: Path
    #: Minecraft version; empty if it cannot be told.
    minecraft: str = ""
    #: Whether it is Mojang's own server, with its own settings of the log.
    vanilla: bool = False


def jar_command(
    program: JarProgram, memory: str, log_settings: Path, newest_first: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the command line of a jar.

    `memory` is the world's property, such as `2G`; `log_settings` the folder of log4j2.xml and log4j2-1.7.xml, which is
    `static/mc`; `newest_first` the ids of Mojang's list.
    """
    heap = min(heap_mib(memory), START_HEAP_MIB)
    return (
        str(program.java),
        f"-Xmx{memory}",
        f"-Xms{heap}M",
        "-XX:+ExitOnOutOfMemoryError",
        "-Dfile.encoding=UTF-8",
        "-Dstdout.encoding=UTF-8",
        "-Dstderr.encoding=UTF-8",
        *_log4shell_options(program, log_settings, newest_first),
        "-jar",
        str(program.jar),
        "nogui",
    )


def _log4shell_options(
    program: JarProgram, log_settings: Path, newest_first: Sequence[str]
) -> tuple[str, ...]:
    """Return what protects against CVE-2021-44228. Up to 1.6 there is no log4j, from 1.19 on a fixed one.

    Only a vanilla server takes our log settings, as other programs have settings of their own.
    """
    if not find_version(program.minecraft):
        return (NO_LOOKUPS,)
    release = release_of(program.minecraft, newest_first)
    if release < (1, 7) or release >= (1, 19):
        return ()
    if release >= (1, 17) or not program.vanilla:
        return (NO_LOOKUPS,)
    name = "log4j2-1.7.xml" if release < (1, 12) else "log4j2.xml"
    return (f"-Dlog4j.configurationFile={_settings_location(log_settings / name)}",)


def _settings_location(path: Path) -> str:
    """Return where log4j finds its settings. It takes a path for a URI, and without a valid one for none at all."""
    text = str(path)
    return text if re.fullmatch(r"[A-Za-z0-9_./-]+", text) else path.as_uri()


def split_command(command: str) -> tuple[str, ...]:
    """Return the words of a command, as a shell would split it. Raises BAD_COMMAND."""
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        reason = f"the command cannot be split: {str(error).lower()}"
        raise VersionError(VersionErrorCode.BAD_COMMAND, reason) from error
    if not words or not words[0]:
        raise VersionError(VersionErrorCode.BAD_COMMAND, "the command is empty")
    if "\0" in command:
        raise VersionError(VersionErrorCode.BAD_COMMAND, "the command has a NUL character")
    return words


def program_command(
    command: str, *, port: int, memory: str, folder: Path, name: str
) -> tuple[str, ...]:
    """Return the command line of a command, for a run without a shell. Raises BAD_COMMAND.

    `{port}`, `{memory}` (in MiB), `{folder}` and `{name}` are replaced after the split, so that a value is never more
    than a part of one word; other braces stay.
    """
    values = {
        "port": str(port),
        "memory": str(heap_mib(memory)),
        "folder": str(folder),
        # A name that begins with a dash would be taken for an option of the program.
        "name": name.lstrip("- \t") or NAMELESS,
    }
    return tuple(
        _PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in split_command(command)
    )


def check_program(command: str, path: str) -> None:
    """Raise BAD_COMMAND unless the program of a command exists and may be run.

    `path` is the PATH that the program will have. A program in the world's folder is not looked for: that folder may be
    empty yet.
    """
    program = split_command(command)[0]
    if "{" in program or ("/" in program and not program.startswith("/")):
        return
    if shutil.which(program, path=path) is None:
        raise VersionError(VersionErrorCode.BAD_COMMAND, f"there is no program {program}")
