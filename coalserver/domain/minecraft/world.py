"""Worlds: a Minecraft world's run state, as pings, lines of its log and time tell it.

A world somebody else runs is RUNNING, STOPPED or UNKNOWN; one of ours has states on the way there as well.
Who is in a world is for visits.py.
"""

from dataclasses import dataclass, replace
from enum import StrEnum, auto

from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine
from coalserver.domain.minecraft.visits import PresenceMark

#: Without a ping for longer nothing is known of a world.
SILENCE_SECONDS = 5 * 60.0
#: A last ping is written down anew when it is older, unless there is something else to write.
PING_SAVE_SECONDS = 60.0
#: First parts of addresses that lead elsewhere: a world with such a short name would not be found there.
RESERVED_SHORT_NAMES = frozenset(
    "accounts achievements admin api chats deaths games health hosts login logout mc oauth players profile"
    " realtime screenshots servers sessions signup static sync".split()
)
TICKS_PER_SECOND = 20
TICKS_PER_DAY = 24000


class WorldStatus(StrEnum):
    """Whether a world runs."""

    UNKNOWN = auto()
    RUNNING = auto()
    STOPPED = auto()
    # on the way, in worlds of ours
    QUEUED_START = auto()
    QUEUED_RESTART = auto()
    QUEUED_STOP = auto()
    LOADING = auto()
    LOADED = auto()
    SAVING = auto()


#: Asked to run, and not yet seen to.
STARTING = frozenset((WorldStatus.QUEUED_START, WorldStatus.LOADING, WorldStatus.LOADED))
#: Asked to stop: what still runs until then says nothing new.
STOPPING = frozenset((WorldStatus.QUEUED_STOP, WorldStatus.SAVING))
PENDING = STARTING | STOPPING | {WorldStatus.QUEUED_RESTART}


@dataclass(frozen=True, slots=True)
class Ping:
    """What an agent says of its world. What it does not say is None."""

    running: bool | None = None
    address: str = ""
    day: int | None = None
    time: int | None = None
    #: When it was that day and time; None: now.
    read: float | None = None
    raining: bool | None = None
    thundering: bool | None = None
    overloads: int | None = None
    behind: int | None = None
    skipped: int | None = None


