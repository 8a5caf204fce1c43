"""Admin pages of the saved games of a hosted world (hosting.md, sections 9 and 12)."""

import asyncio
import logging
from functools import partial
from typing import Any

from aiohttp import web

from coalserver.core.hosting import Hosting, ShownSave
from coalserver.core.queries.hosting import get_settings
from coalserver.domain.minecraft.hosting.hosted_world import (
    AT_REST,
    MAX_NOTE_LENGTH,
    SAVABLE,
    TroubleCode,
)
from coalserver.domain.minecraft.hosting.transitions import Answer
from coalserver.domain.minecraft.slugs import file_stems
from coalserver.domain.minecraft.world import World, WorldStatus
from coalserver.site.access import require_admin, world_path
from coalserver.site.admin.backups import format_size
from coalserver.site.admin.layout import confirm_page, get, post, render_admin_page
from coalserver.site.admin.world_list import WORLD_LIST
from coalserver.site.pagination import kept_query, paginate_rows
from coalserver.site.worlds.hosted import requested_run, trouble_sentence
from coalserver.web.context import RequestContext
from coalserver.web.downloads import attachment
from coalserver.web.pages.clock import request_clock
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import (
    Checkbox,
    FormSchema,
    RawText,
    check_csrf,
    load_form,
    read_csrf_form,
)
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.pages.pages import PAGE_HEADERS
from coalserver.web.uploads import DISK_FULL, MULTIPART, missing_file, save_upload

log = logging.getLogger(__name__)

#: Seconds between refreshes while a saved game is made or restored.
LIVE_SECONDS = 3
KIND_LABELS = {
    "manual": N_("Manual"),
    "nightly": N_("Nightly"),
    "pause": N_("After stop"),
    "upload": N_("Uploaded"),
}
SUCCESS_MESSAGES = {
    "saving": ("saves", N_("The world is being saved.")),
    "already": ("saves", N_("A saved game is being made already.")),
    "changed": ("saves", N_("Saved.")),
    "deleted": ("saves", N_("Saved game deleted")),
    "uploaded": ("saves", N_("Saved game uploaded")),
    "restoring": ("saves", N_("The saved game is being restored.")),
}
#: Troubles that concern saved games, and are shown beside them.
TROUBLES = frozenset((TroubleCode.SAVE_FAILED, TroubleCode.RESTORE_FAILED, TroubleCode.DISK))


class PinSchema(FormSchema):
    """Whether rotation keeps a saved game."""

    pinned = Checkbox()


class NoteSchema(FormSchema):
    """What an admin wants to remember of a saved game."""

    note = RawText(high=MAX_NOTE_LENGTH)


PIN, NOTE = PinSchema(), NoteSchema()


def saves_path(world: World) -> str:
    """Return the path of the page of a world's saved games."""
    return f"/admin/servers/{world.id}/saves"


