"""The console of a hosted world: its newest lines, which a script continues by their numbers, and a field for commands.

Prescribed by hosting.md, section 7. Without scripts the page has the newest lines, and a command leads back to it.
"""

from typing import Any

from aiohttp import web

from coalserver.core.commands.worlds import MAX_COMMAND_LENGTH
from coalserver.core.hosting import Hosting
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.world import World
from coalserver.site.access import render_access_error, require_admin, world_path
from coalserver.site.admin.layout import render_admin_page
from coalserver.site.admin.messages import ERROR_MESSAGES, NOT_FOUND_CODES
from coalserver.site.errors import add_retry_after, error_message, render_json_error, wants_json
from coalserver.site.worlds.console_lines import shown_line
from coalserver.site.worlds.context import world_state_text
from coalserver.site.worlds.hosted import requested_run
from coalserver.web.api import Route
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import FormSchema, RawText, load_form
from coalserver.web.pages.i18n import N_, request_language
from coalserver.web.responses import json_response

#: Lines of a page, and of one response to its script.
PAGE_LINES, BATCH_LINES = 200, 500
MAX_DIGITS = 18
SUCCESS_MESSAGES = {"told": ("console", N_("Command sent."))}
TOO_LONG = N_("A command has up to {maximum} characters.")


class CommandSchema(FormSchema):
    """One line for the console."""

    command = RawText(high=MAX_COMMAND_LENGTH)


COMMAND = CommandSchema()


async def read_lines(ctx: RequestContext, world: World, after: int | None) -> dict[str, Any]:
    """Return a part of the console, with the number to go on from as `next` and the state of the world."""
    size = PAGE_LINES if after is None else BATCH_LINES
    lines, following = await ctx.app.service(Hosting).console(world.id, after, size)
    return {
        "lines": [shown_line(line) for line in lines],
        "next": following,
        # There may be more already.
        "more": after is not None and following - after >= BATCH_LINES,
        "status": str(world.status),
        "words": world_state_text(ctx, world),
    }


async def console_page(ctx: RequestContext) -> web.StreamResponse:
    """Render the newest lines; for a script, return those after a number as JSON."""
    world = requested_run(ctx).world
    if wants_json(ctx):
        after = ctx.query.get("after", "")
        known = after.isascii() and after.isdigit() and len(after) <= MAX_DIGITS
        part = await read_lines(ctx, world, int(after) if known else None)
        return json_response(part, 200, {"Cache-Control": "no-store"})
    return await render_console(ctx, world)


async def render_console(
    ctx: RequestContext, world: World, status: int = 200, error: str = ""
) -> web.StreamResponse:
    """Render the console with the message of a rejected command."""
    context = {
        "world": world,
        "address": world_path(world),
        "console": await read_lines(ctx, world, None),
        "max_length": MAX_COMMAND_LENGTH,
    }
    return render_admin_page(
        ctx,
        "console",
        context,
        active_page="servers",
        success=SUCCESS_MESSAGES,
        status=status,
        errors={"console": error} if error else None,
    )


async def send_command(ctx: RequestContext) -> web.StreamResponse:
    """Send one line to the console of a running world. A blank one is ignored."""
    world = requested_run(ctx).world
    try:
        form = await load_form(ctx, COMMAND)
        if command := form["command"].strip():
            hosting = ctx.app.service(Hosting)
            await hosting.send_command(world.id, command, ctx.caller.account_id)
    except DomainError as error:
        return await _render_rejection(ctx, world, error)
    if wants_json(ctx):
        return json_response({}, 202)
    return redirect(f"/admin/servers/{world.id}/console?done=told#newest")


async def _render_rejection(
    ctx: RequestContext, world: World, error: DomainError
) -> web.StreamResponse:
    if error.code in NOT_FOUND_CODES or render_access_error(error, ctx, "/admin") is not None:
        raise error
    language = request_language(ctx.request)
    status, message = error_message(error, ERROR_MESSAGES, language)
    if "command" in (error.details.get("fields") or {}):
        message = language.gettext(TOO_LONG).format(maximum=MAX_COMMAND_LENGTH)
    ctx.app.count_refusal(error)
    if wants_json(ctx):
        return render_json_error(error, ctx, message)
    return add_retry_after(await render_console(ctx, world, status, message), error)


CONSOLE_PATH = "/admin/servers/{world}/console"
ROUTES = (
    Route("GET", CONSOLE_PATH, console_page, auth=require_admin),
    Route("POST", CONSOLE_PATH, send_command, auth=require_admin, reads_body=True),
)
