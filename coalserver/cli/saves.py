"""Commands about the saved games of hosted worlds (hosting.md, sections 9 and 12).

The running server, or else this process under the lock of the data directory, executes them. Files that a command names
are those of its caller: a download is written by the command line itself, an upload is read by the server.
"""

import asyncio
import os
import shutil
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from coalserver.cli.error_messages import error_message
from coalserver.cli.offline import AdminCommand
from coalserver.cli.options import AbsolutePath
from coalserver.cli.output import format_fields, format_table, format_time
from coalserver.cli.world_orders import describe_trouble, hosted_world_by_key
from coalserver.cli.worlds import key_argument
from coalserver.config import Config
from coalserver.core.hosting import ShownSave
from coalserver.core.queries.hosting import get_run, get_settings
from coalserver.domain.audit import COMMAND_LINE
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.media.files import sync_directory
from coalserver.server import control
from coalserver.server.admin import AdminContext
from coalserver.storage.data_directory import DataDirectory, OperatorError

#: Seconds between two looks at a restore.
LOOK_SECONDS = 0.25
RESTORING = "world restoring"
FILE_MODE = 0o600

save_argument = click.argument(
    "save", metavar="SAVE", help="Id of the saved game, as `world saves` prints it."
)


def _save_row(save: ShownSave) -> dict[str, Any]:
    return {
        "id": save.id,
        "made": format_time(save.made),
        "size": save.size,
        "kind": str(save.kind),
        "version": save.version,
        "pinned": save.pinned,
        "after_kill": save.after_kill,
        "note": save.note,
    }


def _format_saves(result: Mapping[str, Any]) -> str:
    return format_table(result["saves"], "No saved games yet.")


@click.command("saves", cls=AdminCommand, format=_format_saves)
@key_argument
async def world_saves(context: AdminContext, *, key: str) -> Any:
    """List the saved games of a world, newest first."""
    world = hosted_world_by_key(context, key)
    return {"saves": [_save_row(save) for save in await context.hosting.saves(world.id)]}


@click.command("pin", cls=AdminCommand, format=format_fields)
@key_argument
@save_argument
@click.option("--off", is_flag=True, help="Unpin it: it is deleted once it is one of the oldest.")
async def world_pin(context: AdminContext, *, key: str, save: str, off: bool) -> Any:
    """Keep a saved game when older ones are deleted."""
    world = hosted_world_by_key(context, key)
    return _save_row(
        await context.hosting.change_save(world.id, save, COMMAND_LINE, pinned=not off)
    )


class RestoreCommand(AdminCommand):
    """The command that restores a saved game.

    The server answers at once. The waiting is done here, so that it does not keep a server from stopping.
    """

    def send(self, ctx: click.Context, config: Config, params: Mapping[str, Any]) -> dict[str, Any]:
        outcome = super().send(ctx, config, params)
        if "answer" in outcome and outcome["answer"].pop("restoring"):
            outcome = _await_restore(DataDirectory(config.data), params["key"], outcome["answer"])
        return outcome

    def show(self, ctx: click.Context, answer: Any, as_json: bool) -> int:
        del answer["trouble"]
        return super().show(ctx, answer, as_json)


