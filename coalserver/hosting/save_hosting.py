"""Saved games as APIs, pages and the command line use them, with and without a running server."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from coalserver.core.hosting import Hosting
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.hosting.save_errors import SaveFailed, failed
from coalserver.hosting.saves import SavedGame
from coalserver.hosting.saving import SavingService


@contextmanager
def disk_errors_refused(work: str = "changed") -> Iterator[None]:
    """Raise ARCHIVE_REFUSED, with its sentence, where the files of a saved game cannot be `made` or `changed`."""
    try:
        yield
    except (SaveFailed, OSError) as error:
        cause = failed(error) if isinstance(error, OSError) else error
        text = f"The saved game could not be {work}: {cause}."
        raise DomainError(ErrorCode.ARCHIVE_REFUSED, text=text) from error


class SaveHosting(Hosting):
    """Hosting with saved games on this machine. A caller that is cancelled leaves no work half done."""

    _saving: SavingService

    async def saves(self, world_id: int) -> Sequence[SavedGame]:
        return await self._saving.all(world_id)

    async def download_save(self, world_id: int, save_id: str, actor: int) -> Path:
        return await self._saving.download(world_id, save_id, actor)

    async def change_save(
        self,
        world_id: int,
        save_id: str,
        actor: int,
        *,
        pinned: bool | None = None,
        note: str | None = None,
    ) -> SavedGame:
        with disk_errors_refused():
            changing = self._saving.change(world_id, save_id, actor, pinned, note)
            return await asyncio.shield(changing)

    async def remove_save(self, world_id: int, save_id: str, actor: int) -> None:
        with disk_errors_refused():
            await asyncio.shield(self._saving.remove(world_id, save_id, actor))

    async def upload_path(self, world_id: int) -> Path:
        with disk_errors_refused("made"):
            return await self._saving.upload_path(world_id)

    async def upload_save(self, world_id: int, path: Path, actor: int) -> SavedGame:
        return await self._saving.upload(world_id, path, actor)

    async def restore_save(self, world_id: int, save_id: str, actor: int) -> None:
        await asyncio.shield(self._saving.begin_restore(world_id, save_id, actor))
