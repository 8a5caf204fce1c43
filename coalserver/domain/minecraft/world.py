"""Worlds: a Minecraft world's run state, as pings, lines of its log and time tell it.

A world somebody else runs is RUNNING, STOPPED or UNKNOWN; one of ours has states on the way there as well.
Who is in a world is for visits.py.
"""

from dataclasses import dataclass, replace
from enum import StrEnum, auto

from coalserver.domain.minecraft.log.kinds import Kind
from coalserver.domain.minecraft.log.parser import Reading
from coalserver.domain.minecraft.visits import Mark

#: Without a ping for longer nothing is known of a world.
SILENCE = 5 * 60.0
#: A last ping is written down anew when it is older, unless there is something else to write.
NOTED = 60.0
#: First parts of addresses that lead elsewhere: a world with such a short name would not be found there.
IN_USE = frozenset(
    "accounts achievements admin api chats deaths games health hosts login logout mc oauth players profile"
    " realtime screenshots servers sessions signup static sync".split()
)
TICKS_A_SECOND = 20
TICKS_A_DAY = 24000


class Status(StrEnum):
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
COMING = frozenset((Status.QUEUED_START, Status.LOADING, Status.LOADED))
#: Asked to stop: what still runs until then says nothing new.
GOING = frozenset((Status.QUEUED_STOP, Status.SAVING))
PENDING = COMING | GOING | {Status.QUEUED_RESTART}


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
    status: Status = Status.UNKNOWN
    #: Since when a state on the way lasts.
    pending: float | None = None
    percent: int | None = None
    #: Since when nobody has been in it, if that matters.
    idle: float | None = None
    version: str = ""
    #: When the line that told the version was written.
    started: float | None = None
    address: str = ""
    #: The newest ping; what lines of before it say of the status is known better.
    pinged: float | None = None
    #: The newest line that told the status.
    told: float | None = None
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
    emptied: Mark | None = None
    #: How it is to be run: a JSON object.
    properties: bytes = b"{}"
    #: Whether anybody may read what is said in it; nobody speaks there who has not signed in.
    public: bool = False

    def ping(self, ping: Ping, now: float) -> "World":
        """An agent has told how the world is."""
        told = {True: Status.RUNNING, False: Status.STOPPED, None: Status.UNKNOWN}[ping.running]
        world = replace(self, address=ping.address or self.address)._with(ping, now)
        world = world._told(told)
        late = self.pinged is None or now - self.pinged > NOTED
        return replace(world, pinged=now) if late or world != self else self

    def heard(self, reading: Reading, now: float) -> "World":
        """A line has come; one that is older than what is known already does not tell the status."""
        if reading.at is None or reading.kind not in (Kind.STARTING, Kind.STOPPING):
            return self
        # A clock that is ahead must not make deaf to what comes later.
        at = min(reading.at, now)
        world = self
        if reading.kind is Kind.STARTING and (self.started is None or at >= self.started):
            world = replace(self, version=reading.version, started=at)
        # Read from a file of long ago, it says nothing of today even where nothing else is known.
        if now - at > SILENCE or not self.news(reading):
            return world
        started = reading.kind is Kind.STARTING
        status = Status.RUNNING if started else Status.STOPPED
        return replace(world, told=at)._told(status, started=started)

    def news(self, reading: Reading) -> bool:
        """Whether a line is as new as the last thing known: only then it alarms anybody."""
        if reading.at is None:
            return False
        known = (time for time in (self.pinged, self.told, self.pending) if time is not None)
        # Lines tell whole seconds.
        return all(reading.at >= time // 1 for time in known)

    def asked(self, status: Status, now: float, percent: int | None = None) -> "World":
        """A state on the way was asked for or reached; it always counts."""
        return replace(self, status=status, pending=now, percent=percent)

    def saved(self) -> "World":
        """What hosts it has stopped it and put it away."""
        stays = self.status in COMING or self.status is Status.QUEUED_RESTART
        return self if stays else self._at(Status.STOPPED)

    def silent(self, now: float) -> "World":
        """Time has passed; nothing is known of a world that has not been heard of for long."""
        if self.status in (Status.STOPPED, Status.UNKNOWN) and self.pending is None:
            return self
        since = self.pinged if self.pending is None else self.pending
        if since is not None and now - since <= SILENCE:
            return self
        return self._at(Status.UNKNOWN)

    def ticks(self, now: float) -> int | None:
        """The time of day in it, which goes on while it runs; the day does not."""
        if self.time is None or self.read is None or self.status is not Status.RUNNING:
            return self.time
        passed = max(0.0, now - self.read)
        return int(self.time + passed * TICKS_A_SECOND) % TICKS_A_DAY

    def _with(self, ping: Ping, now: float) -> "World":
        """With the numbers of a ping; what it does not tell stays."""
        changed = {
            name: told
            for name in ("day", "time", "raining", "thundering", "overloads", "behind", "skipped")
            if (told := getattr(ping, name)) is not None and told != getattr(self, name)
        }
        if "day" in changed or "time" in changed:
            changed["read"] = now if ping.read is None else ping.read
        return replace(self, **changed)

    def _told(self, status: Status, *, started: bool = False) -> "World":
        """What a ping or a line says, as far as it counts in this state."""
        if self.status in GOING or (self.status in COMING and status is not Status.RUNNING):
            return self
        if self.status is Status.QUEUED_RESTART and not started:
            # The old one runs until it has stopped; then the new one is on its way.
            return replace(self, status=Status.QUEUED_START) if status is Status.STOPPED else self
        return self._at(status)

    def _at(self, status: Status) -> "World":
        address = "" if status is Status.STOPPED else self.address
        idle = None if self.status in PENDING else self.idle
        return replace(self, status=status, address=address, pending=None, percent=None, idle=idle)
