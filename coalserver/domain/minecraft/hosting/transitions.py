"""Transitions of hosted worlds: orders, and what becomes of their processes.

All functions are pure: they return the run that follows, or the same one where nothing changes. The
caller has made the checks of an order.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from coalserver.domain.minecraft.hosting.hosted_world import (
    AT_REST,
    BEFORE_PROCESS,
    ENDING,
    UP,
    WITH_PROCESS,
    HostedWorld,
    Trouble,
    TroubleCode,
    Wanted,
)
from coalserver.domain.minecraft.world import World, WorldStatus

#: Crashes within this time count together.
CRASH_WINDOW_SECONDS = 600.0
#: The world stays down at this number of them.
MAX_CRASHES = 3


class Order(StrEnum):
    """What people ask of a hosted world's process."""

    PLAY = "play"
    PAUSE = "pause"
    RESTART = "restart"
    KILL = "kill"


class Answer(StrEnum):
    """What becomes of an order."""

    #: It will be done: 202.
    ACCEPTED = "accepted"
    #: It is so already, or was asked for before: 200.
    ALREADY = "already"


@dataclass(frozen=True, slots=True)
class Run:
    """A hosted world and its run."""

    world: World
    hosted: HostedWorld

    @property
    def status(self) -> WorldStatus:
        return self.world.status

    def to(self, status: WorldStatus, now: float, percent: int | None = None) -> "Run":
        """Return the run in another state."""
        world = self.world
        pending = None if status in AT_REST or status is WorldStatus.RUNNING else now
        if pending is not None and status is world.status:
            pending = world.pending_since
        address = world.address if status in WITH_PROCESS else ""
        world = replace(
            world, status=status, pending_since=pending, percent=percent, address=address
        )
        return replace(self, world=world)

    def wanting(self, wanted: Wanted) -> "Run":
        return replace(self, hosted=replace(self.hosted, wanted=wanted))

    def at_rest(self, now: float, trouble: Trouble | None = None) -> "Run":
        """Return the run as stopped for good: only a person starts it again."""
        hosted = replace(self.hosted.release(), wanted=Wanted.PAUSE)
        if trouble is not None:
            hosted = replace(hosted, trouble=trouble)
        return replace(self, hosted=hosted).to(WorldStatus.STOPPED, now)


def answer_to(run: Run, order: Order) -> Answer:
    """Return what becomes of an order, as hosting.md 3 has it for each state."""
    status, starts_again = run.status, run.hosted.wanted is Wanted.PLAY
    match order:
        case Order.PLAY:
            already = status in BEFORE_PROCESS | UP or status is WorldStatus.QUEUED_RESTART
        case Order.PAUSE:
            stops = status in (WorldStatus.QUEUED_STOP, WorldStatus.SAVING)
            already = status in AT_REST or (stops and not starts_again)
        case Order.RESTART:
            already = status in BEFORE_PROCESS or status is WorldStatus.QUEUED_RESTART
        case Order.KILL:
            already = status in AT_REST or status is WorldStatus.SAVING
    return Answer.ALREADY if already else Answer.ACCEPTED


def needs_checks(run: Run, order: Order) -> bool:
    """Return whether an order leads to a start, so that its conditions must be met."""
    if order not in (Order.PLAY, Order.RESTART):
        return False
    return answer_to(run, order) is Answer.ACCEPTED


def apply_order(run: Run, order: Order, now: float) -> Run:
    """Return the run after an accepted order; the same run if there is nothing to do."""
    match order:
        case Order.PLAY:
            return _play(run, now)
        case Order.PAUSE:
            return _pause(run, now)
        case Order.RESTART:
            return _restart(run, now)
    return _kill(run, now)


def _play(run: Run, now: float) -> Run:
    if run.status in AT_REST:
        # A person starts the world: what failed before is past.
        hosted = replace(
            run.hosted,
            wanted=Wanted.PLAY,
            trouble=None,
            crashes=(),
            starts_at=None,
            asleep_port=None,
        )
        return replace(run, hosted=hosted).to(WorldStatus.QUEUED_START, now)
    if run.status in (WorldStatus.QUEUED_STOP, WorldStatus.SAVING):
        hosted = replace(run.hosted, wanted=Wanted.PLAY, trouble=None, asleep_port=None)
        return replace(run, hosted=hosted)
    return run


def _pause(run: Run, now: float) -> Run:
    # Also at rest: its start may have been ordered while the server was not running.
    run = run.wanting(Wanted.PAUSE)
    if run.status in AT_REST:
        return run
    if run.status in BEFORE_PROCESS:
        return run.at_rest(now)
    return run if run.status is WorldStatus.SAVING else run.to(WorldStatus.QUEUED_STOP, now)


def _restart(run: Run, now: float) -> Run:
    if run.status in UP or run.status is WorldStatus.QUEUED_STOP:
        hosted = replace(run.hosted, wanted=Wanted.PLAY, trouble=None, asleep_port=None)
        return replace(run, hosted=hosted).to(WorldStatus.QUEUED_RESTART, now)
    return _play(run, now)


