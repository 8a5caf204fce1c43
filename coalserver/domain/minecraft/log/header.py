"""What stands before the text of a line: date, time, thread, level, logger, in any of their shapes."""

import re
from typing import NamedTuple

#: Colours of a terminal: escape sequences of every sort.
TERMINAL_CODES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])?"
)
#: Colours of the game.
COLOR_CODES = re.compile("§.?", re.DOTALL)

_CLOCK = r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?"
#: A thread may hold anything, slashes and pairs of brackets too: `RCON Client /[0:0:0:0:0:0:0:1] #3`.
_THREAD = r"\[(?:[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*/)?(\w+)\]"
_LOGGER = r"(?: \[[^\]]*\])?(?:: ?| \([^)]*\) )"

#: `[12:34:56] [Server thread/INFO]: `, `[12:34:56 INFO]: `, `[25Sep2026 12:34:56.789] […/INFO] […]: `
BRACKETED = re.compile(
    rf"\[(?:([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{2}}[^\[\]]{{1,16}}[0-9]{{4}})[ T])?{_CLOCK}"
    rf"(?: (\w+))?\](?: {_THREAD})?{_LOGGER}",
    re.ASCII,
)
#: `2013-04-19 10:32:55 [INFO] `, and the same with a zone and a thread, as our own settings write it.
DATED = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[ T]{_CLOCK}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?"
    rf" (?:\[(\w+)\](?: |$)|{_THREAD}{_LOGGER})",
    re.ASCII,
)
#: Since 26.3, before all that the server says itself.
SYSTEM_CHAT = "System chat: "
#: Since 1.19.1, before what is said without a signature.
NOT_SECURE = "[Not Secure] "


class Header(NamedTuple):
    """A header as written. `text` is what follows it, with the game's colours."""

    day: str
    clock: tuple[str, str, str]
    fraction: str
    offset: str
    level: str
    text: str


def parse_header(line: str) -> Header | None:
    """The line in its parts; none for one without a header, which belongs to the line before."""
    if "\x1b" in line:
        line = TERMINAL_CODES.sub("", line)
    if line[:1] in "\r> \ufeff":
        line = line.lstrip("\r> \ufeff")
    if line[:1] == "[":
        match = BRACKETED.match(line)
        if match is None:
            return None
        day, hour, minute, second, fraction, level, other = match.groups("")
        offset = ""
    else:
        match = DATED.match(line)
        if match is None:
            return None
        day, hour, minute, second, fraction, offset, level, other = match.groups("")
    text = line[match.end() :].rstrip("\r\n")
    if text.startswith(SYSTEM_CHAT):
        text = text[len(SYSTEM_CHAT) :]
    if text.startswith(NOT_SECURE):
        text = text[len(NOT_SECURE) :]
    return Header(day, (hour, minute, second), fraction, offset, level or other, text)


def strip_colors(text: str) -> str:
    """The text without the game's colours."""
    return COLOR_CODES.sub("", text) if "§" in text else text


def colored_tail(text: str, plain_end: str) -> str:
    """The end of a text as it is with its colours; `end` is the same without."""
    remaining = len(strip_colors(text)) - len(plain_end)
    index = 0
    while remaining > 0:
        if text[index] == "§":
            index += 2
        else:
            index += 1
            remaining -= 1
    return text[index:]
