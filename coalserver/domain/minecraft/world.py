"""Worlds: the run state of Minecraft worlds, derived from pings, log lines and silence.

A world that runs elsewhere is RUNNING, STOPPED or UNKNOWN, as its agent and its log say. A hosted world also
has the states of `hosting/transitions`, and no other source of them. Players in a world are the subject of
visits.py.
"""

from dataclasses import dataclass
from enum import StrEnum, auto

from coalserver.domain.construction import replace
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine
from coalserver.domain.minecraft.visits import PresenceMark

#: Without a ping for longer, the status is UNKNOWN.
SILENCE_SECONDS = 5 * 60.0
#: Without pings, a world counts as alive for this long after a line: players can be silent for half an hour.
QUIET_SECONDS = 60 * 60.0
#: `last_ping` is saved at most this often, unless another field changes: each save is a disk write.
PING_SAVE_SECONDS = 60.0
#: First path segments of pages and APIs, which worlds cannot have as short names.
RESERVED_SHORT_NAMES = frozenset(
    "accounts achievements admin api chats deaths games health hosts login logout mc metrics oauth players profile"
    " realtime screenshots servers sessions signup static sync".split()
)
TICKS_PER_SECOND = 20
TICKS_PER_DAY = 24000


class WorldStatus(StrEnum):
    """The run state of a world."""

    UNKNOWN = auto()
    RUNNING = auto()
    STOPPED = auto()
    # transitional, of hosted worlds
    QUEUED_START = auto()
    QUEUED_RESTART = auto()
    QUEUED_STOP = auto()
    LOADING = auto()
    LOADED = auto()
    SAVING = auto()


#: A start was requested.
STARTING = frozenset((WorldStatus.QUEUED_START, WorldStatus.LOADING, WorldStatus.LOADED))
#: A stop was requested.
STOPPING = frozenset((WorldStatus.QUEUED_STOP, WorldStatus.SAVING))


@dataclass(frozen=True, slots=True)
class AgentFinding:
    """Something that the self-check of an agent found and an admin should mend."""

    #: What it is, such as `log_missing`.
    code: str
    #: What it is about: a path, an address or a time zone.
    detail: str = ""
    #: An English sentence, for codes of newer agents.
    text: str = ""


