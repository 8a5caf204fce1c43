"""Hosting as APIs, pages and the command line use it. The processes are driven in `coalserver.hosting`."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from coalserver.core.commands.audit import execute_audited
from coalserver.core.commands.consoles import send_console_command
from coalserver.core.commands.hosting import (
    FactsMissing,
    MachineFacts,
    begin_delete,
    begin_save,
    end_delete,
    give_order,
    refuse,
    refused,
    stop_all_worlds,
)
from coalserver.core.commands.hosting_settings import check_name_free, configure_hosting
from coalserver.core.engine import Core
from coalserver.core.log_import import ImportedFile
from coalserver.core.queries.hosting import (
    all_versions,
    get_run,
    get_settings,
    get_version,
    some_worlds_with_version,
)
from coalserver.domain.accounts.account import Account
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.crash import Crash, ShownLine
from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.hosting.settings import SettingBounds, parse_settings
from coalserver.domain.minecraft.hosting.transitions import Answer, Order, Run, answer_to
from coalserver.domain.minecraft.hosting.version import Version, VersionKind, validate_name

log = logging.getLogger(__name__)

#: Plays that a user without the administrator role may have accepted within PLAY_WINDOW_SECONDS.
MAX_PLAYS = 10
PLAY_WINDOW_SECONDS = 3600.0


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


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version with what pages and the command line show of it."""

    version: Version
    #: Names of worlds that use it, and the number of all of them.
    users: tuple[str, ...] = ()
    user_count: int = 0
    #: Progress of a running fetch in percent, or None.
    percent: int | None = None
    #: Why the last fetch failed, a part of an English sentence; empty if it did not.
    failure: str = ""


