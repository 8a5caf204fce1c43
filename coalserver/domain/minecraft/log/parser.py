"""The logbook: what each line of a Minecraft world's log says, whatever wrote it, from 1.7 to 26.3.

Pure text in, `Reading` out; any text is read, and none raises. Which line opens or closes a visit is for
visits.py, and what a line means for the world's status for world.py.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from coalserver.domain.minecraft.log.dates import DateSource, NoDates, resolve_time
from coalserver.domain.minecraft.log.header import colored_tail, parse_header, strip_colors
from coalserver.domain.minecraft.log.kinds import TAGS, UNKNOWN_TAGS, LineKind
from coalserver.domain.minecraft.log.phrases import parse_text
from coalserver.domain.minecraft.log.server_lines import parse_headerless_line

#: Deaths are told at this level; a warning that begins like one is none.
DEATH_LEVELS = ("INFO", "")


class ParsedLine(NamedTuple):
    """One line, and what it says. What it does not say is empty.

    No dataclass: one of so many fields takes five times as long to make, a third of the time of a line.
    """

    #: As it came, without the line's end.
    line: str
    kind: LineKind
    #: What follows the header, without colours.
    text: str = ""
    level: str = ""
    #: UTC; None for a line that tells no time, or an impossible one.
    at: float | None = None
    #: That in which the line was written, by the one who sent it.
    zone: str = "UTC"
    #: There, as in 2013-04-19.
    day: str = ""
    #: The player whose line it is; only one who has been in this world.
    username: str = ""
    #: The name as the line shows it: decorated, a nickname, an e-mail, somebody not let in.
    display_name: str = ""
    uuid: str = ""
    ip: str = ""
    port: str = ""
    location: tuple[float, float, float] | None = None
    #: With the game's colours.
    chat: str = ""
    #: Of a death or an achievement all after the name; of a lost connection the reason.
    message: str = ""
    #: The game's own key of the phrase one died by; empty for a phrase it does not have.
    death: str = ""
    killer: str = ""
    weapon: str = ""
    #: Of an achievement, advancement, challenge or goal.
    title: str = ""
    version: str = ""
    #: Milliseconds and ticks by which the world lags; None for a line that does not say.
    behind: int | None = None
    skipped: int | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """In the order they are shown. Of twins that open or close one visit, these are the first's."""
        if self.at is None:
            return UNKNOWN_TAGS
        return ("timestamp", *TAGS.get(self.kind, UNKNOWN_TAGS))

    @property
    def player(self) -> str:
        """Whom this line proves to be a player of this world; an e-mail is somebody on the site."""
        return "" if "@" in self.username else self.username

    @property
    def duplicate_tags(self) -> tuple[str, ...]:
        """The tags of a line about a connection that neither opens nor closes a visit."""
        return tuple(tag for tag in self.tags if tag not in ("login", "logout"))


def parse_line(line: str, dates: DateSource = NoDates()) -> ParsedLine:
    """What a line says that is by itself."""
    return _parse(line, dates)[0]


def parse_lines(lines: Iterable[str], dates: DateSource) -> tuple[list[ParsedLine], DateSource]:
    """What lines say that were written one after another, and the calendar for those that follow."""
    parsed_lines = []
    for line in lines:
        parsed, dates = _parse(line, dates)
        parsed_lines.append(parsed)
    return parsed_lines, dates


def line_identity(world: int, parsed: ParsedLine) -> bytes:
    """The same for the same line of the same world: what was stored once is not stored again.

    The time of day stands in the line, so that with the day it is the same line only when it was written at
    the same time, whatever zone it is sent with.
    """
    text = f"{world}\n{parsed.day}\n{parsed.line}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _parse(line: str, dates: DateSource) -> tuple[ParsedLine, DateSource]:
    """What a line says, and the calendar for the next."""
    line = line.rstrip("\r\n")
    header = parse_header(line)
    if header is None:
        kind, details = parse_headerless_line(line) or (LineKind.CONTINUATION, {})
        return ParsedLine(line, kind, line, zone=dates.zone, **details), dates
    day, at, dates = resolve_time(header, dates)
    text = strip_colors(header.text)
    # Of the right form, but no calendar has that day or no clock that time.
    if at is None and header.day:
        return ParsedLine(line, LineKind.UNKNOWN, text, header.level, None, dates.zone), dates
    kind, details = parse_text(text)
    if kind is LineKind.DEATH and header.level not in DEATH_LEVELS:
        kind, details = LineKind.UNKNOWN, {}
    if text is not header.text and "chat" in details:
        details["chat"] = colored_tail(header.text, details["chat"])
    day_text = day.isoformat() if day else ""
    return ParsedLine(line, kind, text, header.level, at, dates.zone, day_text, **details), dates
