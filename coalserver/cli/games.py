"""Commands about games and their tokens."""

from collections.abc import Mapping
from typing import Any

import click

from coalserver.cli.offline import AdminCommand
from coalserver.cli.options import Group, PrintableLine
from coalserver.cli.output import format_fields, format_table
from coalserver.core.commands.games import add_game, rotate_game_tokens
from coalserver.core.queries.games import all_games
from coalserver.domain.audit import AuditAction
from coalserver.server.admin import AdminContext


def _format_games(result: Mapping[str, Any]) -> str:
    return format_table(result["games"], "No games yet.")


tag_argument = click.argument("tag", metavar="TAG", help="Tag of the game: its name in addresses.")


@click.group("game", cls=Group)
def game_group() -> None:
    """Manage games."""


@game_group.command("add", cls=AdminCommand, format=format_fields, creates_data=True)
@tag_argument
@click.option(
    "--name",
    type=PrintableLine(),
    default="",
    metavar="NAME",
    help="Name for people; derived from the tag if missing.",
)
@click.option(
    "--min", "min_players", type=int, default=1, metavar="N", help="Fewest players of a room [1]."
)
@click.option(
    "--max", "max_players", type=int, default=16, metavar="N", help="Most players of a room [16]."
)
@click.option(
    "--open/--no-open",
    default=True,
    help="Whether players of every API can play, or only those that it registers [open].",
)
@click.option(
    "--typed/--no-typed",
    default=False,
    help="Whether the multiplayer API answers numbers as numbers, flags as true or false and times"
    " as ISO 8601, for clients that read JSON strictly [no-typed].",
)
async def game_add(context: AdminContext, **params: Any) -> Any:
    """Add a game and print its tokens once."""
    return await context.execute(AuditAction.GAME_ADDED, params["tag"], add_game, **params)


@game_group.command("list", cls=AdminCommand, format=_format_games)
async def game_list(context: AdminContext) -> Any:
    """List all games."""
    rows = [
        {
            "game_id": game.id,
            "tag": game.tag,
            "name": game.name,
            "min_players": game.min_players,
            "max_players": game.max_players,
            "open": game.open,
            "listed": game.listed,
            "typed": game.typed,
        }
        for game in context.core.query(all_games)
    ]
    return {"games": rows}


@game_group.command("rotate", cls=AdminCommand, format=format_fields)
@tag_argument
async def game_rotate(context: AdminContext, *, tag: str) -> Any:
    """Replace the tokens of a game and print the new ones once. The old ones stop working."""
    return await context.execute(AuditAction.GAME_TOKENS_ROTATED, tag, rotate_game_tokens, tag=tag)
