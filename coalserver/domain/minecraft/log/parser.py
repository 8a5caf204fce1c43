"""The parser of Minecraft server logs, for versions 1.7 to 26.3 and the common server implementations.

It accepts any text and never raises. Visits are derived from parsed lines in visits.py, a world's status in world.py.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import NamedTuple

from coalserver.domain.minecraft.log.dates import (
    DateSource,
    NoDates,
    resolve_time,
    second_of_day,
    undated_time,
)
from coalserver.domain.minecraft.log.deaths import OLD_KEYS
from coalserver.domain.minecraft.log.evidence import EVIDENCE, Source, source_of
from coalserver.domain.minecraft.log.header import (
    NOT_SECURE,
    SYSTEM_CHAT,
    TERMINAL_CODES,
    colored_tail,
    parse_header,
    strip_colors,
)
from coalserver.domain.minecraft.log.kinds import TIMED_TAGS, UNKNOWN_TAGS, LineKind, ParsedText
from coalserver.domain.minecraft.log.phrases import SENDER, parse_text, sender_username
from coalserver.domain.minecraft.log.server_lines import parse_headerless_line
from coalserver.domain.steps import Steps

#: Header formats of versions before 1.7, and of log4j2 settings that look like them.
OLD_FORMS = frozenset(("dated", "sided"))
NULS = ("\0", "\ufffd")
#: Lines after the first that a chat can have, and the length of each.
MAX_CHAT_LINES = 50
MAX_CHAT_LINE_LENGTH = 1000
#: Lines and characters that are parsed at once: they take half a millisecond, and the slowest texts 2 ms.
STEP_LINES, STEP_CHARACTERS = 100, 32 * 1024
#: Output of Java, and what a power cut leaves: no part of the line before it.
_STACK_TRACE = re.compile(
    r"\s+at \S|\s*\.\.\. \d+ (?:more|common)|(?:Caused by|Suppressed|Exception in)\b|[\w.$]*(?:Exception|Error)\b"
    r"|[\0\ufffd]*$|(?:java|net|com|org|io)\.\w"
)
#: Most lines, in one match: the first format of headers.txt without half of the day, fraction or brackets in the
#: thread's name, and then a chat or another text. What it matches means the same to `parse_header` and `parse_text`.
_COMMON_LINE = re.compile(
    r"\[([0-9]{1,2}):([0-9]{2}):([0-9]{2})\][ \t]{1,4}\[(?:([^\[\]/]*)/)?([A-Za-z0-9_]+)\]:[ \t]{0,2}+"
    rf"(?:{re.escape(SYSTEM_CHAT)})?+(?:{re.escape(NOT_SECURE)})?+({SENDER} (.*)|.*)",
    re.DOTALL,
)
#: What a client shows in its chat, in the log of the client.
_CLIENT_CHAT = re.compile(r"(?:\[System\] )?(?:\[Not Secure\] )?\[CHAT\]")


class ParsedLine(NamedTuple):
    """A line with its parsed details; absent details are empty.

    A NamedTuple: creating a dataclass of this many fields takes five times as long, a third of the time per line.
    """

    #: As received, without the line break.
    line: str
    kind: LineKind
    #: The text after the header, without colour codes.
    text: str = ""
    level: str = ""
    #: When it was written (UTC); None without a valid time.
    at: float | None = None
    #: The sender's time zone, in which the line was written.
    zone: str = "UTC"
    #: The day in that zone, as in 2013-04-19.
    day: str = ""
    #: Username of the player whom the line is about; only players who have been in the world.
    username: str = ""
    #: The name as the line shows it: decorated, a nickname, an email address, a rejected player.
    display_name: str = ""
    uuid: str = ""
    ip: str = ""
    port: str = ""
    location: tuple[float, float, float] | None = None
    #: The chat text with the game's colour codes.
    chat: str = ""
    #: Of a death or an achievement: the text after the name; of a lost connection: the reason.
    message: str = ""
    #: The game's translation key of the death message; empty for unknown phrases.
    death: str = ""
    killer: str = ""
    weapon: str = ""
    #: Title of an achievement, advancement, challenge or goal.
    title: str = ""
    version: str = ""
    #: Milliseconds and ticks of lag; None if the line has no numbers.
    behind: int | None = None
    skipped: int | None = None
    #: Who wrote it, which decides what its words can mean.
    source: Source = Source.GAME

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in display order. Duplicate lines of a visit have `duplicate_tags` instead."""
        return UNKNOWN_TAGS if self.at is None else TIMED_TAGS[self.kind]

    @property
    def player(self) -> str:
        """The username if it is a player of the world; an email address is an account's."""
        return "" if "@" in self.username else self.username

    @property
    def duplicate_tags(self) -> tuple[str, ...]:
        """The tags of a line about a connection that neither begins nor ends a visit."""
        return tuple(tag for tag in self.tags if tag not in ("login", "logout"))


