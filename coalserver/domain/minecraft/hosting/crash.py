"""The last failure of a hosted world's process: its time, its reports and its last lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coalserver.domain.minecraft.hosting.hosted_world import HostedWorld, TroubleCode

#: Troubles whose cause stands in the last lines of the process.
FAILED_STARTS = frozenset((TroubleCode.START_FAILED, TroubleCode.START_TIMEOUT))
#: A report belongs to a failure if it was written within this time before it, and after the previous crash.
REPORT_SECONDS = 600.0


class ShownLine(Protocol):
    """A line of the console, with the time in seconds at which it was written."""

    @property
    def number(self) -> int: ...

    @property
    def at(self) -> float: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CrashFile:
    """A report that the process wrote: its name below the folder of the server, its unixtime and its text."""

    name: str
    at: float
    text: str
    #: Only the beginning is kept of a long one.
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Crash:
    """The last failure of a process."""

    at: float
    files: Sequence[CrashFile] = ()
    #: The last lines before it, oldest first.
    lines: Sequence[ShownLine] = ()


def failed_at(hosted: HostedWorld) -> float | None:
    """Return when the process last crashed or failed to start; None once a person has started the world since."""
    if hosted.crashes:
        return hosted.crashes[-1]
    trouble = hosted.trouble
    return trouble.at if trouble is not None and trouble.code in FAILED_STARTS else None


def reports_since(hosted: HostedWorld, at: float) -> float:
    """Return the earliest time of a report that belongs to the failure at this time."""
    previous = hosted.crashes[-2] if len(hosted.crashes) > 1 else 0.0
    return max(at - REPORT_SECONDS, previous)