@dataclass(frozen=True, slots=True)
class World:
    """A Minecraft world. Every method returns the next world."""

    id: int
    name: str
    hosted: bool = False
    status: WorldStatus = WorldStatus.UNKNOWN
    #: Since when a state on the way lasts.
    pending_since: float | None = None
    percent: int | None = None
    #: Since when nobody has been in it, if that matters.
    empty_since: float | None = None
    version: str = ""
    #: When the line that told the version was written.
    started: float | None = None
    address: str = ""
    #: The newest ping; what lines of before it say of the status is known better.
    last_ping: float | None = None
    #: The newest line that told the status.
    status_line_at: float | None = None
    day: int | None = None
    time: int | None = None
    #: When it was that day and time.
    read: float | None = None
    raining: bool | None = None
    thundering: bool | None = None
    overloads: int | None = None
    behind: int | None = None
    skipped: int | None = None
    #: What it is called in an address; empty, or no other world's.
    short_name: str = ""
    #: Whether it is one of ours still. One that is not comes in no list and is told nothing.
    active: bool = True
    created: float = 0.0
    updated: float = 0.0
    #: The newest mark that sent everybody home.
    last_emptied: PresenceMark | None = None
    #: How it is to be run: a JSON object.
    properties: bytes = b"{}"
    #: Whether anybody may read what is said in it; nobody speaks there who has not signed in.
    public: bool = False

    def ping(self, ping: Ping, now: float) -> "World":
        """An agent has told how the world is."""
        status = {True: WorldStatus.RUNNING, False: WorldStatus.STOPPED, None: WorldStatus.UNKNOWN}[
            ping.running
        ]
        world = replace(self, address=ping.address or self.address)._with_ping(ping, now)
        world = world._report_status(status)
        due = self.last_ping is None or now - self.last_ping > PING_SAVE_SECONDS
        return replace(world, last_ping=now) if due or world != self else self

    def apply_line(self, parsed: ParsedLine, now: float) -> "World":
        """A line has come; one that is older than what is known already does not tell the status."""
        if parsed.at is None or parsed.kind not in (LineKind.STARTING, LineKind.STOPPING):
            return self
        # A clock that is ahead must not make deaf to what comes later.
        at = min(parsed.at, now)
        world = self
        if parsed.kind is LineKind.STARTING and (self.started is None or at >= self.started):
            world = replace(self, version=parsed.version, started=at)
        # Read from a file of long ago, it says nothing of today even where nothing else is known.
        if now - at > SILENCE_SECONDS or not self.is_newest(parsed):
            return world
        started = parsed.kind is LineKind.STARTING
        status = WorldStatus.RUNNING if started else WorldStatus.STOPPED
        return replace(world, status_line_at=at)._report_status(status, started=started)

    def is_newest(self, parsed: ParsedLine) -> bool:
        """Whether a line is as new as the last thing known: only then it alarms anybody."""
        if parsed.at is None:
            return False
        known = (
            time
            for time in (self.last_ping, self.status_line_at, self.pending_since)
            if time is not None
        )
        # Lines tell whole seconds.
        return all(parsed.at >= time // 1 for time in known)

    def with_pending_status(
        self, status: WorldStatus, now: float, percent: int | None = None
    ) -> "World":
        """A state on the way was asked for or reached; it always counts."""
        return replace(self, status=status, pending_since=now, percent=percent)

    def after_save(self) -> "World":
        """What hosts it has stopped it and put it away."""
        stays = self.status in STARTING or self.status is WorldStatus.QUEUED_RESTART
        return self if stays else self._with_status(WorldStatus.STOPPED)

    def after_silence(self, now: float) -> "World":
        """Time has passed; nothing is known of a world that has not been heard of for long."""
        if self.status in (WorldStatus.STOPPED, WorldStatus.UNKNOWN) and self.pending_since is None:
            return self
        since = self.last_ping if self.pending_since is None else self.pending_since
        if since is not None and now - since <= SILENCE_SECONDS:
            return self
        return self._with_status(WorldStatus.UNKNOWN)

    def time_of_day(self, now: float) -> int | None:
        """The time of day in it, which goes on while it runs; the day does not."""
        if self.time is None or self.read is None or self.status is not WorldStatus.RUNNING:
            return self.time
        passed = max(0.0, now - self.read)
        return int(self.time + passed * TICKS_PER_SECOND) % TICKS_PER_DAY

    def _with_ping(self, ping: Ping, now: float) -> "World":
        """With the numbers of a ping; what it does not tell stays."""
        changed = {
            name: value
            for name in ("day", "time", "raining", "thundering", "overloads", "behind", "skipped")
            if (value := getattr(ping, name)) is not None and value != getattr(self, name)
        }
        if "day" in changed or "time" in changed:
            changed["read"] = now if ping.read is None else ping.read
        return replace(self, **changed)

    def _report_status(self, status: WorldStatus, *, started: bool = False) -> "World":
        """What a ping or a line says, as far as it counts in this state."""
        if self.status in STOPPING or (
            self.status in STARTING and status is not WorldStatus.RUNNING
        ):
            return self
        if self.status is WorldStatus.QUEUED_RESTART and not started:
            # The old one runs until it has stopped; then the new one is on its way.
            return (
                replace(self, status=WorldStatus.QUEUED_START)
                if status is WorldStatus.STOPPED
                else self
            )
        return self._with_status(status)

    def _with_status(self, status: WorldStatus) -> "World":
        address = "" if status is WorldStatus.STOPPED else self.address
        empty_since = None if self.status in PENDING else self.empty_since
        return replace(
            self,
            status=status,
            address=address,
            pending_since=None,
            percent=None,
            empty_since=empty_since,
        )
