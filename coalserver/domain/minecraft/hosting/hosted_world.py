"""Hosted worlds: what is stored beside a World about the process that this server runs for it."""

import json
from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.minecraft.hosting.properties_file import FURTHER, changed_properties
from coalserver.domain.minecraft.server_properties import PropertyValue, effective_properties
from coalserver.domain.minecraft.world import World, WorldStatus

#: Memory of a process beyond its Java heap, in MiB.
OVERHEAD_MIB = 400
#: Longest note of a saved game, in characters.
MAX_NOTE_LENGTH = 100
#: States without a process, in which a start begins anew.
AT_REST = frozenset((WorldStatus.UNKNOWN, WorldStatus.STOPPED))
#: States in which the process has not been spawned yet.
BEFORE_PROCESS = frozenset((WorldStatus.QUEUED_START, WorldStatus.LOADING))
#: States in which a process runs and nobody has asked it to stop.
UP = frozenset((WorldStatus.LOADED, WorldStatus.RUNNING))
#: States in which a process was asked to stop.
ENDING = frozenset((WorldStatus.QUEUED_STOP, WorldStatus.QUEUED_RESTART))
#: States with a process.
WITH_PROCESS = UP | ENDING
#: States in which a saved game can be made by order.
SAVABLE = frozenset((WorldStatus.RUNNING, WorldStatus.STOPPED))

#: Words that the COAL API uses for the states of a hosted world.
_WIRE_STATUSES = {
    WorldStatus.UNKNOWN: "UNKNOWN",
    WorldStatus.QUEUED_START: "QUEUED_START",
    WorldStatus.LOADING: "QUEUED_START",
    WorldStatus.LOADED: "QUEUED_START",
    WorldStatus.RUNNING: "RUNNING",
    WorldStatus.QUEUED_RESTART: "QUEUED_START",
    WorldStatus.STOPPED: "STOPPED",
}


class Wanted(StrEnum):
    """The state to which a hosted world is driven, whatever happens in between."""

    PLAY = "play"
    PAUSE = "pause"


