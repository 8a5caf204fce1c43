"""Saved games of hosted servers, for admins (hosting.md, 9)."""

import asyncio

from aiohttp import web

from coalserver.apis.coal.auth import admin
from coalserver.apis.coal.hosting import hosted_world_in_path
from coalserver.apis.coal.params import LenientBoolean, LineField, read_params
from coalserver.apis.coal.render import JsonObject, render_time
from coalserver.apis.coal.servers import SERVER_PATH
from coalserver.core.hosting import Hosting, ShownSave
from coalserver.core.queries.hosting import get_settings
from coalserver.domain.minecraft.hosting.hosted_world import MAX_NOTE_LENGTH
from coalserver.domain.minecraft.slugs import file_stems
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.downloads import attachment
from coalserver.web.responses import json_response, no_content, raw_response
from coalserver.web.schemas import RequestSchema
from coalserver.web.uploads import DISK_FULL, save_upload

SAVES = SERVER_PATH + "/saves"
SAVE_PATH = SAVES + "/{save}"
UNSUPPORTED_UPLOAD = "The body must be a multipart form with the field file."
ZIP = "application/zip"


class SaveSchema(RequestSchema):
    """What can be changed of a saved game."""

    pinned = LenientBoolean()
    note = LineField(MAX_NOTE_LENGTH)


CHANGE_SAVE = SaveSchema()


def render_save(save: ShownSave) -> JsonObject:
    """Return a saved game; `size` are the bytes of its zip file."""
    return {
        "id": save.id,
        "made": render_time(save.made),
        "size": save.size,
        "kind": str(save.kind),
        "version": save.version,
        "pinned": save.pinned,
        "after_kill": save.after_kill,
        "note": save.note,
    }


async def list_saves(ctx: RequestContext) -> web.StreamResponse:
    """Return all saved games of a hosted world, newest first."""
    world = hosted_world_in_path(ctx)
    saves = await ctx.app.service(Hosting).saves(world.id)
    return json_response({"saves": [render_save(save) for save in saves]})


async def download_save(ctx: RequestContext) -> web.StreamResponse:
    """Return the zip file of a saved game, or a range of it. A HEAD request is not recorded in the audit log."""
    world, hosting = hosted_world_in_path(ctx), ctx.app.service(Hosting)
    save_id = ctx.path["save"]
    headers = {
        "Content-Disposition": attachment(*file_stems(world), ".zip"),
        "Content-Type": ZIP,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if ctx.request.method == "HEAD":
        size = (await hosting.get_save(world.id, save_id)).size
        lengths = {"Content-Length": str(size), "Accept-Ranges": "bytes"}
        return web.StreamResponse(headers={**headers, **lengths})
    path = await hosting.download_save(world.id, save_id, ctx.caller.account_id)
    return web.FileResponse(path, headers=headers)


async def upload_save(ctx: RequestContext) -> web.StreamResponse:
    """Make a saved game of a zip file, the field `file` of a form; 201 once it was checked and stored."""
    world, hosting = hosted_world_in_path(ctx), ctx.app.service(Hosting)
    path = await hosting.upload_path(world.id)
    try:
        limit = ctx.core.query(get_settings).world_limit << 20
        await save_upload(ctx.request, limit, lambda _: None, path)
        save = await hosting.upload_save(world.id, path, ctx.caller.account_id)
    except web.HTTPUnsupportedMediaType:
        return json_response({"errors": UNSUPPORTED_UPLOAD}, 415)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise await hosting.full_disk(world.id) from error
        raise
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    return json_response(render_save(save), 201)


async def change_save(ctx: RequestContext) -> web.StreamResponse:
    """Pin a saved game or unpin it, or write its note; return it."""
    world = hosted_world_in_path(ctx)
    changes = await read_params(ctx, CHANGE_SAVE)
    hosting = ctx.app.service(Hosting)
    save = await hosting.change_save(world.id, ctx.path["save"], ctx.caller.account_id, **changes)
    return json_response(render_save(save))


async def remove_save(ctx: RequestContext) -> web.StreamResponse:
    """Delete a saved game."""
    world = hosted_world_in_path(ctx)
    await ctx.app.service(Hosting).remove_save(world.id, ctx.path["save"], ctx.caller.account_id)
    return no_content()


async def restore_save(ctx: RequestContext) -> web.StreamResponse:
    """Begin to restore a saved game; 202. It is over when orders are no longer refused for it."""
    world = hosted_world_in_path(ctx)
    await ctx.app.service(Hosting).restore_save(world.id, ctx.path["save"], ctx.caller.account_id)
    return raw_response(b"", 202)


ROUTES = (
    Route("GET", SAVES, list_saves, auth=admin),
    Route("POST", SAVES, upload_save, auth=admin, reads_body=True),
    Route("GET", SAVE_PATH, download_save, auth=admin),
    Route("POST", SAVE_PATH, change_save, auth=admin, reads_body=True),
    Route("DELETE", SAVE_PATH, remove_save, auth=admin),
    Route("POST", SAVE_PATH + "/restore", restore_save, auth=admin),
)
