"""Headers of log lines: date, time, thread, level and logger, in all known formats."""

import re
from typing import NamedTuple

#: ANSI escape sequences.
TERMINAL_CODES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])?"
)
#: The game's formatting codes.
COLOR_CODES = re.compile("§.?", re.DOTALL)

_CLOCK = r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,9}))?"
#: Thread names may contain slashes and pairs of brackets: `RCON Client /[0:0:0:0:0:0:0:1] #3`.
_THREAD = r"\[(?:[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*/)?(\w+)\]"
_LOGGER = r"(?: \[[^\]]*\])?(?:: ?| \([^)]*\) )"

#: `[12:34:56] [Server thread/INFO]: `, `[12:34:56 INFO]: `, `[25Sep2026 12:34:56.789] […/INFO] […]: `
BRACKETED = re.compile(
    rf"\[(?:([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{2}}[^\[\]]{{1,16}}[0-9]{{4}})[ T])?{_CLOCK}"
    rf"(?: (\w+))?\](?: {_THREAD})?{_LOGGER}",
    re.ASCII,
)
#: `2013-04-19 10:32:55 [INFO] `, and with a UTC offset and a thread, as our recommended log4j settings write it.
DATED = re.compile(
    rf"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})[ T]{_CLOCK}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?"
    rf" (?:\[(\w+)\](?: |$)|{_THREAD}{_LOGGER})",
    re.ASCII,
)
#: Prefix of the server's own messages since 26.3.
SYSTEM_CHAT = "System chat: "
#: Prefix of unsigned chat messages since 1.19.1.
NOT_SECURE = "[Not Secure] "


class Header(NamedTuple):
    """The parts of a header as written, and the text after it with colour codes."""

    day: str
    clock: tuple[str, str, str]
    fraction: str
    offset: str
    level: str
    text: str


def parse_header(line: str) -> Header | None:
    """Return the parts of a line; None without a header: it continues the previous line."""
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
    """Return the text without the game's formatting codes."""
    return COLOR_CODES.sub("", text) if "§" in text else text


def colored_tail(text: str, plain_end: str) -> str:
    """Return the end of `text`, with formatting codes, that equals `plain_end` without them."""
    remaining = len(strip_colors(text)) - len(plain_end)
    index = 0
    while remaining > 0:
        if text[index] == "§":
            index += 2
        else:
            index += 1
            remaining -= 1
    return text[index:]
