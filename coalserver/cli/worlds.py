"""Orders about Minecraft worlds, and the agents that speak for them."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

from coalserver.cli.output import (
    CliCommand,
    argument,
    format_fields,
    format_table,
    format_time,
    printable_line,
)
from coalserver.core.commands.agents import (
    create_pairing_code,
    create_world_with_agent,
    rotate_agent_secret,
)
from coalserver.core.commands.worlds import MAX_SHORT_NAME_LENGTH
from coalserver.core.queries.worlds import active_worlds, get_world, world_by_short_name
from coalserver.domain.accounts.oauth import PAIRING_SECONDS
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.domain.minecraft.slugs import slugify_short_name
from coalserver.domain.minecraft.world import World
from coalserver.server.admin import AdminContext


async def world_add(context: AdminContext, *, name: str, hosted: bool, short_name: str) -> Any:
    """Make a world; `world pair` then gives its agent what it needs."""
    params = {"name": name, "hosted": hosted, "short_name": slugify_short_name(short_name)}
    world, _ = await context.execute(
        AuditAction.WORLD_ADDED, name, create_world_with_agent, **params
    )
    return _row(context, world)


async def world_list(context: AdminContext) -> Any:
    """Show every world."""
    return {"worlds": [_row(context, world) for world in context.core.query(active_worlds)]}


async def world_agent(context: AdminContext, *, key: str) -> Any:
    """Give the agent of a world a new secret, shown this once; the old one stops at once."""
    world = _get_world(context, key)
    credentials = await context.execute(
        AuditAction.SECRET_ROTATED, world.name, rotate_agent_secret, world_id=world.id
    )
    return {"client_id": credentials.client.code, "client_secret": credentials.secret}


async def world_pair(context: AdminContext, *, key: str) -> Any:
    """Make a code with which the agent of a world fetches its credentials, once."""
    world = _get_world(context, key)
    params = {"world_id": world.id, "admin_id": COMMAND_LINE}
    code = await context.execute(
        AuditAction.PAIRING_OPENED, world.name, create_pairing_code, **params
    )
    return {
        "code": code,
        "expires_in": PAIRING_SECONDS,
        "url": context.url,
        "command": f"python3 mc_coal_agent.py --url {quote(context.url)} --pair {code} --mc_logfile logs/latest.log",
    }


def _opaque_keys(context: AdminContext) -> Any:
    # Here, since the dialect takes longer to load than most orders take.
    from coalserver.security.opaque_keys import OpaqueKeys

    return OpaqueKeys(context.home.load_key("coal"))


def _get_world(context: AdminContext, key: str) -> World:
    """The world with this key, as the API shows it, or with this short name."""
    from coalserver.security.opaque_keys import SERVER

    try:
        return context.core.query(get_world, id=_opaque_keys(context).id(SERVER, key))
    except DomainError:
        return context.core.query(world_by_short_name, short_name=key)


def _row(context: AdminContext, world: World) -> dict[str, Any]:
    from coalserver.security.opaque_keys import SERVER

    return {
        "key": _opaque_keys(context).of(SERVER, world.id),
        "name": world.name,
        "short_name": world.short_name,
        "hosted": world.hosted,
        "status": world.status.upper(),
        "last_ping": None if world.last_ping is None else format_time(world.last_ping),
    }


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as one line has it."""
    return {**row, "last_ping": row["last_ping"] or "never"}


def _format_pairing(result: Mapping[str, Any]) -> str:
    return (
        f"Beside the world, within {result['expires_in'] // 60} minutes:\n\n"
        f"  curl -O {result['url']}/mc/mc_coal_agent.py\n"
        f"  {result['command']}"
    )


KEY = argument("key", metavar="KEY", help="the world's key or short name, as `world list` shows it")

COMMANDS: Mapping[str, CliCommand] = {
    "world add": CliCommand(
        world_add,
        lambda result: format_fields(_readable(result)),
        (
            argument("name", metavar="NAME", type=printable_line, help="as people read it"),
            argument("--hosted", action="store_true", help="this server is to run it"),
            argument(
                "--short-name",
                default="",
                metavar="S",
                help="what it is called in addresses, in any script",
            ),
        ),
        creates_data=True,
    ),
    "world list": CliCommand(
        world_list,
        lambda result: format_table(
            [_readable(row) for row in result["worlds"]], "There is no world."
        ),
    ),
    "world agent": CliCommand(world_agent, format_fields, (KEY,)),
    "world pair": CliCommand(world_pair, _format_pairing, (KEY,)),
}

ERROR_MESSAGES: Mapping[ErrorCode | tuple[ErrorCode, str], str] = {
    ErrorCode.WORLD_NOT_FOUND: "There is no world with that key or short name.",
    ErrorCode.SHORT_NAME_TAKEN: "Another world has that short name.",
    ErrorCode.SHORT_NAME_RESERVED: "A page of the site is at that address already; choose another short name.",
    (ErrorCode.INVALID_REQUEST, "name"): "A world has a name.",
    (ErrorCode.INVALID_REQUEST, "short_name"): (
        f"A short name is up to {MAX_SHORT_NAME_LENGTH} of a-z and 0-9, with single hyphens between."
    ),
}
