"""Hosting while the server is not running: the command line on the data of hosted worlds."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from coalserver.core.commands.hosting import MachineFacts, order_next_start, refuse
from coalserver.core.engine import Core
from coalserver.core.log_import import ImportedFile
from coalserver.core.queries.hosting import get_run, hosted_worlds
from coalserver.core.state import Reader
from coalserver.domain.minecraft.hosting.crash import ShownLine
from coalserver.domain.minecraft.hosting.hosted_world import AT_REST
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.hosting.settings import SettingBounds
from coalserver.domain.minecraft.hosting.transitions import Answer, Order
from coalserver.hosting import machine
from coalserver.hosting.context import HostingContext
from coalserver.hosting.deletion import delete_folder
from coalserver.hosting.log_import import LogImporter
from coalserver.hosting.options import HostingOptions
from coalserver.hosting.save_hosting import SaveHosting
from coalserver.hosting.saving import SavingService
from coalserver.hosting.version_hosting import VersionHosting
from coalserver.hosting.world_files import WorldFiles
from coalserver.hosting.world_user import find_user


class OfflineHosting(SaveHosting, VersionHosting):
    """Hosting without a server: no process is there, and orders are for its next start."""

    def __init__(self, core: Core, options: HostingOptions) -> None:
        super().__init__(core, options)
        self._context = HostingContext(core, options, self.catalog, "UTC")
        self._saving = SavingService(self._context, lambda _: None)

    @property
    def enabled(self) -> bool:
        return self._options.enabled

    @property
    def offline(self) -> bool:
        return True

    async def bounds(self) -> SettingBounds:
        return await setting_bounds(self._options)

    async def order(self, world_id: int, order: Order, actor: int) -> Answer:
        self._core.query(get_run, world_id=world_id)
        if order not in (Order.PLAY, Order.PAUSE):
            refuse(RefusalCode.SERVER_NOT_RUNNING)
        facts = MachineFacts(enabled=self._options.enabled)
        params = {"world_id": world_id, "order": order, "actor": actor, "facts": facts}
        return await self._core.execute(order_next_start, **params)

    async def stop_all(self, order: Order, actor: int) -> dict[int, Answer]:
        if order is not Order.PAUSE:
            refuse(RefusalCode.SERVER_NOT_RUNNING)
        worlds = self._core.query(_hosted_ids)
        return {world: await self.order(world, order, actor) for world in worlds}

    async def delete_files(self, world_id: int) -> None:
        await asyncio.to_thread(delete_folder, WorldFiles(self._options.folder, world_id).folder)

    async def save(self, world_id: int, actor: int) -> Answer:
        self._core.query(get_run, world_id=world_id)
        refuse(RefusalCode.SERVER_NOT_RUNNING)

    async def console(
        self, world_id: int, after: int | None, size: int
    ) -> tuple[Sequence[ShownLine], int]:
        self._core.query(get_run, world_id=world_id)
        refuse(RefusalCode.SERVER_NOT_RUNNING)

    async def import_logs(
        self, world_id: int, paths: Sequence[Path], zone: str, actor: int
    ) -> Sequence[ImportedFile]:
        importer = LogImporter(self._core, self._options.folder, machine.machine_zone())
        return await importer.import_logs(world_id, paths, zone, actor)

    async def send_command(self, world_id: int, text: str, actor: int) -> None:
        self._core.query(get_run, world_id=world_id)
        refuse(RefusalCode.SERVER_NOT_RUNNING)

    async def restore_save(self, world_id: int, save_id: str, actor: int) -> None:
        """Restore a saved game, and return when that is done. A failure is the trouble of the world."""
        self._context.user = find_user(self._options)
        # One that was interrupted keeps the world busy until the server starts.
        if self._core.query(get_run, world_id=world_id).status in AT_REST:
            await self._saving.recover_restore(world_id)
        await super().restore_save(world_id, save_id, actor)
        await self._saving.finished()


async def setting_bounds(options: HostingOptions) -> SettingBounds:
    """Return what the configuration and the machine allow of the settings."""
    budget = await asyncio.to_thread(machine.memory_budget, options.memory)
    return SettingBounds(budget, options.first_port, options.last_port)


def _hosted_ids(reader: Reader) -> list[int]:
    return [world.id for world in hosted_worlds(reader)]