class Hosting:
    """Hosting of worlds. This class is what a server offers that hosts none: it refuses to start them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._plays: dict[int, deque[float]] = {}
        #: Deletions of the files of worlds.
        self.deletions: set[asyncio.Task[None]] = set()

    @property
    def enabled(self) -> bool:
        """Whether this server can run worlds."""
        return False

    @property
    def offline(self) -> bool:
        """Whether the server is not running: this is the command line on its data."""
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

        Raises what `give_order` raises but FactsMissing, and TOO_MANY_STARTS for more plays than a user may give
        in an hour.
        """
        while True:
            # Another order may change the state while the machine is looked at.
            with suppress(FactsMissing):
                return await self._order(world_id, order, actor)

    async def _order(self, world_id: int, order: Order, actor: int) -> Answer:
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

    async def delete_world(self, world_id: int, actor: int) -> None:
        """Delete a hosted world at rest, its files and its saved games.

        Returns when they are gone, or cannot be deleted now, which is logged. A deletion that fails or is interrupted
        is tried again at the next start. Raises what `begin_delete` raises.
        """
        await self._core.execute(begin_delete, world_id=world_id, actor=actor)
        await asyncio.shield(self.start_deletion(world_id))

    def start_deletion(self, world_id: int) -> "asyncio.Task[None]":
        """Delete the files of a deleted world in the background."""
        task = asyncio.create_task(self._finish_deletion(world_id))
        self.deletions.add(task)
        task.add_done_callback(self.deletions.discard)
        return task

    async def _finish_deletion(self, world_id: int) -> None:
        try:
            await self.delete_files(world_id)
        except OSError as error:
            log.warning("The files of deleted world %d cannot be deleted: %s", world_id, error)
            return
        await self._core.execute(end_delete, world_id=world_id)

    async def delete_files(self, world_id: int) -> None:
        """Delete the folder of a world. Raises OSError."""

    async def stop_all(self, order: Order, actor: int) -> dict[int, Answer]:
        """Pause or kill all hosted worlds; return the answer for each, by its id. Raises ADMIN_REQUIRED."""
        return await self._core.execute(stop_all_worlds, order=order, actor=actor)

    async def bounds(self) -> SettingBounds:
        """Return what the configuration allows of the settings."""
        return SettingBounds()

    async def configure(self, texts: Mapping[str, str], actor: int) -> None:
        """Change settings of hosting, given as they are typed; those that are not named stay.

        Raises INVALID_REQUEST as `parse_settings` does, and ADMIN_REQUIRED. Then nothing is changed.
        """
        changes = parse_settings(texts, await self.bounds())
        detail = ", ".join(f"{name}={text.strip()}" for name, text in texts.items())
        await self._core.execute(
            execute_audited,
            actor=actor,
            action=AuditAction.HOSTING_CONFIGURED,
            subject="",
            detail=detail,
            command=configure_hosting,
            changes=changes,
        )

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

    async def crash(self, world_id: int) -> Crash | None:
        """Return the last failure of a world's process, or None if a person has started the world since."""
        return None

    async def send_command(self, world_id: int, text: str, actor: int) -> None:
        """Send a command to the console of a running world, and record it in the audit log.

        `actor`: id of an account, or COMMAND_LINE. Raises WORLD_NOT_FOUND, ADMIN_REQUIRED, ORDER_REFUSED
        for a world that is not running, and INVALID_REQUEST.
        """
        params = {"world_id": world_id, "text": text, "actor": actor}
        await self._core.execute(send_console_command, **params)

    # Saved games (hosting.md, 9). `actor`: id of an account, COMMAND_LINE or TIME. Each raises WORLD_NOT_FOUND
    # and ADMIN_REQUIRED; those that name a saved game raise SAVE_NOT_FOUND.

    async def saves(self, world_id: int) -> Sequence[ShownSave]:
        """Return the saved games of a hosted world, newest first."""
        self._core.query(get_run, world_id=world_id)
        return []

    async def get_save(self, world_id: int, save_id: str | None = None) -> ShownSave:
        """Return a saved game, or the newest one. Raises SAVE_NOT_FOUND."""
        for save in await self.saves(world_id):
            if save_id is None or save.id == save_id:
                return save
        raise DomainError(ErrorCode.SAVE_NOT_FOUND)

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
        """Change what is known of a saved game. Raises INVALID_REQUEST for a note above MAX_NOTE_LENGTH."""
        self._no_save(world_id)

    async def remove_save(self, world_id: int, save_id: str, actor: int) -> None:
        """Delete a saved game."""
        self._no_save(world_id)

    async def upload_path(self, world_id: int) -> Path:
        """Return a path in the world's folder at which the caller writes an upload, with mode 0600.

        The caller deletes the file; what a killed process leaves is deleted at the next start. Raises
        ORDER_REFUSED where hosting is switched off or the disk is full, and ARCHIVE_REFUSED with its sentence as
        `text` where the folder cannot be made.
        """
        self._core.query(get_run, world_id=world_id)
        refuse(RefusalCode.HOSTING_OFF)

    async def full_disk(self, world_id: int) -> DomainError:
        """Return the refusal of an upload for which the disk has no room. Raises WORLD_NOT_FOUND."""
        facts = await self.facts(self._core.query(get_run, world_id=world_id), starts=False)
        kept = self._core.query(get_settings).disk_free
        return refused(RefusalCode.DISK, free=str(facts.disk_free), kept=str(kept))

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

    # Versions (hosting.md, 4). `actor`: id of an account or COMMAND_LINE. Those that take one raise ADMIN_REQUIRED;
    # all but `versions` raise ORDER_REFUSED where hosting is switched off or ending.

    @property
    def jar_limit(self) -> int:
        """Largest jar of a version, in bytes."""
        return 0

    def versions(self) -> list[ShownVersion]:
        """Return all versions, by name."""
        return [self.shown_version(version) for version in self._core.query(all_versions)]

    def shown_version(self, version: Version, max_users: int | None = None) -> ShownVersion:
        """Return what is shown of a version, with the names of all worlds that use it or of some."""
        users, count = self._core.query(
            some_worlds_with_version, name=version.name, limit=max_users
        )
        return ShownVersion(version, tuple(world.name for world in users), count)

    async def listed_versions(self, kind: VersionKind) -> Sequence[str]:
        """Return the releases of a list, newest first. Raises INVALID_REQUEST, as `add_version`."""
        refuse(RefusalCode.HOSTING_OFF)

    async def add_version(self, version: Version, actor: int) -> Version:
        """Add a version of any kind but JAR, after a look at its list, address or program.

        Raises VERSION_EXISTS and INVALID_REQUEST. The reason why a source cannot be used is the error's `text`, a
        part of a sentence in English, and its field is `url`, `command` or, for a list, `version`.
        """
        refuse(RefusalCode.HOSTING_OFF)

    async def version_upload_path(self) -> Path:
        """Return a path at which the caller writes a jar, with mode 0600.

        The caller deletes the file; what a killed process leaves is deleted at the next start. Raises ORDER_REFUSED
        for a full disk too.
        """
        refuse(RefusalCode.HOSTING_OFF)

    def check_version_name(self, name: str) -> None:
        """Check the name of a version that is to be added. Raises INVALID_REQUEST and VERSION_EXISTS."""
        self._core.query(check_name_free, name=validate_name(name))

    async def add_version_jar(self, version: Version, path: Path, actor: int) -> Version:
        """Add a version of kind JAR with a copy of a file.

        Raises what `add_version` does, with the field `file`, and ORDER_REFUSED for a full disk.
        """
        refuse(RefusalCode.HOSTING_OFF)

    async def fetch_version(self, name: str, actor: int, *, wait: bool = False) -> None:
        """Begin to fetch the jar of a version, unless it is there; with `wait`, return when it has come.

        Raises VERSION_NOT_FOUND, and ORDER_REFUSED for a command, a full disk and, with `wait`, a failed fetch.
        """
        self._core.query(get_version, name=name)
        refuse(RefusalCode.HOSTING_OFF)

    async def remove_version(self, name: str, actor: int) -> Version:
        """Remove a version and its jar; a fetch of it is ended.

        Raises VERSION_NOT_FOUND, VERSION_IN_USE and VERSION_CONFIGURED.
        """
        self._core.query(get_version, name=name)
        refuse(RefusalCode.HOSTING_OFF)

    async def import_logs(
        self, world_id: int, paths: Sequence[Path], zone: str, actor: int
    ) -> Sequence[ImportedFile]:
        """Take old logs into the history of a hosted world, each line once. Returns the files, oldest first.

        `paths` are files or folders; none: the world's own logs. `zone`: the IANA name of the time zone of their
        lines; empty: that of the world. Raises WORLD_NOT_FOUND, ORDER_REFUSED where the server is ending, and
        OperatorError for a file that cannot be read.
        """
        self._core.query(get_run, world_id=world_id)
        refuse(RefusalCode.HOSTING_OFF)

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
            raise DomainError(ErrorCode.TOO_MANY_STARTS, limit="starts", retry_after=int(wait) + 1)
