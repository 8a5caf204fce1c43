"""Admins and backups that come back: sent in, asked about, and put in the place of all there is."""

import asyncio
import logging
from datetime import datetime
from typing import Any

from aiohttp import web

from coalserver.domain.audit import AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.site.admin.layout import FormPages, get, post, render_admin_page
from coalserver.site.admin.system import (
    UPLOADED,
    SystemService,
    format_size,
    record_action,
    render_backups,
)
from coalserver.site.members import admin_only
from coalserver.site.worlds.context import TimeFormatter
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import Pairs, is_csrf_valid, read_csrf_form, read_fields
from coalserver.web.pages.i18n import request_language
from coalserver.web.uploads import MULTIPART, missing_file, save_upload

log = logging.getLogger(__name__)

RESTORED_PATH = "/admin/backups?done=restored"


async def upload_backup(ctx: RequestContext) -> web.StreamResponse:
    """A backup from elsewhere, the field `file` of a form: kept among those made here, if it is one."""
    system = ctx.app.service(SystemService)
    if (
        system.temp_directory is None
        or system.backup_directory is None
        or system.read_manifest is None
    ):
        raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
    if ctx.request.content_type != MULTIPART:
        await read_csrf_form(ctx)
        raise missing_file()

    def check_form(pairs: Pairs) -> None:
        if not is_csrf_valid(ctx, pairs):
            raise DomainError(ErrorCode.INVALID_TOKEN, what="form")

    try:
        with system.temp_directory() as directory:
            file = directory / "sent"
            await save_upload(ctx.request, system.max_upload_bytes, check_form, file)
            await asyncio.to_thread(system.read_manifest, file)
            ctx.caller = admin_only(ctx)
            system.backup_directory.mkdir(mode=0o700, exist_ok=True)
            name = system.unused_name(ctx.now, UPLOADED)
            file.rename(system.backup_directory / name)
    except OSError as error:
        return _restore_failed(ctx, error)
    await record_action(ctx, AuditAction.BACKUP_UPLOADED, name)
    return redirect(f"/admin/backups/{name}/restore")


async def confirm_restore(ctx: RequestContext) -> web.StreamResponse:
    """Say what goes and what comes, before it does."""
    system = ctx.app.service(SystemService)
    path = system.get_backup(ctx.path["name"])
    if system.read_manifest is None or system.restore is None:
        raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
    try:
        manifest = await asyncio.to_thread(system.read_manifest, path)
        size = path.stat().st_size
    except OSError as error:
        return _restore_failed(ctx, error)
    context = {
        "backup": path.name,
        "size": format_size(size),
        "version": manifest.get("coalserver", "–"),
        "created": _format_created(ctx, str(manifest["made"])),
        "data": system.data_directory,
    }
    return render_admin_page(ctx, "restore", context, active_page="backups")


async def restore_backup(ctx: RequestContext) -> web.StreamResponse:
    """A backup that proves sound takes the place of all there is: the server ends, and begins again with it."""
    await read_fields(ctx, {})
    system = ctx.app.service(SystemService)
    path, admin = system.get_backup(ctx.path["name"]), ctx.caller.get_account()
    if system.restore is None:
        raise DomainError(ErrorCode.STORAGE_ITEM_NOT_FOUND)
    try:
        # Once it is asked for it is done, whether or not the browser waits.
        await asyncio.shield(
            system.restore(path, admin.id, admin.display_name, lambda: admin_only(ctx))
        )
    except OSError as error:
        return _restore_failed(ctx, error)
    return render_admin_page(ctx, "restoring", {"next_url": RESTORED_PATH}, active_page="backups")


def _restore_failed(ctx: RequestContext, error: OSError) -> web.StreamResponse:
    log.warning("No restore: %s", error)
    return render_backups(ctx, status=503, errors={"backups": str(error)})


def _format_created(ctx: RequestContext, created: str) -> Any:
    """When a backup says that it was made, as the reader writes it; as it says it where that is no time."""
    try:
        at = datetime.fromisoformat(created).timestamp()
    except ValueError:
        return created
    return TimeFormatter(request_language(ctx.request), ctx.caller.get_account())(at)


BACKUP_PATH = "/admin/backups/{name}"
ROUTES = (
    post("/admin/backups/upload", upload_backup),
    get(BACKUP_PATH + "/restore", confirm_restore),
    post(BACKUP_PATH + "/restore", restore_backup),
)
FORM_PAGES: FormPages = {
    "upload_backup": (render_backups, "backups"),
    "confirm_restore": (render_backups, "backups"),
    "restore_backup": (render_backups, "backups"),
}