async def render_saves(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    """Return the page of saved games. Raises WORLD_NOT_FOUND."""
    run, hosting = requested_run(ctx), ctx.app.service(Hosting)
    saves = await hosting.saves(run.world.id)
    facts = await hosting.facts(run, starts=False)
    language = request_language(ctx.request)
    settings = ctx.core.query(get_settings)
    hosted, trouble = run.hosted, run.hosted.trouble
    page, pagination = paginate_rows(ctx, saves_path(run.world), saves, fragment="saves")
    is_busy = hosted.is_busy or run.status is WorldStatus.SAVING
    context = {
        "world": run.world,
        "address": world_path(run.world),
        "path": saves_path(run.world),
        "saves": [(save, format_size(save.size, language)) for save in page],
        "save_count": len(saves),
        "pagination": pagination,
        "total_size": format_size(sum(save.size for save in saves), language),
        "kind_labels": KIND_LABELS,
        "enabled": hosting.enabled,
        "saving": hosted.saving or run.status is WorldStatus.SAVING,
        "restoring": hosted.restoring,
        "can_save": run.status in SAVABLE and not is_busy,
        "can_restore": run.status in AT_REST and not is_busy,
        "is_at_rest": run.status in AT_REST,
        "live_seconds": LIVE_SECONDS if is_busy else 0,
        "trouble": trouble_sentence(trouble, language)
        if trouble and trouble.code in TROUBLES and not is_busy
        else "",
        "settings": settings,
        "free": format_size(facts.disk_free << 20, language),
        "max_size": format_size(settings.world_limit << 20, language),
        "max_note_length": MAX_NOTE_LENGTH,
    }
    return render_admin_page(
        ctx, "saves", context, active_page="servers", success=SUCCESS_MESSAGES, **overrides
    )


async def saves_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the saved games of a hosted world."""
    return await render_saves(ctx)


async def save_now(ctx: RequestContext) -> web.StreamResponse:
    """Make a saved game, and lead back to the page of saved games."""
    world, answer = await _order_save(ctx)
    done = "saving" if answer is Answer.ACCEPTED else "already"
    return redirect(f"{saves_path(world)}?done={done}")


async def back_up(ctx: RequestContext) -> web.StreamResponse:
    """Make a saved game, and redirect to the world's page, as the COAL API prescribes."""
    world, _ = await _order_save(ctx)
    return redirect(world_path(world))


async def _order_save(ctx: RequestContext) -> tuple[World, Answer]:
    await read_csrf_form(ctx)
    world = requested_run(ctx).world
    return world, await ctx.app.service(Hosting).save(world.id, ctx.caller.account_id)


async def download_save(ctx: RequestContext) -> web.StreamResponse:
    """Return a saved game as a file."""
    return await _send_save(ctx, requested_run(ctx).world, ctx.path["save"])


async def download_newest(ctx: RequestContext) -> web.StreamResponse:
    """Return the newest saved game as a file. Raises SAVE_NOT_FOUND."""
    world = requested_run(ctx).world
    return await _send_save(ctx, world, (await ctx.app.service(Hosting).get_save(world.id)).id)


async def _send_save(ctx: RequestContext, world: World, save_id: str) -> web.StreamResponse:
    headers = {
        **PAGE_HEADERS,
        "Cache-Control": "no-store",
        "Content-Type": "application/zip",
        "Content-Disposition": attachment(*file_stems(world), ".zip"),
    }
    if ctx.request.method == "HEAD":
        # No download for the audit log.
        size = (await ctx.app.service(Hosting).get_save(world.id, save_id)).size
        lengths = {"Content-Length": str(size), "Accept-Ranges": "bytes"}
        return web.StreamResponse(headers={**headers, **lengths})
    hosting = ctx.app.service(Hosting)
    path = await hosting.download_save(world.id, save_id, ctx.caller.account_id)
    return web.FileResponse(path, headers=headers)


async def pin_save(ctx: RequestContext) -> web.StreamResponse:
    """Pin a saved game, or unpin it."""
    form = await load_form(ctx, PIN)
    return await _change_save(ctx, pinned=form["pinned"])


async def note_save(ctx: RequestContext) -> web.StreamResponse:
    """Write the note of a saved game."""
    form = await load_form(ctx, NOTE)
    return await _change_save(ctx, note=form["note"])


async def _change_save(ctx: RequestContext, **changes: Any) -> web.StreamResponse:
    world, hosting = requested_run(ctx).world, ctx.app.service(Hosting)
    await hosting.change_save(world.id, ctx.path["save"], ctx.caller.account_id, **changes)
    return redirect(saves_path(world) + kept_query(ctx, done="changed"))


async def confirm_delete(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a saved game is deleted."""
    world = requested_run(ctx).world
    save = await ctx.app.service(Hosting).get_save(world.id, ctx.path["save"])
    return _question(
        ctx,
        world,
        save,
        title=N_("Delete saved game"),
        texts=[N_("The file is deleted from the server’s disk. This cannot be undone.")],
        button=N_("Delete"),
    )


async def delete_save(ctx: RequestContext) -> web.StreamResponse:
    """Delete a saved game."""
    await read_csrf_form(ctx)
    world = requested_run(ctx).world
    hosting = ctx.app.service(Hosting)
    await hosting.remove_save(world.id, ctx.path["save"], ctx.caller.account_id)
    return redirect(saves_path(world) + kept_query(ctx, done="deleted"))


async def confirm_restore(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a saved game is restored, and say what it replaces."""
    world = requested_run(ctx).world
    save = await ctx.app.service(Hosting).get_save(world.id, ctx.path["save"])
    texts = [
        N_(
            "<bdi>%(name)s</bdi> returns to its state of %(made)s. What was built since then is lost."
        ),
        N_(
            "The present files are kept on the server’s disk for a day, in the folder <code>old</code>."
        ),
    ]
    if save.kind == "upload":
        texts.append(
            N_(
                "Only the world itself is replaced. Player lists, plug-ins and mods stay as they are."
            )
        )
    if save.after_kill:
        texts.append(
            N_("This saved game was made after a forced stop. It may lack the last minutes.")
        )
    return _question(
        ctx, world, save, title=N_("Restore saved game"), texts=texts, button=N_("Restore")
    )


async def confirm_restore_newest(ctx: RequestContext) -> web.StreamResponse:
    """Redirect to the question about the newest saved game, or to the list if there is none."""
    world = requested_run(ctx).world
    saves = await ctx.app.service(Hosting).saves(world.id)
    path = saves_path(world)
    return redirect(f"{path}/{saves[0].id}/restore" if saves else path)


async def restore_save(ctx: RequestContext) -> web.StreamResponse:
    """Begin to restore a saved game."""
    await read_csrf_form(ctx)
    world = requested_run(ctx).world
    hosting = ctx.app.service(Hosting)
    await hosting.restore_save(world.id, ctx.path["save"], ctx.caller.account_id)
    return redirect(saves_path(world) + kept_query(ctx, done="restoring"))


async def upload_save(ctx: RequestContext) -> web.StreamResponse:
    """Make a saved game of a zip file, the field `file` of a multipart form."""
    world, hosting = requested_run(ctx).world, ctx.app.service(Hosting)
    if ctx.request.content_type != MULTIPART:
        await read_csrf_form(ctx)
        raise missing_file()

    try:
        path = await hosting.upload_path(world.id)
        try:
            limit = ctx.core.query(get_settings).world_limit << 20
            await save_upload(ctx.request, limit, partial(check_csrf, ctx), path)
            # The upload can take minutes, in which the account can lose its rights.
            ctx.caller = require_admin(ctx)
            await hosting.upload_save(world.id, path, ctx.caller.account_id)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise await hosting.full_disk(world.id) from error
        log.warning("A saved game of world %d could not be uploaded: %s", world.id, error)
        return await render_saves(ctx, status=503, errors={"upload": error.strerror or str(error)})
    return redirect(f"{saves_path(world)}?done=uploaded")


def _question(
    ctx: RequestContext, world: World, save: ShownSave, *, title: str, texts: list[str], button: str
) -> web.StreamResponse:
    """Return the page that asks about a saved game; the form goes to the same address."""
    language = request_language(ctx.request)
    made = request_clock(ctx.request).full(save.made)
    facts = [made, format_size(save.size, language), language.gettext(KIND_LABELS[save.kind])]
    return confirm_page(
        ctx,
        title=title,
        texts=texts,
        values={"name": world.name, "made": made},
        button=button,
        back_label=language.gettext(N_("Saved games")),
        back_path=saves_path(world),
        place=kept_query(ctx),
        active_page="servers",
        section="question",
        subject=" · ".join([*facts, *filter(None, (save.version, save.note))]),
    )


WORLD_PATH = "/admin/servers/{world}"
SAVES_PATH = WORLD_PATH + "/saves"
SAVE_PATH = SAVES_PATH + "/{save}"
ROUTES = (
    get(SAVES_PATH, saves_page),
    post(SAVES_PATH, save_now, render_saves, "saves", WORLD_LIST),
    post(WORLD_PATH + "/backup", back_up, render_saves, "saves", WORLD_LIST),
    post(SAVES_PATH + "/upload", upload_save, render_saves, "upload", WORLD_LIST),
    get(WORLD_PATH + "/download", download_newest),
    get(WORLD_PATH + "/restore", confirm_restore_newest, *WORLD_LIST),
    get(SAVE_PATH + "/download", download_save, render_saves, "saves", WORLD_LIST),
    post(SAVE_PATH + "/pin", pin_save, render_saves, "saves", WORLD_LIST),
    post(SAVE_PATH + "/note", note_save, render_saves, "saves", WORLD_LIST),
    get(SAVE_PATH + "/remove", confirm_delete, render_saves, "saves", WORLD_LIST),
    post(SAVE_PATH + "/remove", delete_save, render_saves, "saves", WORLD_LIST),
    get(SAVE_PATH + "/restore", confirm_restore, render_saves, "saves", WORLD_LIST),
    post(SAVE_PATH + "/restore", restore_save, render_saves, "saves", WORLD_LIST),
)
