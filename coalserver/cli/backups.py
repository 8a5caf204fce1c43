"""Commands that back up, restore and compact a data directory."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from coalserver.cli.offline import AdminCommand, DataCommand, run
from coalserver.cli.options import AbsolutePath, Invocation
from coalserver.cli.output import print_result
from coalserver.core.commands.audit import record_audit_entry
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.server.admin import AdminContext
from coalserver.storage import backup as archive
from coalserver.storage import compaction
from coalserver.storage.data_directory import DataDirectory, DataDirectoryLocked, OperatorError


def _format_backup(result: Mapping[str, Any]) -> str:
    return f"Wrote {result['file']} ({result['bytes']:,} bytes) and checked it."


@click.command("backup", cls=AdminCommand, format=_format_backup)
@click.argument("file", metavar="FILE", type=AbsolutePath(), help="File to create.")
@click.option("--worlds", is_flag=True, help="Also the newest saved game of each hosted world.")
async def backup(context: AdminContext, *, file: str, worlds: bool = False) -> Any:
    """Write all data, including keys, to a new file. Works while the server runs."""
    # Not imported by other commands, which start sooner without hosting.
    from coalserver.server.world_backups import newest_saves

    saves = partial(newest_saves, context.hosting_folder) if worlds else dict
    result = await archive.backup(context.home, context.store, Path(file), saves)
    await context.core.execute(
        record_audit_entry, actor=COMMAND_LINE, action=AuditAction.BACKUP_CREATED, subject=file
    )
    return result


@click.command("restore", cls=DataCommand)
@click.argument("file", metavar="FILE", type=AbsolutePath(), help="File written by `backup`.")
@click.pass_obj
def restore(invocation: Invocation, file: str) -> int:
    """Replace all data with a backup. The replaced data is kept. The server must be stopped."""
    home = DataDirectory(invocation.settings.data)
    try:
        with invocation.quiet_logging(), home.lock_or_leave_nothing():
            if archive.restored_worlds(archive.read_manifest(Path(file))):
                from coalserver.server.hosting_options import hosting_options
                from coalserver.server.world_backups import check_no_process

                check_no_process(hosting_options(invocation.settings, home).folder)
            result = run(archive.restore(home, Path(file)))
    except DataDirectoryLocked as error:
        raise OperatorError(
            f"{error} Stop the server before you restore a backup, or restore it on the Backups page of"
            " the site."
        ) from None
    text = f"Restored {result['restored']}, created {result['made']}."
    if result["kept"]:
        text += f" The replaced data is kept in {result['kept']}."
    print_result(result, text, invocation.as_json)
    return 0


@click.command("compact", cls=DataCommand)
@click.pass_obj
def compact(invocation: Invocation) -> int:
    """Make the database smaller by what deleted data has left free. The server must be stopped."""
    home = DataDirectory(invocation.settings.data)
    try:
        with invocation.quiet_logging(), home.lock_or_leave_nothing():
            result = compaction.compact(home)
    except DataDirectoryLocked as error:
        raise OperatorError(f"{error} Stop the server before you compact its data.") from None
    text = f"Compacted {result['file']} from {result['before']:,} to {result['bytes']:,} bytes."
    print_result(result, text, invocation.as_json)
    return 0
