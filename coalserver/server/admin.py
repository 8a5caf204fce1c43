"""The desk: the core over its store in a data directory, and how it is opened."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from coalserver import games
from coalserver.config import Config
from coalserver.core.commands.audit import execute_audited
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext, Limits
from coalserver.domain.audit import COMMAND_LINE, AuditAction
from coalserver.security.encryption import SecretCipher
from coalserver.storage.data_directory import DataDirectory
from coalserver.storage.sqlite.store import SqliteStore

DAY = 86_400
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AdminContext:
    """What an order from the command line may use."""

    home: DataDirectory
    store: SqliteStore
    core: Core
    #: Where people and agents find the server, as far as it can know.
    url: str

    async def execute(
        self, action: AuditAction, subject: str, command: Callable[..., T], /, **params: Any
    ) -> T:
        """Run a command, and keep that the command line has asked for it."""
        params = {
            "actor": COMMAND_LINE,
            "action": action,
            "subject": subject,
            "command": command,
            **params,
        }
        return await self.core.execute(execute_audited, **params)


def public_url(config: Config, listening_url: str) -> str:
    """The address others are told: one that listens everywhere is nowhere in particular."""
    local_url = listening_url.replace("//0.0.0.0", "//localhost").replace("//[::]", "//localhost")
    return (config.base_url or local_url).rstrip("/")


def build_core_context(config: Config, home: DataDirectory) -> CoreContext:
    """What every unit goes by. Needs the lock, for the key may have to be made."""
    limits = Limits(
        max_seats=config.seats_at_once,
        away_after=config.away_after,
        seat_grace=config.seat_grace,
        guest_token=config.guest_token_days * DAY,
        account_token=config.account_token_days * DAY,
        host_grace=config.hosts_grace,
        access_token=config.access_token_seconds,
    )
    rules = dict(games.load_rules())
    return CoreContext(
        clock=time.time,
        rules=rules,
        limits=limits,
        signing_key=home.load_key("passwords"),
        cipher=SecretCipher(home.load_key("oauth")),
    )


@asynccontextmanager
async def open_offline(config: Config, home: DataDirectory) -> AsyncIterator[AdminContext]:
    """A desk without a server. Everything is on disk, and the file closed, when this ends."""
    store = SqliteStore(home.database)
    try:
        core = await Core.recover(store, build_core_context(config, home))
        writer = asyncio.create_task(core.writer.run())
        try:
            host = f"[{config.host}]" if ":" in config.host else config.host
            yield AdminContext(
                home, store, core, public_url(config, f"http://{host}:{config.port}")
            )
        finally:
            core.writer.close()
            await writer
    finally:
        # Its thread is no daemon: left open, it would keep the process from ending.
        await store.close()
