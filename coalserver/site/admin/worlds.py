"""Admin pages of worlds: their names, agents and consoles, and archiving."""

from shlex import quote
from typing import Any

from aiohttp import web

from coalserver.core.audit import run_audited
from coalserver.core.commands.agents import (
    create_pairing_code,
    create_world_with_agent,
    rotate_agent_secret,
)
from coalserver.core.commands.hosted_worlds import rename_world
from coalserver.core.commands.worlds import archive_world, queue_console_command
from coalserver.core.queries.oauth import agent_of_world
from coalserver.core.queries.worlds import count_online, get_world, queued_commands
from coalserver.domain.audit import AuditAction
from coalserver.domain.minecraft.slugs import slugify_short_name
from coalserver.domain.minecraft.world import World
from coalserver.domain.text import one_line
from coalserver.site.access import world_path
from coalserver.site.admin.hosted_worlds import render_hosted_world
from coalserver.site.admin.layout import (
    WORLDS_PATH,
    confirm_page,
    get,
    post,
    render_admin_page,
)
from coalserver.site.admin.world_list import WORLD_LIST, render_worlds, world_list_path
from coalserver.web.context import RequestContext
from coalserver.web.pages.cookies import redirect
from coalserver.web.pages.forms import Checkbox, FormSchema, RawText, load_form, read_csrf_form
from coalserver.web.pages.i18n import N_
from coalserver.web.schemas import Name, Text

SUCCESS_MESSAGES = {
    "saved": ("world", N_("Saved.")),
    "told": (
        "console",
        N_(
            "Command sent. It is delivered while the world is running, and otherwise waits for its"
            " next start."
        ),
    ),
}


#: By code, what the self-check of an agent found and what to do. `detail` is a path, an address or a zone.
FINDINGS = {
    "log_missing": N_(
        "The log <code>%(detail)s</code> does not exist. Start the Minecraft server, or start the agent"
        " with the right path: <code>--mc_logfile</code>."
    ),
    "log_unreadable": N_(
        "The agent may not read the log <code>%(detail)s</code>. Give its user the right to read it."
    ),
    "file_unreadable": N_(
        "The agent cannot read these old logs: <code>%(detail)s</code>. Give its user the right to read them."
        " It tries again every minute."
    ),
    "not_understood": N_(
        "No line of <code>%(detail)s</code> begins with a time that the agent understands. Check that this"
        " is the log of the Minecraft server."
    ),
    "zone": N_(
        "The times in the log do not match the agent’s time zone. Start the agent with"
        " <code>--mc_timezone %(detail)s</code>."
    ),
    "rcon_password": N_(
        "RCON at <code>%(detail)s</code> refuses the password, so messages and commands wait. Give the agent"
        " the value of <code>rcon.password</code> in <code>server.properties</code>."
    ),
    "rcon_unreachable": N_(
        "RCON at <code>%(detail)s</code> does not answer, so messages and commands wait. Set"
        " <code>enable-rcon=true</code> in <code>server.properties</code>, check the port, and restart the"
        " Minecraft server."
    ),
    "spool": N_(
        "The agent cannot write its file <code>%(detail)s</code>, so no log lines arrive. Make room on its disk."
    ),
}
#: For codes of newer agents, whose text is in English.
OTHER_FINDING = N_("The agent reports: %(text)s (%(detail)s)")


class CreateWorldSchema(FormSchema):
    """The names of a new world."""

    name = Name(high=100)
    short_name = Text(high=60)


class WorldSchema(CreateWorldSchema):
    """What an admin can change of a world."""

    public = Checkbox()


class ConsoleCommandSchema(FormSchema):
    """One line for the console of a world."""

    command = RawText(high=500)


CREATE_WORLD, WORLD, CONSOLE_COMMAND = CreateWorldSchema(), WorldSchema(), ConsoleCommandSchema()