class TroubleCode(StrEnum):
    """Why a hosted world does not run, or does not run well. The values are part of the API."""

    NOT_FETCHED = "not_fetched"
    CHECKSUM = "checksum"
    BAD_JAR = "bad_jar"
    WRONG_JAVA = "wrong_java"
    PORT_TAKEN = "port_taken"
    EULA = "eula"
    START_TIMEOUT = "start_timeout"
    START_FAILED = "start_failed"
    CRASH_LOOP = "crash_loop"
    HUNG = "hung"
    STOP_IGNORED = "stop_ignored"
    KEEPER_LOST = "keeper_lost"
    DISK = "disk"
    SAVE_FAILED = "save_failed"
    #: Not in hosting.md: a restore that failed left the world's files as they were.
    RESTORE_FAILED = "restore_failed"
    FILES_MISSING = "files_missing"
    #: Not a failure: a player or a plug-in stopped the server.
    STOPPED_INSIDE = "stopped_inside"


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure after an accepted order, shown until the world is started again."""

    code: TroubleCode
    at: float
    #: What the sentence of the code names, in its order: a reason, a port, a version.
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EulaAgreement:
    """Who agreed to the Minecraft EULA for a world, and when."""

    at: float
    #: Id of the account; 0 for the command line.
    account: int = 0
    #: That account's display name at the time.
    name: str = ""


@dataclass(frozen=True, slots=True)
class HostedWorld:
    """What is stored about the run of one hosted world. It has the id of its World."""

    id: int
    wanted: Wanted = Wanted.PAUSE
    trouble: Trouble | None = None
    #: Identifies a run of the process; empty before the first one.
    run_id: str = ""
    #: The port that is reserved from the order to start until the process has ended.
    port: int | None = None
    #: Reserved memory in MiB, with the process's overhead; 0 while nothing is reserved.
    reserved_mib: int = 0
    #: The process is to be killed: no saved game is made when it has ended.
    killed: bool = False
    #: End of the wait after a crash.
    starts_at: float | None = None
    #: When the present process was spawned, and when it was ready for players.
    spawned_at: float | None = None
    ready_at: float | None = None
    #: Times of recent crashes, oldest first, and the number of all crashes.
    crashes: tuple[float, ...] = ()
    crash_count: int = 0
    eula: EulaAgreement | None = None
    #: Server properties as they were when the process was last started: a JSON object.
    applied: bytes = b"{}"
    #: Further lines of server.properties, by their key: a JSON object.
    further: bytes = b"{}"
    #: Further lines as they were when the process was last started: a JSON object; null: unknown.
    applied_further: bytes = b"null"
    #: Keys of further lines that were removed since the last start: a JSON array.
    removed: bytes = b"[]"
    #: Whether users who are not administrators may start the world.
    members_may_start: bool = True
    #: Whether a player who joins wakes the world that was paused because nobody was there.
    wake_on_connect: bool = False
    #: The port of a world that was paused because nobody was there, or None.
    asleep_port: int | None = None
    #: Whether a player was in the world since its last saved game.
    played_since_save: bool = False
    #: Whether the commands of a first start (operator, allow list) were sent.
    set_up: bool = False
    #: A saved game is being restored: no start until it is done.
    restoring: bool = False
    #: A saved game is being made.
    saving: bool = False
    #: Minecraft version of the last run, from its log.
    minecraft: str = ""
    #: Folder of the world within the server's.
    level_name: str = "world"
    #: The world is deleted, but its files may not be all gone.
    deleting: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether a saved game is being made or restored."""
        return self.saving or self.restoring

    def reserve(self, port: int | None, mib: int) -> "HostedWorld":
        """Return the world with its port and memory reserved."""
        return replace(self, port=port, reserved_mib=mib)

    def release(self) -> "HostedWorld":
        """Return the world without reservations and without a run in progress."""
        return replace(
            self,
            port=None,
            reserved_mib=0,
            killed=False,
            starts_at=None,
            spawned_at=None,
            ready_at=None,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured of a hosted world. None: unknown, or there is no process."""

    pid: int | None = None
    #: Percent of a core, and bytes.
    cpu: float | None = None
    memory_used: int | None = None
    ticks_per_second: float | None = None
    #: Overloads of the last five minutes, and the milliseconds that the world was behind in them.
    overloads: int = 0
    behind: int = 0
    #: Processor time of all its processes since coalserver has measured them, in seconds.
    cpu_seconds: float = 0.0
    #: Seconds that its last saved game took.
    save_seconds: float | None = None
    #: Bytes of its folder, if that is larger than worlds may be.
    excess: int | None = None
    saved_games: int = 0


def heap_mib(memory: str) -> int:
    """Return the MiB of a memory property such as `256M` or `4G`."""
    number, unit = int(memory[:-1]), memory[-1]
    return number * 1024 if unit == "G" else number


def cost_mib(properties: bytes) -> int:
    """Return the memory in MiB that a world with these stored properties needs to run."""
    return heap_mib(str(effective_properties(properties)["memory"])) + OVERHEAD_MIB


def wire_status(world: World, hosted: HostedWorld | None) -> str:
    """Return the word of the COAL API for a world's status (document, 2.3.4)."""
    word = _WIRE_STATUSES.get(world.status)
    if word is not None:
        return word
    starts_again = hosted is not None and hosted.wanted is Wanted.PLAY
    return "QUEUED_START" if starts_again else "QUEUED_STOP"


def pending_properties(world: World, hosted: HostedWorld) -> list[str]:
    """Return the names of properties that were changed since the process was started, and apply from its next start.

    Further lines of server.properties follow as `file.KEY`.
    """
    if world.status not in WITH_PROCESS:
        return []
    applied: dict[str, PropertyValue] = json.loads(hosted.applied)
    changed = changed_properties(applied, effective_properties(world.properties), hosted.minecraft)
    further: dict[str, str] = json.loads(hosted.further)
    applied_further: dict[str, str] | None = json.loads(hosted.applied_further)
    before = further if applied_further is None else applied_further
    keys = (key for key in before | further if before.get(key) != further.get(key))
    return changed + [f"{FURTHER}{key}" for key in keys]
