"""Orders: what the command line can have done, by a running server or on the file.

An order is a function of the desk and one row in `ORDERS`. What was refused is worded here too.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coalserver.cli import accounts, worlds
from coalserver.cli.output import Order, absolute, argument, lines, table, text
from coalserver.core.commands.audit import note
from coalserver.core.commands.games import add_game, rotate_game
from coalserver.core.queries.games import all_games
from coalserver.domain.audit import COMMAND_LINE, What
from coalserver.domain.errors import Refusal, Why
from coalserver.server.admin import Desk
from coalserver.server.control import AdminCommands
from coalserver.storage import backup as archive


async def game_add(desk: Desk, **asked: Any) -> Any:
    """Make a game and show its tokens, this once."""
    return await desk.do(What.GAME_ADDED, asked["tag"], add_game, **asked)


async def game_list(desk: Desk) -> Any:
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
        for game in desk.core.see(all_games)
    ]
    return {"games": rows}


async def game_rotate(desk: Desk, *, tag: str) -> Any:
    """Give a game new tokens, shown this once; the old ones stop at once."""
    return await desk.do(What.GAME_ROTATED, tag, rotate_game, tag=tag)


async def backup(desk: Desk, *, file: str) -> Any:
    """Put everything the server keeps, its keys as well, into one new file."""
    written = await archive.backup(desk.home, desk.store, Path(file))
    await desk.core.do(note, by=COMMAND_LINE, what=What.BACKUP_MADE, about=file)
    return written


TAG = argument("tag", metavar="TAG", help="the game's short name")

ORDERS: Mapping[str, Order] = {
    "game add": Order(
        game_add,
        lines,
        (
            TAG,
            argument("--name", type=text, default="", help="as people read it; else from the tag"),
            argument("--min", type=int, default=1, dest="min_players", metavar="N"),
            argument("--max", type=int, default=16, dest="max_players", metavar="N"),
            argument(
                "--open",
                action=argparse.BooleanOptionalAction,
                default=True,
                help="whether players of every API may play, not only those it registers [yes]",
            ),
        ),
        begins=True,
    ),
    "game list": Order(game_list, lambda answer: table(answer["games"], "There is no game.")),
    "game rotate": Order(game_rotate, lines, (TAG,)),
    **accounts.ORDERS,
    **worlds.ORDERS,
    "backup": Order(
        backup,
        lambda answer: f"Wrote {answer['file']} ({answer['bytes']:,} bytes).",
        (argument("file", type=absolute, metavar="FILE", help="a file that is not there yet"),),
    ),
}

SENTENCES: Mapping[Why | tuple[Why, str], str] = {
    **accounts.SENTENCES,
    **worlds.SENTENCES,
    Why.GAME_EXISTS: "There is a game with that tag already.",
    Why.GAME_NOT_FOUND: "There is no game with that tag.",
    (Why.MALFORMED, "tag"): "A tag is up to 32 of a-z 0-9 _ -, first a letter or a digit.",
    (Why.MALFORMED, "max"): "--min must be 1 to --max, and --max at most 1000.",
}


def sentence(refusal: Refusal) -> str:
    """A refusal in words for the command line."""
    for name in refusal.facts.get("fields", ()):
        if (refusal.why, name) in SENTENCES:
            return SENTENCES[refusal.why, name]
    return SENTENCES.get(refusal.why, f"Refused: {refusal.why.value.replace('_', ' ')}.")


COMMANDS = AdminCommands(ORDERS, sentence)
