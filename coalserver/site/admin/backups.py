"""Admin pages of backups of the whole server: creation, download, upload, deletion and restore."""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web
from babel.numbers import format_decimal

from coalserver.core.commands.audit import record_external_action
from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.access import require_admin
from coalserver.site.admin.layout import confirm_page, get, post, render_admin_page
from coalserver.site.pagination import kept_query, paginate_in_thread
from coalserver.web.context import RequestContext
from coalserver.web.pages.clock import request_clock
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import check_csrf, read_csrf_form
from coalserver.web.pages.i18n import (
    N_,
    Language,
    request_language,
)
from coalserver.web.pages.pages import PAGE_HEADERS
from coalserver.web.uploads import MULTIPART, missing_file, save_upload

log = logging.getLogger(__name__)

#: Names of backups that the server made, and of uploaded ones, begin with these.
CREATED, UPLOADED = "coalserver", "uploaded"
BACKUP_NAME = re.compile(rf"(?:{CREATED}|{UPLOADED})-[0-9]{{8}}T[0-9]{{6}}Z(?:-[0-9]+)?\.tar")
BACKUPS_PATH = "/admin/backups"
SUCCESS_MESSAGES = {
    "made": ("backups", N_("Backup created")),
    "removed": ("backups", N_("Backup deleted")),
    "restored": ("backups", N_("Backup restored")),
}


@dataclass(frozen=True, slots=True)
class BackupService:
    """Backups in a folder of the server's machine.

    Its functions raise OSError if the disk fails, and INVALID_REQUEST for a file that is no valid backup.
    """

    data_directory: str
    backup_directory: Path
    #: Writes a backup to a new file.
    create_backup: Callable[[Path], Awaitable[Any]]
    #: Returns a folder for an upload, which is deleted at the end of the context.
    temp_directory: Callable[[], AbstractContextManager[Path]]
    max_upload_bytes: int
    #: Returns the manifest of a backup; `made` is an ISO 8601 time.
    read_manifest: Callable[[Path], Mapping[str, Any]]
    #: Validates a backup and restarts the server with it. Takes the id and name of the admin, for the audit log,
    #: and a function that raises if the caller is no longer an admin.
    restore: Callable[[Path, int, str, Callable[[], object]], Awaitable[None]]
    #: Why the last restore failed, if it did.
    restore_error: str = ""
    #: Names of backups that are being written.
    pending_names: set[str] = field(default_factory=set)

    def backup_names(self) -> list[str]:
        """Return the names of all backups, the newest first."""
        if not self.backup_directory.is_dir():
            return []
        names = filter(BACKUP_NAME.fullmatch, os.listdir(self.backup_directory))
        return sorted(names, key=lambda name: name.partition("-")[2], reverse=True)

    def list_backups(
        self, *, limit: int | None = None, offset: int = 0
    ) -> tuple[list[tuple[str, int, float]], int]:
        """Return name, bytes and modification time of a page of the backups, newest first, and their number."""
        names = self.backup_names()
        end = None if limit is None else offset + limit
        rows = []
        for name in names[offset:end]:
            # One that was deleted meanwhile is left out.
            with suppress(FileNotFoundError):
                stat = (self.backup_directory / name).stat()
                rows.append((name, stat.st_size, stat.st_mtime))
        return rows, len(names)

    def get_backup(self, name: str) -> Path:
        """Return the path of a backup. Raises STORAGE_ITEM_NOT_FOUND."""
        path = self.backup_directory / name
        if not BACKUP_NAME.fullmatch(name) or not path.is_file():
            raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
        return path

    def unused_name(self, now: float, kind: str = CREATED) -> str:
        """Return a name for a new backup, with a number if another one was made in the same second."""
        stem = datetime.fromtimestamp(now, UTC).strftime(f"{kind}-%Y%m%dT%H%M%SZ")
        taken = {*self.backup_names()} | self.pending_names
        names = (f"{stem}{suffix}.tar" for suffix in ("", *(f"-{n}" for n in range(1, 1000))))
        return next(name for name in names if name not in taken)


