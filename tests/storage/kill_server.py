"""A server that is going to be killed: many tasks give commands at once and print what they were told.

One line of JSON for each answer: what was made (class and id), and the last id of its entries.
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


def report(**facts: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(facts) + b"\n")
    sys.stdout.buffer.flush()


async def play(core: Core) -> None:
    """One who signs in, opens lobbies and talks in them, for ever."""
    while True:
        player, _ = await core.execute(create_guest, name="Ada")
        report(made="Player", id=player.id)
        lobby = await core.execute(open_lobby, game="noughts", player_id=player.id, name="here")
        report(made="Lobby", id=lobby.id, code=lobby.code)
        for _ in range(random.randrange(4)):
            entry = await core.execute(
                members.chat, kind=Lobby, id=lobby.id, player_id=player.id, text="hello"
            )
            report(said=entry.id, lobby=lobby.id)


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
