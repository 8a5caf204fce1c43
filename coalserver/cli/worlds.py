"""Orders about Minecraft worlds, and the agents that speak for them."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

from coalserver.cli.output import Order, argument, lines, table, text, when
from coalserver.core.commands.agents import open_world, renew_agent
from coalserver.core.commands.pairing import open_pairing
from coalserver.core.commands.worlds import LONGEST_SHORT_NAME
from coalserver.core.queries.worlds import active_worlds, world_called, world_with
from coalserver.domain.accounts.oauth import PAIRING_SECONDS
from coalserver.domain.audit import COMMAND_LINE, What
from coalserver.domain.errors import Refusal, Why
from coalserver.domain.minecraft.slugs import slugged
from coalserver.domain.minecraft.world import World
from coalserver.server.admin import Desk


async def world_add(desk: Desk, *, name: str, hosted: bool, short_name: str) -> Any:
    """Make a world; `world pair` then gives its agent what it needs."""
    asked = {"name": name, "hosted": hosted, "short_name": slugged(short_name)}
    world, _ = await desk.do(What.WORLD_ADDED, name, open_world, **asked)
    return _row(desk, world)


async def world_list(desk: Desk) -> Any:
    """Show every world."""
    return {"worlds": [_row(desk, world) for world in desk.core.see(active_worlds)]}


async def world_agent(desk: Desk, *, key: str) -> Any:
    """Give the agent of a world a new secret, shown this once; the old one stops at once."""
    world = _world(desk, key)
    shown = await desk.do(What.SECRET_RENEWED, world.name, renew_agent, world=world.id)
    return {"client_id": shown.client.code, "client_secret": shown.secret}


async def world_pair(desk: Desk, *, key: str) -> Any:
    """Make a code with which the agent of a world fetches its credentials, once."""
    world = _world(desk, key)
    asked = {"world": world.id, "admin": COMMAND_LINE}
    code = await desk.do(What.PAIRING_OPENED, world.name, open_pairing, **asked)
    return {
        "code": code,
        "expires_in": PAIRING_SECONDS,
        "url": desk.url,
        "command": f"python3 mc_coal_agent.py --url {quote(desk.url)} --pair {code} --mc_logfile logs/latest.log",
    }


def _keys(desk: Desk) -> Any:
    # Here, since the dialect takes longer to load than most orders take.
    from coalserver.security.opaque_keys import Keys

    return Keys(desk.home.key("coal"))


def _world(desk: Desk, key: str) -> World:
    """The world with this key, as the API shows it, or with this short name."""
    from coalserver.security.opaque_keys import SERVER

    try:
        return desk.core.see(world_with, id=_keys(desk).id(SERVER, key))
    except Refusal:
        return desk.core.see(world_called, short_name=key)


def _row(desk: Desk, world: World) -> dict[str, Any]:
    from coalserver.security.opaque_keys import SERVER

    return {
        "key": _keys(desk).of(SERVER, world.id),
        "name": world.name,
        "short_name": world.short_name,
        "hosted": world.hosted,
        "status": world.status.upper(),
        "last_ping": None if world.pinged is None else when(world.pinged),
    }


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as one line has it."""
    return {**row, "last_ping": row["last_ping"] or "never"}


def _to_pair(answer: Mapping[str, Any]) -> str:
    return (
        f"Beside the world, within {answer['expires_in'] // 60} minutes:\n\n"
        f"  curl -O {answer['url']}/mc/mc_coal_agent.py\n"
        f"  {answer['command']}"
    )


KEY = argument("key", metavar="KEY", help="the world's key or short name, as `world list` shows it")

ORDERS: Mapping[str, Order] = {
    "world add": Order(
        world_add,
        lambda answer: lines(_for_people(answer)),
        (
            argument("name", metavar="NAME", type=text, help="as people read it"),
            argument("--hosted", action="store_true", help="this server is to run it"),
            argument(
                "--short-name",
                default="",
                metavar="S",
                help="what it is called in addresses, in any script",
            ),
        ),
        begins=True,
    ),
    "world list": Order(
        world_list,
        lambda answer: table([_for_people(row) for row in answer["worlds"]], "There is no world."),
    ),
    "world agent": Order(world_agent, lines, (KEY,)),
    "world pair": Order(world_pair, _to_pair, (KEY,)),
}

SENTENCES: Mapping[Why | tuple[Why, str], str] = {
    Why.WORLD_NOT_FOUND: "There is no world with that key or short name.",
    Why.SHORT_NAME_TAKEN: "Another world has that short name.",
    Why.SHORT_NAME_RESERVED: "A page of the site is at that address already; choose another short name.",
    (Why.MALFORMED, "name"): "A world has a name.",
    (Why.MALFORMED, "short_name"): (
        f"A short name is up to {LONGEST_SHORT_NAME} of a-z and 0-9, with single hyphens between."
    ),
}
