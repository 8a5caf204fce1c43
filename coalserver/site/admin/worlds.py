"""Admins and worlds: made, named, paired with their agents, spoken to, and ended."""

from shlex import quote
from typing import Any

from aiohttp import web

from coalserver.core.commands.agents import (
    create_pairing_code,
    create_world_with_agent,
    rotate_agent_secret,
)
from coalserver.core.commands.audit import AuditedCommand, execute_audited_batch
from coalserver.core.commands.worlds import archive_world, queue_console_command, update_world
from coalserver.core.queries.oauth import agent_of_world
from coalserver.core.queries.worlds import (
    active_worlds,
    get_world,
    online_visitors,
    queued_commands,
)
from coalserver.domain.audit import AuditAction
from coalserver.domain.minecraft.slugs import slugify_short_name
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import one_line
from coalserver.site.access import world_path
from coalserver.site.admin.layout import (
    FormPages,
    get,
    post,
    render_admin_page,
    run_audited,
    success_messages,
)
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import clean_text, read_fields
from coalserver.web.pages.i18n import N_

NAME_FIELDS = {"name": 100, "short_name": 60}
SUCCESS_MESSAGES = {
    "saved": ("world", N_("Saved.")),
    "told": ("console", N_("Sent. The world does it as soon as its agent asks.")),
    "ended": ("servers", N_("The world is ended.")),
}