def _kill(run: Run, now: float) -> Run:
    if run.status in BEFORE_PROCESS:
        return run.at_rest(now)
    if run.status in WITH_PROCESS:
        hosted = replace(run.hosted, killed=True, wanted=Wanted.PAUSE, asleep_port=None)
        return replace(run, hosted=hosted).to(WorldStatus.QUEUED_STOP, now)
    return run


def take_turn(run: Run, now: float) -> Run:
    """Return the run when its turn to start has come: its files are prepared."""
    if run.status is not WorldStatus.QUEUED_START:
        return run
    return replace(run, hosted=replace(run.hosted, starts_at=None)).to(
        WorldStatus.LOADING, now, percent=0
    )


def progress(run: Run, percent: int) -> Run:
    """Return the run with the progress of preparing or saving, 0 to 100."""
    if run.status not in (WorldStatus.LOADING, WorldStatus.SAVING):
        return run
    return replace(run, world=replace(run.world, percent=percent))


def preparing_failed(run: Run, trouble: Trouble, now: float) -> Run:
    """Return the run after its files could not be prepared, or its process not be spawned."""
    return run.at_rest(now, trouble) if run.status in BEFORE_PROCESS else run


def spawned(run: Run, run_id: str, applied: bytes, now: float) -> Run:
    """Return the run with a process; `applied` are the server properties that it was started with."""
    if run.status is not WorldStatus.LOADING:
        return run
    hosted = replace(
        run.hosted, run_id=run_id, applied=applied, spawned_at=now, ready_at=None, killed=False
    )
    return replace(run, hosted=hosted).to(WorldStatus.LOADED, now)


def ready(run: Run, address: str, now: float) -> Run:
    """Return the run when the process is ready for players."""
    if run.status is not WorldStatus.LOADED:
        return run
    run = replace(run, hosted=replace(run.hosted, ready_at=now)).to(WorldStatus.RUNNING, now)
    return replace(run, world=replace(run.world, address=address, last_ping=now))


def start_timed_out(run: Run, now: float) -> Run:
    """Return the run whose process was not ready in time: it is stopped."""
    if run.status is not WorldStatus.LOADED:
        return run
    trouble = Trouble(TroubleCode.START_TIMEOUT, now)
    hosted = replace(run.hosted, wanted=Wanted.PAUSE, trouble=trouble)
    return replace(run, hosted=hosted).to(WorldStatus.QUEUED_STOP, now)


def stop_for_trouble(run: Run, trouble: Trouble, now: float) -> Run:
    """Return the run that is stopped because of a trouble, such as a full disk."""
    if run.status in BEFORE_PROCESS:
        return run.at_rest(now, trouble)
    if run.status not in WITH_PROCESS:
        return run
    hosted = replace(run.hosted, wanted=Wanted.PAUSE, trouble=trouble)
    return replace(run, hosted=hosted).to(WorldStatus.QUEUED_STOP, now)


def with_trouble(run: Run, trouble: Trouble | None) -> Run:
    """Return the run with a trouble that does not stop it, or without one."""
    return replace(run, hosted=replace(run.hosted, trouble=trouble))


def exited(
    run: Run,
    now: float,
    *,
    stopping_seen: bool,
    cause: Trouble | None,
    save_on_pause: bool,
    crash_wait: float,
) -> Run:
    """Return the run after its process has ended. Exit codes decide nothing.

    `stopping_seen`: the log says that the server was stopping. `cause`: why the process never became
    ready, if the log tells. `save_on_pause`: a pause makes a saved game. `crash_wait`: seconds until
    the start after a first crash; each further one doubles them.
    """
    if run.status in ENDING:
        return _exited_as_asked(run, now, save_on_pause=save_on_pause)
    if run.status not in UP:
        return run
    if run.status is WorldStatus.LOADED:
        return run.at_rest(now, cause or Trouble(TroubleCode.START_FAILED, now))
    if stopping_seen:
        return run.at_rest(now, Trouble(TroubleCode.STOPPED_INSIDE, now))
    return crashed(run, now, crash_wait)


def _exited_as_asked(run: Run, now: float, *, save_on_pause: bool) -> Run:
    hosted = run.hosted
    restarts = run.status is WorldStatus.QUEUED_RESTART
    if save_on_pause and hosted.played_since_save and not (restarts or hosted.killed):
        return replace(run, hosted=replace(hosted, saving=True, spawned_at=None, ready_at=None)).to(
            WorldStatus.SAVING, now, percent=0
        )
    return _start_again_or_rest(run, now)


def crashed(run: Run, now: float, crash_wait: float) -> Run:
    """Return the run after a crash: it starts again after a wait, or stays down at the third crash."""
    crashes = (*(at for at in run.hosted.crashes if now - at < CRASH_WINDOW_SECONDS), now)
    hosted = replace(run.hosted, crashes=crashes, crash_count=run.hosted.crash_count + 1)
    run = replace(run, hosted=hosted)
    if len(crashes) >= MAX_CRASHES:
        return run.at_rest(now, Trouble(TroubleCode.CRASH_LOOP, now))
    return queue_start(run, now, wait=crash_wait * 2 ** (len(crashes) - 1))


