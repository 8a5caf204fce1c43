"""Reports that a Minecraft server, or its Java virtual machine, writes when it crashes. Everything here blocks.

Prescribed by hosting.md, section 6. The folder is the process's own: links are not followed, only regular files are
read, and no more than a limit.
"""

import os
import re
from itertools import islice
from pathlib import Path

from coalserver.domain.minecraft.hosting.crash import CrashFile
from coalserver.hosting.child_files import open_folder, read_regular

#: Folder below the server's, and the names of reports in it.
PLACES = (
    ("crash-reports", re.compile(r"[A-Za-z0-9_. -]{1,120}\.txt")),
    ("", re.compile(r"hs_err_pid[0-9]{1,10}\.log")),
)
#: Entries of a folder that are looked at.
MAX_ENTRIES = 10_000
MAX_BYTES = 128 << 10
#: A report may be finished so many seconds after the end of the process was seen.
GRACE_SECONDS = 60.0


def find_reports(server: Path, since: float, until: float) -> list[CrashFile]:
    """Return the newest report of each kind that was written after `since` and about `until` at the latest."""
    found = (_newest(server, place, names, since, until + GRACE_SECONDS) for place, names in PLACES)
    return [report for report in found if report is not None]


def _newest(
    server: Path, place: str, names: re.Pattern[str], since: float, until: float
) -> CrashFile | None:
    times: dict[str, float] = {}
    try:
        folder = open_folder(server, place)
    except OSError:
        return None
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, MAX_ENTRIES):
                if names.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    times[entry.name] = entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return None
    finally:
        os.close(folder)
    for name in sorted(times, key=lambda name: times[name], reverse=True):
        if not since < times[name] <= until:
            continue
        path = f"{place}/{name}" if place else name
        data = read_regular(server, path, MAX_BYTES + 1)
        if data is not None:
            text = data[:MAX_BYTES].decode("utf-8", "replace")
            return CrashFile(path, times[name], text, len(data) > MAX_BYTES)
    return None
