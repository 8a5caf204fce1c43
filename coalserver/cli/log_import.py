"""Import of old logs into the history of a hosted world."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from coalserver.cli.offline import AdminCommand
from coalserver.cli.options import AbsolutePath
from coalserver.cli.output import format_table
from coalserver.cli.world_orders import hosted_world_by_key
from coalserver.cli.worlds import key_argument, opaque_keys
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.minecraft.log.dates import find_zone
from coalserver.domain.text import printable
from coalserver.security.opaque_keys import SERVER
from coalserver.server.admin import AdminContext

COUNTS = ("lines", "new", "known", "left_out")


class TimeZone(click.ParamType[str]):
    """The IANA name of a time zone."""

    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if find_zone(value) is None:
            self.fail("not the name of a time zone, such as Europe/Berlin", param, ctx)
        return value


def _format_import(result: Mapping[str, Any]) -> str:
    rows = [{**row, "file": printable(row["file"])} for row in result["files"]]
    for row in rows:
        row["damaged"] = "the rest cannot be unpacked" if row["damaged"] else ""
    table = format_table(rows, "There are no logs.")
    return f"{table}\n\n{result['new']} of {result['lines']} lines were new." if rows else table


@click.command("import", cls=AdminCommand, format=_format_import)
@key_argument
@click.argument(
    "files",
    metavar="[FILE]...",
    nargs=-1,
    type=AbsolutePath(),
    help="Log files, also .gz, or folders with them; none: the world's own folder logs.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    type=TimeZone(),
    help="Time zone of the lines, such as Europe/Berlin. [that of this machine]",
)
async def import_logs(
    context: AdminContext, *, key: str, files: list[str], timezone: str | None
) -> Any:
    """Import old logs into the history of a world. Lines that are there already are left out."""
    world = hosted_world_by_key(context, key)
    paths = [Path(file) for file in files]
    done = await context.hosting.import_logs(world.id, paths, timezone or "", COMMAND_LINE)
    rows = [
        {
            "file": one.name,
            **{name: getattr(one.counts, name) for name in COUNTS},
            "damaged": one.damaged,
        }
        for one in done
    ]
    totals = {name: sum(int(row[name]) for row in rows) for name in COUNTS}
    return {"key": opaque_keys(context).of(SERVER, world.id), **totals, "files": rows}
