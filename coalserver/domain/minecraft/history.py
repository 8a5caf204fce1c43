"""History: log lines and screenshots, which are stored in searchable tables of their own."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from coalserver.domain.accounts.account import Account
from coalserver.domain.construction import maker
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine, line_identity


@dataclass(frozen=True, slots=True)
class LogLine:
    """A stored line of a world's log with its parsed details; absent details are empty."""

    id: int
    world: int
    #: The line as received.
    line: str
    kind: LineKind
    #: In display order.
    tags: tuple[str, ...]
    #: When it was received.
    created: float
    #: When it was written (UTC); None if unknown.
    at: float | None = None
    #: IANA name of the time zone in which it was written.
    zone: str = "UTC"
    level: str = ""
    #: Username of the player whom the line is about.
    username: str = ""
    #: The name as the line shows it.
    display_name: str = ""
    ip: str = ""
    port: str = ""
    location: tuple[float, float, float] | None = None
    #: The chat text with the game's colour codes.
    chat: str = ""
    #: Of a death or an achievement: the text after the name; of a lost connection: the reason.
    message: str = ""
    #: The game's translation key of the death message.
    death: str = ""
    killer: str = ""
    weapon: str = ""
    #: Title of an achievement, advancement, challenge or goal.
    title: str = ""
    #: Name of the log source and the line's number there; empty and 0 for lines sent singly.
    source: str = ""
    sequence: int = 0
    #: Id of the account that sent the chat message on the website; 0: none, or unknown.
    account: int = 0


@dataclass(frozen=True, slots=True)
class Screenshot:
    """The metadata of a screenshot of a world. The image files are named after `code`."""

    id: int
    code: str
    world: int
    #: Id of the account that uploaded it.
    account: int
    created: float
    updated: float
    #: Random number in [0, 1), an index for choosing a random screenshot.
    random_order: float
    #: Media type of the original, for example `image/png`.
    type: str
    #: Of the original: pixels, pixels, bytes.
    width: int
    height: int
    size: int
    #: Whether the small and the blurred version exist.
    blurred: bool = False

    def can_delete(self, account: Account) -> bool:
        """Return whether the account is the uploader or an admin."""
        return account.id == self.account or account.admin

    def check_can_delete(self, account: Account) -> None:
        """Raise PERMISSION_DENIED unless the account may delete the screenshot."""
        if not self.can_delete(account):
            raise DomainError(ErrorCode.PERMISSION_DENIED)


_make_line = maker(LogLine)


def make_log_line(
    parsed: ParsedLine,
    id: int,
    world: int,
    now: float,
    tags: tuple[str, ...],
    source: str = "",
    sequence: int = 0,
    account: int = 0,
) -> LogLine:
    """Return the log line to store for a parsed line. `now` is the time of receipt."""
    # Taken apart at once: reading one field after another takes twice as long.
    (
        line, kind, _, level, at, zone, _, username, display_name, _, ip, port, location,
        chat, message, death, killer, weapon, title, _, _, _, _,
    ) = parsed  # fmt: skip
    return _make_line(
        id, world, line, kind, tags, now, at, zone, level, username, display_name, ip, port, location,
        chat, message, death, killer, weapon, title, source, sequence, account,
    )  # fmt: skip


def line_digest(world: int, parsed: ParsedLine) -> bytes:
    """Return the digest by which duplicates of a line without a source are found.

    It begins with the day, so that the digests of one day are adjacent on disk.
    """
    day = parsed.day.replace("-", "").encode()[:8].rjust(8)
    return day + line_identity(world, parsed)


def sequence_digests(world: int, source: str, sequences: Iterable[int]) -> list[bytes]:
    """Return the digests by which duplicates of a source's numbered lines are found."""
    name = blake2b(f"{world}\n{source}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    prefix = b"\xff" + name
    return [prefix + number.to_bytes(8, "big") for number in sequences]
