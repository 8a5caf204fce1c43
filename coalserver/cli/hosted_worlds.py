"""Commands about the settings of hosted worlds; `world add --hosted` is among those of all worlds."""

from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from coalserver.cli.hosting import values_argument
from coalserver.cli.offline import AdminCommand
from coalserver.cli.output import format_fields, format_time
from coalserver.cli.world_orders import hosted_world_by_key
from coalserver.cli.world_values import read_values, wrong_values_named
from coalserver.cli.worlds import key_argument, opaque_keys
from coalserver.core.commands.hosted_worlds import edit_hosted_world
from coalserver.core.queries.hosted_worlds import editable_values
from coalserver.core.queries.hosting import describe_run, get_run
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.minecraft.hosting.hosted_world import pending_properties
from coalserver.domain.minecraft.hosting.properties_file import FURTHER
from coalserver.domain.minecraft.property_values import property_text
from coalserver.domain.minecraft.server_properties import EULA
from coalserver.domain.minecraft.world import World
from coalserver.security.opaque_keys import SERVER
from coalserver.server.admin import AdminContext


def add_hosted_world_commands(group: click.Group) -> None:
    """Add the commands of this module to the group `world`."""
    for command in (world_set, world_eula, world_hosting):
        group.add_command(command)


def _format_values(result: Mapping[str, Any]) -> str:
    further = {FURTHER + key: value for key, value in result["further"].items()}
    values = {name: value for name, value in result.items() if name not in ("further", "pending")}
    fields = {name: property_text(value) for name, value in (values | further).items()}
    if result["pending"]:
        fields["applies from the next start"] = ", ".join(result["pending"])
    return format_fields(fields)


@click.command("set", cls=AdminCommand, format=_format_values)
@key_argument
@values_argument(
    "Server properties by their names in the COAL API, name, short_name, public, members_may_start"
    " and wake_on_connect (yes or no). file.KEY=VALUE sets another line of server.properties, file.KEY= removes it."
)
async def world_set(context: AdminContext, *, key: str, values: Any) -> Any:
    """Change a hosted world and print its values.

    If one value is wrong, nothing is changed. Properties apply from the next start of the world.
    """
    world = hosted_world_by_key(context, key)
    with wrong_values_named():
        changes = read_values(values)
        await _edit(context, world, changes)
    run = context.core.query(get_run, world_id=world.id)
    current = context.core.query(editable_values, world_id=world.id)
    further = {
        name.removeprefix(FURTHER): value
        for name, value in current.items()
        if name.startswith(FURTHER)
    }
    return {
        "key": opaque_keys(context).of(SERVER, world.id),
        **{name: value for name, value in current.items() if not name.startswith(FURTHER)},
        "further": further,
        "pending": pending_properties(run.world, run.hosted),
    }


async def _edit(context: AdminContext, world: World, changes: Mapping[str, Any]) -> None:
    await context.core.execute(
        edit_hosted_world, actor=COMMAND_LINE, world_id=world.id, changes=changes
    )


def _format_eula(result: Mapping[str, Any]) -> str:
    if not result["agreed"]:
        return "Nobody has agreed to the Minecraft EULA for this world; it cannot be started."
    by = f" by {result['by']}" if result["by"] else ""
    return f"Agreed to the Minecraft EULA{by}, {result['at']}."


def _require_given(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Return the value of a flag that must be given."""
    if ctx.get_parameter_source(str(param.name)) is not ParameterSource.COMMANDLINE:
        raise click.UsageError("Give --agree or --withdraw", ctx)
    return value


@click.command("eula", cls=AdminCommand, format=_format_eula)
@key_argument
@click.option(
    "--agree/--withdraw",
    "agree",
    callback=_require_given,
    help="Agree to the Minecraft EULA for this world, or take the agreement back.",
)
async def world_eula(context: AdminContext, *, key: str, agree: bool) -> Any:
    """Agree to the Minecraft EULA for a world. Without an agreement it cannot be started."""
    world = hosted_world_by_key(context, key)
    await _edit(context, world, {EULA: agree})
    eula = context.core.query(get_run, world_id=world.id).hosted.eula
    return {
        "key": opaque_keys(context).of(SERVER, world.id),
        "agreed": eula is not None,
        "by": None if eula is None else eula.name or None,
        "at": None if eula is None else format_time(eula.at),
    }


def _format_hosting(result: Mapping[str, Any]) -> str:
    texts = {**result, "pending": ", ".join(result["pending"])}
    if result["trouble"]:
        texts["trouble"] = result["trouble"]["text"]
    return format_fields(
        {name: "–" if value in (None, "") else value for name, value in texts.items()}
    )


@click.command("hosting", cls=AdminCommand, format=_format_hosting)
@key_argument
async def world_hosting(context: AdminContext, *, key: str) -> Any:
    """Print state and figures of a hosted world. Members are those of `GET …/hosting` of the COAL API."""
    world = hosted_world_by_key(context, key)
    params: dict[str, Any] = {
        "world_id": world.id,
        "now": context.core.now,
        "figures": context.hosting.figures(world.id),
        "for_admins": True,
    }
    return context.core.query(describe_run, **params)