def render_create_world(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    return render_admin_page(ctx, "server_create", {}, active_page="servers", **overrides)


def render_world(
    ctx: RequestContext, fresh: dict[str, str] | None = None, **overrides: Any
) -> web.StreamResponse:
    """Return the page of a world. `fresh` has secrets that only this response shows."""
    world, fresh = requested_world(ctx), fresh or {}
    if world.hosted:
        return render_hosted_world(ctx, world, **overrides)
    context = {
        "world": world,
        "list_path": world_list_path(ctx, world),
        "findings": [
            (FINDINGS.get(finding.code, OTHER_FINDING), finding) for finding in world.findings
        ],
        "agent": ctx.core.query(agent_of_world, world=world.id),
        "queued": ctx.core.query(queued_commands, world=world.id),
        "online": ctx.core.query(count_online, world=world.id),
        "origin": ctx.public_url,
        "address": world_path(world),
        "fresh": fresh,
        "install_command": install_command(ctx.public_url, fresh["code"])
        if "code" in fresh
        else "",
    }
    return render_admin_page(
        ctx, "server", context, active_page="servers", success=SUCCESS_MESSAGES, **overrides
    )


ARCHIVE_CONNECTED = N_(
    "<bdi>%(name)s</bdi> is removed from all lists, its agent is disconnected, and its short"
    " name becomes available. The history is kept, but the world cannot be restored on this"
    " site."
)
ARCHIVE_HOSTED = N_(
    "<bdi>%(name)s</bdi> is stopped and removed from all lists, and its port and short name become"
    " available. Its files, saved games and history are kept, but the world cannot be restored on this"
    " site."
)


def render_archive_world(ctx: RequestContext, **overrides: Any) -> web.StreamResponse:
    world = requested_world(ctx)
    return confirm_page(
        ctx,
        title=N_("Archive world"),
        texts=[ARCHIVE_HOSTED if world.hosted else ARCHIVE_CONNECTED],
        values={"name": world.name},
        button=N_("Archive world"),
        back_label=world.name,
        back_path=f"/admin/servers/{world.id}",
        active_page="servers",
        section="archive",
        **overrides,
    )


def install_command(origin: str, code: str) -> str:
    """Return the shell command that downloads the agent and pairs it, for the folder of a Minecraft server."""
    agent = "mc_coal_agent.py"
    return (
        f"mkdir -p mc-coal && cd mc-coal && curl -fsSO {quote(origin)}/mc/{agent} && "
        f"python3 {agent} --url {quote(origin)} --pair {code}"
    )


def requested_world(ctx: RequestContext) -> World:
    """Return the world that the path names. Raises WORLD_NOT_FOUND."""
    return ctx.core.query(get_world, id=ctx.int_param("world"))


async def worlds_page(ctx: RequestContext) -> web.StreamResponse:
    """Render a page of the worlds, oldest first, with their numbers of online players."""
    return render_worlds(ctx)


async def create_world_page(ctx: RequestContext) -> web.StreamResponse:
    """Ask for the names of a new world."""
    return render_create_world(ctx)


async def create_world(ctx: RequestContext) -> web.StreamResponse:
    """Create a world on a Minecraft server elsewhere. Its page then offers the agent's install command."""
    form = await load_form(ctx, CREATE_WORLD)
    names = {"name": form["name"], "short_name": slugify_short_name(form["short_name"])}
    world, _ = await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.WORLD_ADDED,
        form["name"],
        create_world_with_agent,
        **names,
    )
    return redirect(f"/admin/servers/{world.id}#agent")


async def world_page(ctx: RequestContext) -> web.StreamResponse:
    """Render one world with its names, agent and console; a hosted world has a page of its own."""
    world = requested_world(ctx)
    if world.hosted:
        query = f"?done={ctx.query['done']}" if ctx.query.get("done") in SUCCESS_MESSAGES else ""
        return redirect(f"/admin/servers/{world.id}/gce{query}")
    return render_world(ctx)


