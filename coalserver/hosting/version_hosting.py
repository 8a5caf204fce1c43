"""Versions as pages and the command line manage them: adding, fetching and removing them (hosting.md, 4)."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from coalserver.core.commands.audit import check_admin, execute_audited, record_audit_entry
from coalserver.core.commands.hosting import MachineFacts, check_disk, check_server_open, refuse
from coalserver.core.commands.hosting_settings import add_version, remove_version
from coalserver.core.engine import Core
from coalserver.core.hosting import Hosting, ShownVersion
from coalserver.core.queries.hosting import get_version, version_by_name
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.hosting.refusals import RefusalCode
from coalserver.domain.minecraft.hosting.version import (
    UNUSABLE,
    Version,
    VersionKind,
    validate_definition,
)
from coalserver.hosting import machine
from coalserver.hosting.options import HostingOptions, build_catalog
from coalserver.hosting.versions.errors import VersionError
from coalserver.hosting.versions.jars import in_thread

log = logging.getLogger(__name__)

#: The field of a form or a command that has the source of a version; for a list it is `version`.
SOURCE_FIELDS = {VersionKind.URL: "url", VersionKind.COMMAND: "command", VersionKind.JAR: "file"}


class VersionHosting(Hosting):
    """Hosting that manages versions and runs no world: for commands while no server runs."""

    def __init__(self, core: Core, options: HostingOptions) -> None:
        super().__init__(core)
        self.catalog = build_catalog(core, options)
        self._options = options
        #: Fetches that an administrator has ordered, by id of the version.
        self._fetches: dict[int, asyncio.Task[VersionError | None]] = {}
        self._stopping = False

    @property
    def jar_limit(self) -> int:
        return self._options.jar_limit << 20

    def shown_version(self, version: Version, max_users: int | None = None) -> ShownVersion:
        return replace(
            super().shown_version(version, max_users),
            percent=self.catalog.percent(version),
            failure=self.catalog.failure(version),
        )

    async def listed_versions(self, kind: VersionKind) -> Sequence[str]:
        self._check_open()
        try:
            return [
                listed.id for listed in await self.catalog.lists.versions(kind) if listed.stable
            ]
        except VersionError as error:
            raise _unusable("version", error.reason) from error

    async def add_version(self, version: Version, actor: int) -> Version:
        version = self._check_new(version, actor)
        try:
            await self.catalog.check_source(version)
        except VersionError as error:
            raise _unusable(SOURCE_FIELDS.get(version.kind, "version"), error.reason) from error
        return await self._add(version, actor)

    async def version_upload_path(self) -> Path:
        self._check_open()
        await self._check_disk()
        folder = self.catalog.store.folder
        await in_thread(partial(folder.mkdir, mode=0o700, parents=True, exist_ok=True))
        return folder / f"{secrets.token_hex(8)}.part"

    async def add_version_jar(self, version: Version, path: Path, actor: int) -> Version:
        version = self._check_new(version, actor)
        await self._check_disk()
        try:
            # Opening a pipe or a device could wait for ever.
            if not await in_thread(path.is_file):
                raise _unusable("file", f"there is no file {path}")
            return await self.catalog.add_jar(version, path, lambda new: self._add(new, actor))
        except VersionError as error:
            raise _unusable("file", error.reason) from error
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise _unusable("file", f"{path}: {reason}") from error

    async def fetch_version(self, name: str, actor: int, *, wait: bool = False) -> None:
        await self._check_disk()
        self._check_open()
        self._core.query(check_admin, actor=actor)
        version = self._core.query(get_version, name=name)
        if version.kind is VersionKind.COMMAND:
            refuse(RefusalCode.NOT_FETCHED, version=name, reason="it is a command")
        task = self._fetches.get(version.id)
        if task is None:
            task = asyncio.create_task(self._fetch(version, actor), name=f"fetch {name}")
            self._fetches[version.id] = task
            task.add_done_callback(lambda done: self._on_fetched(version, done))
        if wait:
            await self._wait_for(version, task)

    async def remove_version(self, name: str, actor: int) -> Version:
        version: Version = await self._core.execute(
            execute_audited,
            actor=actor,
            action=AuditAction.VERSION_REMOVED,
            subject=name,
            command=remove_version,
            name=name,
        )
        fetch = self._fetches.get(version.id)
        if fetch is not None:
            fetch.cancel()
            await asyncio.wait([fetch])
        try:
            await self.catalog.delete_jar(version)
        except VersionError as error:
            log.warning("The jar of version %s cannot be deleted: %s", name, error.reason)
        return version

    async def stop_fetches(self) -> None:
        """End all fetches that were ordered; no more are accepted. Nothing is left of a fetch that did not end."""
        self._stopping = True
        fetches = [*self._fetches.values()]
        for task in fetches:
            task.cancel()
        if fetches:
            await asyncio.wait(fetches)

    def _check_open(self) -> None:
        """Raise ORDER_REFUSED where hosting is switched off or ending."""
        check_server_open(MachineFacts(enabled=self._options.enabled, ending=self._stopping))

    async def _check_disk(self) -> None:
        """Raise ORDER_REFUSED where less space is free than is kept free (hosting.md, 10)."""
        free = await in_thread(lambda: machine.disk_free(self._options.folder))
        self._core.query(check_disk, facts=MachineFacts(disk_free=free))

    def _check_new(self, version: Version, actor: int) -> Version:
        self._check_open()
        self._core.query(check_admin, actor=actor)
        version = validate_definition(version)
        self.check_version_name(version.name)
        return version

    async def _add(self, version: Version, actor: int) -> Version:
        added: Version = await self._core.execute(
            execute_audited,
            actor=actor,
            action=AuditAction.VERSION_ADDED,
            subject=version.name,
            command=add_version,
            version=version,
        )
        return added

    async def _fetch(self, version: Version, actor: int) -> VersionError | None:
        """Fetch the jar of a version and record it in the audit log; return what went wrong."""
        arrived: list[int] = []
        try:
            await self.catalog.ensure_jar(version, arrived.append)
        except VersionError as error:
            log.warning("Version %s could not be fetched: %s", version.name, error.reason)
            return error
        if arrived:
            action = AuditAction.VERSION_FETCHED
            await self._core.execute(
                record_audit_entry, actor=actor, action=action, subject=version.name
            )
        return None

    def _on_fetched(self, version: Version, task: "asyncio.Task[VersionError | None]") -> None:
        del self._fetches[version.id]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("The fetch of version %s failed", version.name, exc_info=error)

    async def _wait_for(self, version: Version, task: "asyncio.Task[VersionError | None]") -> None:
        # A caller that is cancelled does not end the fetch.
        await asyncio.wait([task])
        if not task.cancelled():
            error = task.result()
            if error is not None:
                refuse(RefusalCode.NOT_FETCHED, version=version.name, reason=error.reason)
        elif self._core.query(version_by_name, name=version.name) is None:
            refuse(RefusalCode.NOT_FETCHED, version=version.name, reason="the version was removed")
        else:
            refuse(RefusalCode.ENDING)


def _unusable(field: str, reason: str) -> DomainError:
    """Return the error for a source that cannot be used."""
    return DomainError(ErrorCode.INVALID_REQUEST, fields={field: [UNUSABLE]}, text=reason)
