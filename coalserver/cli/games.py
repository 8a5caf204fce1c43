"""Orders: what the command line can have done, by a running server or on the file.

An order is a function of the desk and one row in `ORDERS`. What was refused is worded here too.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coalserver.cli import accounts, worlds
from coalserver.cli.output import (
    CliCommand,
    absolute_path,
    argument,
    format_fields,
    format_table,
    printable_line,
)
from coalserver.core.commands.audit import record_audit_entry
from coalserver.core.commands.games import add_game, rotate_game_tokens
from coalserver.core.queries.games import all_games
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.server.admin import AdminContext
from coalserver.server.control import AdminCommands
from coalserver.storage import backup as archive


async def game_add(context: AdminContext, **params: Any) -> Any:
    """Make a game and show its tokens, this once."""
    return await context.execute(AuditAction.GAME_ADDED, params["tag"], add_game, **params)


async def game_list(context: AdminContext) -> Any:
    """Show every game."""
    rows = [
        {
            "game_id": game.id,
            "tag": game.tag,
            "name": game.name,
            "min_players": game.min_players,
            "max_players": game.max_players,
            "open": game.open,
            "listed": game.listed,
        }
        for game in context.core.query(all_games)
    ]
    return {"games": rows}


async def game_rotate(context: AdminContext, *, tag: str) -> Any:
    """Give a game new tokens, shown this once; the old ones stop at once."""
    return await context.execute(AuditAction.GAME_TOKENS_ROTATED, tag, rotate_game_tokens, tag=tag)


async def backup(context: AdminContext, *, file: str) -> Any:
    """Put everything the server keeps, its keys as well, into one new file."""
    written = await archive.backup(context.home, context.store, Path(file))
    await context.core.execute(
        record_audit_entry, actor=COMMAND_LINE, action=AuditAction.BACKUP_CREATED, subject=file
    )
    return written


TAG = argument("tag", metavar="TAG", help="the game's short name")

COMMANDS: Mapping[str, CliCommand] = {
    "game add": CliCommand(
        game_add,
        format_fields,
        (
            TAG,
            argument(
                "--name",
                type=printable_line,
                default="",
                help="as people read it; else from the tag",
            ),
            argument("--min", type=int, default=1, dest="min_players", metavar="N"),
            argument("--max", type=int, default=16, dest="max_players", metavar="N"),
            argument(
                "--open",
                action=argparse.BooleanOptionalAction,
                default=True,
                help="whether players of every API may play, not only those it registers [yes]",
            ),
        ),
        creates_data=True,
    ),
    "game list": CliCommand(
        game_list, lambda result: format_table(result["games"], "There is no game.")
    ),
    "game rotate": CliCommand(game_rotate, format_fields, (TAG,)),
    **accounts.COMMANDS,
    **worlds.COMMANDS,
    "backup": CliCommand(
        backup,
        lambda result: f"Wrote {result['file']} ({result['bytes']:,} bytes).",
        (
            argument(
                "file", type=absolute_path, metavar="FILE", help="a file that is not there yet"
            ),
        ),
    ),
}

ERROR_MESSAGES: Mapping[ErrorCode | tuple[ErrorCode, str], str] = {
    **accounts.ERROR_MESSAGES,
    **worlds.ERROR_MESSAGES,
    ErrorCode.GAME_EXISTS: "There is a game with that tag already.",
    ErrorCode.GAME_NOT_FOUND: "There is no game with that tag.",
    (
        ErrorCode.INVALID_REQUEST,
        "tag",
    ): "A tag is up to 32 of a-z 0-9 _ -, first a letter or a digit.",
    (ErrorCode.INVALID_REQUEST, "max"): "--min must be 1 to --max, and --max at most 1000.",
}


def error_message(refusal: DomainError) -> str:
    """A refusal in words for the command line."""
    for name in refusal.details.get("fields", ()):
        if (refusal.code, name) in ERROR_MESSAGES:
            return ERROR_MESSAGES[refusal.code, name]
    return ERROR_MESSAGES.get(refusal.code, f"Refused: {refusal.code.value.replace('_', ' ')}.")


ADMIN_COMMANDS = AdminCommands(COMMANDS, error_message)
