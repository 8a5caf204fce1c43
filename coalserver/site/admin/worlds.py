"""Admins and worlds: made, named, paired with their agents, spoken to, and ended."""

from shlex import quote
from typing import Any

from aiohttp import web

from coalserver.core.commands.agents import open_world, renew_agent
from coalserver.core.commands.audit import Asked, noted_together
from coalserver.core.commands.pairing import open_pairing
from coalserver.core.commands.worlds import change_world, end_world, tell_console
from coalserver.core.queries.oauth import agent_of
from coalserver.core.queries.worlds import active_worlds, visitors_there, waiting_for, world_with
from coalserver.domain.audit import What
from coalserver.domain.minecraft.slugs import slugged
from coalserver.domain.minecraft.visitor import one_line
from coalserver.domain.minecraft.world import World
from coalserver.site.access import path_of
from coalserver.site.admin.layout import Again, do, get, post, show, went_well
from coalserver.web.api import Call
from coalserver.web.pages.cookies import leads_to
from coalserver.web.pages.i18n import N_
from coalserver.web.pages.typed import shown, typed

NAMES = {"name": 100, "short_name": 60}
DONE = {
    "saved": ("world", N_("Saved.")),
    "told": ("console", N_("Sent. The world does it as soon as its agent asks.")),
    "ended": ("servers", N_("The world is ended.")),
}


def worlds_page(call: Call, **said: Any) -> web.StreamResponse:
    rows = [
        (world, len(call.core.see(visitors_there, world=world.id)))
        for world in call.core.see(active_worlds)
    ]
    return show(call, "servers", {"worlds": rows}, **{"done": went_well(call, DONE), **said})


def making_page(call: Call, **said: Any) -> web.StreamResponse:
    return show(call, "server_create", {}, here="servers", **said)


def world_page(call: Call, **said: Any) -> web.StreamResponse:
    """A world; `fresh` is what is shown this once."""
    world = the_world(call)
    fresh = said.pop("fresh", {})
    context = {
        "world": world,
        "agent": call.core.see(agent_of, world=world.id),
        "waiting": call.core.see(waiting_for, world=world.id),
        "there": call.core.see(visitors_there, world=world.id),
        "origin": call.origin,
        "address": path_of(world),
        "fresh": fresh,
        "start": start_command(call.origin, fresh["code"]) if "code" in fresh else "",
    }
    return show(call, "server", context, here="servers", **{"done": went_well(call, DONE), **said})


def ending_page(call: Call, **said: Any) -> web.StreamResponse:
    return show(call, "server_end", {"world": the_world(call)}, here="servers", **said)


def start_command(origin: str, code: str) -> str:
    """One line that fetches the agent and pairs it, for the folder of the world's server."""
    agent = "mc_coal_agent.py"
    return (
        f"mkdir -p mc-coal && cd mc-coal && curl -fsSO {quote(origin)}/mc/{agent} && "
        f"python3 {agent} --url {quote(origin)} --pair {code}"
    )


def the_world(call: Call) -> World:
    return call.core.see(world_with, id=call.number("world"))


async def see_worlds(call: Call) -> web.StreamResponse:
    """Every world, and who is in it."""
    return worlds_page(call)


async def ask_for_world(call: Call) -> web.StreamResponse:
    """Ask what a new world is called."""
    return making_page(call)


async def make_world(call: Call) -> web.StreamResponse:
    """A world that somebody else runs; its page then gives the agent what it needs."""
    said = await typed(call, NAMES)
    name = shown(said["name"])
    asked = {"name": name, "short_name": slugged(said["short_name"])}
    world, _ = await do(call, What.WORLD_ADDED, name, open_world, **asked)
    return leads_to(f"/admin/servers/{world.id}#agent")


async def see_world(call: Call) -> web.StreamResponse:
    """One world: its names, its agent, its console."""
    return world_page(call)


async def save_world(call: Call) -> web.StreamResponse:
    """Another name, another short one, open to all readers or not; where one is refused, none is done."""
    said = await typed(call, {**NAMES, "public": 5})
    world = the_world(call)
    name, short, public = shown(said["name"]), slugged(said["short_name"]), bool(said["public"])
    of, deeds = {"world_id": world.id}, []
    if short != world.short_name:
        asked = {**of, "short_name": short}
        deeds.append(Asked(What.SHORT_NAME_SET, world.name, change_world, asked, short))
    if name != world.name:
        deeds.append(
            Asked(What.WORLD_RENAMED, world.name, change_world, {**of, "name": name}, name)
        )
    if public != world.public:
        what = What.WORLD_MADE_PUBLIC if public else What.WORLD_MADE_PRIVATE
        deeds.append(Asked(what, name, change_world, {**of, "public": public}))
    await call.core.do(noted_together, by=call.caller.account, deeds=deeds)
    return leads_to(f"/admin/servers/{world.id}?done=saved")


async def pair(call: Call) -> web.StreamResponse:
    """A code for the agent, and the command that uses it; shown this once."""
    await typed(call, {})
    world = the_world(call)
    asked: dict[str, Any] = {"world": world.id, "admin": call.caller.account}
    code = await do(call, What.PAIRING_OPENED, world.name, open_pairing, **asked)
    return world_page(call, fresh={"code": code})


async def renew(call: Call) -> web.StreamResponse:
    """Another secret for the agent, shown this once; the old one stops at once."""
    await typed(call, {})
    world = the_world(call)
    made = await do(call, What.SECRET_RENEWED, world.name, renew_agent, world=world.id)
    return world_page(call, fresh={"client": made.client.code, "secret": made.secret})


async def command(call: Call) -> web.StreamResponse:
    """One line for the console of a world; a blank one is none."""
    said = await typed(call, {"command": 500})
    world, line = the_world(call), one_line(said["command"]).strip()
    if not line:
        return leads_to(f"/admin/servers/{world.id}#console")
    asked = {"world_id": world.id, "text": line}
    await do(call, What.CONSOLE_TOLD, world.name, tell_console, detail=line, **asked)
    return leads_to(f"/admin/servers/{world.id}?done=told#console")


async def ask_to_end(call: Call) -> web.StreamResponse:
    """Say what goes with a world, before it goes."""
    return ending_page(call)


async def end(call: Call) -> web.StreamResponse:
    """A world is no more one of ours; what was said and done there is kept."""
    await typed(call, {})
    world = the_world(call)
    await do(call, What.WORLD_ENDED, world.name, end_world, world_id=world.id)
    return leads_to("/admin/servers?done=ended")


WORLD = "/admin/servers/{world}"
ROUTES = (
    get("/admin/servers", see_worlds),
    get("/admin/server_create", ask_for_world),
    post("/admin/server_create", make_world),
    get(WORLD, see_world),
    post(WORLD, save_world),
    post(WORLD + "/pair", pair),
    post(WORLD + "/secret", renew),
    post(WORLD + "/command", command),
    get(WORLD + "/deactivate", ask_to_end),
    post(WORLD + "/deactivate", end),
)
AGAIN: Again = {
    "make_world": (making_page, "world"),
    "save_world": (world_page, "world"),
    "pair": (world_page, "agent"),
    "renew": (world_page, "agent"),
    "command": (world_page, "console"),
    "end": (ending_page, "end"),
}
