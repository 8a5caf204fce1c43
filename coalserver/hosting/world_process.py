"""The process of a hosted world as its keeper and its console show it, and how it is ended.

Prescribed by hosting.md, sections 2 and 6.
"""

import asyncio
import re
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coalserver.domain.minecraft.hosting.hosted_world import Trouble, TroubleCode
from coalserver.domain.minecraft.hosting.version import STOP_SIGNALS
from coalserver.domain.minecraft.log.kinds import LineKind
from coalserver.domain.minecraft.log.parser import ParsedLine
from coalserver.hosting.cgroups import remove as remove_cgroup
from coalserver.hosting.console import Console
from coalserver.hosting.keeper_client import (
    KeeperClient,
    KeeperError,
    KeeperGone,
    RunState,
    adopt_keeper,
    read_run,
)
from coalserver.hosting.overloads import Overloads
from coalserver.hosting.processes import end_processes, read_stat
from coalserver.hosting.segments import ConsoleLine
from coalserver.hosting.ticks import COMMAND as TICK_COMMAND
from coalserver.hosting.ticks import TickQuery

#: Characters of a line that a ready pattern is searched in: it may be slow on long ones.
MAX_SEARCHED = 1_000
#: Seconds within which an answer to our own `list` is looked for.
ANSWER_SECONDS = 10.0
#: What a lost keeper leaves is looked at this often.
CHECK_SECONDS = 0.05
_EULA = re.compile(r"You need to agree to the EULA")
_BIND = re.compile(r"FAILED TO BIND TO PORT")
_JAVA = re.compile(r"UnsupportedClassVersionError.*?versions up to (\d+)")
#: The answer to `list`: players, and whether their names are on a line of their own.
LIST_ANSWER = re.compile(r"There are (\d+)(?: of a max(?: of)? |/)\d+ players online(:?)(.*)")
#: The version of class files of Java 1.0, less one.
JAVA_OFFSET = 44


@dataclass(slots=True)
class Watched:
    """What the lines of a run have shown."""

    ready: bool = False
    stopping: bool = False
    #: Why it will not become ready.
    cause: Trouble | None = None
    minecraft: str = ""
    #: A player came since this was last looked at, and when the newest line was written.
    played: bool = False
    last_at: float = 0.0
    #: Players in the answer to the last `list`.
    listed: int | None = None


