"""Hosting as APIs, pages and the command line use it. The processes are driven in `coalserver.hosting`."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from coalserver.core.commands.consoles import send_console_command
from coalserver.core.commands.hosting import MachineFacts, begin_save, give_order
from coalserver.core.engine import Core
from coalserver.core.queries.hosting import get_run
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.minecraft.hosting.transitions import Answer, Order, Run, answer_to

#: Plays that a user without the administrator role may have accepted within PLAY_WINDOW_SECONDS.
MAX_PLAYS = 10
PLAY_WINDOW_SECONDS = 3600.0


class ShownLine(Protocol):
    """A line of a console, with the time in seconds at which it was written."""

    @property
    def number(self) -> int: ...

    @property
    def at(self) -> float: ...

    @property
    def text(self) -> str: ...


class Hosting:
    """Hosting of worlds. This class is what a server offers that hosts none: it refuses to start them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._plays: dict[int, deque[float]] = {}

    @property
    def enabled(self) -> bool:
        """Whether this server can run worlds."""
        return False

    async def start(self) -> None:
        """Drive the worlds from now on. Called before the server listens."""

    async def stop(self, *, leave: bool = False, leave_now: asyncio.Event | None = None) -> None:
        """Stop the worlds; `leave`, or the event, lets their processes go on."""

    async def facts(self, run: Run, *, starts: bool) -> MachineFacts:
        """Return what the machine offers to a world; `starts`: it is to be started."""
        return MachineFacts(enabled=False)

    def figures(self, world_id: int) -> Figures:
        """Return what is measured of a world's process."""
        return Figures()

    async def order(self, world_id: int, order: Order, actor: int) -> Answer:
        """Give an order to a hosted world and return what becomes of it.

        Raises what `give_order` raises, and RATE_LIMITED for more plays than a user may give in an hour.
        """
        run = self._core.query(get_run, world_id=world_id)
        starts = order in (Order.PLAY, Order.RESTART)
        accepted = answer_to(run, order) is Answer.ACCEPTED
        limited = accepted and order is Order.PLAY and self._is_member(actor)
        if limited:
            self._check_plays(actor)
        facts = await self.facts(run, starts=starts and accepted)
        params = {"world_id": world_id, "order": order, "actor": actor, "facts": facts}
        answer = await self._core.execute(give_order, **params)
        if limited and answer is Answer.ACCEPTED:
            self._plays.setdefault(actor, deque(maxlen=MAX_PLAYS)).append(self._core.now)
        return answer

    async def save(self, world_id: int, actor: int) -> Answer:
        """Make a saved game of a hosted world; ALREADY if one is being made.

        Returns when the order is accepted. Raises what `begin_save` raises.
        """
        run = self._core.query(get_run, world_id=world_id)
        facts = await self.facts(run, starts=False)
        params = {"world_id": world_id, "actor": actor, "facts": facts}
        return await self._core.execute(begin_save, **params)

    async def console(
        self, world_id: int, after: int | None, size: int
    ) -> tuple[Sequence[ShownLine], int]:
        """Return up to `size` lines of a world's console after a number, and the number to go on from.

        Without `after` they are the newest ones.
        """
        return [], after or 0

    async def send_command(self, world_id: int, text: str) -> None:
        """Send a command to the console of a running world.

        Raises WORLD_NOT_FOUND, ORDER_REFUSED for a world that is not running, and INVALID_REQUEST.
        """
        await self._core.execute(send_console_command, world_id=world_id, text=text)

    def _is_member(self, actor: int) -> bool:
        account = self._core.state.get(Account, actor)
        return account is not None and not account.admin

    def _check_plays(self, actor: int) -> None:
        plays = self._plays.get(actor)
        if plays is None or len(plays) < MAX_PLAYS:
            return
        wait = plays[0] + PLAY_WINDOW_SECONDS - self._core.now
        if wait > 0:
            raise DomainError(ErrorCode.RATE_LIMITED, retry_after=int(wait) + 1)
