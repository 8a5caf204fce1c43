"""Headers of log lines: date, time, thread, level and logger, in the formats of headers.txt."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from coalserver.domain.minecraft.log.tables import rows, word_key

#: ANSI escape sequences.
TERMINAL_CODES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])?"
)
#: The game's formatting codes.
COLOR_CODES = re.compile("§.?", re.DOTALL)
#: Formatting codes that are removed from a line: half a million take 30 ms.
MAX_COLOR_CODES = 10_000
#: Prefix of the server's own messages since 26.3.
SYSTEM_CHAT = "System chat: "
#: Prefix of unsigned chat messages since 1.19.1.
NOT_SECURE = "[Not Secure] "
LEVELS = frozenset(
    "INFO WARN WARNING ERROR SEVERE FATAL DEBUG TRACE FINE FINER FINEST CONFIG NOTICE".split()
)
#: A longer line cannot begin with the prefix of another program.
MAX_PREFIX_LENGTH = 200

#: Between the time and a half of the day: Java writes narrow spaces in some languages.
_BLANK = "[ \u00a0\u202f]"
#: The slots of the patterns in headers.txt. Thread names may contain slashes and pairs of
#: brackets: `RCON Client /[0:0:0:0:0:0:0:1] #3`.
_SLOTS = {
    "clock": r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?",
    "day": r"(?P<day>[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}),?[ T]",
    "any_day": rf"(?:(?P<day>[0-9]{{1,4}}[^\[\]:]{{1,24}}?[0-9]{{2,4}}),?(?:{_BLANK}|T))",
    "half": rf"(?:{_BLANK}(?P<half>[^\[\]\d:]{{1,16}}))?",
    "tail": rf"(?P<tail>(?:{_BLANK}[^\[\]\d: ]{{1,16}}){{0,3}})",
    "offset": r"(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?",
    "thread": r"(?:(?P<thread>[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)/)?(?P<level>\w+)",
    "level": r"(?P<level>\w+)",
    "known_level": rf"(?P<level>{'|'.join(sorted(LEVELS, reverse=True))}) ?",
    "logger": r"(?P<logger>[^\]\)]*)",
    "logger_2": r"(?P<logger_2>[^\)]*)",
    "fml_logger": r"(?P<logger>Minecraft(?:-Server|-Client)?|STD(?:OUT|ERR)|ForgeModLoader|FML[^\]]*|fml\.[^\]]*)",
    "side": r"(?P<thread>SERVER|CLIENT)",
    "gap": r"[ \t]{1,4}",
    "space": r"[ \t]{0,2}",
    "time": r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2}))",
}
_FIELDS = (
    *("day", "hour", "minute", "second", "half", "tail", "fraction", "offset"),
    *("thread", "level", "logger", "logger_2"),
)
_TIME = re.compile(
    r"(.{10})T(..):(..):(..)(?:[.,]([0-9]+))?(Z|[+-][0-9]{2}:?[0-9]{2})", re.ASCII | re.DOTALL
)


class Header(NamedTuple):
    """The parts of a header as written, and the text after it with colour codes."""

    #: The name of the format in headers.txt.
    form: str
    day: str
    clock: tuple[str, str, str]
    #: Of a twelve-hour clock, as written: `PM`.
    half: str
    fraction: str
    offset: str
    thread: str
    level: str
    logger: str
    text: str


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.format_map(_SLOTS), re.ASCII)


class _Format(NamedTuple):
    form: str
    pattern: re.Pattern[str]
    #: Picks the fields from the groups of a match and an empty string after them.
    fields: Callable[[Any], tuple[str, ...]]


def _formats() -> Iterator[_Format]:
    for role, form, text in rows("headers.txt"):
        if role == "header":
            pattern = _compile(text)
            number = pattern.groupindex
            places = (number.get(name, 0) - 1 for name in _FIELDS)
            yield _Format(form, pattern, itemgetter(*places))


def _by_first_character() -> dict[str, list[_Format]]:
    """Return the formats by the first character of their lines: an opening bracket or a digit."""
    formats = defaultdict(list)
    for item in _formats():
        first = "[" if item.pattern.pattern.startswith(r"\[") else "0"
        formats[first].append(item)
    return {"[": formats["["], **dict.fromkeys("0123456789", formats["0"])}


_FORMATS = _by_first_character()
_PREFIXES = tuple(_compile(text) for role, _, text in rows("headers.txt") if role == "prefix")
#: Half of the day by its marker in any language.
_HALVES = {marker: half for marker, half in rows("day_halves.txt")}


def parse_header(line: str, *, nested: bool = False) -> Header | None:
    """Return the parts of a line; None without a header: it continues the previous line.

    `nested`: what other programs put in front of it is removed.
    """
    if "\x1b" in line:
        line = TERMINAL_CODES.sub("", line)
    # The prompt of a terminal, or of one that is none: `>....`.
    if line[:1] in "\r> \ufeff":
        line = line.lstrip("\r>. \ufeff")
    match = None
    for item in _FORMATS.get(line[:1], ()):
        match = item.pattern.match(line)
        if match is not None:
            break
    if match is None:
        return None if nested else _parse_prefixed(line)
    # The last, empty string stands for groups that a pattern does not have.
    day, hour, minute, second, half, tail, fraction, offset, thread, level, logger, other = (
        item.fields((*match.groups(""), ""))
    )
    if tail:
        half, level = split_tail(tail)
    elif half and not logger and split_tail(half)[1].upper() in LEVELS:
        # Arclight's `[10:00:00 INFO] [minecraft/DedicatedServer]`: the slash is the logger's.
        logger = f"{thread}/{level}" if thread else level
        half, level = split_tail(half)
        thread = ""
    text = line[match.end() :]
    if text.startswith(SYSTEM_CHAT):
        text = text[len(SYSTEM_CHAT) :]
    if text.startswith(NOT_SECURE):
        text = text[len(NOT_SECURE) :]
    clock = (hour, minute, second)
    return Header(
        item.form, day, clock, half, fraction, offset, thread, level, logger or other, text
    )


def _parse_prefixed(line: str) -> Header | None:
    """Return the parts of a line with a header after a container's or a journal's prefix, or None."""
    for pattern in _PREFIXES:
        match = pattern.match(line, 0, MAX_PREFIX_LENGTH)
        if match is None or line[match.end() : match.end() + 1] not in _FORMATS:
            continue
        header = parse_header(line[match.end() :], nested=True)
        if header is None:
            continue
        time = _TIME.fullmatch(match.groupdict("").get("time", ""))
        if time is None or header.offset:
            return header
        day, hour, minute, second, fraction, offset = time.groups("")
        return header._replace(
            day=day, clock=(hour, minute, second), half="", fraction=fraction, offset=offset
        )
    return _parse_other_digits(line)


def _parse_other_digits(line: str) -> Header | None:
    """Return the parts of a line whose date and time have the digits of another script, or None."""
    head, closed, rest = line.partition("]")
    if not closed or head.isascii() or len(head) > MAX_PREFIX_LENGTH:
        return None
    digits = "".join(str(int(letter)) if letter.isdecimal() else letter for letter in head)
    return parse_header(digits + closed + rest, nested=True) if digits != head else None


@lru_cache(256)
def split_tail(tail: str) -> tuple[str, str]:
    """Return half of the day and level of the words after a time, either of which may be empty."""
    words = tail.split()
    level = words.pop() if words and words[-1].upper() in LEVELS else ""
    half = " ".join(words)
    # A level of a plugin.
    if half and not level and half_of_day(half) is None and half.isupper():
        return "", half
    return half, level


@lru_cache(256)
def half_of_day(marker: str) -> str | None:
    """Return `am` or `pm` for a marker in any language, None for an unknown one."""
    return _HALVES.get(word_key(marker))


def strip_colors(text: str) -> str:
    """Return the text without the game's formatting codes."""
    return COLOR_CODES.sub("", text, MAX_COLOR_CODES) if "§" in text else text


def colored_tail(text: str, plain_end: str) -> str:
    """Return the end of `text`, with formatting codes, that equals `plain_end` without them."""
    remaining = len(strip_colors(text)) - len(plain_end)
    index = codes = 0
    while remaining > 0:
        if text[index] == "§" and codes < MAX_COLOR_CODES:
            index += 2
            codes += 1
        else:
            index += 1
            remaining -= 1
    return text[index:]