async def save_world(ctx: RequestContext) -> web.StreamResponse:
    """Change a world's names, and whether it is public. If one change is rejected, none is made."""
    form = await load_form(ctx, WORLD)
    world = requested_world(ctx)
    changes = {**form, "short_name": slugify_short_name(form["short_name"])}
    kwargs: dict[str, Any] = {"world_id": world.id, "changes": changes}
    await ctx.core.execute(rename_world, actor=ctx.caller.account_id, **kwargs)
    return redirect(f"/admin/servers/{world.id}?done=saved")


async def pair_world(ctx: RequestContext) -> web.StreamResponse:
    """Create a pairing code. The response is the only page that shows it, with the install command."""
    await read_csrf_form(ctx)
    world = requested_world(ctx)
    kwargs: dict[str, Any] = {"world_id": world.id, "admin_id": ctx.caller.account_id}
    code = await run_audited(
        ctx.core, ctx.caller, AuditAction.PAIRING_OPENED, world.name, create_pairing_code, **kwargs
    )
    return render_world(ctx, {"code": code})


async def confirm_rotate(ctx: RequestContext) -> web.StreamResponse:
    """Ask before the secret of the agent is replaced."""
    world = requested_world(ctx)
    return confirm_page(
        ctx,
        title=N_("Reset secret"),
        texts=[
            N_(
                "The agent of <bdi>%(name)s</bdi> is disconnected until it has the new secret. The next"
                " page shows the new secret once."
            )
        ],
        values={"name": world.name},
        button=N_("Reset secret"),
        back_label=world.name,
        back_path=f"/admin/servers/{world.id}",
        active_page="servers",
        section="secret",
    )


async def rotate_secret(ctx: RequestContext) -> web.StreamResponse:
    """Replace the secret of the agent. The response is the only page that shows the new one."""
    await read_csrf_form(ctx)
    world = requested_world(ctx)
    issued = await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.SECRET_ROTATED,
        world.name,
        rotate_agent_secret,
        world_id=world.id,
    )
    return render_world(ctx, {"client": issued.client.code, "secret": issued.secret})


async def send_command(ctx: RequestContext) -> web.StreamResponse:
    """Queue one line for the console of a world. An empty line is ignored."""
    form = await load_form(ctx, CONSOLE_COMMAND)
    world, line = requested_world(ctx), one_line(form["command"]).strip()
    if not line:
        return redirect(f"/admin/servers/{world.id}#console")
    kwargs: dict[str, Any] = {"detail": line, "world_id": world.id, "text": line}
    await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.CONSOLE_COMMAND_SENT,
        world.name,
        queue_console_command,
        **kwargs,
    )
    return redirect(f"/admin/servers/{world.id}?done=told#console")


async def confirm_archive(ctx: RequestContext) -> web.StreamResponse:
    """Ask before a world is archived."""
    return render_archive_world(ctx)


async def archive(ctx: RequestContext) -> web.StreamResponse:
    """Archive a world. Its history is kept, but no page shows it."""
    await read_csrf_form(ctx)
    world = requested_world(ctx)
    await run_audited(
        ctx.core,
        ctx.caller,
        AuditAction.WORLD_ARCHIVED,
        world.name,
        archive_world,
        world_id=world.id,
    )
    return redirect(world_list_path(ctx, world, done="ended"))


WORLD_PATH = "/admin/servers/{world}"
ROUTES = (
    get(WORLDS_PATH, worlds_page),
    get("/admin/server_create", create_world_page),
    post("/admin/server_create", create_world, render_create_world, "world"),
    get(WORLD_PATH, world_page),
    post(WORLD_PATH, save_world, render_world, "world", WORLD_LIST),
    post(WORLD_PATH + "/pair", pair_world, render_world, "agent", WORLD_LIST),
    get(WORLD_PATH + "/secret", confirm_rotate, *WORLD_LIST),
    post(WORLD_PATH + "/secret", rotate_secret, render_world, "agent", WORLD_LIST),
    post(WORLD_PATH + "/command", send_command, render_world, "console", WORLD_LIST),
    get(WORLD_PATH + "/deactivate", confirm_archive, *WORLD_LIST),
    post(WORLD_PATH + "/deactivate", archive, render_archive_world, "archive", WORLD_LIST),
)
