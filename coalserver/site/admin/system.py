"""Admins and the place itself: its settings, its backups, and what was done."""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from coalserver.core.commands.audit import record_external_action
from coalserver.core.queries.admin import list_audit_entries
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.admin.layout import (
    PAGE_SIZE,
    FormPages,
    get,
    page_number,
    paginate,
    post,
    render_admin_page,
    success_messages,
)
from coalserver.site.admin.messages import ACTION_MESSAGES
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import read_fields
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.pages import PAGE_HEADERS

log = logging.getLogger(__name__)

#: What a backup that was made here is called, and one that was sent in.
CREATED, UPLOADED = "coalserver", "uploaded"
BACKUP_NAME = re.compile(rf"(?:{CREATED}|{UPLOADED})-[0-9]{{8}}T[0-9]{{6}}Z(?:-[0-9]+)?\.tar")
SUCCESS_MESSAGES = {
    "made": ("backups", N_("The backup is made.")),
    "removed": ("backups", N_("The backup is removed.")),
    "restored": ("backups", N_("The backup is in place.")),
}


@dataclass(frozen=True, slots=True)
class SystemService:
    """What pages show of the machine: the settings as they came out, and where backups are, if anywhere.

    What is asked of it raises OSError where the disk does not do it, and Refusal for a file that is no backup.
    """

    #: Name, help, value, and whether it is as it was made; none is a secret.
    settings: tuple[tuple[str, str, str, bool], ...] = ()
    #: For whom restores with the command line.
    data_directory: str = "data"
    backup_directory: Path | None = None
    #: Writes everything into a new file.
    create_backup: Callable[[Path], Awaitable[Any]] | None = None
    #: A folder for a backup that is being sent in, and the bytes it may have.
    temp_directory: Callable[[], AbstractContextManager[Path]] | None = None
    max_upload_bytes: int = 0
    #: What a backup says of itself.
    read_manifest: Callable[[Path], Mapping[str, Any]] | None = None
    #: Proves a backup, and has the server end and begin again with it: for that account of that name, if it still may.
    restore: Callable[[Path, int, str, Callable[[], object]], Awaitable[None]] | None = None
    #: Why the last restore came to nothing, if it did.
    restore_error: str = ""
    #: By name, so that two admins who ask at once make two.
    pending_names: set[str] = field(default_factory=set)

    def list_backups(self) -> list[tuple[str, int, float]]:
        """Name, bytes and time of each backup, the newest first."""
        if self.backup_directory is None or not self.backup_directory.is_dir():
            return []
        files = [
            (path, path.stat())
            for path in self.backup_directory.iterdir()
            if BACKUP_NAME.fullmatch(path.name)
        ]
        rows = [(path.name, stat.st_size, stat.st_mtime) for path, stat in files]
        return sorted(rows, key=lambda row: row[0].partition("-")[2], reverse=True)

    def get_backup(self, name: str) -> Path:
        """A backup that is there, by its name."""
        if (
            self.backup_directory is None
            or not BACKUP_NAME.fullmatch(name)
            or not (self.backup_directory / name).is_file()
        ):
            raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
        return self.backup_directory / name

    def unused_name(self, now: float, kind: str = CREATED) -> str:
        """A name that no backup has."""
        stem = datetime.fromtimestamp(now, UTC).strftime(f"{kind}-%Y%m%dT%H%M%SZ")
        taken = {name for name, _, _ in self.list_backups()} | self.pending_names
        names = (f"{stem}{suffix}.tar" for suffix in ("", *(f"-{n}" for n in range(1, 1000))))
        return next(name for name in names if name not in taken)


