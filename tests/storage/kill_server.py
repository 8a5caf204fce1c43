"""A program to be killed: concurrent tasks run commands and print each result.

Prints a line of JSON for each result: class and id of a new entity, or id of an entry.
"""

import asyncio
import random
import sys
import time
from typing import Any

import orjson

from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.games import add_game
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.play.game import Game
from coalserver.domain.play.lobby import Lobby
from coalserver.storage.sqlite.store import SqliteStore

TASKS = 16


def report(**fields: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(fields) + b"\n")
    sys.stdout.buffer.flush()


async def play(core: Core) -> None:
    """Create guests and lobbies and send chat messages without end."""
    while True:
        player, _ = await core.execute(create_guest, name="Ada")
        report(created="Player", id=player.id)
        lobby = await core.execute(open_lobby, game="noughts", player_id=player.id, name="lobby")
        report(created="Lobby", id=lobby.id, code=lobby.code)
        for _ in range(random.randrange(4)):
            entry = await core.execute(
                members.chat, kind=Lobby, id=lobby.id, player_id=player.id, text="hello"
            )
            report(entry=entry.id, lobby=lobby.id)


async def main(path: str) -> None:
    store = SqliteStore(path)
    core = await Core.recover(store, CoreContext(clock=time.time))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(core.writer.run())
        if core.state.first(Game, "tag", "noughts") is None:
            await core.execute(add_game, tag="noughts")
        for _ in range(TASKS):
            tasks.create_task(play(core))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