def saved(run: Run, now: float, trouble: Trouble | None = None, *, played: bool = False) -> Run:
    """Return the run after a saved game was packed, or failed with a trouble.

    `played`: a player was there since the saved game was begun.
    """
    hosted = replace(run.hosted, saving=False)
    if trouble is not None:
        hosted = replace(hosted, trouble=trouble)
    else:
        before = hosted.trouble
        failed = before is not None and before.code is TroubleCode.SAVE_FAILED
        hosted = replace(
            hosted, played_since_save=played, trouble=None if failed else hosted.trouble
        )
    run = replace(run, hosted=hosted)
    return _start_again_or_rest(run, now) if run.status is WorldStatus.SAVING else run


def _start_again_or_rest(run: Run, now: float) -> Run:
    return queue_start(run, now) if run.hosted.wanted is Wanted.PLAY else run.at_rest(now)


def queue_start(run: Run, now: float, wait: float = 0.0) -> Run:
    """Return the run as waiting for its turn, `wait` seconds at least. Its reservations stay."""
    hosted = replace(
        run.hosted,
        wanted=Wanted.PLAY,
        asleep_port=None,
        starts_at=now + wait if wait else None,
        killed=False,
        spawned_at=None,
        ready_at=None,
    )
    return replace(run, hosted=hosted).to(WorldStatus.QUEUED_START, now)


def keeper_lost(run: Run, now: float) -> Run:
    """Return the run whose process lives without its keeper: it is stopped, and started again if wanted."""
    if run.status not in WITH_PROCESS:
        return run
    trouble = Trouble(TroubleCode.KEEPER_LOST, now)
    run = replace(run, hosted=replace(run.hosted, trouble=trouble))
    wants_play = run.hosted.wanted is Wanted.PLAY
    return run.to(WorldStatus.QUEUED_RESTART if wants_play else WorldStatus.QUEUED_STOP, now)


def after_reboot(run: Run, now: float) -> Run:
    """Return the run whose process is gone with its machine, which is no crash."""
    if run.status in WITH_PROCESS or run.status in BEFORE_PROCESS:
        return _start_again_or_rest(run, now)
    return run


def pinged(run: Run, now: float) -> Run:
    """Return the running world with a new sign of life."""
    if run.status is not WorldStatus.RUNNING:
        return run
    return replace(run, world=replace(run.world, last_ping=now))


def with_load(run: Run, overloads: int, behind: int, skipped: int) -> Run:
    """Return the run with the overloads of the last minutes, milliseconds behind and skipped ticks."""
    if not overloads and not run.world.overloads:
        return run
    world = replace(run.world, overloads=overloads, behind=behind, skipped=skipped)
    return replace(run, world=world)


def fall_asleep(run: Run, now: float) -> Run:
    """Return the world that is paused because nobody is there: it remembers its port."""
    paused = apply_order(run, Order.PAUSE, now)
    if run.status is not WorldStatus.RUNNING:
        return paused
    return replace(paused, hosted=replace(paused.hosted, asleep_port=run.hosted.port))


def emptied(run: Run, at: float) -> Run:
    """Return the running world without players since a time, from which its idle timeout counts."""
    if run.status is not WorldStatus.RUNNING or run.world.empty_since is not None:
        return run
    return replace(run, world=replace(run.world, empty_since=at))


def occupied(run: Run, now: float) -> Run:
    """Return the running world that has players whom its log does not show: its idle timeout begins anew."""
    if run.status is not WorldStatus.RUNNING:
        return run
    return replace(run, world=replace(run.world, empty_since=now))


def played(run: Run) -> Run:
    """Return the world with a player since its last saved game."""
    return replace(run, hosted=replace(run.hosted, played_since_save=True))


def set_up(run: Run) -> Run:
    """Return the world to which the commands of a first start were sent."""
    return replace(run, hosted=replace(run.hosted, set_up=True))


def started_as(run: Run, minecraft: str) -> Run:
    """Return the world with the Minecraft version that its log names."""
    return replace(run, hosted=replace(run.hosted, minecraft=minecraft))


def save_interrupted(run: Run, now: float) -> Run:
    """Return the world whose saved game was not finished because coalserver ended.

    `played_since_save` stays, so that the next saved game is still due.
    """
    run = replace(run, hosted=replace(run.hosted, saving=False))
    return _start_again_or_rest(run, now) if run.status is WorldStatus.SAVING else run


def ends_with_coalserver(run: Run, now: float) -> Run:
    """Return the run that is stopped because coalserver ends; it starts with the next one if it is wanted."""
    return run.to(WorldStatus.QUEUED_STOP, now) if run.status in UP else run
