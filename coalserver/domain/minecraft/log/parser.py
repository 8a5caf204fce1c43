"""The parser of Minecraft server logs, for versions 1.7 to 26.3 and the common server implementations.

It accepts any text and never raises. Visits are derived from parsed lines in visits.py, a world's status in world.py.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from coalserver.domain.minecraft.log.dates import DateSource, NoDates, resolve_time
from coalserver.domain.minecraft.log.header import colored_tail, parse_header, strip_colors
from coalserver.domain.minecraft.log.kinds import TAGS, UNKNOWN_TAGS, LineKind
from coalserver.domain.minecraft.log.phrases import parse_text
from coalserver.domain.minecraft.log.server_lines import parse_headerless_line

#: Log levels of death messages. A warning with the same words is not a death.
DEATH_LEVELS = ("INFO", "")


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

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags in display order. Duplicate lines of a visit have `duplicate_tags` instead."""
        if self.at is None:
            return UNKNOWN_TAGS
        return ("timestamp", *TAGS.get(self.kind, UNKNOWN_TAGS))

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
    return _parse(line, dates)[0]


def parse_lines(lines: Iterable[str], dates: DateSource) -> tuple[list[ParsedLine], DateSource]:
    """Return consecutive lines, parsed, and the date source for the lines that follow."""
    parsed_lines = []
    for line in lines:
        parsed, dates = _parse(line, dates)
        parsed_lines.append(parsed)
    return parsed_lines, dates


def line_identity(world: int, parsed: ParsedLine) -> bytes:
    """Return a digest that is equal for the same line of the same world, to store it only once.

    Line and day include the time of writing; the zone it is sent with does not matter.
    """
    text = f"{world}\n{parsed.day}\n{parsed.line}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _parse(line: str, dates: DateSource) -> tuple[ParsedLine, DateSource]:
    """Return a line, parsed, and the date source for the next line."""
    line = line.rstrip("\r\n")
    header = parse_header(line)
    if header is None:
        kind, details = parse_headerless_line(line) or (LineKind.CONTINUATION, {})
        return ParsedLine(line, kind, line, zone=dates.zone, **details), dates
    day, at, dates = resolve_time(header, dates)
    text = strip_colors(header.text)
    # A header with an impossible day or time.
    if at is None and header.day:
        return ParsedLine(line, LineKind.UNKNOWN, text, header.level, None, dates.zone), dates
    kind, details = parse_text(text)
    if kind is LineKind.DEATH and header.level not in DEATH_LEVELS:
        kind, details = LineKind.UNKNOWN, {}
    if text is not header.text and "chat" in details:
        details["chat"] = colored_tail(header.text, details["chat"])
    day_text = day.isoformat() if day else ""
    return ParsedLine(line, kind, text, header.level, at, dates.zone, day_text, **details), dates