async def render_backups(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    """Return the page of backups, with the error of the last restore if the restart led here."""
    service = ctx.app.service(BackupService)
    language = request_language(ctx.request)
    backups, pagination = await paginate_in_thread(ctx, BACKUPS_PATH, service.list_backups)
    context = {
        "backups": [(name, format_size(size, language), at) for name, size, at in backups],
        "pagination": pagination,
        "max_size": format_size(service.max_upload_bytes, language),
        "folder": service.backup_directory,
        "data": service.data_directory,
    }
    if service.restore_error and ctx.query.get("done", "restored") == "restored":
        overrides = {"errors": {"backups": service.restore_error}, **overrides}
    return render_admin_page(ctx, "backups", context, success=SUCCESS_MESSAGES, **overrides)


def format_size(size: int, language: Language) -> str:
    """Return a number of bytes in decimal units and in a language, such as "1.2 MB" or "1,2 MB"."""
    number, pattern, unit = size / 1e3, "0", "kB"
    if size >= 100_000:
        number, pattern, unit = size / 1e6, "0.0", "MB"
    if size >= 10**9:
        number, unit = size / 1e9, "GB"
    return f"{format_decimal(number, pattern, language.locale)} {unit}"


async def backups_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the backups, and how to restore one."""
    return await render_backups(ctx)


async def create_backup(ctx: RequestContext) -> web.StreamResponse:
    """Write a backup of everything to a new file."""
    await read_csrf_form(ctx)
    service = ctx.app.service(BackupService)
    name = service.unused_name(ctx.now)
    service.pending_names.add(name)
    try:
        service.backup_directory.mkdir(mode=0o700, exist_ok=True)
        await service.create_backup(service.backup_directory / name)
    except OSError as error:
        return await _disk_error(ctx, error)
    finally:
        service.pending_names.discard(name)
    await record_action(ctx, AuditAction.BACKUP_CREATED, name)
    return redirect("/admin/backups?done=made")


async def download_backup(ctx: RequestContext) -> web.StreamResponse:
    """Return a backup as a file. It has all secrets in it, so no browser may cache it."""
    await read_csrf_form(ctx)
    path = ctx.app.service(BackupService).get_backup(ctx.path["name"])
    await record_action(ctx, AuditAction.BACKUP_DOWNLOADED, path.name)
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "no-store",
        "Content-Type": "application/x-tar",
        "Content-Disposition": f'attachment; filename="{path.name}"',
    }
    return web.FileResponse(path, headers=headers)


async def confirm_delete(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a backup is deleted."""
    path = ctx.app.service(BackupService).get_backup(ctx.path["name"])
    try:
        size = path.stat().st_size
    except OSError as error:
        return await _disk_error(ctx, error)
    return confirm_page(
        ctx,
        title=N_("Delete backup"),
        texts=[N_("The file is deleted from the server’s disk. This cannot be undone.")],
        values={},
        button=N_("Delete"),
        back_label=request_language(ctx.request).gettext(N_("Backups")),
        back_path=BACKUPS_PATH,
        place=kept_query(ctx),
        active_page="backups",
        section="remove",
        subject=f"{path.name} · {format_size(size, request_language(ctx.request))}",
    )


async def delete_backup(ctx: RequestContext) -> web.StreamResponse:
    """Delete a backup."""
    await read_csrf_form(ctx)
    path = ctx.app.service(BackupService).get_backup(ctx.path["name"])
    await record_action(ctx, AuditAction.BACKUP_REMOVED, path.name)
    path.unlink(missing_ok=True)
    return redirect(BACKUPS_PATH + kept_query(ctx, done="removed"))


async def upload_backup(ctx: RequestContext) -> web.StreamResponse:
    """Add a valid backup, the field `file` of a multipart form, and redirect to its confirmation page."""
    service = ctx.app.service(BackupService)
    if ctx.request.content_type != MULTIPART:
        await read_csrf_form(ctx)
        raise missing_file()

    try:
        with service.temp_directory() as directory:
            file = directory / "sent"
            check_form = partial(check_csrf, ctx)
            await save_upload(ctx.request, service.max_upload_bytes, check_form, file)
            await asyncio.to_thread(service.read_manifest, file)
            # The upload can take minutes, in which the account can lose its rights.
            ctx.caller = require_admin(ctx)
            service.backup_directory.mkdir(mode=0o700, exist_ok=True)
            name = service.unused_name(ctx.now, UPLOADED)
            file.rename(service.backup_directory / name)
    except OSError as error:
        return await _disk_error(ctx, error)
    await record_action(ctx, AuditAction.BACKUP_UPLOADED, name)
    return redirect(f"/admin/backups/{name}/restore")


async def confirm_restore(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a backup is restored, and say what is replaced."""
    service = ctx.app.service(BackupService)
    path = service.get_backup(ctx.path["name"])
    try:
        manifest = await asyncio.to_thread(service.read_manifest, path)
        size = path.stat().st_size
    except OSError as error:
        return await _disk_error(ctx, error)
    size_text = format_size(size, request_language(ctx.request))
    return confirm_page(
        ctx,
        title=N_("Restore backup"),
        texts=[
            N_(
                "All users, worlds, messages, games and rooms return to their state of %(created)s."
                " Newer data is no longer shown."
            ),
            N_(
                "The current data is kept in a folder <code>replaced-…</code> in"
                " <code>%(folder)s</code>."
            ),
            N_(
                "The server restarts and is unavailable for a few seconds. Open pages reconnect"
                " automatically."
            ),
            N_(
                "Users who signed in after the backup was created have to sign in again. You may have to"
                " as well. Passwords are those of the backup."
            ),
        ],
        values={
            "created": _format_created(ctx, str(manifest["made"])),
            "folder": service.data_directory,
        },
        button=N_("Restore"),
        back_label=request_language(ctx.request).gettext(N_("Backups")),
        back_path=BACKUPS_PATH,
        place=kept_query(ctx),
        active_page="backups",
        section="restore",
        subject=f"{path.name} · {size_text} · coalserver {manifest.get('coalserver', '–')}",
    )


async def restore_backup(ctx: RequestContext) -> web.StreamResponse:
    """Restore a valid backup: the server restarts with its data, and this page waits for that."""
    await read_csrf_form(ctx)
    service = ctx.app.service(BackupService)
    path, admin = service.get_backup(ctx.path["name"]), ctx.caller.get_account()
    try:
        # Shielded: a restore that has begun is finished, even if the browser disconnects.
        await asyncio.shield(
            service.restore(path, admin.id, admin.display_name, lambda: require_admin(ctx))
        )
    except OSError as error:
        return await _disk_error(ctx, error)
    next_url = BACKUPS_PATH + kept_query(ctx, done="restored")
    return render_admin_page(ctx, "restoring", {"next_url": next_url}, active_page="backups")


async def record_action(ctx: RequestContext, action: AuditAction, subject: str) -> None:
    """Add an audit entry for an action outside the core. Raises ADMIN_REQUIRED."""
    await ctx.core.execute(
        record_external_action, actor=ctx.caller.account_id, action=action, subject=subject
    )


async def _disk_error(ctx: RequestContext, error: OSError) -> web.StreamResponse:
    log.warning("%s %s failed: %s", ctx.request.method, ctx.request.path, error)
    return await render_backups(ctx, status=503, errors={"backups": str(error)})


def _format_created(ctx: RequestContext, created: str) -> str:
    """Return the time at which a backup was made as the admin writes times. Other texts stay as they are."""
    try:
        at = datetime.fromisoformat(created).timestamp()
    except ValueError:
        return created
    return request_clock(ctx.request).full(at)


BACKUP_PATH = "/admin/backups/{name}"
ROUTES = (
    get("/admin/backups", backups_page),
    post("/admin/backups", create_backup, render_backups, "backups"),
    post("/admin/backups/upload", upload_backup, render_backups, "backups"),
    post(BACKUP_PATH + "/download", download_backup, render_backups, "backups"),
    get(BACKUP_PATH + "/remove", confirm_delete, render_backups, "backups"),
    post(BACKUP_PATH + "/remove", delete_backup, render_backups, "backups"),
    get(BACKUP_PATH + "/restore", confirm_restore, render_backups, "backups"),
    post(BACKUP_PATH + "/restore", restore_backup, render_backups, "backups"),
)
