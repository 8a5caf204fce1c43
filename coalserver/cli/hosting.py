"""Commands about the settings of world hosting ("Configure")."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from coalserver.cli.offline import AdminCommand
from coalserver.cli.options import Group
from coalserver.cli.output import format_fields
from coalserver.core.queries.hosting import get_settings
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.minecraft.hosting.settings import shown_settings
from coalserver.domain.minecraft.property_values import property_text
from coalserver.server.admin import AdminContext


class Assignment(click.ParamType[tuple[str, str]]):
    """A name and a value with an equals sign between them."""

    name = "assignment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = value.partition("=")
        if not equals or not name.strip():
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name.strip(), text


def values_argument(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds the argument `values`, one NAME=VALUE or more."""
    return click.argument(
        "values",
        metavar="NAME=VALUE...",
        nargs=-1,
        required=True,
        type=Assignment(),
        help=help,
    )


def _format_settings(values: Mapping[str, Any]) -> str:
    return format_fields({name: property_text(value) for name, value in values.items()})


@click.group("hosting", cls=Group)
def hosting_group() -> None:
    """Show and change the settings of hosted worlds."""


@hosting_group.command("show", cls=AdminCommand, format=_format_settings)
async def hosting_show(context: AdminContext) -> Any:
    """Print the settings. Memory and disk space are in MiB, times in seconds."""
    return await _shown(context)


@hosting_group.command("set", cls=AdminCommand, format=_format_settings, creates_data=True)
@values_argument(
    "Settings as `hosting show` prints them. If one value is wrong, nothing is changed."
)
async def hosting_set(context: AdminContext, *, values: Any) -> Any:
    """Change settings and print all of them.

    budget, ports, public_address and cpu_weight apply from a world's next start.
    """
    await context.hosting.configure(dict(values), COMMAND_LINE)
    return await _shown(context)


async def _shown(context: AdminContext) -> dict[str, Any]:
    bounds = await context.hosting.bounds()
    return shown_settings(context.core.query(get_settings), bounds)
