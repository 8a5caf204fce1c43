"""Lines of a console, and crash reports, as pages show them: without control characters and colour codes."""

import re
from typing import Any

from coalserver.domain.minecraft.hosting.crash import Crash, ShownLine
from coalserver.domain.text import printable, without_terminal_codes

#: Characters of a line that are shown; a line has up to 64 KiB.
MAX_SHOWN = 2_000
TAB_WIDTH = 4
#: The level of a line stands in its header.
LEVEL = re.compile(r"[\[/ ](WARN(?:ING)?|ERROR|SEVERE|FATAL)[\]: ]")
HEADER_LENGTH = 80


def shown_line(line: ShownLine) -> dict[str, Any]:
    """Return a line for templates and scripts: `number`, `at` (unixtime), `text` and `level`.

    The level is `warn`, `error` or empty.
    """
    text = shown_text(line.text[: 2 * MAX_SHOWN]).rstrip()
    if len(text) > MAX_SHOWN or len(line.text) > 2 * MAX_SHOWN:
        text = text[:MAX_SHOWN] + "…"
    found = LEVEL.search(text, 0, HEADER_LENGTH)
    level = "" if found is None else "warn" if found[1].startswith("WARN") else "error"
    return {"number": line.number, "at": line.at, "text": text, "level": level}


def shown_text(text: str) -> str:
    """Return a text without colour codes of terminals, with control characters as spaces; line feeds stay."""
    plain = without_terminal_codes(text).replace("\r\n", "\n").expandtabs(TAB_WIDTH)
    return printable(plain, lines=True)


def shown_crash(crash: Crash) -> dict[str, Any]:
    """Return the last failure of a process for a template: `at`, `files` and `lines`."""
    return {
        "at": crash.at,
        "lines": [shown_line(line) for line in crash.lines],
        "files": [
            {
                "name": file.name,
                "at": file.at,
                "text": shown_text(file.text) + ("\n…" if file.is_cut else ""),
            }
            for file in crash.files
        ],
    }