#: Findings of one agent.
MAX_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Ping:
    """The report of an agent about its world. None: not reported."""

    running: bool | None = None
    address: str = ""
    #: Days since the world's creation, and ticks of the day (0 to 23999).
    day: int | None = None
    time: int | None = None
    #: When the agent read `day` and `time`; None: now.
    read: float | None = None
    raining: bool | None = None
    thundering: bool | None = None
    #: Overload warnings, and the latest one's milliseconds behind and skipped ticks.
    overloads: int | None = None
    behind: int | None = None
    skipped: int | None = None
    findings: tuple[AgentFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """A Minecraft world. Methods return a new World."""

    id: int
    name: str
    #: Whether this server runs the world.
    hosted: bool = False
    status: WorldStatus = WorldStatus.UNKNOWN
    #: Since when the status is transitional; None if it is not.
    pending_since: float | None = None
    #: Progress of a transition.
    percent: int | None = None
    #: Since when no player has been in the world, for the idle timeout; None if that does not apply.
    empty_since: float | None = None
    version: str = ""
    #: When the line with the version was written.
    started: float | None = None
    address: str = ""
    #: The newest ping. Lines older than it do not change the status.
    last_ping: float | None = None
    #: When the newest line about the status was written.
    status_line_at: float | None = None
    #: The fields of Ping as last reported.
    day: int | None = None
    time: int | None = None
    read: float | None = None
    raining: bool | None = None
    thundering: bool | None = None
    overloads: int | None = None
    behind: int | None = None
    skipped: int | None = None
    #: Unique path segment of its pages; empty: none.
    short_name: str = ""
    #: False: archived, left out of lists and without an agent.
    active: bool = True
    created: float = 0.0
    updated: float = 0.0
    #: The newest departure mark for the whole world.
    last_emptied: PresenceMark | None = None
    #: Stored server properties: a JSON object.
    properties: bytes = b"{}"
    #: Whether visitors without an account may read its chats. Writing requires a login.
    public: bool = False
    #: What the agent found in its last ping.
    findings: tuple[AgentFinding, ...] = ()

    def ping(self, ping: Ping, now: float) -> "World":
        """Return the world after a ping of its agent."""
        status = {True: WorldStatus.RUNNING, False: WorldStatus.STOPPED, None: WorldStatus.UNKNOWN}[
            ping.running
        ]
        world = replace(self, address=ping.address or self.address, findings=ping.findings)
        world = world.with_figures(ping, now)
        world = world._with_status(status)
        due = self.last_ping is None or now - self.last_ping > PING_SAVE_SECONDS
        return replace(world, last_ping=now) if due or world != self else self

    def apply_line(self, parsed: ParsedLine, now: float) -> "World":
        """Return the world after a log line. Only the newest information changes the status.

        The status of a hosted world is that of its process, whatever its log says.
        """
        if parsed.at is None or parsed.kind not in (LineKind.STARTING, LineKind.STOPPING):
            return self
        # With a clock that runs ahead, a later time would block all lines until then.
        at = min(parsed.at, now)
        world = self
        if parsed.kind is LineKind.STARTING and (self.started is None or at >= self.started):
            world = replace(self, version=parsed.version, started=at)
        if self.hosted:
            return world
        # A line from an old file does not describe the present, even if nothing newer is known.
        if now - at > SILENCE_SECONDS or not self.is_newest(parsed):
            return world
        started = parsed.kind is LineKind.STARTING
        status = WorldStatus.RUNNING if started else WorldStatus.STOPPED
        return replace(world, status_line_at=at)._with_status(status)

    def is_newest(self, parsed: ParsedLine) -> bool:
        """Return whether a line is at least as new as all known information about the status."""
        if parsed.at is None:
            return False
        known = (time for time in (self.last_ping, self.status_line_at) if time is not None)
        # Times of log lines are whole seconds.
        return all(parsed.at >= time // 1 for time in known)

    def after_silence(self, now: float) -> "World":
        """Return the world as it is now: UNKNOWN after SILENCE_SECONDS without a ping or a line about its status.

        A hosted world does not become UNKNOWN by silence.
        """
        if self.hosted or self.status in (WorldStatus.STOPPED, WorldStatus.UNKNOWN):
            return self
        since = max(self.last_ping or 0.0, self.status_line_at or 0.0)
        return self if now - since <= SILENCE_SECONDS else self._with_status(WorldStatus.UNKNOWN)

    def is_pinged(self, now: float) -> bool:
        """Return whether a ping shows that the world runs; always of a hosted world, whose process is watched."""
        if self.hosted:
            return True
        running = self.status is WorldStatus.RUNNING and self.last_ping is not None
        return running and now - (self.last_ping or 0.0) <= SILENCE_SECONDS

    def time_of_day(self, now: float) -> int | None:
        """Return the time of day in ticks, extrapolated to now for a running world."""
        if self.time is None or self.read is None or self.status is not WorldStatus.RUNNING:
            return self.time
        elapsed = max(0.0, now - self.read)
        return int(self.time + elapsed * TICKS_PER_SECOND) % TICKS_PER_DAY

    def with_figures(self, ping: Ping, now: float) -> "World":
        """Return the world with the reported day, time, weather and overloads of a ping."""
        changed = {
            name: value
            for name in ("day", "time", "raining", "thundering", "overloads", "behind", "skipped")
            if (value := getattr(ping, name)) is not None and value != getattr(self, name)
        }
        if "day" in changed or "time" in changed:
            changed["read"] = now if ping.read is None else ping.read
        return replace(self, **changed)

    def _with_status(self, status: WorldStatus) -> "World":
        address = "" if status is WorldStatus.STOPPED else self.address
        return replace(self, status=status, address=address)
