"""Commands about Minecraft worlds and their agents."""

from collections.abc import Mapping
from functools import partial
from shlex import quote
from typing import Any

import click

from coalserver.cli.hosting import Assignment
from coalserver.cli.offline import AdminCommand
from coalserver.cli.options import Group, PrintableLine
from coalserver.cli.output import format_fields, format_table, format_time
from coalserver.cli.world_values import read_values, wrong_values_named
from coalserver.core.commands.agents import (
    create_pairing_code,
    create_world_with_agent,
    rotate_agent_secret,
)
from coalserver.core.commands.hosted_worlds import create_hosted_world
from coalserver.core.queries.worlds import all_active_worlds, get_world, world_by_short_name
from coalserver.core.steps import describe_in_turns
from coalserver.domain.accounts.oauth import PAIRING_SECONDS
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.server_properties import EULA
from coalserver.domain.minecraft.slugs import slugify_short_name
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER, OpaqueKeys
from coalserver.server.admin import AdminContext
from coalserver.storage.data_directory import OperatorError


def opaque_keys(context: AdminContext) -> OpaqueKeys:
    """Return the keys of the COAL API. Reads two files, so a command calls it once for all its worlds."""
    return OpaqueKeys(context.home.load_key("coal"))


def find_world(context: AdminContext, world_key: str) -> World:
    """Return the world with this key of the COAL API or with this short name.

    Raises WORLD_NOT_FOUND.
    """
    try:
        return context.core.query(get_world, id=opaque_keys(context).id(SERVER, world_key))
    except DomainError:
        return context.core.query(world_by_short_name, short_name=world_key)


def _row(keys: OpaqueKeys, world: World) -> dict[str, Any]:
    return {
        "key": keys.of(SERVER, world.id),
        "name": world.name,
        "short_name": world.short_name,
        "hosted": world.hosted,
        "status": world.status.upper(),
        "last_ping": None if world.last_ping is None else format_time(world.last_ping),
    }


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with a text in place of null."""
    return {**row, "last_ping": row["last_ping"] or "never"}


def _format_world(row: Mapping[str, Any]) -> str:
    return format_fields(_for_people(row))


def _format_worlds(result: Mapping[str, Any]) -> str:
    return format_table([_for_people(row) for row in result["worlds"]], "No worlds yet.")


def _format_pairing(result: Mapping[str, Any]) -> str:
    return (
        "Run these commands in the folder of the Minecraft server"
        f" within {result['expires_in'] // 60} minutes:\n\n"
        f"  curl -O {result['url']}/mc/mc_coal_agent.py\n"
        f"  {result['command']}"
    )


key_argument = click.argument(
    "key", metavar="KEY", help="Key or short name of the world, as `world list` prints it."
)


@click.group("world", cls=Group)
def world_group() -> None:
    """Manage Minecraft worlds."""


@world_group.command("add", cls=AdminCommand, format=_format_world, creates_data=True)
@click.argument("name", metavar="NAME", type=PrintableLine(), help="Name for people.")
@click.option(
    "--hosted", is_flag=True, help="This server runs the world. The options below need it."
)
@click.option(
    "--short-name",
    default="",
    metavar="S",
    help="Name in addresses; any script is converted to a-z.",
)
@click.option("--version", metavar="V", help="Version that it runs, as `version list` prints it.")
@click.option("--memory", metavar="M", help="Memory of the game: 256M, 512M, or 1G to 8G.")
@click.option("--eula", is_flag=True, help="Agree to the Minecraft EULA for this world.")
@click.option(
    "--set",
    "values",
    metavar="NAME=VALUE",
    multiple=True,
    type=Assignment(),
    help="A value as in `world set`; can be given several times.",
)
async def world_add(
    context: AdminContext,
    *,
    name: str,
    hosted: bool,
    short_name: str,
    version: str | None = None,
    memory: str | None = None,
    eula: bool = False,
    values: Any = (),
) -> Any:
    """Add a world. Connect its agent with `world pair`, or let this server run it with --hosted.

    If one value is wrong, no world is added.
    """
    names = {"name": name, "short_name": slugify_short_name(short_name)}
    if hosted:
        given = [("version", version), ("memory", memory), (EULA, "yes" if eula else None)]
        pairs = [(one, text) for one, text in given if text is not None]
        with wrong_values_named():
            changes = read_values([*pairs, *values])
            params: dict[str, Any] = {**names, "changes": changes}
            world = await context.core.execute(create_hosted_world, actor=COMMAND_LINE, **params)
        return _row(opaque_keys(context), world)
    if version is not None or memory is not None or eula or values:
        raise OperatorError("--version, --memory, --eula and --set need --hosted.")
    world, _ = await context.execute(
        AuditAction.WORLD_ADDED, name, create_world_with_agent, **names
    )
    return _row(opaque_keys(context), world)


@world_group.command("list", cls=AdminCommand, format=_format_worlds)
async def world_list(context: AdminContext) -> Any:
    """List all worlds."""
    keys = opaque_keys(context)
    worlds = context.core.query(all_active_worlds)
    return {"worlds": await describe_in_turns(worlds, partial(_row, keys))}


@world_group.command("agent", cls=AdminCommand, format=format_fields)
@key_argument
async def world_agent(context: AdminContext, *, key: str) -> Any:
    """Create a new secret for the agent of a world and print it once. The old one stops working."""
    world = find_world(context, key)
    credentials = await context.execute(
        AuditAction.SECRET_ROTATED, world.name, rotate_agent_secret, world_id=world.id
    )
    return {"client_id": credentials.client.code, "client_secret": credentials.secret}


@world_group.command("pair", cls=AdminCommand, format=_format_pairing)
@key_argument
async def world_pair(context: AdminContext, *, key: str) -> Any:
    """Print a new pairing code and commands that connect the agent."""
    world = find_world(context, key)
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
