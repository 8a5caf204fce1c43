"""Saved games for tests of pages: a list for each world, and small files instead of zips."""

import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from coalserver.core.commands.audit import check_admin, record_audit_entry
from coalserver.core.commands.hosting import (
    MachineFacts,
    begin_restore,
    end_restore,
    record_saved,
    refuse,
)
from coalserver.core.engine import Core
from coalserver.core.hosting import Hosting
from coalserver.core.queries.hosting import get_run
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.minecraft.hosting.refusals import RefusalCode

NOT_A_WORLD = "Not a Minecraft world: there is no level.dat."


@dataclass(frozen=True)
class SampleSave:
    """A saved game without a world in it."""

    id: str
    made: float
    kind: str = "manual"
    size: int = 938_000_000
    version: str = "1.21.11"
    pinned: bool = False
    after_kill: bool = False
    note: str = ""


def record_use(
    uow: UnitOfWork, *, world_id: int, actor: int, action: AuditAction, detail: str
) -> None:
    """Check the role and record what was done with a saved game."""
    run = get_run(uow, world_id)
    check_admin(uow, actor)
    record_audit_entry(uow, actor=actor, action=action, subject=run.world.name, detail=detail)


class SampleSaves(Hosting):
    """Hosting with saved games that tests add; `folder` holds their files."""

    machine: MachineFacts

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.saved: dict[int, list[SampleSave]] = {}
        self.restored: list[str] = []
        self.uploads: list[bytes] = []
        self._folder: TemporaryDirectory[str] | None = None

    @property
    def folder(self) -> Path:
        """A folder for files."""
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="saves-")
            weakref.finalize(self, self._folder.cleanup)
        return Path(self._folder.name)

    def add_save(self, world_id: int, save: SampleSave, content: bytes = b"a world") -> SampleSave:
        """Add a saved game, which is the newest one."""
        (self.folder / f"{save.id}.zip").write_bytes(content)
        self.saved.setdefault(world_id, []).insert(0, save)
        return save

    async def finish_save(self, world_id: int) -> None:
        """End a save that was ordered."""
        await self._core.execute(record_saved, world_id=world_id)

    async def finish_restore(self, world_id: int) -> None:
        """End a restore that was ordered."""
        await self._core.execute(end_restore, world_id=world_id)

    def figures(self, world_id: int) -> Figures:
        return replace(super().figures(world_id), saved_games=len(self.saved.get(world_id, ())))

    async def saves(self, world_id: int) -> list[SampleSave]:
        self._core.query(get_run, world_id=world_id)
        return [*self.saved.get(world_id, ())]

    async def download_save(self, world_id: int, save_id: str, actor: int) -> Path:
        self._find(world_id, save_id)
        await self._record(world_id, actor, AuditAction.SAVED_GAME_DOWNLOADED, save_id)
        return self.folder / f"{save_id}.zip"

    async def change_save(
        self,
        world_id: int,
        save_id: str,
        actor: int,
        *,
        pinned: bool | None = None,
        note: str | None = None,
    ) -> SampleSave:
        before = self._find(world_id, save_id)
        changes = {"pinned": pinned, "note": note}
        after = replace(
            before, **{name: value for name, value in changes.items() if value is not None}
        )
        await self._record(world_id, actor, AuditAction.SAVED_GAME_PINNED, save_id)
        saves = self.saved[world_id]
        saves[saves.index(before)] = after
        return after

    async def remove_save(self, world_id: int, save_id: str, actor: int) -> None:
        save = self._find(world_id, save_id)
        await self._record(world_id, actor, AuditAction.SAVED_GAME_REMOVED, save_id)
        self.saved[world_id].remove(save)

    async def upload_path(self, world_id: int) -> Path:
        self._core.query(get_run, world_id=world_id)
        if not self.enabled:
            refuse(RefusalCode.HOSTING_OFF)
        return self.folder / "upload.part"

    async def upload_save(self, world_id: int, path: Path, actor: int) -> SampleSave:
        content = path.read_bytes()
        if b"level.dat" not in content:
            raise DomainError(ErrorCode.ARCHIVE_REFUSED, text=NOT_A_WORLD)
        self.uploads.append(content)
        save = SampleSave("20260101T000000Z-upload", 1.0, "upload", len(content))
        await self._record(world_id, actor, AuditAction.SAVED_GAME_UPLOADED, save.id)
        return self.add_save(world_id, save, content)

    async def restore_save(self, world_id: int, save_id: str, actor: int) -> None:
        self._find(world_id, save_id)
        await self._core.execute(
            begin_restore, world_id=world_id, saved_game=save_id, actor=actor, facts=self.machine
        )
        self.restored.append(save_id)

    def _find(self, world_id: int, save_id: str) -> SampleSave:
        self._core.query(get_run, world_id=world_id)
        for save in self.saved.get(world_id, ()):
            if save.id == save_id:
                return save
        raise DomainError(ErrorCode.SAVE_NOT_FOUND)

    async def _record(self, world_id: int, actor: int, action: AuditAction, detail: str) -> None:
        params = {"world_id": world_id, "actor": actor, "action": action, "detail": detail}
        await self._core.execute(record_use, **params)