class WorldProcess:
    """A process that has a keeper, or had one."""

    def __init__(
        self, client: KeeperClient | None, state: RunState, console: Console, folder: Path
    ) -> None:
        """`folder` is the world's `run` folder. Without a client the process has ended already."""
        self.client, self.state, self.console, self.folder = client, state, console, folder
        self.seen = Watched()
        self.overloads, self.ticks = Overloads(), TickQuery()
        #: A regular expression of the ready line; empty: Minecraft's.
        self.ready_pattern = ""
        self.port: int | None = None
        self._ended = client is None
        self.on_news: Callable[[], None] = lambda: None
        #: Called with each new line. A save listens for answers to its commands.
        self.listeners: list[Callable[[ConsoleLine], None]] = []
        #: How many players have come since the process is watched.
        self.logins = 0
        self._polled_until = 0.0
        self._names_follow = False
        self._following: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the main process has ended and its lines are taken in, as far as they are known."""
        return self._ended or (self._following is not None and self._following.done())

    @property
    def living_child(self) -> dict[str, int] | None:
        """The main process, or None once it has ended."""
        return None if self.ended else self.state.child

    def start_following(self) -> None:
        """Take in the console from now on, until the process has ended."""
        self._following = asyncio.create_task(self._follow())
        self._following.add_done_callback(lambda _: self.on_news())

    async def _follow(self) -> None:
        while self.client is not None:
            async for _ in self.client.follow(0):
                await self.console.take_in(self.see)
            await self.console.take_in(self.see)
            if self.client.exit or not self._keeper_lives():
                break
            # The connection was cut, the keeper goes on.
            await self.client.close()
            try:
                self.client = await adopt_keeper(self.folder, self.state.run)
            except KeeperGone:
                break
        self._ended = True

    def _keeper_lives(self) -> bool:
        state = read_run(self.folder)
        return state is not None and state.run == self.state.run and state.keeper_lives

    async def see_again(self) -> None:
        """Read the lines of this run that were taken in before, for what they say."""
        await self.console.see_again(self.state.first_line - 1, self.see)

    def see(self, line: ConsoleLine, parsed: ParsedLine) -> bool:
        """Learn from a line. Returns whether it answers our own question and is to be hidden."""
        if line.number < self.state.first_line:
            return False
        seen, kind = self.seen, parsed.kind
        seen.last_at = line.at
        for listener in self.listeners:
            listener(line)
        now = asyncio.get_running_loop().time()
        if self._answers_list(parsed) or self.ticks.see(parsed.text, now):
            return True
        if not seen.ready:
            self._see_start(line, parsed)
        if kind is LineKind.STOPPING:
            seen.stopping = True
        elif kind is LineKind.STARTING and parsed.version:
            seen.minecraft = parsed.version
        elif kind in (LineKind.LOGGED_IN, LineKind.JOINED):
            seen.played = True
            self.logins += 1
            self.on_news()
        elif kind in (LineKind.LEFT, LineKind.CONNECTION_LOST):
            self.on_news()
        elif kind is LineKind.OVERLOADED:
            self.overloads.add(line.at, parsed.behind or 0, parsed.skipped or 0)
        return False

    def _see_start(self, line: ConsoleLine, parsed: ParsedLine) -> None:
        """Look for the line that says that the process is ready, or why it will not be."""
        if self.ready_pattern:
            is_ready = re.search(self.ready_pattern, line.text[:MAX_SEARCHED]) is not None
        else:
            is_ready = parsed.kind is LineKind.READY
        if is_ready:
            self.seen.ready = True
            self.on_news()
            return
        text = line.text[:MAX_SEARCHED]
        if _EULA.search(text):
            self.seen.cause = Trouble(TroubleCode.EULA, line.at)
        elif _BIND.search(text):
            self.seen.cause = Trouble(TroubleCode.PORT_TAKEN, line.at, (str(self.port or "?"),))
        elif java := _JAVA.search(text):
            found = str(int(float(java[1])) - JAVA_OFFSET)
            self.seen.cause = Trouble(TroubleCode.WRONG_JAVA, line.at, (found,))

    def _answers_list(self, parsed: ParsedLine) -> bool:
        if asyncio.get_running_loop().time() > self._polled_until:
            return False
        if self._names_follow:
            # Old versions name the players in a line of its own.
            self._names_follow, self._polled_until = False, 0.0
            return True
        match = LIST_ANSWER.match(parsed.text)
        if match is None:
            return False
        self.seen.listed = int(match[1])
        self._names_follow = match[2] == ":" and not match[3] and "/" in match[0]
        if not self._names_follow:
            self._polled_until = 0.0
        self.on_news()
        return True

    async def ask_for_players(self) -> None:
        """Send our own `list`, whose answer is not shown."""
        self.seen.listed, self._names_follow = None, False
        self._polled_until = asyncio.get_running_loop().time() + ANSWER_SECONDS
        await self.write("list")

    async def ask_for_ticks(self) -> None:
        """Send our own `tick query`, whose answer is not shown."""
        self.ticks.ask(asyncio.get_running_loop().time())
        await self.write(TICK_COMMAND)

    async def write(self, text: str, line_id: str | None = None) -> bool:
        """Write a line to the process. Returns False if it does not take it."""
        if self.client is None:
            return False
        try:
            await self.client.write(text, line_id)
        except (KeeperError, KeeperGone, TimeoutError):
            return False
        return True

    async def send_stop(self) -> None:
        """Ask the process to end: by its stop text, or by the signal that takes its place."""
        stop = self.state.stop
        if stop in STOP_SIGNALS:
            await self.send_signal(signal.Signals[stop])
        else:
            await self.write(stop)

    async def send_signal(self, number: signal.Signals, target: str = "group") -> None:
        if self.client is not None:
            with suppress(KeeperError, KeeperGone, TimeoutError):
                await self.client.signal(number, target)

    async def end_rest(self, term_seconds: float) -> None:
        """End what outlives the process, and wait until the keeper has ended. Its last lines are taken in."""
        if self._following is not None:
            await self._following
        if self.client is not None and self.client.exit is not None:
            await self._end_leftovers(self.client, term_seconds)
        else:
            await self._end_without_keeper(term_seconds)
        if self.client is not None:
            await self.client.wait_for_end()
            await self.client.close()
        self.state = read_run(self.folder) or self.state
        await asyncio.to_thread(remove_cgroup, self.state.cgroup)
        await self.console.take_in(self.see)

    async def _end_leftovers(self, client: KeeperClient, term_seconds: float) -> None:
        # At first the keeper only looks whether something is left.
        if await _ends_within(client, 0.5):
            return
        await self.send_signal(signal.SIGTERM, "all")
        if await _ends_within(client, term_seconds):
            return
        await self.send_signal(signal.SIGKILL, "all")

    async def _end_without_keeper(self, term_seconds: float) -> None:
        """Wait for a process whose keeper was lost: it has got SIGTERM from the kernel."""
        loop = asyncio.get_running_loop()
        deadline, child = loop.time() + term_seconds, self.state.child
        while child is not None and loop.time() < deadline:
            stat = read_stat(child["pid"])
            if stat is None or stat.start != child["start"] or not stat.lives:
                break
            await asyncio.sleep(CHECK_SECONDS)
        else:
            term_seconds = 0.0
        await end_processes(self.state.members, term_seconds=term_seconds, cgroup=self.state.cgroup)

    async def detach(self) -> None:
        """Leave the process to its keeper."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if self.client is not None:
            await self.client.close()


async def _ends_within(client: KeeperClient, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await client.wait_for_end()
    except TimeoutError:
        return False
    return True
