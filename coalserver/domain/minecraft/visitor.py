"""Visitors of worlds, console commands, log sources and claims of usernames."""

from dataclasses import dataclass

from coalserver.domain.construction import quickly_made, replace
from coalserver.domain.minecraft.visits import (
    MarkKind,
    PresenceMark,
    Visit,
    apply_mark,
    next_visit,
)
from coalserver.domain.text import one_line

#: Characters of a chat message that the console of a hosted world is sent.
MAX_HOSTED_CHAT_LENGTH = 256


def say_command(name: str, text: str) -> str:
    """Return the console command that shows a chat message in the world.

    With a name, the message is shown as `<name> text`.
    """
    return f"/say <{name}> {text}" if name else f"/say {text}"


def hosted_say_command(command: str) -> str:
    """Return what the console of a hosted world is sent for a chat message: no more than the game allows."""
    text, say = command.removeprefix("/"), "say "
    if text.startswith(say):
        return say + text.removeprefix(say)[:MAX_HOSTED_CHAT_LENGTH]
    return text[:MAX_HOSTED_CHAT_LENGTH]


@quickly_made
@dataclass(frozen=True, slots=True)
class Visitor:
    """A player who has been in a world, by their exact username."""

    id: int
    world: int
    name: str
    created: float
    #: The visit with the newest login; None if no login is known.
    latest_visit: Visit | None = None
    #: The newest departure mark. It ends a visit whose login arrives later.
    last_departure: PresenceMark | None = None

    @property
    def online(self) -> bool:
        """Whether the player is in the world now."""
        return self.latest_visit is not None and self.latest_visit.logout is None

    @property
    def last_login(self) -> float | None:
        """When the latest visit began."""
        return None if self.latest_visit is None else self.latest_visit.login.at

    def is_affected_by(self, mark: PresenceMark) -> bool:
        """Return whether a departure mark for the whole world ends the latest visit."""
        visit = self.latest_visit
        if visit is None:
            return False
        if visit.logout is None and visit.login.is_before(mark):
            # As `open_at` says, in a tenth of the time.
            return True
        return visit.open_at(mark) is not None

    def with_mark(self, mark: PresenceMark, emptied: PresenceMark | None = None) -> "Visitor":
        """Return the visitor after an arrival or departure, which may be in the past.

        `emptied` is the newest departure mark for the whole world. Only the latest visit is updated
        here; a store updates earlier ones from all stored marks (see `visits.apply_mark`).
        """
        if not self._knows_later(mark, emptied):
            return self._with_newest_mark(mark)
        latest = self.latest_visit
        open_visit = latest.open_at(mark) if latest else None
        own = (latest.login, latest.duplicate, latest.logout) if latest else ()
        later = {
            item
            for item in (*own, self.last_departure, emptied)
            if item is not None and item > mark
        }
        changes = apply_mark(open_visit, mark, sorted(later))
        known = [
            visit
            for visit in (latest, *changes.added)
            if visit is not None and visit not in changes.removed
        ]
        newest = max(known, key=lambda visit: visit.login, default=None)
        departure = self.last_departure
        if _is_departure(mark) and (departure is None or mark > departure):
            departure = mark
        return replace(self, latest_visit=newest, last_departure=departure)

    def _knows_later(self, mark: PresenceMark, emptied: PresenceMark | None) -> bool:
        """Return whether any known mark is not before this one."""
        visit, departure = self.latest_visit, self.last_departure
        return not (
            (departure is None or departure.is_before(mark))
            and (emptied is None or emptied.is_before(mark))
            and (
                visit is None
                or visit.login.is_before(mark)
                and (visit.duplicate is None or visit.duplicate.is_before(mark))
                and (visit.logout is None or visit.logout.is_before(mark))
            )
        )

    def _with_newest_mark(self, mark: PresenceMark) -> "Visitor":
        """Return the visitor after a mark that all known ones are before. Most marks are newest ones."""
        latest = self.latest_visit
        is_over = latest is None or not (latest.logout is None or latest.is_suspended)
        after, ended = next_visit(None if is_over else latest, mark)
        newest = after or ended or latest
        if _is_departure(mark):
            return replace(self, latest_visit=newest, last_departure=mark)
        return replace(self, latest_visit=newest)


def _is_departure(mark: PresenceMark) -> bool:
    return not (mark.is_arrival or mark.kind is MarkKind.RESUMED)


@dataclass(frozen=True, slots=True)
class ConsoleCommand:
    """A command for a world's console: always a single line without control characters."""

    id: int
    world: int
    text: str
    created: float
    #: Username of the player it is sent for; empty: none.
    username: str = ""
    #: Id of the account whose chat message it is; 0: none.
    account: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text).strip())
        object.__setattr__(self, "username", one_line(self.username).strip())


@dataclass(frozen=True, slots=True)
class SentChat:
    """A chat message of the website that an agent has received: the world's log will show it."""

    id: int
    world: int
    #: The console command.
    text: str
    account: int
    sent_at: float


@dataclass(frozen=True, slots=True)
class LogSource:
    """A source of a world's log lines: a file that the agent reads, or lines sent singly."""

    id: int
    world: int
    #: Empty for lines sent singly.
    name: str = ""
    #: The number of the last stored line; lines up to this number are stored.
    sequence: int = 0
    #: `order` of the newest presence mark, from which a clock set back is detected.
    newest_order: float | None = None
    #: Whether its sender reads UTF-8 as ISO-8859-2, as the original agent does.
    misread: bool = False
    #: Of numbered lines: when the last line with a time was written (UTC).
    last_at: float | None = None
    #: Of numbered lines: id of the chat to which a line without a header belongs if it comes next; 0: none.
    chat: int = 0


@dataclass(frozen=True, slots=True)
class UsernameClaim:
    """An account's claim of a Minecraft username, proved by typing the code in the game."""

    id: int
    account: int
    code: str
    created: float
    until: float