def render_worlds(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    rows = [
        (world, len(ctx.core.query(online_visitors, world=world.id)))
        for world in ctx.core.query(active_worlds)
    ]
    return render_admin_page(
        ctx,
        "servers",
        {"worlds": rows},
        **{"messages": success_messages(ctx, SUCCESS_MESSAGES), **overrides},
    )


def render_create_world(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    return render_admin_page(ctx, "server_create", {}, active_page="servers", **overrides)


def render_world(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    """A world; `fresh` is what is shown this once."""
    world = requested_world(ctx)
    fresh = overrides.pop("fresh", {})
    context = {
        "world": world,
        "agent": ctx.core.query(agent_of_world, world=world.id),
        "queued": ctx.core.query(queued_commands, world=world.id),
        "online": ctx.core.query(online_visitors, world=world.id),
        "origin": ctx.origin,
        "address": world_path(world),
        "fresh": fresh,
        "install_command": start_command(ctx.origin, fresh["code"]) if "code" in fresh else "",
    }
    return render_admin_page(
        ctx,
        "server",
        context,
        active_page="servers",
        **{"messages": success_messages(ctx, SUCCESS_MESSAGES), **overrides},
    )


def render_archive_world(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    return render_admin_page(
        ctx, "server_archive", {"world": requested_world(ctx)}, active_page="servers", **overrides
    )


def start_command(origin: str, code: str) -> str:
    """One line that fetches the agent and pairs it, for the folder of the world's server."""
    agent = "mc_coal_agent.py"
    return (
        f"mkdir -p mc-coal && cd mc-coal && curl -fsSO {quote(origin)}/mc/{agent} && "
        f"python3 {agent} --url {quote(origin)} --pair {code}"
    )


def requested_world(ctx: RequestContext) -> World:
    return ctx.core.query(get_world, id=ctx.int_param("world"))


async def worlds_page(ctx: RequestContext) -> web.StreamResponse:
    """Every world, and who is in it."""
    return render_worlds(ctx)


async def create_world_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask what a new world is called."""
    return render_create_world(ctx)


async def create_world(ctx: RequestContext) -> web.StreamResponse:
    """A world that somebody else runs; its page then gives the agent what it needs."""
    form = await read_fields(ctx, NAME_FIELDS)
    name = clean_text(form["name"])
    kwargs = {"name": name, "short_name": slugify_short_name(form["short_name"])}
    world, _ = await run_audited(
        ctx, AuditAction.WORLD_ADDED, name, create_world_with_agent, **kwargs
    )
    return redirect(f"/admin/servers/{world.id}#agent")


async def world_page(ctx: RequestContext) -> web.StreamResponse:
    """One world: its names, its agent, its console."""
    return render_world(ctx)


async def save_world(ctx: RequestContext) -> web.StreamResponse:
    """Another name, another short one, open to all readers or not; where one is refused, none is done."""
    form = await read_fields(ctx, {**NAME_FIELDS, "public": 5})
    world = requested_world(ctx)
    name, short_name, public = (
        clean_text(form["name"]),
        slugify_short_name(form["short_name"]),
        bool(form["public"]),
    )
    target, commands = {"world_id": world.id}, []
    if short_name != world.short_name:
        kwargs = {**target, "short_name": short_name}
        commands.append(
            AuditedCommand(AuditAction.SHORT_NAME_SET, world.name, update_world, kwargs, short_name)
        )
    if name != world.name:
        commands.append(
            AuditedCommand(
                AuditAction.WORLD_RENAMED, world.name, update_world, {**target, "name": name}, name
            )
        )
    if public != world.public:
        action = AuditAction.WORLD_MADE_PUBLIC if public else AuditAction.WORLD_MADE_PRIVATE
        commands.append(AuditedCommand(action, name, update_world, {**target, "public": public}))
    await ctx.core.execute(execute_audited_batch, actor=ctx.caller.account_id, commands=commands)
    return redirect(f"/admin/servers/{world.id}?done=saved")


async def pair_world(ctx: RequestContext) -> web.StreamResponse:
    """A code for the agent, and the command that uses it; shown this once."""
    await read_fields(ctx, {})
    world = requested_world(ctx)
    kwargs: dict[str, Any] = {"world_id": world.id, "admin_id": ctx.caller.account_id}
    code = await run_audited(
        ctx, AuditAction.PAIRING_OPENED, world.name, create_pairing_code, **kwargs
    )
    return render_world(ctx, fresh={"code": code})


async def rotate_secret(ctx: RequestContext) -> web.StreamResponse:
    """Another secret for the agent, shown this once; the old one stops at once."""
    await read_fields(ctx, {})
    world = requested_world(ctx)
    issued = await run_audited(
        ctx, AuditAction.SECRET_ROTATED, world.name, rotate_agent_secret, world_id=world.id
    )
    return render_world(ctx, fresh={"client": issued.client.code, "secret": issued.secret})


async def send_command(ctx: RequestContext) -> web.StreamResponse:
    """One line for the console of a world; a blank one is none."""
    form = await read_fields(ctx, {"command": 500})
    world, line = requested_world(ctx), one_line(form["command"]).strip()
    if not line:
        return redirect(f"/admin/servers/{world.id}#console")
    kwargs = {"world_id": world.id, "text": line}
    await run_audited(
        ctx,
        AuditAction.CONSOLE_COMMAND_SENT,
        world.name,
        queue_console_command,
        detail=line,
        **kwargs,
    )
    return redirect(f"/admin/servers/{world.id}?done=told#console")


async def confirm_archive(ctx: RequestContext) -> web.StreamResponse:
    """Say what goes with a world, before it goes."""
    return render_archive_world(ctx)


async def archive(ctx: RequestContext) -> web.StreamResponse:
    """A world is no more one of ours; what was said and done there is kept."""
    await read_fields(ctx, {})
    world = requested_world(ctx)
    await run_audited(ctx, AuditAction.WORLD_ARCHIVED, world.name, archive_world, world_id=world.id)
    return redirect("/admin/servers?done=ended")


WORLD_PATH = "/admin/servers/{world}"
ROUTES = (
    get("/admin/servers", worlds_page),
    get("/admin/server_create", create_world_page),
    post("/admin/server_create", create_world),
    get(WORLD_PATH, world_page),
    post(WORLD_PATH, save_world),
    post(WORLD_PATH + "/pair", pair_world),
    post(WORLD_PATH + "/secret", rotate_secret),
    post(WORLD_PATH + "/command", send_command),
    get(WORLD_PATH + "/deactivate", confirm_archive),
    post(WORLD_PATH + "/deactivate", archive),
)
FORM_PAGES: FormPages = {
    "create_world": (render_create_world, "world"),
    "save_world": (render_world, "world"),
    "pair_world": (render_world, "agent"),
    "rotate_secret": (render_world, "agent"),
    "send_command": (render_world, "console"),
    "archive": (render_archive_world, "end"),
}
