"""The logbook: what each line of a Minecraft world's log says, whatever wrote it, from 1.7 to 26.3.

Pure text in, `Reading` out; any text is read, and none raises. Which line opens or closes a visit is for
visits.py, and what a line means for the world's status for world.py.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import NamedTuple

from coalserver.domain.minecraft.log.dates import Calendar, Undated, dated
from coalserver.domain.minecraft.log.header import headed, plain, tail
from coalserver.domain.minecraft.log.kinds import TAGS, UNKNOWN, Kind
from coalserver.domain.minecraft.log.phrases import recognised
from coalserver.domain.minecraft.log.server_lines import without_a_header

#: Deaths are told at this level; a warning that begins like one is none.
TOLD = ("INFO", "")


class Reading(NamedTuple):
    """One line, and what it says. What it does not say is empty.

    No dataclass: one of so many fields takes five times as long to make, a third of the time of a line.
    """

    #: As it came, without the line's end.
    line: str
    kind: Kind
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
    shown: str = ""
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
            return UNKNOWN
        return ("timestamp", *TAGS.get(self.kind, UNKNOWN))

    @property
    def player(self) -> str:
        """Whom this line proves to be a player of this world; an e-mail is somebody on the site."""
        return "" if "@" in self.username else self.username

    @property
    def tags_of_twin(self) -> tuple[str, ...]:
        """The tags of a line about a connection that neither opens nor closes a visit."""
        return tuple(tag for tag in self.tags if tag not in ("login", "logout"))


def read(line: str, calendar: Calendar = Undated()) -> Reading:
    """What a line says that is by itself."""
    return _turned(line, calendar)[0]


def read_all(lines: Iterable[str], calendar: Calendar) -> tuple[list[Reading], Calendar]:
    """What lines say that were written one after another, and the calendar for those that follow."""
    readings = []
    for line in lines:
        reading, calendar = _turned(line, calendar)
        readings.append(reading)
    return readings, calendar


def identity(world: int, reading: Reading) -> bytes:
    """The same for the same line of the same world: what was stored once is not stored again.

    The time of day stands in the line, so that with the day it is the same line only when it was written at
    the same time, whatever zone it is sent with.
    """
    told = f"{world}\n{reading.day}\n{reading.line}"
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _turned(line: str, calendar: Calendar) -> tuple[Reading, Calendar]:
    """What a line says, and the calendar for the next."""
    line = line.rstrip("\r\n")
    header = headed(line)
    if header is None:
        kind, facts = without_a_header(line) or (Kind.CONTINUATION, {})
        return Reading(line, kind, line, zone=calendar.zone, **facts), calendar
    day, at, calendar = dated(header, calendar)
    text = plain(header.text)
    # Of the right form, but no calendar has that day or no clock that time.
    if at is None and header.day:
        return Reading(line, Kind.UNKNOWN, text, header.level, None, calendar.zone), calendar
    kind, facts = recognised(text)
    if kind is Kind.DEATH and header.level not in TOLD:
        kind, facts = Kind.UNKNOWN, {}
    if text is not header.text and "chat" in facts:
        facts["chat"] = tail(header.text, facts["chat"])
    written = day.isoformat() if day else ""
    return Reading(line, kind, text, header.level, at, calendar.zone, written, **facts), calendar