def _await_restore(home: DataDirectory, key: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Wait for a restore that a running server has begun, and return its outcome."""
    while True:
        try:
            found = control.send_command(home.control, RESTORING, {"key": key})
        except control.ServerNotRunning:
            return {"error": "The server was stopped before the saved game was restored."}
        if "error" in found:
            return found
        state = found["answer"]
        if not state["restoring"]:
            return _with_trouble(answer, state["trouble"])
        time.sleep(LOOK_SECONDS)


def _with_trouble(answer: dict[str, Any], trouble: Mapping[str, Any] | None) -> dict[str, Any]:
    # An older trouble of the world stays. Its time cannot identify it: the clock may have been set back.
    if trouble is not None and trouble != answer["trouble"]:
        return {"error": trouble["text"], "why": trouble["code"]}
    return {"answer": answer}


def _format_restored(result: Mapping[str, Any]) -> str:
    return f"Restored {result['restored']}. The files that it replaced are kept for a day."


@click.command("restore", cls=RestoreCommand, format=_format_restored)
@key_argument
@save_argument
async def world_restore(context: AdminContext, *, key: str, save: str) -> Any:
    """Put a saved game in the place of a stopped world. Returns when that is done."""
    world = hosted_world_by_key(context, key)
    answer = {"restored": save, "trouble": _restore_state(context, world.id)["trouble"]}
    await context.hosting.restore_save(world.id, save, COMMAND_LINE)
    state = _restore_state(context, world.id)
    if not state["restoring"]:
        outcome = _with_trouble(answer, state["trouble"])
        if "error" in outcome:
            raise OperatorError(outcome["error"])
    return {**answer, "restoring": state["restoring"]}


@click.command("restoring", cls=AdminCommand, format=str, hidden=True)
@key_argument
async def world_restoring(context: AdminContext, *, key: str) -> Any:
    """Return whether a saved game of a world is being restored, and the trouble of the world."""
    return _restore_state(context, hosted_world_by_key(context, key).id)


def _restore_state(context: AdminContext, world_id: int) -> dict[str, Any]:
    hosted = context.core.query(get_run, world_id=world_id).hosted
    return {"restoring": hosted.restoring, "trouble": describe_trouble(hosted)}


class DownloadCommand(AdminCommand):
    """The command that copies a saved game to a file, which belongs to the caller."""

    def send(self, ctx: click.Context, config: Config, params: Mapping[str, Any]) -> dict[str, Any]:
        if len(params["save"]) > 1:
            raise click.UsageError("Name at most one saved game", ctx)
        target = Path(params["file"])
        if os.path.lexists(target):
            raise OperatorError(f"{target} exists already. Choose another name.")
        save = next(iter(params["save"]), None)
        return super().send(ctx, config, {"key": params["key"], "save": save})

    def show(self, ctx: click.Context, answer: Any, as_json: bool) -> int:
        target = Path(ctx.params["file"])
        size = _copy_download(Path(answer["path"]), target)
        result = {"file": str(target), "bytes": size, "save": answer["save"]}
        return super().show(ctx, result, as_json)


def _copy_download(source: Path, target: Path) -> int:
    """Copy a saved game to a new file and return its size. Raises OperatorError; then there is no file."""
    try:
        file = source.open("rb")
    except FileNotFoundError:
        # It has been deleted since.
        raise OperatorError(error_message(DomainError(ErrorCode.SAVE_NOT_FOUND))) from None
    except OSError as error:
        raise OperatorError(f"{source} cannot be read: {error.strerror}.") from error
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        with file:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(part, flags, FILE_MODE), "wb") as out:
                shutil.copyfileobj(file, out, 1 << 20)
                out.flush()
                os.fsync(out.fileno())
                size = out.tell()
        part.rename(target)
        sync_directory(target.parent)
    except OSError as error:
        raise OperatorError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return size


def _format_download(result: Mapping[str, Any]) -> str:
    return f"Wrote {result['file']} ({result['bytes']:,} bytes), the saved game {result['save']}."


@click.command("download", cls=DownloadCommand, format=_format_download)
@key_argument
@click.argument(
    "save",
    nargs=-1,
    metavar="[SAVE]",
    help="Id of the saved game, as `world saves` prints it; otherwise the newest.",
)
@click.argument("file", metavar="FILE", type=AbsolutePath(), help="File to create.")
async def world_download(context: AdminContext, *, key: str, save: str | None) -> Any:
    """Write a saved game of a world to a new file."""
    world = hosted_world_by_key(context, key)
    save_id = save if save is not None else (await context.hosting.get_save(world.id)).id
    path = await context.hosting.download_save(world.id, save_id, COMMAND_LINE)
    return {"path": str(path), "save": save_id}


@click.command("upload", cls=AdminCommand, format=format_fields)
@key_argument
@click.argument(
    "file",
    metavar="FILE",
    type=AbsolutePath(),
    help="A zip file with a world; the server reads it.",
)
async def world_upload(context: AdminContext, *, key: str, file: str) -> Any:
    """Add a world from elsewhere to the saved games of a world. `world restore` puts it in place."""
    world = hosted_world_by_key(context, key)
    limit = context.core.query(get_settings).world_limit
    path = await context.hosting.upload_path(world.id)
    try:
        await asyncio.to_thread(_copy_upload, Path(file), path, limit)
        return _save_row(await context.hosting.upload_save(world.id, path, COMMAND_LINE))
    finally:
        with suppress(OSError):
            await asyncio.to_thread(path.unlink, missing_ok=True)


def _copy_upload(source: Path, target: Path, limit: int) -> None:
    """Copy the caller's file, of at most `limit` MiB, to a new one. Raises OperatorError."""
    try:
        # Neither a pipe nor a device may stop the server.
        if not stat.S_ISREG(source.stat().st_mode):
            raise OperatorError(f"{source} is not a file.")
        file = open(os.open(source, os.O_RDONLY | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise OperatorError(f"{source} cannot be read: {error.strerror}.") from error
    with file:
        if os.fstat(file.fileno()).st_size > limit << 20:
            raise OperatorError(
                f"{source} is larger than {limit} MiB, the largest size of a world."
            )
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(target, flags, FILE_MODE), "wb") as out:
                shutil.copyfileobj(file, out, 1 << 20)
        except OSError as error:
            raise OperatorError(f"{source} cannot be copied: {error.strerror}.") from error


def add_save_commands(group: click.Group) -> None:
    """Add the commands to the group `world`."""
    for command in (
        world_saves,
        world_restore,
        world_pin,
        world_download,
        world_upload,
        world_restoring,
    ):
        group.add_command(command)