def render_settings(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    system = ctx.app.service(SystemService)
    return render_admin_page(ctx, "settings", {"settings": system.settings}, **overrides)


def render_backups(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    system = ctx.app.service(SystemService)
    context = {
        "backups": [(name, format_size(size), at) for name, size, at in system.list_backups()],
        "can_create": system.create_backup is not None,
        "can_restore": system.restore is not None,
        "max_size": format_size(system.max_upload_bytes),
        "folder": system.backup_directory,
        "data": system.data_directory,
    }
    if system.restore_error and ctx.query.get("done", "restored") == "restored":
        return render_admin_page(
            ctx, "backups", context, **{"errors": {"backups": system.restore_error}, **overrides}
        )
    return render_admin_page(
        ctx,
        "backups",
        context,
        **{"messages": success_messages(ctx, SUCCESS_MESSAGES), **overrides},
    )


def render_log(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    offset = (page_number(ctx) - 1) * PAGE_SIZE
    entries, total = ctx.core.query(list_audit_entries, limit=PAGE_SIZE, offset=offset)
    return render_admin_page(
        ctx,
        "log",
        {
            "entries": entries,
            "action_messages": ACTION_MESSAGES,
            "pagination": paginate(ctx, total),
        },
        **overrides,
    )


def format_size(size: int) -> str:
    if size >= 10**9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.0f} kB"


async def settings_page(ctx: RequestContext) -> web.StreamResponse:
    """Every setting as it came out, without secrets."""
    return render_settings(ctx)


async def backups_page(ctx: RequestContext) -> web.StreamResponse:
    """The backups that were made here, and how one is put back."""
    return render_backups(ctx)


async def create_backup(ctx: RequestContext) -> web.StreamResponse:
    """Everything there is, as it is now, in one new file beside the data."""
    await read_fields(ctx, {})
    system = ctx.app.service(SystemService)
    if system.create_backup is None or system.backup_directory is None:
        raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
    name = system.unused_name(ctx.now)
    system.pending_names.add(name)
    try:
        system.backup_directory.mkdir(mode=0o700, exist_ok=True)
        await system.create_backup(system.backup_directory / name)
    except OSError as error:
        log.warning("No backup: %s", error)
        return render_backups(ctx, status=503, errors={"backups": str(error)})
    finally:
        system.pending_names.discard(name)
    await record_action(ctx, AuditAction.BACKUP_CREATED, name)
    return redirect("/admin/backups?done=made")


async def download_backup(ctx: RequestContext) -> web.StreamResponse:
    """A backup as a file. It holds everything, keys too: no browser keeps it but where it is saved."""
    await read_fields(ctx, {})
    path = ctx.app.service(SystemService).get_backup(ctx.path["name"])
    await record_action(ctx, AuditAction.BACKUP_DOWNLOADED, path.name)
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "no-store",
        "Content-Type": "application/x-tar",
        "Content-Disposition": f'attachment; filename="{path.name}"',
    }
    return web.FileResponse(path, headers=headers)


async def delete_backup(ctx: RequestContext) -> web.StreamResponse:
    """A backup is no more."""
    await read_fields(ctx, {})
    path = ctx.app.service(SystemService).get_backup(ctx.path["name"])
    await record_action(ctx, AuditAction.BACKUP_REMOVED, path.name)
    path.unlink(missing_ok=True)
    return redirect("/admin/backups?done=removed")


async def log_page(ctx: RequestContext) -> web.StreamResponse:
    """What admins and the command line have done, the newest first."""
    return render_log(ctx)


async def record_action(ctx: RequestContext, action: AuditAction, subject: str) -> None:
    """Keep what was done outside the core, by one who still is an admin."""
    await ctx.core.execute(
        record_external_action, actor=ctx.caller.account_id, action=action, subject=subject
    )


BACKUP_PATH = "/admin/backups/{name}"
ROUTES = (
    get("/admin/settings", settings_page),
    get("/admin/backups", backups_page),
    post("/admin/backups", create_backup),
    post(BACKUP_PATH + "/download", download_backup),
    post(BACKUP_PATH + "/remove", delete_backup),
    get("/admin/log", log_page),
)
FORM_PAGES: FormPages = {
    "create_backup": (render_backups, "backups"),
    "download_backup": (render_backups, "backups"),
    "delete_backup": (render_backups, "backups"),
}
