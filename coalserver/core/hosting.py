"""Hosting as APIs, pages and the command line use it. The processes are driven in `coalserver.hosting`."""

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from coalserver.core.commands.consoles import send_console_command
from coalserver.core.commands.hosting import MachineFacts, begin_save, give_order, refuse
from coalserver.core.engine import Core
from coalserver.core.queries.hosting import get_run
from coalserver.domain.accounts.account import Account
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
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


class ShownSave(Protocol):
    """A saved game; `made` is a unixtime, `size` the bytes of its zip file."""

    @property
    def id(self) -> str: ...

    @property
    def made(self) -> float: ...

    @property
    def size(self) -> int: ...

    @property
    def kind(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def pinned(self) -> bool: ...

    @property
    def after_kill(self) -> bool: ...

    @property
    def note(self) -> str: ...


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

    async def send_command(self, world_id: int, text: str, actor: int) -> None:
        """Send a command to the console of a running world, and record it in the audit log.

        `actor`: id of an account, or COMMAND_LINE. Raises WORLD_NOT_FOUND, PERMISSION_DENIED, ORDER_REFUSED
        for a world that is not running, and INVALID_REQUEST.
        """
        params = {"world_id": world_id, "text": text, "actor": actor}
        await self._core.execute(send_console_command, **params)

    # Saved games (hosting.md, 9). `actor`: id of an account, COMMAND_LINE or TIME. Each raises WORLD_NOT_FOUND
    # and PERMISSION_DENIED; those that name a saved game raise SAVE_NOT_FOUND.

    async def saves(self, world_id: int) -> Sequence[ShownSave]:
        """Return the saved games of a hosted world, newest first."""
        self._core.query(get_run, world_id=world_id)
        return []

    async def download_save(self, world_id: int, save_id: str, actor: int) -> Path:
        """Return the zip file of a saved game, and record the download in the audit log."""
        self._no_save(world_id)

    async def change_save(
        self,
        world_id: int,
        save_id: str,
        actor: int,
        *,
        pinned: bool | None = None,
        note: str | None = None,
    ) -> ShownSave:
        """Change what is known of a saved game; a note has at most 100 characters. Raises INVALID_REQUEST."""
        self._no_save(world_id)

    async def remove_save(self, world_id: int, save_id: str, actor: int) -> None:
        """Delete a saved game."""
        self._no_save(world_id)

    async def upload_path(self, world_id: int) -> Path:
        """Return a path in the world's folder at which the caller writes an upload, with mode 0600.

        The caller deletes the file; what a killed process leaves is deleted at the next start. Raises
        ORDER_REFUSED where hosting is switched off or the disk is full.
        """
        self._core.query(get_run, world_id=world_id)
        refuse(RefusalCode.HOSTING_OFF)

    async def upload_save(self, world_id: int, path: Path, actor: int) -> ShownSave:
        """Make a saved game of an uploaded zip file at `upload_path`.

        Raises ARCHIVE_REFUSED with its sentence as `text`, and ORDER_REFUSED (hosting off, ending, disk).
        """
        self._core.query(get_run, world_id=world_id)
        refuse(RefusalCode.HOSTING_OFF)

    async def restore_save(self, world_id: int, save_id: str, actor: int) -> None:
        """Put a saved game in the place of the world's files.

        Returns when the restore has begun; it is over when orders no longer say BUSY. Raises ORDER_REFUSED
        for a world that is not at rest, and for what `begin_restore` refuses.
        """
        self._no_save(world_id)

    def _no_save(self, world_id: int) -> NoReturn:
        self._core.query(get_run, world_id=world_id)
        raise DomainError(ErrorCode.SAVE_NOT_FOUND)

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