def parse_line(line: str, dates: DateSource = NoDates()) -> ParsedLine:
    """Return a single line, parsed."""
    return parse_lines((line,), dates)[0][0]


def parse_lines(lines: Iterable[str], dates: DateSource) -> tuple[list[ParsedLine], DateSource]:
    """Return consecutive lines, parsed, and the date source for the lines that follow."""
    parsed_lines = []
    # Most lines repeat the thread and the day of the line before.
    last_thread, last_day, source, day_text = "", None, source_of("", ""), ""
    for line in lines:
        line = line.rstrip("\r\n")
        common = _COMMON_LINE.match(line)
        if common is None or "§" in line or "\x1b" in line:
            parsed, dates = _parse_any(line, dates)
            parsed_lines.append(parsed)
            continue
        hour, minute, second, thread, level, text, name, chat = common.groups("")
        seconds = second_of_day(hour, minute, second)
        if seconds is None:
            day, at = None, None
        else:
            day, at, dates = undated_time(seconds, dates)
        if thread != last_thread:
            last_thread, source = thread, source_of(thread, "")
        if day is not last_day:
            last_day, day_text = day, _day_text(day)
        if name and source is Source.GAME:
            username = sender_username(name)
            fields = (
                line, LineKind.CHAT, text, level, at, dates.zone, day_text, username, name,
                "", "", "", None, chat, "", "", "", "", "", "", None, None, source,
            )  # fmt: skip
            # The class itself would take twice as long.
            parsed_lines.append(tuple.__new__(ParsedLine, fields))
        else:
            parsed_lines.append(_parse_text(line, text, source, level, at, dates.zone, day_text))
    return parsed_lines, dates


def parse_batch(
    lines: Sequence[str], dates: DateSource, known: int = 0, previous: float = 0.0
) -> Steps[list[ParsedLine]]:
    """Return the lines of a batch, parsed, in steps: yields the work of each in microseconds or so.

    In an hour that comes twice, the lines before the clock steps back are of the first one. The first `known` lines
    are stored already; `previous` is the time (UTC) of the line before the others, 0 if unknown.
    """
    known_lines, dates = yield from _parse_in_steps(lines[:known], dates)
    dates = dates.following(previous)
    parsed, after = yield from _parse_in_steps(lines[known:], dates)
    if after.misjudged:
        parsed, _ = yield from _parse_in_steps(lines[known:], dates.from_first_pass())
    return known_lines + parsed


def _parse_in_steps(
    lines: Sequence[str], dates: DateSource
) -> Steps[tuple[list[ParsedLine], DateSource]]:
    """Return what `parse_lines` returns."""
    parsed_lines: list[ParsedLine] = []
    for some, characters in _steps(lines):
        parsed, dates = parse_lines(some, dates)
        parsed_lines += parsed
        yield 5 * len(some) + characters // 20
    return parsed_lines, dates


def _steps(lines: Sequence[str]) -> Iterator[tuple[Sequence[str], int]]:
    """Return the lines of each step, with the number of their characters."""
    begin = characters = 0
    for end, line in enumerate(lines):
        if end - begin == STEP_LINES or (end > begin and characters + len(line) > STEP_CHARACTERS):
            yield lines[begin:end], characters
            begin, characters = end, 0
        characters += len(line)
    if begin < len(lines):
        yield lines[begin:], characters


def join_chats(parsed_lines: list[ParsedLine]) -> None:
    """Add to each chat the lines without a header that continue it."""
    if LineKind.CONTINUATION not in map(_kind_of, parsed_lines):
        return
    start = -1
    for index, parsed in enumerate(parsed_lines):
        if parsed.kind is not LineKind.CONTINUATION:
            start = index
        elif start >= 0 and (
            index - start > MAX_CHAT_LINES or not _continue_chat(parsed_lines, start, parsed.line)
        ):
            start = -1


