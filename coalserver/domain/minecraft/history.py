"""History: what a world's log and its visitors leave for good. Kept in tables, searched, never changed by hand."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine, line_identity


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a world's log, and what it says. What it does not say is empty."""

    id: int
    world: int
    #: As it came, to the letter.
    line: str
    kind: LineKind
    #: In the order they are shown.
    tags: tuple[str, ...]
    #: When it came.
    created: float
    #: When it was written, UTC; None where nothing tells.
    at: float | None = None
    #: That in which it was written.
    zone: str = "UTC"
    level: str = ""
    #: The player whose line it is.
    username: str = ""
    #: The name as the line shows it.
    display_name: str = ""
    ip: str = ""
    port: str = ""
    location: tuple[float, float, float] | None = None
    #: What was said, with the game's colours.
    chat: str = ""
    #: Of a death or an achievement all after the name; of a lost connection the reason.
    message: str = ""
    #: The game's own key of the phrase one died by.
    death: str = ""
    killer: str = ""
    weapon: str = ""
    #: Of an achievement, advancement, challenge or goal.
    title: str = ""
    #: Who sent it, and as which of its lines; empty and 0 where lines come one by one.
    source: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A picture taken in a world. The picture itself is a file, which `code` names."""

    id: int
    code: str
    world: int
    #: The account that put it there.
    account: int
    created: float
    updated: float
    #: Anything from 0 up to 1, by which one is chosen at random.
    random_order: float
    #: Of the original, as `image/png`.
    type: str
    width: int
    height: int
    size: int
    #: Whether the small and the blurred version are there.
    blurred: bool = False

    def can_delete(self, account: Account) -> bool:
        """Whether it is an account's to take down: it put it there, or runs the place."""
        return account.id == self.account or account.admin

    def check_can_delete(self, account: Account) -> None:
        """Refuse an account that may not take it down."""
        if not self.can_delete(account):
            raise DomainError(ErrorCode.PERMISSION_DENIED)


def make_log_line(
    parsed: ParsedLine,
    id: int,
    world: int,
    now: float,
    tags: tuple[str, ...],
    source: str = "",
    sequence: int = 0,
) -> LogLine:
    """What is kept of a reading."""
    return LogLine(
        id,
        world,
        parsed.line,
        parsed.kind,
        tags,
        now,
        parsed.at,
        parsed.zone,
        parsed.level,
        parsed.username,
        parsed.display_name,
        parsed.ip,
        parsed.port,
        parsed.location,
        parsed.chat,
        parsed.message,
        parsed.death,
        parsed.killer,
        parsed.weapon,
        parsed.title,
        source,
        sequence,
    )


def line_digest(world: int, parsed: ParsedLine) -> bytes:
    """What tells a line that comes by itself from every other; those of one day lie side by side on disk."""
    day = parsed.day.replace("-", "").encode()[:8].rjust(8)
    return day + line_identity(world, parsed)


def sequence_digests(world: int, source: str, sequences: Iterable[int]) -> list[bytes]:
    """What tells lines that their source has numbered from every other."""
    name = blake2b(f"{world}\n{source}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return [b"\xff%b%b" % (name, number.to_bytes(8, "big")) for number in sequences]
