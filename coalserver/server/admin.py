"""The desk: the core over its store in a data directory, and how it is opened."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from coalserver import games
from coalserver.config import Config
from coalserver.core.commands.audit import noted
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import Limits, Setting
from coalserver.domain.audit import COMMAND_LINE, What
from coalserver.security.encryption import Safe
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.sqlite.store import SqliteStore

DAY = 86_400
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """What an order from the command line may use."""

    home: DataDirectory
    store: SqliteStore
    core: Core
    #: Where people and agents find the server, as far as it can know.
    url: str

    async def do(self, what: What, about: str, command: Callable[..., T], /, **asked: Any) -> T:
        """Run a command, and keep that the command line has asked for it."""
        asked = {"by": COMMAND_LINE, "what": what, "about": about, "act": command, **asked}
        return await self.core.do(noted, **asked)


def found_at(config: Config, listening: str) -> str:
    """The address others are told: one that listens everywhere is nowhere in particular."""
    here = listening.replace("//0.0.0.0", "//localhost").replace("//[::]", "//localhost")
    return (config.base_url or here).rstrip("/")


def setting_for(config: Config, home: DataDirectory) -> Setting:
    """What every unit goes by. Needs the lock, for the key may have to be made."""
    limits = Limits(
        seats_at_once=config.seats_at_once,
        away_after=config.away_after,
        seat_grace=config.seat_grace,
        guest_token=config.guest_token_days * DAY,
        account_token=config.account_token_days * DAY,
        host_grace=config.hosts_grace,
        access_token=config.access_token_seconds,
    )
    rules = dict(games.found())
    return Setting(
        clock=time.time,
        rules=rules,
        limits=limits,
        seal=home.key("passwords"),
        safe=Safe(home.key("oauth")),
    )


@asynccontextmanager
async def opened(config: Config, home: DataDirectory) -> AsyncIterator[Desk]:
    """A desk without a server. Everything is on disk, and the file closed, when this ends."""
    store = SqliteStore(home.database)
    try:
        core = await Core.recover(store, setting_for(config, home))
        writing = asyncio.create_task(core.ledger.run())
        try:
            host = f"[{config.host}]" if ":" in config.host else config.host
            yield Desk(home, store, core, found_at(config, f"http://{host}:{config.port}"))
        finally:
            core.ledger.close()
            await writing
    finally:
        # Its thread is no daemon: left open, it would keep the process from ending.
        await store.close()
