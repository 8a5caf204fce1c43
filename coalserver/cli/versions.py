"""Commands about versions, the programs that hosted worlds run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from coalserver.cli.offline import AdminCommand
from coalserver.cli.options import AbsolutePath, Group
from coalserver.cli.output import format_fields, format_table
from coalserver.core.hosting import ShownVersion
from coalserver.core.queries.hosting import get_version
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.minecraft.hosting.version import (
    MAX_JAVA,
    Version,
    VersionKind,
)
from coalserver.server.admin import AdminContext

LISTS = (VersionKind.MOJANG, VersionKind.PAPER, VersionKind.FABRIC)
#: Parameters of `version add` that name a source, with their flags.
SOURCES = {"url": "--url", "jar": "--jar", "list_name": "--from", "command": "--command"}
MIB = 1 << 20


class AddCommand(AdminCommand):
    """`version add`, which takes exactly one source."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        given = [flag for name, flag in SOURCES.items() if ctx.params.get(name) is not None]
        if len(given) != 1:
            raise click.UsageError("Give one of --url, --jar, --from and --command", ctx)
        hashes = [name for name in ("sha1", "sha256") if ctx.params.get(name)]
        if hashes and given != ["--url"]:
            raise click.UsageError(f"--{hashes[0]} needs --url", ctx)
        if len(hashes) > 1:
            raise click.UsageError("Give one of --sha1 and --sha256", ctx)
        return rest


def _row(shown: ShownVersion) -> dict[str, Any]:
    version = shown.version
    return {
        "name": version.name,
        "kind": str(version.kind),
        "url": version.url or None,
        "sha1": version.sha1 or None,
        "sha256": version.sha256 or None,
        "command": version.command or None,
        "ready": version.ready or None,
        "stop": version.stop,
        "no_slash": version.no_slash,
        "no_save": version.no_save,
        "no_eula": version.no_eula,
        "minecraft": version.minecraft or None,
        "java": version.java_version or None,
        "jar": version.jar or None,
        "size": version.size or None,
        "fetched": None if version.kind is VersionKind.COMMAND else bool(version.jar),
        "percent": shown.percent,
        "failure": shown.failure or None,
        "configured": version.configured,
        "worlds": list(shown.users),
    }


def _state(row: Mapping[str, Any]) -> str:
    if row["percent"] is not None:
        return f"fetching, {row['percent']} %"
    if row["failure"]:
        return f"failed: {row['failure']}"
    return {True: "fetched", False: "not fetched", None: "-"}[row["fetched"]]


def _format_versions(rows: Sequence[Mapping[str, Any]]) -> str:
    table = [
        {
            "name": row["name"],
            "kind": row["kind"],
            "minecraft": row["minecraft"] or "-",
            "java": row["java"] or "-",
            "MiB": "-" if row["size"] is None else f"{row['size'] / MIB:.1f}",
            "state": _state(row),
            "worlds": ", ".join(row["worlds"]) or "-",
        }
        for row in rows
    ]
    return format_table(table, "No versions yet. Add one with `coalserver version add`.")


def _format_version(row: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in row.items() if value not in (None, False, [])}
    shown["state"] = _state(row)
    for name in ("fetched", "percent", "failure"):
        shown.pop(name, None)
    if row["worlds"]:
        shown["worlds"] = ", ".join(row["worlds"])
    return format_fields({name: "yes" if text is True else text for name, text in shown.items()})


def _format_removed(result: Mapping[str, Any]) -> str:
    return f"Removed version {result['removed']}."


def _kind(url: str | None, jar: str | None, list_name: str | None) -> VersionKind:
    if list_name is not None:
        return VersionKind(list_name)
    if url is not None:
        return VersionKind.URL
    return VersionKind.JAR if jar is not None else VersionKind.COMMAND


name_argument = click.argument("name", metavar="NAME", help="Name of the version.")


@click.group("version", cls=Group)
def version_group() -> None:
    """Manage versions, the programs that hosted worlds run."""


@version_group.command("add", cls=AddCommand, format=_format_version, creates_data=True)
@click.argument(
    "name",
    metavar="NAME",
    help="Name of the version: 1 to 60 characters of A-Z, a-z, 0-9, spaces and . _ + -",
)
@click.option("--url", metavar="U", help="Address of a jar.")
@click.option("--sha1", default="", metavar="H", help="SHA-1 that the jar must have, with --url.")
@click.option("--sha256", default="", metavar="H", help="SHA-256 that it must have, with --url.")
@click.option("--jar", type=AbsolutePath(), metavar="FILE", help="Path of a jar, which is copied.")
@click.option(
    "--from",
    "list_name",
    type=click.Choice([str(kind) for kind in LISTS]),
    help="List that has the version. NAME is its name there, alone or with other words: 1.21.4,"
    " paper-1.21.4.",
)
@click.option(
    "--command",
    metavar="ARGV",
    help="A command instead of a jar. {port}, {memory}, {folder} and {name} in it are replaced.",
)
@click.option(
    "--java",
    type=int,
    metavar="N",
    help=f"Java version that it needs, from 1 to {MAX_JAVA}, if the jar states none or a wrong one.",
)
@click.option(
    "--ready",
    default="",
    metavar="RE",
    help="Regular expression of the line that says that the program is ready [Minecraft's].",
)
@click.option(
    "--stop",
    default="",
    metavar="TEXT",
    help="Line that ends the program, or SIGINT or SIGTERM [stop].",
)
@click.option("--no-slash", is_flag=True, help="Its console takes commands only without a slash.")
@click.option("--no-save", is_flag=True, help="It has no commands that save the world.")
@click.option("--no-eula", is_flag=True, help="It is not Mojang's and needs no EULA.")
async def version_add(
    context: AdminContext,
    *,
    name: str,
    url: str | None,
    jar: str | None,
    list_name: str | None,
    command: str | None,
    java: int | None,
    **options: Any,
) -> Any:
    """Add a version. Its list, address or program is checked first; a jar is fetched later."""
    # 0 stands for an unset number, so it is no valid one here.
    version = Version(0, name, _kind(url, jar, list_name), 0.0, java=-1 if java == 0 else java or 0)
    version = replace(version, url=url or "", command=command or "", **options)
    if jar is None:
        added = await context.hosting.add_version(version, COMMAND_LINE)
    else:
        added = await context.hosting.add_version_jar(version, Path(jar), COMMAND_LINE)
    return _row(context.hosting.shown_version(added))


@version_group.command("list", cls=AdminCommand, format=_format_versions)
async def version_list(context: AdminContext) -> Any:
    """List all versions."""
    return [_row(shown) for shown in context.hosting.versions()]


@version_group.command("fetch", cls=AdminCommand, format=_format_version)
@name_argument
async def version_fetch(context: AdminContext, *, name: str) -> Any:
    """Fetch the jar of a version unless it is already there, and wait for it."""
    await context.hosting.fetch_version(name, COMMAND_LINE, wait=True)
    version = context.core.query(get_version, name=name)
    return _row(context.hosting.shown_version(version))


@version_group.command("remove", cls=AdminCommand, format=_format_removed)
@name_argument
async def version_remove(context: AdminContext, *, name: str) -> Any:
    """Remove a version that no world uses, and its jar."""
    removed = await context.hosting.remove_version(name, COMMAND_LINE)
    return {"removed": removed.name}