def continue_chat(chat: str, lines: Iterable[str]) -> str:
    """Return the text of a stored chat with the lines without a header that follow it."""
    count = chat.count("\n")
    for line in lines:
        count += 1
        if count > MAX_CHAT_LINES or not _continues_chat(line):
            break
        chat = f"{chat}\n{TERMINAL_CODES.sub('', line)}"
    return chat


def _continues_chat(line: str) -> bool:
    """Return whether a line without a header can belong to the chat before it."""
    line = TERMINAL_CODES.sub("", line)
    return not _STACK_TRACE.match(line) and len(line) <= MAX_CHAT_LINE_LENGTH


def _continue_chat(parsed_lines: list[ParsedLine], index: int, line: str) -> bool:
    """Add a line to the chat at an index; return False if there is no chat or the line is no part of it."""
    chat = parsed_lines[index]
    if not _continues_chat(line):
        return False
    line = TERMINAL_CODES.sub("", line)
    if "chat" in chat.tags:
        parsed_lines[index] = chat._replace(chat=f"{chat.chat}\n{line}")
    # Possibly of a chat plugin: names.py decides.
    elif chat.source is Source.CHAT and chat.kind is LineKind.UNKNOWN:
        parsed_lines[index] = chat._replace(text=f"{chat.text}\n{line}")
    else:
        return False
    return True


def line_identity(world: int, parsed: ParsedLine) -> bytes:
    """Return a digest that is equal for the same line of the same world, to store it only once.

    Line and day include the time of writing; the zone it is sent with does not matter.
    """
    text = f"{world}\n{parsed.day}\n{parsed.line}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _parse_text(
    line: str, text: str, source: Source, level: str, at: float | None, zone: str, day: str
) -> ParsedLine:
    """Return a line in the common format, parsed, of which the header has been read."""
    if text[:1] == "[" and _CLIENT_CHAT.match(text):
        source = Source.CLIENT
    kind, details = _believed(parse_text(text), source, level, is_old=False)
    return ParsedLine(line, kind, text, level, at, zone, day, **details, source=source)


def _parse_any(line: str, dates: DateSource) -> tuple[ParsedLine, DateSource]:
    """Return a line in any format, parsed, and the date source for the next line."""
    # After a power cut, the first line follows on NUL characters, which are stored as U+FFFD.
    header = parse_header(line.lstrip("\0\ufffd") if line[:1] in NULS else line)
    if header is None:
        kind, details = parse_headerless_line(line) or (LineKind.CONTINUATION, {})
        return ParsedLine(line, kind, line, zone=dates.zone, **details), dates
    day, at, dates = resolve_time(header, dates)
    form, written_day, _, _, _, _, thread, level, logger, colored = header
    text = strip_colors(colored) if "§" in colored else colored
    source = source_of(thread, logger)
    # A header with an impossible day or time.
    if at is None and written_day:
        return ParsedLine(
            line, LineKind.UNKNOWN, text, level, None, dates.zone, source=source
        ), dates
    if text[:1] == "[" and _CLIENT_CHAT.match(text):
        source = Source.CLIENT
    kind, details = parse_text(text)
    # The most common line is spared the look into the table.
    if not (kind is LineKind.CHAT and source is Source.GAME):
        kind, details = _believed((kind, details), source, level, is_old=form in OLD_FORMS)
    if text is not colored and "chat" in details:
        details["chat"] = colored_tail(colored, details["chat"])
    return ParsedLine(
        line, kind, text, level, at, dates.zone, _day_text(day), **details, source=source
    ), dates


def _believed(parsed_text: ParsedText, source: Source, level: str, *, is_old: bool) -> ParsedText:
    """Return kind and details of a text if source and level are evidence for the kind; otherwise UNKNOWN."""
    kind, details = parsed_text
    evidence = EVIDENCE[kind]
    if (
        source not in evidence.sources
        or (evidence.levels and level not in evidence.levels)
        or (kind is LineKind.DEATH and details["death"].startswith(OLD_KEYS) and not is_old)
    ):
        return LineKind.UNKNOWN, {}
    return parsed_text


_kind_of = attrgetter("kind")


@lru_cache(64)
def _day_text(day: date | None) -> str:
    return day.isoformat() if day else ""
